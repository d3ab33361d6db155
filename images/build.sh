#!/bin/sh
# Builds Darkroom's images with buildah:  images/build.sh [option...] TARGET...
#   --arch ARCH      amd64 or arm64; this machine's when left out
#   --base IMAGE     base image by digest (python:3.11-slim-bookworm@sha256:…); without it a
#                    Debian base is made here from packages, as root, without a registry
#   --store FOLDER   where images lie; the user's own storage when left out
#   --archive        write each as build/images/TARGET-ARCH.tar too, to be carried to a Pi, and
#                    build/images/images-ARCH.yaml, which the charts take: -f images-ARCH.yaml
#   --cached         build nothing; exit code 3 unless only our own code would have to be put in
# Targets: node runtime runtime-tflite-runtime runtime-tensorflow gateway singleuser mlflow
# Prints NAME, DIGEST and MiB (unpacked) of each image. In build/images/ lies its bill of
# materials; what a build said is in the .log beside it.
set -eu
cd "$(dirname "$0")/.."
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/darkroom/images
targets="" arch="" base="" store="" archive=no cached=no

say() { printf '%s\n' "$*"; }
fail() {
    printf 'images: %s\n' "$@" >&2
    exit 1
}
while [ $# -gt 0 ]; do
    case $1 in
        --arch | --base | --store) [ -n "${2:-}" ] ||
            fail "$1 needs a value" "Next: read the first lines of images/build.sh" ;;
    esac
    case $1 in
        --arch) arch=$2; shift 2 ;;
        --base) base=$2; shift 2 ;;
        --store) store=$2; shift 2 ;;
        --archive) archive=yes; shift ;;
        --cached) cached=yes; shift ;;
        node | gateway | singleuser | mlflow | runtime | runtime-tflite-runtime | runtime-tensorflow)
            targets="$targets $1"; shift ;;
        *) fail "there is no $1" "Next: read the first lines of images/build.sh" ;;
    esac
done
[ -n "$targets" ] || fail "which images?" "Next: for example images/build.sh node runtime gateway"
case $(uname -m) in x86_64) own=amd64 ;; aarch64) own=arm64 ;; *) own=$(uname -m) ;; esac
arch=${arch:-$own}
case $arch in
    amd64 | arm64) ;;
    *) fail "there is no $arch" "Next: --arch amd64 or --arch arm64" ;;
esac
case $base in
    "" | localhost/* | *@sha256:*) ;;
    *) fail "$base is a tag, which may be something else tomorrow" \
        "Next: name its digest: skopeo inspect --format '{{.Digest}}' docker://$base" ;;
esac
command -v buildah >/dev/null 2>&1 ||
    fail "buildah is missing" "Next: apt-get install buildah, or docker buildx (docs/images.md)"
places=${store:-$CACHE}
asked=$base

lock() { case $1 in runtime) echo runtime-litert ;; *) echo "$1" ;; esac; }
# What an image is made of without our code, and a file that holds it once it was made.
made_of() {
    {
        echo "$asked $arch"
        cat "requirements/$(lock "$1").txt" requirements/builder.txt images/Containerfile \
            images/make_root.sh images/install_tools.sh images/install_lock.sh images/sbom.py
    } | cksum
}
if [ $cached = yes ]; then
    for target in $targets; do
        [ "$(made_of "$target")" = "$(cat "$places/made/$target-$arch" 2>/dev/null)" ] || exit 3
    done
    exit 0
fi

images() {
    if [ -n "$store" ]; then
        buildah --root "$store/storage" --runroot "$store/run" "$@"
    else
        buildah "$@"
    fi
}

# local_base ARCH: the name of a base image made here, made now where it is not there yet.
local_base() {
    name=localhost/darkroom-base:$1
    if ! images inspect --type image "$name" >/dev/null 2>&1; then
        [ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null 2>&1 || fail \
            "without a registry the base is made from Debian packages, by root with debootstrap" \
            "Next: apt-get install debootstrap, or pass --base python:3.11-slim-bookworm@sha256:…"
        mkdir -p "$CACHE"
        [ -d "$CACHE/base-$1" ] || images/debian_base.sh "$1" "$CACHE/base-$1" \
            >"$CACHE/base-$1.log" 2>&1 || fail "no base; read $CACHE/base-$1.log"
        made=$(images from --arch "$1" scratch)
        cp -a "$CACHE/base-$1/." "$(images mount "$made")/"
        images config --arch "$1" --env PATH=/usr/local/bin:/usr/bin:/bin "$made" >/dev/null
        images commit --quiet --rm "$made" "$name" >/dev/null
    fi
    echo "$name"
}

build_image=$base
case $base in
    "") base=$(local_base "$arch"); build_image=$(local_base "$own"); pull=--pull-never ;;
    localhost/*) pull=--pull-never ;;
    *) pull=--pull ;;
esac

# A copy of what a build may see: nobody changes it between the label and the image.
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
trap 'exit 130' INT TERM
tar -cf - --exclude=__pycache__ images src requirements notebooks data/models pyproject.toml \
    README.md LICENSE | tar -xf - -C "$context"

python=.venv/bin/python
[ -x "$python" ] || python=python3.11
hashes=$("$python" -B images/lock_hash.py "$context" node gateway runtime-litert \
    runtime-tflite-runtime runtime-tensorflow singleuser mlflow)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
revision=$(git rev-parse HEAD 2>/dev/null || :)
[ -z "$(git status --porcelain -- src requirements images 2>/dev/null)" ] ||
    revision=${revision:+$revision-changed}

# Downloaded wheels stay for the next build. A private mirror's certificates reach the building
# stages, and no image.
mkdir -p "$CACHE/wheels"
set -- --volume "$CACHE/wheels:/root/.cache"
if [ -n "${SSL_CERT_FILE:-}" ]; then
    set -- "$@" --volume "$SSL_CERT_FILE:/build/certificates.pem:ro"
fi

# make_stage STAGE NAME [option...]: builds a stage of the Containerfile for $target.
make_stage() {
    stage=$1 tag=$2
    shift 2
    # chroot: a build needs no container runtime, and works inside one.
    images bud --layers --force-rm --isolation chroot $pull --platform "linux/$arch" \
        --build-arg "BUILDPLATFORM=linux/$own" \
        --file "$context/images/Containerfile" \
        --ignorefile "$context/images/Containerfile.dockerignore" \
        --target "$stage" --build-arg "RUNTIME=${lock#runtime-}" --tag "$tag" \
        --build-arg "BASE_IMAGE=$base" --build-arg "BUILD_IMAGE=$build_image" \
        --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
        --build-arg "LOCK_HASH=$found" --build-arg "LOCK_HASHES=$(echo $hashes)" \
        "$@" "$context" >>"$file.log" 2>&1 ||
        { tail -n 20 "$file.log" >&2; fail "$target was not built; all it said: $file.log"; }
}

mkdir -p build/images "$places/made"
for target in $targets; do
    lock=$(lock "$target")
    found=$(printf '%s\n' "$hashes" | sed -n "s/^$lock=//p")
    name=localhost/darkroom-$target:$version-$arch
    file=build/images/$target-$arch
    : >"$file.log"
    make_stage "${target%%-*}" "$name" "$@"
    # Named, so that pruning below leaves what the next build starts from: all but our code.
    if [ "$(made_of "$target")" != "$(cat "$places/made/$target-$arch" 2>/dev/null)" ]; then
        for kept in builder "${target%%-*}-venv"; do
            make_stage "$kept" "localhost/darkroom-stage-$kept:$lock-$arch" "$@"
        done
    fi
    container=$(images from --pull-never --arch "$arch" "$name")
    root=$(images mount "$container")
    cp "$root/opt/darkroom/sbom.cdx.json" "$file.cdx.json"
    size=$(du -sm "$root" | cut -f1)
    images rm "$container" >/dev/null
    digest=$(images inspect --type image --format '{{.FromImageDigest}}' "$name")
    if [ $archive = yes ]; then
        rm -f "$file.tar"
        images push --quiet --digestfile "$file.digest" "$name" "oci-archive:$file.tar:$name"
        digest=$(cat "$file.digest")
    fi
    made_of "$target" >"$places/made/$target-$arch"
    printf '%s\t%s\t%s\n' "$name" "$digest" "$size"
done
# A storage of our own keeps today's layers only; yours is not pruned.
[ -z "$store" ] || images rmi --prune >/dev/null 2>&1 || :
[ $archive = yes ] || exit 0

# values TARGET KEY: one image as the charts name it, where it was archived.
values() {
    [ ! -f "build/images/$1-$arch.digest" ] || printf '%s: {repository: localhost/darkroom-%s, digest: "%s"}\n' \
        "$2" "$1" "$(cat "build/images/$1-$arch.digest")"
}
{
    echo "# Written by images/build.sh --archive, for machines that imported the archives beside it."
    echo "images:"
    for target in node gateway mlflow singleuser; do values $target "  $target"; done
    runtimes=$(
        values runtime "    litert"
        values runtime-tflite-runtime "    tflite-runtime"
        values runtime-tensorflow "    tensorflow"
    )
    [ -z "$runtimes" ] || printf '  runtime:\n%s\n' "$runtimes"
} >"build/images/images-$arch.yaml"
