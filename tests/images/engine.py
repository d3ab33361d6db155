"""Runs images with podman, in a storage of our own, with the limits that a pod would have.

Podman is started in a mount namespace of its own: where the machine has both kinds of control
groups mounted, the second is taken away there, for crun refuses the mixture. Nothing of the
machine changes.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from darkroom import __version__
from darkroom.adapters.sandbox.process import FIRST_UID
from darkroom.adapters.sandbox.uids import reserve
from tests.kubernetes.tools import CACHE


ROOT = Path(__file__).parents[2]
STORE = CACHE / "darkroom" / "images"
OWN = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
Run = subprocess.CompletedProcess[str]
PURE = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'


def require_engine() -> None:
    """Skips, with the reason, where images can neither be built nor run."""
    missing = [name for name in ("buildah", "podman", "crun", "unshare") if not shutil.which(name)]
    if missing:
        pytest.skip(f"images are not built and run here: {', '.join(missing)} is not installed")
    if os.geteuid() != 0:
        pytest.skip("images are not built and run here: the tests do not run as root")


@dataclass(frozen=True)
class Image:
    """One image of ours, in our storage.

    Attributes:
        user: `uid:gid` in place of the image's own.
    """

    name: str
    user: str = ""

    def run(
        self,
        *command: str,
        python: bool = False,
        options: tuple[str, ...] = (),
        seconds: float = 60,
    ) -> Run:
        """Run it as a pod would be: read-only root, no capability, no network, few processes.

        Args:
            command: arguments of the image, or of its Python.
            python: start its Python in place of what the image starts.
            options: more of podman's options; later ones win.
            seconds: after which it is ended, and the test fails.
        """
        start = ("--entrypoint", "/opt/darkroom/venv/bin/python") if python else ()
        return podman(
            "run",
            "--rm",
            "--pull=never",
            "--network=none",
            "--read-only",
            "--read-only-tmpfs=false",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--ulimit=nofile=4096:4096",
            "--ulimit=nproc=1024:1024",
            "--memory=512m",
            "--pids-limit=64",
            *((f"--user={self.user}",) if self.user else ()),
            *start,
            *options,
            self.name,
            *command,
            seconds=seconds,
        )

    def inspect(self, template: str) -> str:
        """A fact of the image."""
        return podman("image", "inspect", "--format", template, self.name).stdout.strip()


def podman(*arguments: str, seconds: float = 60, apart: bool = True) -> Run:
    """Podman on our storage, in a mount namespace of its own unless it mounts something."""
    return subprocess.run(
        [
            *(("unshare", "--mount", "sh", "-c", PURE, "sh") if apart else ()),
            *("podman", "--root", str(STORE / "storage"), "--runroot", str(STORE / "run")),
            *("--cgroup-manager=cgroupfs", "--events-backend=none", "--runtime=crun"),
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        # conmon leaves a file `oom` where it was started when a limit of memory is reached.
        cwd=STORE,
    )


@contextlib.contextmanager
def job_user() -> Iterator[str]:
    """`uid:gid` for a job's processes: of a block that no sandbox of this machine empties.

    A pod's job user is picked by the node, too; the image names the first.
    """
    uid, held = reserve(FIRST_UID, slots=1)
    try:
        yield f"{uid}:64000"
    finally:
        os.close(held)


def cached(*targets: str, arch: str = OWN) -> dict[str, Image]:
    """Images that `make images` or `make arm64` left here, with the code of that time.

    Skips where one is not there, or its locks or the build file have changed since.
    """
    require_engine()
    for target in targets:
        if _build("--cached", "--arch", arch, target).returncode != 0:
            pytest.skip(
                f"no {target} image for {arch} with these locks is on this machine; "
                f"`make {'images' if arch == OWN else 'arm64'}` builds it"
            )
    return {t: Image(f"localhost/darkroom-{t}:{__version__}-{arch}") for t in targets}


def built(target: str) -> Image:
    """An image of today's code, which is put in now; skips as `cached` does."""
    image = cached(target)[target]
    done = _build(target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [image.name]
    return image


def _build(*arguments: str) -> Run:
    return subprocess.run(
        [str(ROOT / "images" / "build.sh"), "--store", str(STORE), *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
