"""What Linux says about this process and about the disk under a folder."""

import contextlib
import os
import shutil
from pathlib import Path

from darkroom.model.metrics import process
from darkroom.model.metrics.metric import Meter


class ProcessFacts:
    """Reads `/proc/self` when it is asked."""

    def __init__(self, meter: Meter, folder: Path | None) -> None:
        """Tell a meter about this process, and about the disk of a folder."""
        self._meter = meter
        self._folder = folder
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._tick = os.sysconf("SC_CLK_TCK")

    def look(self) -> None:
        """Set everything anew."""
        # The name of the program stands in brackets and may hold anything.
        fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace")
        values = fields.rpartition(")")[2].split()
        meter = self._meter
        meter.set(process.RESIDENT, int(values[21]) * self._page)
        meter.set(process.CPU, (int(values[11]) + int(values[12])) / self._tick)
        meter.set(process.THREADS, int(values[17]))
        meter.set(process.BEGAN, _boot_time() + int(values[19]) / self._tick)
        meter.set(process.FILES, len(os.listdir("/proc/self/fd")))  # noqa: PTH208 - one of them is this look
        if self._folder is not None:
            with contextlib.suppress(OSError):  # the folder is not made yet
                disk = shutil.disk_usage(self._folder)
                meter.set(process.DISK_FREE, disk.free)
                meter.set(process.DISK_SIZE, disk.total)


def seconds_since_begin() -> float:
    """How long this process has been there."""
    values = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace")
    began = int(values.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    return max(0.0, uptime - began)


def _boot_time() -> float:
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0
