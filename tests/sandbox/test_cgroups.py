"""Control groups of both versions, on folders that look like them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.adapters.sandbox import cgroups


@pytest.fixture
def version_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel makes the files of a new group; here mkdir does."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    (tmp_path / "cgroup.subtree_control").write_text("")
    plain = Path.mkdir

    def mkdir(self: Path, *args: object, **kwargs: object) -> None:
        plain(self, *args, **kwargs)  # type: ignore[arg-type]
        if self.is_relative_to(tmp_path):
            (self / "cgroup.subtree_control").write_text("")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    return tmp_path


def test_version_2_turns_both_controllers_on(version_2: Path) -> None:
    parents = cgroups.find("ours", version_2)

    assert parents.version == 2
    assert parents.memory == parents.pids == version_2 / "ours"
    assert (version_2 / "ours" / "cgroup.subtree_control").read_text() == "+pids"


def test_version_2_sets_limits_and_reads_counts(version_2: Path) -> None:
    parents = cgroups.find("ours", version_2)
    group = cgroups.make_group(parents, 3, memory_bytes=1 << 20, processes=64)
    folder = version_2 / "ours" / "slot-3"
    (folder / "memory.events").write_text("low 0\noom 4\noom_kill 2\n")
    (folder / "pids.events").write_text("max 7\n")
    (folder / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")

    assert (folder / "memory.max").read_text() == str(1 << 20)
    assert (folder / "memory.swap.max").read_text() == "0"
    assert (folder / "pids.max").read_text() == "66"
    assert (group.oom_kills(), group.forks_refused()) == (2, 7)
    assert group.cpu_seconds() == 2.5
    group.kill()
    assert (folder / "cgroup.kill").read_text() == "1"


def test_a_kernel_without_the_memory_controller_gives_processes_only(
    version_2: Path,
) -> None:
    (version_2 / "cgroup.controllers").write_text("cpu pids")

    parents = cgroups.find("ours", version_2)

    assert (parents.memory, parents.pids) == (None, version_2 / "ours")


def test_nothing_that_can_be_made_is_no_group(tmp_path: Path) -> None:
    parents = cgroups.find("ours", tmp_path)
    group = cgroups.make_group(parents, 0, memory_bytes=1, processes=1)

    assert (parents.memory, parents.pids) == (None, None)
    assert (group.oom_kills(), group.forks_refused(), group.cpu_seconds()) == (0, 0, 0.0)
    group.kill()
    group.remove()


def test_what_a_killed_launcher_left_is_swept(tmp_path: Path) -> None:
    dead, ours = tmp_path / "memory" / "ours-4194999", tmp_path / f"ours-{os.getpid()}"
    for folder in (dead / "slot-1", ours):
        folder.mkdir(parents=True)

    cgroups.sweep("ours-", tmp_path)

    assert not dead.exists()
    assert ours.exists()


def test_what_still_waits_in_a_dead_launchers_group_is_ended(tmp_path: Path) -> None:
    slot = tmp_path / "memory" / "ours-4194999" / "slot-1"
    slot.mkdir(parents=True)
    orphan = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    (slot / "cgroup.procs").write_text(f"{orphan.pid}\n")

    cgroups.sweep("ours-", tmp_path)

    assert orphan.wait(timeout=10) == -signal.SIGKILL
