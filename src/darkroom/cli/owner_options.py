"""Options and sentences that the owner's commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from darkroom.display.visible import visible
from darkroom.owner.desk import Desk


def _expand(_context: click.Context, _parameter: click.Parameter, value: Path) -> Path:
    return value.expanduser()


def state_option_of(what: str) -> Callable[[Any], Any]:
    """`--state DIRECTORY` with a data owner's folder as the default; the help says what it is."""
    return click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("~/.darkroom/owner"),
        show_default=True,
        callback=_expand,
        help=what,
    )


state_option = state_option_of("The folder with your keys.")


def say_offline(desk: Desk) -> None:
    """Say on standard error when the gateway is away; what was decided is kept."""
    if desk.mailroom.offline:
        click.secho(
            f"{visible(desk.mailroom.offline)}\n"
            "  what you said is kept and goes out with your next command or `owner watch`",
            fg="yellow",
            err=True,
        )
