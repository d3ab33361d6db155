#!/bin/sh
# A base image's file system where no registry can be reached: Debian 12 with its own Python
# 3.11, from Debian's signed packages.  debian_base.sh ARCH FOLDER     (as root)
# The machine's own architecture is installed whole and builds the images; another one is only
# unpacked: its programs are not started here, so no emulator is needed.
set -eu
arch=$1
folder=$2
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
rm -rf "$folder.part"
if [ "$arch" = "$(dpkg --print-architecture)" ]; then
    debootstrap --variant=minbase --include=python3.11-venv,python3-distutils,ca-certificates \
        bookworm "$folder.part" "$mirror"
else
    debootstrap --foreign --arch "$arch" --variant=minbase --include=python3.11,ca-certificates \
        bookworm "$folder.part" "$mirror"
    for package in "$folder.part"/var/cache/apt/archives/*.deb; do
        dpkg-deb --extract "$package" "$folder.part"
        {
            dpkg-deb --field "$package"
            printf 'Status: install ok unpacked\n\n'
        } >>"$folder.part/var/lib/dpkg/status"
    done
fi
rm -rf "$folder.part/var/cache/apt/archives"
mv "$folder.part" "$folder"
