"""A meter's cumulative counter in a file: the kernel's (RAPL, hwmon), or what a script writes.

Joules are counted where there is a meter, and never estimated where there is none.
"""

from pathlib import Path

from darkroom.errors import SpecError


MICRO = 1e-6
MAX_BYTES = 64
MAX_RANGE = "max_energy_range_uj"  # beside RAPL's counter: where it begins anew


class EnergyMeter:
    """Joules since it was opened.

    `energy_uj` (RAPL) and `energy…_input` (hwmon) count microjoules; any other file joules.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            SpecError: it is no counter that we may read.
        """
        self._path = path
        name = path.name
        kernels = name.endswith("_uj") or (name.startswith("energy") and name.endswith("_input"))
        self._unit = MICRO if kernels else 1.0
        try:
            self._last = self._read()
        except (OSError, ValueError) as error:
            raise SpecError(
                f"{path} is no energy counter that can be read here",
                next_step="name a file that holds one number, and let this user read it"
                " (root only by default: chmod 0444 for RAPL)",
            ) from error
        self._range = self._whole_range()
        self._total = 0.0

    def joules(self) -> float:
        """Counted so far. A counter that was set back goes on from where it stands."""
        try:
            now = self._read()
        except (OSError, ValueError):
            return self._total
        step = now - self._last
        if step < 0:
            step = step + self._range if self._range else 0.0
        self._total += max(0.0, step)
        self._last = now
        return self._total

    def _read(self) -> float:
        return _number(self._path) * self._unit

    def _whole_range(self) -> float:
        try:
            return _number(self._path.with_name(MAX_RANGE)) * self._unit
        except (OSError, ValueError):
            return 0.0


def _number(path: Path) -> float:
    with path.open("rb") as file:
        value = float(file.read(MAX_BYTES).decode("ascii"))
    if not 0.0 <= value < 1e18:  # noqa: PLR2004 - more joules than there are; also no NaN
        raise ValueError
    return value
