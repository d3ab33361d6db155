"""The whole house on one machine: a domain, gateway, MLflow behind the login, the Hub."""

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from darkroom.bootstrap.hub import PROXY, HubPlan, start_hub
from darkroom.bootstrap.local_stack import LocalStack, StackPlan
from darkroom.config import REPOSITORY
from tests.hub.browser import Browser


USERS = ("alice", "bob")
PICTURES = REPOSITORY / "build" / "hub"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the browsers to `make hub`: they take minutes."""
    asked = "hub" in config.getoption("-m") or any("test_browser" in arg for arg in config.args)
    for item in items:
        if "test_browser" in item.nodeid and not asked:
            item.add_marker(pytest.mark.skip(reason="takes minutes: `make hub` runs it"))


@dataclass(frozen=True, slots=True)
class House:
    """Everything that runs, and the users' passwords."""

    stack: LocalStack
    users: Path
    passwords: dict[str, str]


@pytest.fixture(scope="session")
def proxy() -> Path:
    """The script of the Hub's proxy."""
    script = REPOSITORY / "build" / PROXY
    if not script.is_file():
        pytest.skip("the proxy is not in build/ (make setup puts it there where npm answers)")
    return script


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium."""
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def house(
    browser: Browser,  # without one there is nothing to start
    proxy: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    """What `make up` starts, with one domain and an owner who says yes."""
    root = tmp_path_factory.mktemp("house")
    hub = HubPlan(root=root / "hub", users=USERS)
    stack = LocalStack(
        StackPlan(
            root=root,
            domains=(REPOSITORY / "domains" / "north",),
            scientists=USERS,
            homes=hub.users_folder,
            hosted=True,
        )
    )
    passwords = {user: secrets.token_urlsafe(9) for user in USERS}
    stack.start()
    try:
        start_hub(stack, hub, passwords)
        stack.wait_for_run_log()
        yield House(stack, hub.users_folder, passwords)
    finally:
        stack.stop()
        PICTURES.mkdir(parents=True, exist_ok=True)
        shutil.copytree(root / "logs", PICTURES / "logs", dirs_exist_ok=True)
