"""The rows of the threat model and of the PySyft table, and the mark of a test that plays one.

`attack("T4", "T29", control="on")`: the attack fails because the control stands.
`attack("T4", control="off")`: the same attack with the control taken away, and it works.
`attack("A3e", control="off")`: the same attack on the stock PySyft engine; for the few rows
that the engine stops, too, the test shows that.
"""

from dataclasses import dataclass
from typing import Any, Literal


ROWS = tuple(f"T{number}" for number in range(1, 31))
PYSYFT_ROWS = (
    "A1", "A1b", "A2", "A3", "A3b", "A3c", "A3d", "A3e", "A4", "A4b", "A5", "A6", "A6b", "A7",
    "A8", "A9", "A10", "A10b", "A11", "A12a", "A12b", "A12c", "A12d", "A13", "A14", "A15", "A16",
    "A17", "A17b", "A17c", "A18",
)  # fmt: skip
Control = Literal["on", "off"]
CONTROLS: tuple[Control, ...] = ("on", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What one test attacks.

    Attributes:
        rows: of one of the two tables, at least one.
        control: whether it is in place.
    """

    rows: tuple[str, ...]
    control: Control


def read_mark(rows: tuple[Any, ...], named: dict[str, Any]) -> Mark:
    """The arguments of an `attack` mark.

    Raises:
        ValueError: what is wrong with them.
    """
    if not rows:
        raise ValueError('it names no row: attack("T3", control="on")')
    for row in rows:
        if row not in ROWS + PYSYFT_ROWS:
            raise ValueError(
                f"{row!r} is no row of the threat model ({ROWS[0]} to {ROWS[-1]}), "
                f"nor of the PySyft table ({PYSYFT_ROWS[0]} to {PYSYFT_ROWS[-1]})"
            )
    if len(set(rows)) != len(rows):
        raise ValueError("it names a row twice")
    if named.keys() != {"control"} or named["control"] not in CONTROLS:
        raise ValueError('it takes control="on" or control="off" and nothing else')
    return Mark(rows=rows, control=named["control"])
