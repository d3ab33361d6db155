"""A Hub user's folder is theirs alone, and what runs for them runs as them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.bootstrap.as_owner import OWN, make_home
from darkroom.errors import InputError


RUN = [sys.executable, "-I", "-m", "darkroom.bootstrap.as_owner"]
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")


def as_owner(home: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "DARKROOM_HOME": str(home)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "Alice", "a" * 65, "a\n"])
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        make_home(tmp_path, name)


def test_a_home_is_private_and_made_once(tmp_path: Path) -> None:
    first, again = make_home(tmp_path / "users", "alice"), make_home(tmp_path / "users", "alice")
    owner = again.stat().st_uid
    other = make_home(tmp_path / "users", "bob")

    assert first == again
    assert again.stat().st_mode & 0o777 == 0o700
    assert again.stat().st_uid == owner
    if os.geteuid() == 0:
        assert {owner, other.stat().st_uid} <= set(OWN)
        assert owner != other.stat().st_uid


@root
def test_what_lay_there_before_is_handed_over_but_links_are_not_followed(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_text("root's")
    home = tmp_path / "users" / "alice"
    home.mkdir(parents=True)
    (home / "keys.json").write_text("{}")
    (home / "link").symlink_to(foreign)
    os.link(foreign, home / "second-name")

    make_home(tmp_path / "users", "alice")

    assert (home / "keys.json").stat().st_uid in OWN
    assert foreign.stat().st_uid == 0


@root
def test_a_program_runs_as_the_owner_and_sees_no_neighbour(tmp_path: Path) -> None:
    users = tmp_path / "users"
    alice, bob = make_home(users, "alice"), make_home(users, "bob")
    code = (
        "import os, sys\n"
        f"print(*os.getresuid(), *os.getgroups(), os.access({str(bob)!r}, os.R_OK),"
        f" os.access({str(alice)!r}, os.W_OK))\n"
        "import darkroom\n"
    )

    done = as_owner(alice, code)

    assert done.returncode == 0, done.stderr
    uid = str(alice.stat().st_uid)
    assert done.stdout.split() == [uid, uid, uid, "False", "True"]


@root
def test_roots_own_folder_is_nobodys_home(tmp_path: Path) -> None:
    done = as_owner(tmp_path, "print('ran')")

    assert done.returncode != 0
    assert "ran" not in done.stdout
    assert "not the home of a Hub user" in done.stderr
