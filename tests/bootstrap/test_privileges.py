"""Root is given up before the network is touched, and cannot be taken back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.bootstrap import privileges


SOURCE = Path(__file__).parents[2] / "src"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={"PYTHONPATH": str(SOURCE), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=60, cwd="/",
    )  # fmt: skip


def test_two_nodes_never_get_the_same_users(tmp_path):
    first = privileges.claim_users(tmp_path)
    second = privileges.claim_users(tmp_path)
    try:
        assert abs(first.node - second.node) >= privileges.BLOCK
        assert first.jobs == first.node + 1
        assert 0 < first.node < 64_000
    finally:
        first.hold.close()
        second.hold.close()


def test_the_same_folder_gets_the_same_user_again(tmp_path):
    first = privileges.claim_users(tmp_path)
    first.hold.close()
    again = privileges.claim_users(tmp_path)
    again.hold.close()
    assert again.node == first.node


@root_only
def test_a_folder_keeps_the_user_that_owns_it(tmp_path):
    owner = privileges.FIRST + 7 * privileges.BLOCK
    os.chown(tmp_path, owner, owner)
    users = privileges.claim_users(tmp_path)
    users.hold.close()
    assert users.node == owner


@root_only
def test_what_is_handed_over_stops_at_links_and_at_files_with_two_names(tmp_path):
    state, outside = tmp_path / "state", tmp_path / "outside"
    (state / "deep").mkdir(parents=True)
    (state / "deep" / "file").touch()
    outside.touch()
    (state / "link").symlink_to(outside)
    other = tmp_path / "other"
    other.touch()
    os.link(other, state / "second-name")
    privileges.hand_over(state, 52_000)

    for path in (state, state / "deep", state / "deep" / "file"):
        assert path.stat().st_uid == 52_000
    assert (state / "link").lstat().st_uid == 52_000
    assert outside.stat().st_uid == 0
    assert other.stat().st_uid == 0


DROP = """
import os, sys
from pathlib import Path
from darkroom.bootstrap import privileges
state = Path(sys.argv[1])
privileges.hand_over(state, 52064)
privileges.open_way(privileges.needed_paths(state))
privileges.drop_to(52064)
print(os.getresuid(), os.getresgid(), os.getgroups())
try:
    os.setuid(0)
except PermissionError:
    print("stays")
(state / "written").write_text("x")
import darkroom.policy.screening
print(oct((state / "written").stat().st_mode))
try:
    list(Path(sys.argv[2]).iterdir())
except PermissionError:
    print("closed")
except FileNotFoundError:
    print("gone")
"""


@root_only
@pytest.mark.parametrize("closed", [False, True], ids=["open way", "closed way"])
def test_a_dropped_process_works_in_its_state_and_cannot_come_back(tmp_path, closed):
    way = tmp_path / "closed"
    state = way / "inner" / "state"
    state.mkdir(parents=True)
    secret = way / "secret"
    secret.mkdir(mode=0o700)
    (secret / "x").touch()
    if closed:
        way.chmod(0o700)
    done = run(DROP, state, secret)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")
    assert lines[0] == "(52064, 52064, 52064) (52064, 52064, 52064) []"
    assert lines[1:3] == ["stays", "0o100600"]
    assert lines[3] in ("closed", "gone")
    assert (state / "written").read_text() == "x"
    assert (secret / "x").exists()
