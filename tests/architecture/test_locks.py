"""Who installs what: the locks, environment.yml and pyproject.toml tell one story."""

import importlib.metadata
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
ROLES = {
    "all": (
        "base",
        "node",
        "gateway",
        "runtime-litert",
        "runtime-tflite-runtime",
        "runtime-tensorflow",
        "scientist",
        "hub",
        "dev",
    ),
    "node": ("base", "node"),
    "gateway": ("base", "gateway"),
    "scientist": ("base", "scientist"),
    "runtime-litert": ("runtime-litert",),
    "runtime-tflite-runtime": ("runtime-tflite-runtime",),
    "runtime-tensorflow": ("runtime-tensorflow",),
    "singleuser": ("base", "scientist", "singleuser"),
    "mlflow": ("base", "mlflow"),
    "builder": ("builder",),
}
NAMED_BY_THE_CARD = {
    "syft",
    "jupyterhub",
    "tensorflow",
    "tflite-runtime",
    "mlflow",
    "minio",
    "papermill",
    "pytest",
}


def pins(lock: Path) -> dict[str, str]:
    """Read name -> version from a lock."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", lock.read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


# What is in an image, or makes one, and not in .venv: nothing here runs beside it.
IN_IMAGES_ONLY = {
    "mlflow": {"psycopg2-binary"},
    "builder": pins(LOCKS[0].with_name("builder.txt")).keys(),
}
# The cluster's Hub is the one of zero-to-jupyterhub's chart; tests/helm compares them with it.
OF_THE_CHARTS_HUB = {"mlflow": {"jupyterhub"}, "singleuser": {"jupyterhub"}}


def asked(*extras: str) -> list[Requirement]:
    """Read what pyproject.toml asks for, by extra."""
    lines = [
        line
        for extra in extras
        for line in (PROJECT["dependencies"] if extra == "base" else EXTRAS[extra])
    ]
    return [Requirement(line) for line in lines]


def lock(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_lock_names_no_place(path: Path) -> None:
    text = path.read_text()

    assert re.findall(r"\w+://|^\s*(?:-i|-f|--(?:extra-)?index|--find|--trusted)", text) == []


def test_proxy_lock_names_no_place() -> None:
    packages = json.loads((ROOT / "requirements/proxy/package-lock.json").read_text())["packages"]

    assert len(packages) > 1
    for name, entry in packages.items():
        assert "resolved" not in entry, name
        assert name == "" or entry["integrity"].startswith("sha512-"), name


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_a_hash(path: Path) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", path.read_text())
    bare = [e.split()[0] for e in entries if "==" in e.split("\n")[0] and "sha256:" not in e]

    assert pins(path)
    assert bare == []


@pytest.mark.parametrize("name", ROLES)
def test_lock_satisfies_pyproject(name: str) -> None:
    pinned = pins(lock(name))
    wrong = [
        str(requirement)
        for requirement in asked(*ROLES[name])
        if not requirement.specifier.contains(
            pinned.get(canonicalize_name(requirement.name), "0"), prereleases=True
        )
    ]

    assert wrong == [], "run `make lock`"


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_roles_are_cuts_of_one_environment(path: Path) -> None:
    apart = IN_IMAGES_ONLY.get(path.stem, set())
    other = {*apart, *OF_THE_CHARTS_HUB.get(path.stem, set())}
    cut = {name: version for name, version in pins(path).items() if name not in other}
    everything = pins(lock("all"))

    assert cut.items() <= everything.items()
    assert all(everything.get(name, pins(path)[name]) == pins(path)[name] for name in apart)


@pytest.mark.parametrize("name", ["node", "gateway", "runtime-litert", "runtime-tflite-runtime"])
def test_small_roles_stay_small(name: str) -> None:
    heavy = {"tensorflow", "mlflow", "mlflow-skinny", "jupyterhub", "jupyterlab", "jupyter-server"}

    assert heavy & pins(lock(name)).keys() == set()


@pytest.mark.parametrize("name", [name for name in ROLES if name.startswith("runtime-")])
def test_jobs_find_no_keys_and_no_cloud(name: str) -> None:
    base = {"cryptography", "httpx", "minio", "syft-crypto-python", "boto3", "syft"}

    assert base & pins(lock(name)).keys() == set()


def test_gateway_cannot_decode_an_image() -> None:
    assert {"opencv-python-headless", "pillow", "numpy"} & pins(lock("gateway")).keys() == set()


def test_environment_yml_is_in_step() -> None:
    content = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(item["pip"] for item in content if isinstance(item, dict))
    named = {r.name: r for r in map(Requirement, pip)}
    project = {r.name: r for r in asked(*ROLES["all"])}

    assert "python=3.11" in content
    assert PROJECT["requires-python"] == "==3.11.*"
    assert named.keys() >= NAMED_BY_THE_CARD
    for name, requirement in named.items():
        assert project[name].specifier == requirement.specifier, name


def test_no_strong_copyleft_over_a_network() -> None:
    """AGPL would bind everybody who runs a gateway; it may not even be optional."""
    names = pins(lock("all"))
    found = []
    for name in names:
        try:
            about = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        words = [about.get("License-Expression") or "", (about.get("License") or "")[:200]]
        words += [c for c in about.get_all("Classifier") or [] if c.startswith("License")]
        if re.search(r"AGPL|Affero", " ".join(words), re.IGNORECASE):
            found.append(name)

    assert found == []
    assert {"ultralytics", "boxmot", "opencv-python"} & names.keys() == set()
