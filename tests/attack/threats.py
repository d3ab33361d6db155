"""The rows of the threat model, and the mark of a test that plays one of them.

`attack("T4", "T29", control="on")`: the attack fails because the control stands.
`attack("T4", control="off")`: the same attack with the control taken away, and it works.
"""

from dataclasses import dataclass
from typing import Any, Literal


ROWS = tuple(f"T{number}" for number in range(1, 31))
Control = Literal["on", "off"]
CONTROLS: tuple[Control, ...] = ("on", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What one test attacks.

    Attributes:
        rows: of the threat model, at least one.
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
        if row not in ROWS:
            raise ValueError(f"{row!r} is no row of the threat model ({ROWS[0]} to {ROWS[-1]})")
    if len(set(rows)) != len(rows):
        raise ValueError("it names a row twice")
    if named.keys() != {"control"} or named["control"] not in CONTROLS:
        raise ValueError('it takes control="on" or control="off" and nothing else')
    return Mark(rows=rows, control=named["control"])
