#!/bin/sh
# Our own code, installed where it lies, in the order of the repository: /opt/darkroom/src.
# The argument is LOCK=sha256:… for every lock that a label names; a label cannot lie.
set -eu
cd /opt/darkroom
# The file modes of a checkout say nothing about who may read an image.
chmod -R a+rX,go-w .
find src -name __pycache__ -prune -exec rm -rf {} +
# The same skeleton as in install_lock.sh; only the command and one .pth file are put into it.
python3.11 -m venv --without-pip venv
mkdir /build/wheel
/build/tools/bin/python -I -c \
    "from hatchling.build import build_editable; build_editable('/build/wheel')"
/build/tools/bin/uv pip install --quiet --offline --no-deps --python venv/bin/python \
    /build/wheel/*.whl
python3.11 -m compileall -q --invalidation-mode unchecked-hash src
chmod -R a+rX,go-w .
for claim in $1; do
    found=$(python3.11 -B /build/lock_hash.py . "${claim%%=*}")
    if [ "$found" != "$claim" ]; then
        echo "a label would say $claim, and the image has $found" >&2
        exit 1
    fi
done
