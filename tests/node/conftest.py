from collections.abc import Iterator

import pytest

from tests.node.receipts import known, released
from tests.node.village import Village


@pytest.fixture
def village(tmp_path) -> Iterator[Village]:
    village = Village(tmp_path)
    yield village
    village.store.close()


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A village in which one job was released to the letter: receipt, identities, outputs."""
    village = Village(tmp_path_factory.mktemp("village")).in_force()
    request, receipt = released(village)
    (result,) = village.alice.letters("job.result", request.job_id)
    yield village, request, receipt, result
    village.store.close()


@pytest.fixture(scope="module")
def believed(once):
    village = once[0]
    return known(village.keyring.identity, village.owner.keyring.identity)
