"""PySyft is known in one folder, loaded by no node, and pinned: the next release is one edit."""

import ast
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from darkroom.adapters.pysyft.wire import SUPPORTED
from tests.architecture.test_locks import asked, lock, pins
from tests.architecture.test_source import SOURCE, imports


ADAPTER = SOURCE / "adapters" / "pysyft"
PACKAGE = "darkroom.adapters.pysyft"
# What a node reads PySyft's messages with, and what a file of it may import of the folder.
READERS = {
    "address", "wire", "submitted_folder", "declaration", "wishes", "translation", "endpoint",
}  # fmt: skip
# What it seals letters with: of all of PySyft the one package that a node loads.
ENVELOPES = {"keyring", "verifier"}
ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def modules(file: Path) -> set[str]:
    return {module for _, module in imports(ast.parse(file.read_text()))}


def neighbours(file: Path) -> set[str]:
    """The files of the same folder that one imports."""
    return {m.removeprefix(f"{PACKAGE}.") for m in modules(file) if m.startswith(f"{PACKAGE}.")}


@pytest.mark.parametrize("name", sorted(READERS))
def test_hostile_messages_are_read_without_the_engine(name):
    file = ADAPTER / f"{name}.py"
    assert [m for m in modules(file) if m.startswith("syft")] == []
    assert neighbours(file) <= READERS


def test_the_folder_itself_imports_nothing():
    assert modules(ADAPTER / "__init__.py") == set()


def test_a_node_is_put_together_from_readers_and_envelopes():
    """That it loads no more, a running node shows: tests/node/test_processes.py."""
    reached: set[str] = set()
    waiting = [SOURCE / "bootstrap" / f"{name}.py" for name in ("node", "node_assembly")]
    while waiting:
        for name in neighbours(waiting.pop()) - reached:
            reached.add(name)
            waiting.append(ADAPTER / f"{name}.py")
    assert reached >= READERS | ENVELOPES
    loaded = {m.partition(".")[0] for name in reached for m in modules(ADAPTER / f"{name}.py")}
    assert {name for name in loaded if name.startswith("syft")} == {"syft_crypto_python"}


def test_nothing_of_ours_needs_what_pysyft_brings_along():
    """That only the folder imports PySyft itself: tests/architecture/test_source.py."""
    drive = {"google", "google_auth_oauthlib", "googleapiclient"}
    files = [file for file in SOURCE.rglob("*.py") if ADAPTER not in file.parents]
    assert files
    assert {m.partition(".")[0] for file in files for m in modules(file)} & drive == set()


# --------------------------------------------------------------------------------- the pins


def of_pysyft(requirements: list[Requirement]) -> dict[str, Requirement]:
    names = {canonicalize_name(r.name): r for r in requirements}
    return {name: r for name, r in names.items() if name.startswith("syft")}


def test_every_package_of_pysyft_that_we_ask_for_is_pinned_exactly():
    """It is an alpha and its packages move together."""
    named = of_pysyft(asked("base", *EXTRAS))
    assert {"syft", "syft-rds", "syft-job", "syft-crypto-python"} <= named.keys()
    locked = pins(lock("all"))
    for name, requirement in named.items():
        (only,) = requirement.specifier
        assert (only.operator, only.version) == ("==", locked[name]), name
        assert "*" not in only.version


def test_every_package_of_pysyft_that_is_imported_is_pinned():
    imported = {m.partition(".")[0] for f in ADAPTER.rglob("*.py") for m in modules(f)}
    imported = {canonicalize_name(name) for name in imported if name.startswith("syft")}
    # Distributions are named a little differently from what they hold.
    names = {"syft-datasets": "syft-dataset", "syft-perms": "syft-permissions"}
    named = of_pysyft(asked("base", *EXTRAS))
    assert {names.get(name, name) for name in imported} <= named.keys()


def test_the_release_that_we_read_is_the_one_that_is_pinned():
    named = of_pysyft(asked("base", *EXTRAS))
    assert str(named["syft"].specifier) == f"=={SUPPORTED}"
    assert pins(lock("all"))["syft"] == SUPPORTED


@pytest.mark.parametrize("role", ["node", "gateway"])
def test_a_node_and_a_gateway_install_the_envelopes_alone(role):
    found = [name for name in pins(lock(role)) if name.startswith(("syft", "google"))]
    assert found == ["syft-crypto-python"]


def test_a_node_installs_what_reads_dependency_lists():
    assert "packaging" in pins(lock("node"))
    assert "packaging" in {r.name for r in asked("node")}
