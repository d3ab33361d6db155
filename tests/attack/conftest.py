"""Worlds in which attacks are played, and the check that each names what it attacks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack.threats import read_mark
from tests.node.village import Village
from tests.sandbox.workshop import Workshop
from tests.scientist.conftest import bench, keys  # noqa: F401 - fixtures: a scientist's session


HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A mark that names no row, or not whether its control is on, stops the collection."""
    for item in items:
        if HERE not in item.path.parents:
            continue
        for mark in item.iter_markers("attack"):
            try:
                read_mark(mark.args, mark.kwargs)
            except ValueError as error:
                raise pytest.UsageError(f"{item.nodeid}: the mark attack: {error}") from None


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    village = Village(tmp_path)
    yield village
    village.store.close()


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """One for all attacks on the sandbox; skips where this machine cannot contain anything."""
    shop = Workshop(tmp_path_factory.mktemp("state"))
    try:
        problem = shop.sandbox().problem
        if problem is not None:
            pytest.skip(f"no sandbox here: {problem}")
        yield shop
    finally:
        shop.close()
