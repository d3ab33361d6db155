"""A small disk of its own for one folder, which can be filled: a tmpfs, where root may mount one."""

import contextlib
import errno
import os
import subprocess
from pathlib import Path


MIB = 1 << 20
SIZE = 256 * MIB
FILLER = "filler"


class SmallDisk:
    """A tmpfs on a folder.

    Attributes:
        why_not: what is said where none can be mounted; "" when it is there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self.why_not = self._mount()

    def _mount(self) -> str:
        if os.geteuid() != 0:
            return "only root may mount a small disk"
        options = f"size={SIZE},mode=0700"
        try:
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "soak", str(self._folder)],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        except OSError as error:
            return f"mount: {error.strerror}"
        return f"no tmpfs can be mounted: {done.stderr.strip()[:200]}" if done.returncode else ""

    def fill(self) -> None:
        """Write until nothing more fits."""
        block = os.urandom(MIB)
        with (self._folder / FILLER).open("ab", buffering=0) as file:
            for size in (MIB, 4096, 1):
                try:
                    while file.write(block[:size]) == size:
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def empty(self) -> None:
        """Give the room back."""
        (self._folder / FILLER).unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount; what is in it is gone."""
        if not self.why_not:
            with contextlib.suppress(OSError):
                self.empty()
            subprocess.run(["umount", "-l", str(self._folder)], check=False)
