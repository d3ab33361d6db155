"""How far jobs are: a live table in a notebook or terminal, one line a change elsewhere.

State only. What a job prints is an output like any other and stays behind the release.
"""

import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TextIO

from darkroom.display.grid import Code, Grid, to_html, to_text, visible
from darkroom.display.nouns import age, short
from darkroom.model.submitted import JobRow


Mode = Literal["auto", "table", "lines", "quiet"]
Headline = Callable[[JobRow], str]
_DOTS = {
    "released": "#2da44e", "rejected": "#cf222e", "withheld": "#cf222e", "failed": "#cf222e",
    "cancelled": "#8b949e", "screened": "#d29922", "produced": "#d29922", "running": "#0969da",
}  # fmt: skip


def state_grid(title: str, jobs: Sequence[JobRow], advice: Sequence[str], headline: Headline,
               now: float) -> Grid:  # fmt: skip
    """The table of a waiting submission."""
    return Grid(
        title=title,
        columns=("domain", "state", "for", "job digest"),
        rows=[
            (j.label, headline(j), age(now - j.submitted_at), short(j.request.job_digest))
            for j in jobs
        ],
        note="\n".join(advice),
    )


class Lines:
    """One line whenever a job's state changes: papermill, logs, pipes."""

    def __init__(self, title: str, headline: Headline, now: Callable[[], float],
                 out: TextIO | None = None) -> None:  # fmt: skip
        self._title = title
        self._headline = headline
        self._now = now
        self._out = out or sys.stdout
        self._said: dict[str, str] = {}
        self._advised: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        """Nothing to put back."""

    def show(self, jobs: Sequence[JobRow], advice: Sequence[str]) -> None:
        """Say what changed."""
        for job in jobs:
            text = self._headline(job)
            if self._said.get(job.label) != text:
                self._said[job.label] = text
                seconds = self._now() - job.submitted_at
                self._say(f"{self._title} · {job.label}: {text} ({age(seconds)})")
        for line in advice:
            if line not in self._advised:
                self._advised.add(line)
                self._say(f"  → {line}")

    def _say(self, line: str) -> None:
        self._out.write(visible(line, 1000) + "\n")
        self._out.flush()


class Quiet(Lines):
    """Says nothing."""

    def show(self, jobs: Sequence[JobRow], advice: Sequence[str]) -> None:
        """Do nothing."""
        del jobs, advice


class NotebookTable:
    """A table in the output of a cell that is replaced in place.

    Args:
        lines: also say each change on standard output, for who runs the notebook headlessly.
    """

    def __init__(self, title: str, headline: Headline, now: Callable[[], float],
                 lines: Lines | None = None) -> None:  # fmt: skip
        self._title = title
        self._headline = headline
        self._now = now
        self._lines = lines
        self._handle: Any = None
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        """The last table stays."""

    def show(self, jobs: Sequence[JobRow], advice: Sequence[str]) -> None:
        """Put the new table where the old one was."""
        from IPython import display as notebook

        if self._lines is not None:
            self._lines.show(jobs, advice)
        grid = state_grid(self._title, jobs, advice, self._headline, self._now())
        html = _with_dots(to_html(grid), jobs)
        if html == self._shown:
            return
        self._shown = html
        page: Any = notebook
        if self._handle is None:
            self._handle = page.display(page.HTML(html), display_id=True)
        else:
            self._handle.update(page.HTML(html))


class TerminalTable:
    """A live table in a terminal (rich)."""

    def __init__(self, title: str, headline: Headline, now: Callable[[], float]) -> None:
        from rich.live import Live

        self._title = title
        self._headline = headline
        self._now = now
        self._live = Live(refresh_per_second=4, transient=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self._live.__exit__(kind, error, trace)

    def show(self, jobs: Sequence[JobRow], advice: Sequence[str]) -> None:
        """Draw it again."""
        from rich.text import Text

        grid = state_grid(self._title, jobs, advice, self._headline, self._now())
        self._live.update(Text(to_text(grid)))


def choose_progress(
    mode: Mode, *, headline: Headline, now: Callable[[], float]
) -> Callable[[str], Any]:
    """The progress that fits where we are: notebook, terminal, or neither."""
    notebook, terminal = in_notebook(), sys.stdout.isatty()

    def make(title: str) -> Any:  # noqa: ANN401  # one of the classes above
        if mode == "quiet":
            return Quiet(title, headline, now)
        if notebook:
            lines = Lines(title, headline, now) if mode == "lines" else None
            return NotebookTable(title, headline, now, lines)
        if terminal and mode != "lines":
            return TerminalTable(title, headline, now)
        return Lines(title, headline, now)

    return make


def in_notebook() -> bool:
    """Whether there is a kernel that shows HTML."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _with_dots(html: str, jobs: Sequence[JobRow]) -> str:
    """A coloured dot in front of each state; the text says the same without it."""
    for job in jobs:
        colour = "#2da44e" if job.collected else _DOTS.get(job.state, "#8b949e")
        if job.problem:
            colour = "#cf222e"
        dot = f'<span style="color:{colour}">●</span> '
        before, sep, after = html.partition(f">{job.label}</td>")
        head, cell, rest = after.partition('top">')
        html = before + sep + head + cell + dot + rest
    return html


__all__ = ["Code", "Lines", "Mode", "NotebookTable", "Quiet", "TerminalTable", "choose_progress"]
