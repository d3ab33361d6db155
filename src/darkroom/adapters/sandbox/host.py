"""What this machine offers to a sandbox. Found once, at the start."""

import os
import shutil
from pathlib import Path

from darkroom.adapters.sandbox.plan import Host
from darkroom.errors import IsolationError


# Folders with the system's libraries and nothing that belongs to a person.
LIBRARIES = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib32",
    "/lib",
    "/lib64",
    "/lib32",
)
PROGRAMS = {"bwrap": "bubblewrap", "prlimit": "util-linux", "setpriv": "util-linux"}


def _program(name: str) -> Path:
    # A fixed list of folders: the launcher may be root, and PATH is somebody's choice.
    found = shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin")
    if found is None:
        raise IsolationError(
            f"the program {name} is not installed: no job can be contained",
            next_step=f"sudo apt-get install {PROGRAMS[name]}",
        )
    return Path(found).resolve()


def find_host() -> Host:
    """Look for programs and libraries.

    Raises:
        IsolationError: a program is missing; the next step installs it.
    """
    folders, links = [], []
    for name in LIBRARIES:
        path = Path(name)
        if path.is_symlink():
            links.append((path, str(path.readlink())))
        elif path.is_dir():
            folders.append(path)
    return Host(
        bwrap=_program("bwrap"),
        prlimit=_program("prlimit"),
        setpriv=_program("setpriv"),
        folders=tuple(folders),
        links=tuple(links),
        package=Path(__file__).resolve().parents[2],
        root=os.geteuid() == 0,
    )
