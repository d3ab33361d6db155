"""Run a program as the owner of `DARKROOM_HOME`: `python -m darkroom.bootstrap.as_owner …`.

Where root starts the Hub on one machine, each user's folder belongs to a numeric user of its
own, and what runs in their name runs as that user: for good, without any capability, and with
the other users' folders out of sight. Where an ordinary user starts it, nothing changes hands.
"""

import os
import re
import sys
from pathlib import Path

from darkroom.bootstrap.privileges import (
    closed_folders,
    drop_to,
    hand_over,
    needed_paths,
    open_way,
)
from darkroom.config import REPOSITORY, scientist_home
from darkroom.errors import DarkroomError, InputError, IsolationError


FIRST, USERS = 50_000, 2_000  # below the nodes' users
OWN = range(FIRST, FIRST + USERS)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
CLOSED_WITHIN_CLOSED = 8


def make_home(users: Path, name: str) -> Path:
    """The folder of a user of the Hub (0700); made, and given a user of its own, if need be.

    Raises:
        InputError: nobody can have that name here.
        IsolationError: no numeric user is left.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            "a Hub user's name has a-z, 0-9, dot, dash and underscore", next_step="choose another"
        )
    users.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = users / name
    home.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0 and home.lstat().st_uid not in OWN:
        taken = [path.lstat().st_uid for path in users.iterdir()]
        free = max([FIRST - 1, *(uid for uid in taken if uid in OWN)]) + 1
        if free not in OWN:
            raise IsolationError(
                f"all {USERS} numeric users for Hub users are taken",
                next_step="use the chart: there each user has a pod",
            )
        hand_over(home, free)
    return home


def become_owner(home: Path) -> None:
    """Be the owner of that folder from here on, where root can still choose.

    Raises:
        IsolationError: the folder is nobody's, or its user could not start Python here.
    """
    if os.geteuid() != 0:
        return
    owner = home.lstat().st_uid
    if owner not in OWN:
        raise IsolationError(
            f"{home} is not the home of a Hub user", next_step="let `darkroom up` make it"
        )
    paths = (*needed_paths(home), REPOSITORY)
    for _ in range(CLOSED_WITHIN_CLOSED):
        if not closed_folders(paths):
            break
        open_way(paths)
    drop_to(owner)


def main() -> None:
    """Change hands, then become the program that is named."""
    try:
        become_owner(scientist_home())
    except DarkroomError as error:
        sys.exit(str(error))
    os.chdir("/")
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  # no shell wanted


if __name__ == "__main__":
    main()
