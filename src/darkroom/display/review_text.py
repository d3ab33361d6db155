"""The same sheet in a terminal, with nothing in it that a terminal would obey."""

import io

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from darkroom.display.sheet import Section, Sheet
from darkroom.display.visible import marks_note, texts_of, visible


_CHANGES = {"+": "green", "-": "red", "@": "dim"}


def print_sheet(sheet: Sheet, console: Console) -> None:
    """Print a sheet; only the commands may be wider than the terminal."""
    console.print(review_text(sheet), crop=False)


def review_text(sheet: Sheet) -> RenderableType:
    """A sheet for a rich console."""
    parts: list[RenderableType] = [Text(visible(sheet.title), style="bold")] if sheet.title else []
    if sheet.lead:
        parts.append(Text(visible(sheet.lead)))
    parts += [Text(f"! {visible(alert)}", style="yellow") for alert in sheet.alerts]
    for section in sheet.sections:
        parts += _section(section)
    return Group(*parts)


def plain_text(sheet: Sheet, width: int = 100) -> str:
    """A sheet as a string without colours."""
    console = Console(
        file=io.StringIO(),
        width=width,
        color_system=None,
        legacy_windows=False,
        force_jupyter=False,  # in a notebook rich would show it, not write it down
    )
    print_sheet(sheet, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _section(section: Section) -> list[RenderableType]:
    parts: list[RenderableType] = [
        Text(""),
        Rule(Text(visible(section.heading), style="bold"), align="left", style="dim"),
    ]
    if section.note:
        parts.append(Text(visible(section.note), style="dim"))
    marks = marks_note(texts_of(section))
    if marks:
        parts.append(Text(f"! {marks}", "yellow"))
    if section.rows:
        parts.append(_table(section))
    if section.lines:
        parts.append(_changes(section) if section.language == "diff" else _listing(section.lines))
    for what, line in section.commands:
        parts.append(Text(visible(what)))
        # One line however narrow the terminal: a command is copied.
        command = Text(f"  {visible(line)}", style="bold cyan", no_wrap=True, overflow="ignore")
        parts.append(command)
    return parts


def _table(section: Section) -> Table:
    table = Table(box=None, show_header=bool(section.columns), pad_edge=False, padding=(0, 2, 0, 0))
    width = len(section.columns) or max(len(row) for row in section.rows)
    for index in range(width):
        heading = Text(visible(section.columns[index])) if section.columns else ""
        style = "dim" if not section.columns and index == 0 else ""
        table.add_column(heading, overflow="fold", style=style)
    for row in section.rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    return table


def _changes(section: Section) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(overflow="fold")
    for line in section.lines:
        table.add_row(Text(visible(line, keep="\t"), style=_CHANGES.get(line[:1], "")))
    return table


def _listing(lines: tuple[str, ...]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for number, line in enumerate(lines, 1):
        table.add_row(str(number), Text(visible(line, keep="\t")))
    return table
