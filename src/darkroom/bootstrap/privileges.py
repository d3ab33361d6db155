"""A node that is started by root gives that up before it reads a byte from the network.

Each node on a machine gets a block of numeric users that no other node uses: the first for
itself, the rest for its jobs. No account is made. A block is held by the name of an
abstract socket, which the kernel lets go of when the process ends, however it ends.
"""

import contextlib
import os
import socket
import stat
import sys
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from darkroom.adapters.sandbox import system
from darkroom.errors import IsolationError


FIRST, BLOCK, BLOCKS = 52_000, 64, 180  # below 64,000: also mapped inside containers


@dataclass(frozen=True, slots=True)
class Users:
    """A block of users: `node` for the main process, from `jobs` on for the sandbox."""

    node: int
    hold: socket.socket

    @property
    def jobs(self) -> int:
        """The first user of a job."""
        return self.node + 1


def claim_users(state: Path) -> Users:
    """A block for the node of that state folder; the one that it had before, if it is free.

    Raises:
        IsolationError: every block is taken.
    """
    owner = state.stat().st_uid
    preferred = (owner - FIRST) // BLOCK if FIRST <= owner < FIRST + BLOCK * BLOCKS else -1
    if preferred < 0:
        preferred = zlib.crc32(os.fsencode(state.resolve())) % BLOCKS
    for step in range(BLOCKS):
        node = FIRST + BLOCK * ((preferred + step) % BLOCKS)
        hold = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            hold.bind(f"\0darkroom-users-{node}")
        except OSError:
            hold.close()
        else:
            return Users(node, hold)
    raise IsolationError(
        f"all {BLOCKS} blocks of users for nodes are taken on this machine",
        next_step="stop a node that is not needed",
    )


def hand_over(folder: Path, uid: int) -> None:
    """Make everything in a folder belong to a user; links are not followed.

    A file with a second name stays as it is: that name may be somebody else's file.
    """
    for current, _, names in os.walk(folder, followlinks=False):
        _give(Path(current), uid)
        for name in names:
            _give(Path(current, name), uid)


def _give(path: Path, uid: int) -> None:
    with contextlib.suppress(FileNotFoundError):  # a log file of SQLite may go meanwhile
        facts = path.lstat()
        shared = stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1
        if facts.st_uid != uid and not shared:
            os.chown(path, uid, uid, follow_symlinks=False)


def drop_to(uid: int) -> None:
    """Become that user for good, in all threads to come, without any group or capability."""
    os.umask(0o077)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    system.prctl(system.PR_SET_NO_NEW_PRIVS, 1)


# ------------------------------------------------------------------- closed folders on the way


def needed_paths(state: Path) -> tuple[Path, ...]:
    """Where the node must still get at after it gave root up."""
    package = Path(__file__).resolve().parents[2]
    return tuple(Path(p).resolve() for p in (state, package, sys.prefix, sys.base_prefix))


def closed_folders(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """Outermost folder that others may not enter -> the paths that lie below it."""
    closed: dict[Path, list[Path]] = {}
    for path in paths:
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                closed.setdefault(folder, []).append(path)
                break
    return closed


def open_way(paths: Iterable[Path]) -> None:
    """Make paths below closed folders (such as `/root`) reachable, for this process alone.

    In a mount namespace of its own, an empty folder is put over each closed one, and only
    the paths that are needed are put back at their places.

    Raises:
        IsolationError: the machine does not allow that.
    """
    closed = closed_folders(paths)
    if not closed:
        return
    try:
        system.unshare(system.CLONE_NEWNS)
        system.mount("none", Path("/"), None, system.MS_REC | system.MS_PRIVATE)
        for folder, inside in closed.items():
            _cover(folder, inside)
    except OSError as error:
        names = ", ".join(str(folder) for folder in closed)
        raise IsolationError(
            f"the node gives up root, but its own user may not enter {names}",
            next_step="move the state and the program to a folder that others may enter, "
            "or start the node as an ordinary user",
        ) from error


def _cover(folder: Path, inside: list[Path]) -> None:
    outermost = [p for p in set(inside) if not any(q in p.parents for q in inside)]
    held = {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in outermost}
    flags = system.MS_NOSUID | system.MS_NODEV
    system.mount("tmpfs", folder, "tmpfs", flags, "size=1m,mode=0755")
    for path, descriptor in held.items():
        path.mkdir(parents=True, mode=0o755)
        source = f"/proc/self/fd/{descriptor}"
        system.mount(source, path, None, system.MS_BIND | system.MS_REC)
        os.close(descriptor)
