from collections.abc import Iterator

import pytest

from tests.node.village import Village


@pytest.fixture
def village(tmp_path) -> Iterator[Village]:
    village = Village(tmp_path)
    yield village
    village.store.close()
