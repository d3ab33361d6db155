"""One identity for all tests here: what is slow about it is made once."""

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from tests.batch.notebooks import a_home


@pytest.fixture(scope="session")
def robot() -> SycKeyring:
    return SycKeyring.generate("robot", "scientist")


@pytest.fixture
def home(tmp_path, robot):
    return a_home(tmp_path / "home", robot)
