"""The shared volume: others of the group write at its root, and lead the node nowhere."""

import stat
from pathlib import Path

import pytest

from darkroom.adapters.sandbox.kubernetes.exchange import Exchange, Mount
from darkroom.errors import IsolationError


TASK = "task-" + "0" * 32 + "-0123abcd"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "exchange"
    folder.mkdir()
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What the node keeps elsewhere, one folder named as a task's is."""
    folder = tmp_path / "state"
    (folder / "code").mkdir(parents=True)
    (folder / TASK).mkdir()
    (folder / "node.db").write_text("ledger")
    return folder


def opened(root: Path) -> Exchange:
    return Exchange(root, [Mount(path=root, claim="north-exchange")])


def clear(exchange: Exchange) -> None:
    for folder in exchange.left_behind():
        exchange.remove(folder)


def test_the_folder_of_tasks_is_the_nodes_to_write(root: Path) -> None:
    (root / "tasks").mkdir(mode=0o777)
    (root / "tasks").chmod(0o2777)

    opened(root)

    assert stat.S_IMODE((root / "tasks").stat().st_mode) == 0o2750


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_folder_in_its_place_is_refused(root: Path, state: Path, kind: str) -> None:
    if kind == "link":
        (root / "tasks").symlink_to(state)
    else:
        (root / "tasks").write_text("")

    with pytest.raises(IsolationError, match="is a link, or no folder that this node made"):
        opened(root)

    assert (state / TASK).is_dir()


def test_a_link_put_there_later_is_not_followed(root: Path, state: Path) -> None:
    exchange = opened(root)
    (root / "tasks" / TASK).mkdir()
    (root / "tasks").rename(root / "moved")
    (root / "tasks").symlink_to(state)

    clear(exchange)

    assert sorted(entry.name for entry in state.iterdir()) == sorted(["code", "node.db", TASK])
    assert not (root / "moved" / TASK).exists()


def test_only_folders_of_tasks_are_cleared_away(root: Path, state: Path) -> None:
    exchange = opened(root)
    tasks = root / "tasks"
    (tasks / TASK).mkdir()
    (tasks / "somebody's").mkdir()
    (tasks / TASK.replace("abcd", "ffff")).symlink_to(state)
    (tasks / TASK.removesuffix("abcd")).mkdir()

    clear(exchange)

    assert not (tasks / TASK).exists()
    assert len(list(tasks.iterdir())) == 3
    assert (state / "node.db").read_text() == "ledger"
