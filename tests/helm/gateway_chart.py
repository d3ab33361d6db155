"""The gateway's chart with a stub of JupyterHub's, rendered by the real Helm.

`python -m tests.helm.gateway_chart` writes the golden manifests again.
"""

import functools
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

from tests.helm.chart import HERE, REPOSITORY, Objects, helm
from tests.kubernetes.tools import CACHE


CHART = REPOSITORY / "helm" / "gateway"
STUB = HERE / "stub-jupyterhub"
IMAGES = HERE / "gateway_images.yaml"
PAGE = REPOSITORY / "docs" / "helm-gateway.md"
PINNED = "4.4.0"
# Where the real chart is looked for: what PULL fetches, or a source tree of it.
REAL = CACHE / "darkroom" / "kubernetes" / "charts" / "jupyterhub"
PULL = (
    f"helm pull jupyterhub --repo https://hub.jupyter.org/helm-chart/ --version {PINNED}"
    f" --untar --untardir {REAL.parent}"
)
OFFLINE = ("secrets=existing", "network.apiServer={192.168.1.10:6443}")
RELAY_ALONE = (
    "jupyterhub.enabled=false",
    "relay.tls=own",
    "store.enabled=false",
    "store.external.endpoint=https://s3.example.org",
    "store.external.cidrs={203.0.113.7/32}",
)
EVERYTHING = ("batch.enabled=true", "monitoring.serviceMonitors=true", "hub.internet=true")
GOLDEN = {"gateway": EVERYTHING, "gateway-relay": RELAY_ALONE}

_folders: list[tempfile.TemporaryDirectory[str]] = []


@functools.cache
def chart(jupyterhub: Path = STUB) -> Path:
    """A copy of the chart with its dependency in place; gone when Python ends."""
    folder = tempfile.TemporaryDirectory()
    _folders.append(folder)
    copy = Path(folder.name) / "gateway"
    shutil.copytree(CHART, copy, ignore=shutil.ignore_patterns("charts", "Chart.lock"))
    shutil.copytree(jupyterhub, copy / "charts" / "jupyterhub")
    # A source tree of that chart has no version; Helm wants the one that is pinned.
    theirs = copy / "charts" / "jupyterhub" / "Chart.yaml"
    theirs.write_text(theirs.read_text().replace("0.0.1-set.by.chartpress", PINNED))
    return copy


@functools.cache
def first_values() -> str:
    """The values that docs/helm-gateway.md starts with, as a file."""
    text = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert text is not None
    file = chart() / "first-values.yaml"
    file.write_text(text[1])
    return str(file)


def arguments(*sets: str) -> list[str]:
    """What comes after `helm install darkroom helm/gateway`; a `x=null` takes a value away."""
    return [
        *("-n", "darkroom-hub", "-f", first_values(), "-f", str(IMAGES)),
        *(part for each in sets for part in ("--set", each)),
    ]


def attempt(*sets: str, jupyterhub: Path = STUB) -> subprocess.CompletedProcess[str]:
    """A rendering that may be refused."""
    apis = ["--api-versions", "monitoring.coreos.com/v1"]
    return helm("template", "darkroom", str(chart(jupyterhub)), *arguments(*sets), *apis)


@functools.cache
def manifest(*sets: str, jupyterhub: Path = STUB) -> str:
    """All that Helm would send to the cluster."""
    done = attempt(*OFFLINE, *sets, jupyterhub=jupyterhub)
    assert done.returncode == 0, done.stderr
    return done.stdout


@functools.cache
def objects(*sets: str, jupyterhub: Path = STUB) -> Objects:
    """The same, read."""
    found = yaml.safe_load_all(manifest(*sets, jupyterhub=jupyterhub))
    return tuple(each for each in found if each)


def refusal(*sets: str) -> str:
    """What Helm says instead of rendering."""
    done = attempt(*sets)
    assert done.returncode != 0, "it was rendered"
    return done.stderr


def main() -> None:
    """Write what Helm renders now; `git diff` shows what changed."""
    for name, sets in GOLDEN.items():
        (HERE / "golden" / f"{name}.yaml").write_text(manifest(*sets))


if __name__ == "__main__":
    main()
