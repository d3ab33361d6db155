"""A clock for one process that can be set: a small library, preloaded, that a file tells how wrong
it is. It is compiled where there is a compiler; elsewhere clocks are not stepped, and that is said.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path


SOURCE = Path(__file__).with_name("stepped_clock.c")
LOOK = "import time; print(time.time() - time.monotonic()); time.sleep(0.01)"


class SteppedClock:
    """The clock of one process.

    Attributes:
        why_not: what is said where there is none; "" when it works.
    """

    def __init__(self, folder: Path) -> None:
        """Compile the library and see that it works.

        Args:
            folder: a new one; the process may be that of another user.
        """
        folder.mkdir(parents=True, mode=0o755)
        self._file = folder / "seconds"
        self._file.write_bytes(bytes(8))
        self._file.chmod(0o644)
        self._library = folder / "stepped_clock.so"
        self.why_not = self._compile() or self._trial()

    def set(self, seconds: int) -> None:
        """Be wrong by that from now on."""
        with self._file.open("r+b", buffering=0) as file:  # in place: it is mapped
            file.write(seconds.to_bytes(8, "little", signed=True))

    def environment(self) -> dict[str, str]:
        """What the process needs; nothing where it does not work."""
        return {} if self.why_not else self._wanted()

    def _wanted(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "SOAK_CLOCK": str(self._file)}

    def _compile(self) -> str:
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if not sys.platform.startswith("linux") or compiler is None:
            return "there is no C compiler for Linux here"
        done = subprocess.run(
            [compiler, "-O2", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            return f"the library does not compile: {done.stderr.strip()[:200]}"
        self._library.chmod(0o644)
        return ""

    def _trial(self) -> str:
        found = []
        for seconds in (0, 3600):
            self.set(seconds)
            done = subprocess.run(
                [sys.executable, "-c", LOOK], env={**os.environ, **self._wanted()},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                return f"the library does not work: {done.stderr.strip()[-200:]}"
            found.append(float(done.stdout))
        self.set(0)
        moved = found[1] - found[0]
        return "" if abs(moved - 3600) < 5 else f"the library moved the clock by {moved:.0f} s"
