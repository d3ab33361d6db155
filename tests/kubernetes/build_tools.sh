#!/bin/sh
# Builds programs for the tests of charts and cluster, from source, into a cache outside the
# repository. What cannot be built is said, and the tests that want it are skipped.
#
#   build_tools.sh helm        about 2 minutes on 2 cores; `make test` calls this
#   build_tools.sh cluster     kine, kube-apiserver, kube-controller-manager, kube-scheduler: 15-30 minutes
#   build_tools.sh versitygw   the S3 server of the charts: 2 minutes
set -eu
HELM=v4.3.1
KUBERNETES=1.36.3 # its parts are published as v0.36.3
KINE=v0.17.5
VERSITYGW=v1.8.0
bin=${XDG_CACHE_HOME:-$HOME/.cache}/darkroom/kubernetes/bin
mkdir -p "$bin"

# Left alone by whatever module or workspace this is called in.
export GOFLAGS=-buildvcs=false GOWORK=off GOBIN="$bin" CGO_ENABLED=0

say() { printf '%s\n' "$*"; }
command -v go >/dev/null 2>&1 || {
    say "  (no Go compiler here: the tests that want $* are skipped)"
    exit 0
}

install() { # name, package, version
    [ -x "$bin/$1" ] && return 0
    say "  building $1 $3 (once)"
    (cd / && nice go install "$2@$3") >"$bin/$1.log" 2>&1 || {
        say "  ($1 could not be built: see $bin/$1.log; its tests are skipped)"
        return 0
    }
    rm -f "$bin/$1.log"
}

# `go install` refuses Kubernetes: it builds its own parts from folders. Here each part is
# the published module of the same version.
kubernetes() {
    missing=""
    for name in kube-apiserver kube-controller-manager kube-scheduler; do
        [ -x "$bin/$name" ] || missing="$missing $name"
    done
    [ -n "$missing" ] || return 0
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cd "$work"
    go mod download -json "k8s.io/kubernetes@v$KUBERNETES" >module.json
    source=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' module.json)
    parts=v0.${KUBERNETES#1.}
    {
        sed -e 's/^module .*/module darkroom.test\/kubernetes/' -e '/^replace (/,$d' \
            -e "s/^\(\t*k8s\.io\/[^ ]*\) v0\.0\.0\( .*\)\{0,1\}\$/\1 $parts\2/" "$source/go.mod"
        printf 'require k8s.io/kubernetes v%s\n\nreplace (\n' "$KUBERNETES"
        sed -n "s/^\t\(k8s\.io\/[^ ]*\) => \.\/staging.*/\t\1 => \1 $parts/p" "$source/go.mod"
        printf ')\n'
    } >go.mod
    cp "$source/go.sum" .
    version=k8s.io/component-base/version
    for name in $missing; do
        say "  building $name v$KUBERNETES (once; minutes)"
        GOFLAGS="-buildvcs=false -mod=mod" nice go build -o "$bin/$name" \
            -ldflags "-s -w -X $version.gitVersion=v$KUBERNETES -X $version.gitMajor=1 -X $version.gitMinor=${parts#v0.}" \
            "k8s.io/kubernetes/cmd/$name" >"$bin/$name.log" 2>&1 || {
            say "  ($name could not be built: see $bin/$name.log; its tests are skipped)"
            continue
        }
        rm -f "$bin/$name.log"
    done
}

for wanted in "$@"; do
    case $wanted in
    helm) install helm helm.sh/helm/v4/cmd/helm $HELM ;;
    versitygw) install versitygw github.com/versity/versitygw/cmd/versitygw $VERSITYGW ;;
    cluster)
        install kine github.com/k3s-io/kine $KINE
        kubernetes
        ;;
    kube-* | kine) "$0" cluster ;;
    *)
        say "unknown tool: $wanted (helm, versitygw or cluster)" >&2
        exit 2
        ;;
    esac
done
