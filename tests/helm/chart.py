"""The chart of a domain, linted and rendered by the real Helm; each rendering once a session."""

import functools
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.kubernetes.tools import tool


HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
CHART = REPOSITORY / "helm" / "domain"
IMAGES, OWNER = HERE / "images.yaml", HERE / "owner.json"
DOMAINS = ("north", "east", "south")
EVERYTHING = "harbour"  # what the other domains leave out: cameras of all kinds, monitoring, …
ALL = (*DOMAINS, EVERYTHING)
PROMETHEUS = "monitoring.coreos.com/v1"
Objects = tuple[dict[str, Any], ...]


def folder(domain: str) -> Path:
    """Where a domain's two files lie."""
    return HERE / domain if domain == EVERYTHING else REPOSITORY / "domains" / domain


@dataclass(frozen=True, slots=True)
class Changes:
    """What a test does to the values of a domain.

    Attributes:
        sets: `key=value`, as `helm --set` takes it.
        files: value -> file, as `helm --set-file` takes it; "" leaves it out.
        flags: more arguments of Helm.
    """

    sets: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()


AS_IT_IS = Changes()


def arguments(domain: str, changes: Changes = AS_IT_IS) -> list[str]:
    """What comes after `helm install north helm/domain`."""
    files = {"domain": str(folder(domain) / "domain.yaml"), "owner": str(OWNER)}
    files |= dict(changes.files)
    return [
        *("-n", f"darkroom-{domain}", "-f", str(folder(domain) / "values.yaml"), "-f", str(IMAGES)),
        *(part for key, file in files.items() if file for part in ("--set-file", f"{key}={file}")),
        *(part for each in changes.sets for part in ("--set", each)),
        *changes.flags,
    ]


def helm(*command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Helm's answer; the environment names no cluster."""
    return subprocess.run(
        [str(tool("helm")), *command],
        capture_output=True,
        text=True,
        input=stdin,
        timeout=100,
        env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "KUBECONFIG": "/nonexistent"},
    )


def attempt(domain: str, changes: Changes = AS_IT_IS) -> subprocess.CompletedProcess[str]:
    """A rendering that may be refused."""
    apis = [] if "--api-versions" in changes.flags else ["--api-versions", PROMETHEUS]
    return helm("template", domain, str(CHART), *arguments(domain, changes), *apis)


@functools.cache
def manifest(domain: str, changes: Changes = AS_IT_IS) -> str:
    """All that Helm would send to the cluster."""
    done = attempt(domain, changes)
    assert done.returncode == 0, done.stderr
    return done.stdout


@functools.cache
def objects(domain: str, changes: Changes = AS_IT_IS) -> Objects:
    """The same, read."""
    return tuple(found for found in yaml.safe_load_all(manifest(domain, changes)) if found)


def of_kind(found: Iterable[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind by `namespace/name`, or name alone without a namespace."""
    return {name_of(each): each for each in found if each["kind"] == kind}


def name_of(each: Mapping[str, Any]) -> str:
    """`namespace/name`, or the name of what has no namespace."""
    meta = each["metadata"]
    return "/".join(filter(None, (meta.get("namespace"), meta["name"])))


def job_template(domain: str, changes: Changes = AS_IT_IS) -> dict[str, Any]:
    """The Job that the node fills in, out of the ConfigMap that the chart makes of it."""
    sandbox = of_kind(objects(domain, changes), "ConfigMap")[f"darkroom-{domain}/{domain}-sandbox"]
    return yaml.safe_load(sandbox["data"]["job.yaml"])
