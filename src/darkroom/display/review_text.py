"""The same sheet in a terminal, with nothing in it that a terminal would obey."""

import io

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from darkroom.display.sheet import Section, Sheet
from darkroom.display.visible import marked, visible


def review_text(sheet: Sheet) -> RenderableType:
    """A sheet for `rich.print`."""
    parts: list[RenderableType] = [Text(visible(sheet.title), style="bold")]
    if sheet.lead:
        parts.append(Text(visible(sheet.lead, keep="\n")))
    parts += [Text(f"! {visible(alert)}", style="yellow") for alert in sheet.alerts]
    for section in sheet.sections:
        parts += _section(section)
    return Group(*parts)


def plain_text(sheet: Sheet, width: int = 100) -> str:
    """A sheet as a string without colours."""
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(review_text(sheet))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _section(section: Section) -> list[RenderableType]:
    parts: list[RenderableType] = [
        Text(""),
        Rule(Text(visible(section.heading), style="bold"), align="left", style="dim"),
    ]
    if section.note:
        parts.append(Text(visible(section.note), style="dim"))
    texts = [*section.lines, *(cell for row in section.rows for cell in row)]
    count = sum(marked(text, keep="\t\n") for text in texts)
    if count:
        parts.append(
            Text(f"! {count} hidden or look-alike characters, written out as U+…", "yellow")
        )
    if section.rows:
        parts.append(_table(section))
    if section.lines:
        parts.append(_listing(section.lines))
    for what, line in section.commands:
        parts.append(Text(visible(what)))
        # Not folded by rich: a command is copied as one line.
        parts.append(Padding(Text(visible(line), style="bold cyan", overflow="fold"), (0, 0, 0, 2)))
    return parts


def _table(section: Section) -> Table:
    table = Table(box=None, show_header=bool(section.columns), pad_edge=False, padding=(0, 2, 0, 0))
    width = len(section.columns) or max(len(row) for row in section.rows)
    for index in range(width):
        heading = Text(visible(section.columns[index])) if section.columns else ""
        style = "dim" if not section.columns and index == 0 else ""
        table.add_column(heading, overflow="fold", style=style)
    for row in section.rows:
        table.add_row(*(Text(visible(cell, keep="\n")) for cell in row))
    return table


def _listing(lines: tuple[str, ...]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for number, line in enumerate(lines, 1):
        table.add_row(str(number), Text(visible(line, keep="\t")))
    return table
