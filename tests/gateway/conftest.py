"""One gateway per module is enough: tests use names of their own."""

import itertools
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.gateway.serving import Gateway, serving


_numbers = itertools.count()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture
def pair(gateway):
    """Alice, a scientist, and north, a domain that has admitted her."""
    number = next(_numbers)
    names = SimpleNamespace(alice=f"alice{number}", north=f"north{number}")
    alice = gateway.join(names.alice, "scientist")
    north = gateway.join(names.north, "domain")
    north.admit(names.alice)
    with alice, north:
        yield SimpleNamespace(alice=alice, north=north, names=names, gateway=gateway)
