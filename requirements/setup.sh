#!/bin/sh
# `make setup`: the whole environment in .venv, from the hash-pinned lock beside this file.
# Checks first and says what is missing in one go; does nothing where nothing changed.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3.11}
NEED_GB=6 # 4 GB stay; the rest is room to unpack
stamp=.venv/darkroom-setup
proxy_stamp=build/node_modules/darkroom-setup

say() { printf '%s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}
# What the environment is made of: the lock, the project's metadata, where it lives.
wanted_stamp() { { cat requirements/all.txt requirements/setup.sh pyproject.toml && pwd; } | cksum; }
wanted_proxy() { cat requirements/proxy/package-lock.json | cksum; }
python_works() { "$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; }
venv_works() { "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; }
library() {
    for file in /lib/"$1"* /lib/*/"$1"* /usr/lib/"$1"* /usr/lib/*/"$1"* /usr/local/lib/"$1"*; do
        [ -e "$file" ] && return 0
    done
    return 1
}

# 1 -- the first second: everything that could be missing, in one list -------------------
needs=""
command -v bwrap >/dev/null 2>&1 || needs="$needs bubblewrap"
library libseccomp.so.2 || needs="$needs libseccomp2"
python_works || needs="$needs python3.11 python3.11-venv"
if python_works && ! venv_works; then needs="$needs python3.11-venv"; fi

python_done=no
proxy_done=no
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(wanted_stamp)" ] && python_done=yes
[ -f "$proxy_stamp" ] && [ "$(cat "$proxy_stamp")" = "$(wanted_proxy)" ] && proxy_done=yes
[ -n "$needs" ] || [ $python_done = no ] || [ $proxy_done = no ] || exit 0

if [ $python_done = no ]; then
    free_gb=$(($(df -Pk . | awk 'NR == 2 {print $4}') / 1048576))
    [ "$free_gb" -ge $NEED_GB ] || fail \
        "needs $NEED_GB GB of free disk here, and there are $free_gb." \
        "Next: free some space, or clone the repository onto a larger disk."
fi

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }
if [ -n "$needs" ] && ! may_install; then
    fail "these system packages are missing:$needs" \
        "Next: sudo apt-get install$needs" \
        "Then run the same command again. (Another Python 3.11: make setup PYTHON=/path/to/it)"
fi

if [ -f "$stamp" ]; then
    [ $python_done = yes ] || say "Bringing .venv up to date."
else
    say "Setting up Darkroom: about 4 GB in .venv, a few minutes."
fi

# 2 -- system packages, where we may -----------------------------------------------------
if [ -n "$needs" ]; then
    mkdir -p build
    say "  system packages:$needs"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 -- a list of names
    if ! { apt-get update -qq && apt-get install -qq -y --no-install-recommends $needs; } \
        >build/apt.log 2>&1; then
        tail -n 5 build/apt.log >&2
        fail "apt-get could not install:$needs" "Next: read build/apt.log."
    fi
    python_works && venv_works || fail "$PYTHON is still not a working Python 3.11 with venv." \
        "Next: install python3.11 and python3.11-venv, or make setup PYTHON=/path/to/it"
fi

# 3 -- the environment -------------------------------------------------------------------
if [ $python_done = no ]; then
    if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
        say "  .venv with $("$PYTHON" -V 2>&1)"
        rm -rf .venv
        "$PYTHON" -m venv .venv
    fi
    rm -f "$stamp"
    if [ ! -x .venv/bin/uv ]; then
        .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
        .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes \
            -r requirements/uv.txt || say "  (no uv for this machine: pip does the same, slowly)"
    fi
    say "  $(grep -c '==' requirements/all.txt) packages, each checked against its hash"
    if [ -x .venv/bin/uv ]; then
        VIRTUAL_ENV=$PWD/.venv
        export VIRTUAL_ENV
        # Compiled now, because jobs see this tree read-only and would compile at every start.
        .venv/bin/uv pip install -q --require-hashes --compile-bytecode -r requirements/all.txt
        .venv/bin/uv pip install -q --no-deps --no-build-isolation --editable .
    else
        .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes \
            -r requirements/all.txt
        .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps \
            --no-build-isolation --editable .
    fi
    wanted_stamp >"$stamp"
fi

# 4 -- the proxy in front of JupyterHub --------------------------------------------------
if [ $proxy_done = no ]; then
    say "  the proxy of JupyterHub, in build/"
    mkdir -p build
    cp requirements/proxy/package.json requirements/proxy/package-lock.json build/
    PATH=$PWD/.venv/bin:$PATH
    export PATH
    if (cd build && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >build/npm.log 2>&1; then
        wanted_proxy >"$proxy_stamp"
    else
        say "  (npm could not install it: only make up needs it; see build/npm.log)"
    fi
fi
[ $python_done = yes ] || say "Ready."
