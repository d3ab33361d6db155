#!/bin/sh
# Writes the locks beside this file from pyproject.toml. Pins that still fit are kept;
# `make lock UPGRADE=1` moves them. No lock names an index: yours is used.
set -eu
cd "$(dirname "$0")/.."
here=requirements
uv=.venv/bin/uv
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -x "$uv" ] || uv=uv

# Prints what pyproject.toml asks for under the given extras, with or without the base.
wanted() {
    .venv/bin/python - "$@" <<'PY'
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
for name in sys.argv[1:]:
    print("\n".join(project["dependencies"] if name == "base" else extras[name]))
PY
}

# compile NAME [option...]: requirements on standard input, lock in requirements/NAME.txt.
compile() {
    name=$1
    shift
    "$uv" pip compile - --quiet --python-version 3.11 --generate-hashes --no-annotate \
        --custom-compile-command "make lock" ${UPGRADE:+--upgrade} "$@" \
        --output-file "$here/$name.txt"
    echo "  $here/$name.txt: $(grep -c '==' "$here/$name.txt") packages"
}

# Everything in one environment first; the roles are cuts of it, at the same versions.
wanted base node gateway runtime-litert runtime-tflite-runtime runtime-tensorflow \
    scientist hub dev | compile all
UPGRADE=
wanted base node | compile node --constraint $here/all.txt
wanted base gateway | compile gateway --constraint $here/all.txt
wanted base scientist | compile scientist --constraint $here/all.txt
# A runtime is what untrusted code sees, so it has nothing of the base: no keys, no network.
for runtime in litert tflite-runtime tensorflow; do
    wanted runtime-$runtime | compile runtime-$runtime --constraint $here/all.txt
done
# The images: who logs in to the Hub, the MLflow server, and what builds all of them.
# Their JupyterHub is that of zero-to-jupyterhub's chart, not the one of `make up`.
awk '/^[^ #]/ {other = !/^jupyterhub==/} other' $here/all.txt >"$work/all-but-the-hub.txt"
wanted base scientist singleuser | compile singleuser --constraint "$work/all-but-the-hub.txt"
wanted base mlflow | compile mlflow --constraint "$work/all-but-the-hub.txt"
wanted builder | compile builder --constraint $here/all.txt
# The installer itself, for pip to fetch by hash.
grep -E '^uv==' $here/all.txt | sed 's/ .*//' | compile uv --constraint $here/all.txt
