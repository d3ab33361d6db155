"""How laws are tested, and who runs beside whom when two processes share the suite.

A busy machine is no bug: `timeout` in pyproject.toml ends what hangs.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from tests.turns import turn


settings.register_profile("darkroom", deadline=None)
settings.load_profile("darkroom")
# `make mutation` and `make coverage` ask for this one: the same examples each time, and a
# failure is enough.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file stays in one process, for its fixtures; what is alone is one after the other."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("alone" if _alone(item) else str(item.path)))


def _alone(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("alone", "hub"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Wait for our turn, fixtures included; one process alone never waits."""
    shared = getattr(item.config, "workerinput", {}).get("testrunuid")
    if shared is None:
        return (yield)
    folder = Path(item.config._tmp_path_factory.getbasetemp()).parent
    with turn(folder, alone=_alone(item)):
        return (yield)
