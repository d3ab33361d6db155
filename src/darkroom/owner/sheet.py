"""The view model: what the owner is shown, as data. `display` writes it down."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a sheet; see `darkroom.display.sheet.Section` for the fields."""

    heading: str
    note: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[str, ...] = ()
    language: str = ""
    commands: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One thing to decide on, or a list of them."""

    title: str
    lead: str = ""
    alerts: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
