#!/bin/sh
# Makes the base image's file system (argument) fit for running only: no pip, no way to become
# root, byte code for the standard library, and names for our users.
# Works on a file system of any machine: nothing of it is started.
set -eu
target=$1
PATH=/usr/local/sbin:/usr/sbin:/sbin:$PATH

# Debian's own Python brings pip as packages; the official image brings it as files.
for package in python3.11-venv python3-pip-whl python3-setuptools-whl python3-distutils \
    python3-lib2to3; do
    if dpkg --root="$target" --status "$package" >/dev/null 2>&1; then
        dpkg --root="$target" --purge --force-all "$package" \
            >/build/dpkg.log 2>&1 || { cat /build/dpkg.log >&2; exit 1; }
    fi
done
for library in "$target"/usr/lib/python3.11 "$target"/usr/local/lib/python3.11; do
    [ -d "$library" ] || continue
    (cd "$library" && rm -rf ensurepip idlelib lib2to3 tkinter turtledemo site-packages/*)
    # The official image leaves it out, and a read-only root would compile at every start.
    python3.11 -m compileall -q --invalidation-mode unchecked-hash -s "$target" "$library"
done
(cd "$target" && rm -rf usr/local/bin/pip* usr/local/bin/idle* usr/local/bin/2to3* \
    usr/share/python-wheels var/cache/apt/* var/lib/apt/lists/* var/log/* debootstrap \
    usr/share/doc usr/share/man usr/share/locale root/.cache)

# No capability is left in the pods; this is for whoever starts an image by hand.
find "$target" -xdev -type f -perm /6000 -exec chmod ug-s {} +

[ -f "$target/etc/passwd" ] || cp "$target/usr/share/base-passwd/passwd.master" "$target/etc/passwd"
[ -f "$target/etc/group" ] || cp "$target/usr/share/base-passwd/group.master" "$target/etc/group"
# Pods name users by number; libraries ask for the name.
cat >>"$target/etc/passwd" <<'PASSWD'
darkroom-node:x:64000:64000::/tmp:/usr/sbin/nologin
darkroom-ingest:x:64001:64000::/tmp:/usr/sbin/nologin
darkroom-gateway:x:64010:64010::/tmp:/usr/sbin/nologin
darkroom-mlflow:x:64020:64020::/tmp:/usr/sbin/nologin
darkroom-job:x:64100:64000::/tmp:/usr/sbin/nologin
darkroom-collect:x:64101:64000::/tmp:/usr/sbin/nologin
jovyan:x:1000:100::/home/jovyan:/bin/bash
PASSWD
cat >>"$target/etc/group" <<'GROUP'
darkroom:x:64000:
darkroom-gateway:x:64010:
darkroom-mlflow:x:64020:
GROUP
mkdir -p "$target/home/jovyan"
chown 1000:100 "$target/home/jovyan"
