import pytest

from tests.owner.town import Town


@pytest.fixture
def town(tmp_path):
    town = Town(tmp_path)
    yield town
    town.store.close()
