#!/bin/sh
# What builds, in /build/tools: uv, hatchling and the reader of bills of materials, by hash.
set -eu
[ ! -f /build/certificates.pem ] || export PIP_CERT=/build/certificates.pem # of a mirror
python3.11 -m venv /build/tools
/build/tools/bin/python -m pip install --quiet --disable-pip-version-check \
    --only-binary :all: --no-deps --require-hashes -r /build/builder.txt
