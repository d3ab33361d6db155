#!/bin/sh
# The images of a Pi, made and tried on another machine: builds node and both TFLite runtimes
# for arm64 and fetches the emulator that tests/images/test_arm64.py runs one frame with.
# The emulator is not registered with the kernel: it is named on the command line.
set -eu
cd "$(dirname "$0")/.."
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/darkroom
mkdir -p "$CACHE/arm64"
if ! [ -x "$CACHE/arm64/qemu-aarch64-static" ]; then
    if command -v qemu-aarch64-static >/dev/null 2>&1; then
        cp "$(command -v qemu-aarch64-static)" "$CACHE/arm64/"
    else
        unpacked=$(mktemp -d)
        trap 'rm -rf "$unpacked"' EXIT
        chmod 755 "$unpacked"
        (cd "$unpacked" && apt-get download -q qemu-user-static && dpkg-deb --extract ./*.deb .) \
            >"$CACHE/arm64/qemu.log" 2>&1 || {
            tail -n 5 "$CACHE/arm64/qemu.log" >&2
            echo "images: no emulator. Next: apt-get update; apt-get install qemu-user-static" >&2
            exit 1
        }
        mv "$unpacked/usr/bin/qemu-aarch64-static" "$CACHE/arm64/"
    fi
fi
images/build.sh --arch arm64 --store "$CACHE/images" node runtime runtime-tflite-runtime
