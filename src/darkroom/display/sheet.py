"""What the renderers of this package accept: a sheet of facts, whoever made it.

A sheet is data. The page, the terminal and the notebook all write down the same sheet, so
that none of them can leave out what another one shows.
"""

from typing import Protocol


class Section(Protocol):
    """One part of a sheet. Empty fields are not drawn."""

    @property
    def heading(self) -> str:
        """What it is about."""
        ...

    @property
    def note(self) -> str:
        """One sentence below the heading."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Headings of the rows; none for pairs of label and value."""
        ...

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """Facts."""
        ...

    @property
    def lines(self) -> tuple[str, ...]:
        """Lines of a file, to be numbered from 1; of a difference, without numbers."""
        ...

    @property
    def language(self) -> str:
        """`python`, `diff` for a unified difference, or "" for plain text."""
        ...

    @property
    def commands(self) -> tuple[tuple[str, str], ...]:
        """(what it does, command line) to copy."""
        ...


class Sheet(Protocol):
    """One thing to decide on, or a list of them."""

    @property
    def title(self) -> str:
        """What it is."""
        ...

    @property
    def lead(self) -> str:
        """What is asked, in a sentence or two."""
        ...

    @property
    def alerts(self) -> tuple[str, ...]:
        """What to look at first."""
        ...

    @property
    def sections(self) -> "tuple[Section, ...]":
        """The facts."""
        ...
