"""The two sides of every row: the stock engine, and the same message at a Darkroom domain."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest


with warnings.catch_warnings():  # syft 0.10 is written for an older pydantic
    warnings.simplefilter("ignore")
    import syft_rds.client  # noqa: F401

from tests.attack.pysyft.notebook import Notebook
from tests.attack.pysyft.site import Site
from tests.attack.pysyft.stock.town import Town, found_town, moved_town


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Keys and peers are made once; every test gets a copy of the folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRE_SYNC", "false")  # the engine syncs when it is told to
        return found_town(tmp_path_factory.mktemp("stock") / "town")


@pytest.fixture
def town(founded: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """Unprotected: what an attack does to the stock engine."""
    town = moved_town(founded, tmp_path / "town")
    monkeypatch.setenv("PRE_SYNC", "false")
    monkeypatch.setenv("PATH", f"{town.folder / 'programs'}:{os.environ['PATH']}")
    return town


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Protected: the same at a Darkroom domain with its PySyft endpoint."""
    site = Site(tmp_path / "site")
    yield site
    site.store.close()


@pytest.fixture(scope="session")
def mocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered once for all notebooks."""
    return tmp_path_factory.mktemp("mocks")


@pytest.fixture
def notebook(bench, tmp_path: Path, mocks: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """Protected: a scientist with the stock client on our connection, at two domains."""
    monkeypatch.setenv("PRE_SYNC", "false")
    return Notebook(bench, tmp_path / "notebook", mocks)
