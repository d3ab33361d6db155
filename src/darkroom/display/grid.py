"""A table with a title, as HTML in a notebook and as plain text elsewhere.

Everything that goes in counts as foreign: it is escaped, and characters that would change
how the rest reads (control, bidirectional, invisible ones) are shown by their code.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.display.visible import visible as written_out


MAX_CELL = 400
MAX_LINK = 2000
MAX_ROWS = 200

_TABLE = "border-collapse:collapse;font-size:13px;margin:4px 0 2px;text-align:left"
_HEAD = (
    "padding:4px 14px 4px 0;border-bottom:1.5px solid rgba(128,128,128,.6);"
    "text-align:{side};font-weight:600;vertical-align:bottom"
)
_CELL = (
    "padding:4px 14px 4px 0;border-bottom:1px solid rgba(128,128,128,.22);"
    "text-align:{side};vertical-align:top"
)
_TITLE = "font-size:14px;font-weight:600;margin:6px 0 0"
_NOTE = "font-size:12px;opacity:.75;margin:2px 0 8px;white-space:pre-line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What to show.

    Attributes:
        title: above the table.
        columns: head of each column; all empty for a list of facts.
        rows: cells of any type; numbers are aligned to the right.
        note: below the table.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str = ""


class Code(str):
    """A cell in fixed-width type: a digest, a command."""

    __slots__ = ()


class Link(str):
    """A cell with an address that can be clicked; only http and https."""

    __slots__ = ()


def visible(text: str, most: int = MAX_CELL) -> str:
    """Text with nothing hidden in it, cut to a length; line breaks stay."""
    return written_out(text[:most], keep="\n") + ("…" if len(text) > most else "")


def words(value: object) -> str:
    """A cell as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return visible(str(value))


def to_html(grid: Grid) -> str:
    """HTML without script, style sheet or link; safe to put into any page."""
    sides = [_side(grid, n) for n in range(_width(grid))]
    parts = [f'<div style="{_TITLE}">{escape(grid.title)}</div>'] if grid.title else []
    parts.append(f'<table style="{_TABLE}">')
    if any(grid.columns):
        parts.append("<thead><tr>")
        parts += [
            f'<th style="{_HEAD.format(side=side)}">{escape(head)}</th>'
            for head, side in zip(grid.columns, sides, strict=True)
        ]
        parts.append("</tr></thead>")
    parts.append("<tbody>")
    for row in grid.rows[:MAX_ROWS]:
        cells = (
            f'<td style="{_CELL.format(side=side)}">{_cell(value)}</td>'
            for value, side in zip(row, sides, strict=True)
        )
        parts.append(f"<tr>{''.join(cells)}</tr>")
    parts.append("</tbody></table>")
    note = _note(grid)
    if note:
        parts.append(f'<div style="{_NOTE}">{escape(note, 4 * MAX_CELL)}</div>')
    return "".join(parts)


def to_text(grid: Grid) -> str:
    """Plain text with aligned columns."""
    sides = [_side(grid, n) for n in range(_width(grid))]
    table = [[*map(words, grid.columns)]] if any(grid.columns) else []
    table += [[words(v).replace("\n", " ") for v in row] for row in grid.rows[:MAX_ROWS]]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [visible(grid.title)] if grid.title else []
    for row in table:
        cells = (
            cell.rjust(width) if side == "right" else cell.ljust(width)
            for cell, width, side in zip(row, widths, sides, strict=True)
        )
        lines.append("  " + "  ".join(cells).rstrip())
    if any(grid.columns) and table:
        at = 1 if grid.title else 0
        lines.insert(at + 1, "  " + "  ".join("─" * width for width in widths))
    note = _note(grid)
    if note:
        lines += ["  " + line for line in visible(note, 4 * MAX_CELL).splitlines()]
    return "\n".join(lines)


def escape(value: object, most: int = MAX_CELL) -> str:
    """Text that is safe inside HTML."""
    return html.escape(visible(str(value), most), quote=True)


def _cell(value: object) -> str:
    if isinstance(value, Code):
        return f'<code style="font-size:12px">{escape(value)}</code>'
    if isinstance(value, Link) and value.startswith(("http://", "https://")):
        shown = escape(value, MAX_LINK)
        return f'<a href="{shown}" rel="noopener noreferrer" target="_blank">{shown}</a>'
    return html.escape(words(value), quote=True).replace("\n", "<br>")


def _note(grid: Grid) -> str:
    more = len(grid.rows) - MAX_ROWS
    return "\n".join(filter(None, [grid.note, f"… and {more:,} more rows" if more > 0 else ""]))


def _width(grid: Grid) -> int:
    return len(grid.columns)


def _side(grid: Grid, column: int) -> str:
    values = [row[column] for row in grid.rows if row[column] is not None]
    number = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return "right" if values and number else "left"
