"""A Hub user's server, in place of `jupyterhub-singleuser`: `python -m darkroom.bootstrap.singleuser`.

Makes the scientist's home and a copy of the notebooks, as the user themself, and becomes the
server. On one machine and in the chart's single-user image alike; set up by the environment:

    DARKROOM_HOME            keys and results
    DARKROOM_HUB_WORK        the folder that Lab opens
    DARKROOM_HUB_NOTEBOOKS   whose files are copied there, unless they are there already
"""

import json
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from darkroom.config import scientist_home
from darkroom.errors import DarkroomError, StateError


LAB = {  # a new user's settings: no call home, no question before a notebook runs
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"autoStartDefaultKernel": True},
}
SETTINGS = ".jupyter/lab/user-settings/@jupyterlab"
# A kernel on TCP shows its output to every account of the machine: its messages are signed,
# not secret. Sockets in a folder of one's own are.
PRIVATE_KERNELS = "--KernelManager.transport=ipc"


def prepare(work: Path, notebooks: Path) -> None:
    """Home, settings and notebooks; what is there already is the user's."""
    for folder in (scientist_home(), work):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, values in LAB.items():
        settings = Path.home() / SETTINGS / f"{name}.jupyterlab-settings"
        if not settings.exists():
            settings.parent.mkdir(parents=True, exist_ok=True)
            settings.write_text(json.dumps(values))
    for source in sorted(notebooks.rglob("*")):
        place = work / source.relative_to(notebooks)
        if source.is_file() and "checkpoints" not in str(place) and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)


def runtime_folder() -> Path:
    """Where the kernels' sockets lie: private, and short enough for the name of a socket.

    Raises:
        StateError: somebody else made a folder of that name.
    """
    folder = Path(tempfile.gettempdir()) / f"darkroom-jupyter-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise StateError(
            f"{folder} is not a private folder of this user", next_step="remove it, start again"
        )
    return folder


def main() -> None:
    """Become the user's server, with the arguments of the Hub."""
    os.umask(0o077)
    try:
        work = Path(os.environ["DARKROOM_HUB_WORK"])
        prepare(work, Path(os.environ["DARKROOM_HUB_NOTEBOOKS"]))
        environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(runtime_folder())}
    except DarkroomError as error:
        sys.exit(str(error))
    except KeyError as error:
        sys.exit(f"{error.args[0]} is not set; docs/hub.md says what it holds")
    os.chdir(work)
    server = ("-P", "-m", "jupyterhub.singleuser", PRIVATE_KERNELS, *sys.argv[1:])
    os.execve(sys.executable, (sys.executable, *server), environment)  # noqa: S606  # no shell


if __name__ == "__main__":
    main()
