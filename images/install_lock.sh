#!/bin/sh
# install_lock.sh LOCK IMAGE: /opt/darkroom/venv from one lock, wheels only, each checked against
# its hash, for the machine that TARGETARCH names; and the image's bill of materials.
# Runs on the machine that builds.
set -eu
case $TARGETARCH in
    amd64) platform=x86_64-manylinux_2_36 ;;
    arm64) platform=aarch64-manylinux_2_36 ;;
    *) echo "no wheels for ${TARGETARCH}: amd64 or arm64" >&2; exit 1 ;;
esac
[ ! -f /build/certificates.pem ] || export SSL_CERT_FILE=/build/certificates.pem # of a mirror
python3.11 -m venv --without-pip /opt/darkroom/venv
# Byte code that is not compared with its source: nothing in an image is ever edited.
PYC_INVALIDATION_MODE=UNCHECKED_HASH /build/tools/bin/uv pip install --quiet \
    --python /opt/darkroom/venv/bin/python --python-platform "$platform" \
    --only-binary :all: --no-deps --require-hashes --compile-bytecode --link-mode copy \
    -r "/opt/darkroom/requirements/$1.txt"
/build/tools/bin/python -I /build/sbom.py "$2" /opt/darkroom/venv /target \
    /opt/darkroom/sbom.cdx.json
chmod -R a+rX,go-w /opt/darkroom
