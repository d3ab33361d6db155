"""Options that every process with an operator has."""

from pathlib import Path
from typing import Any, Literal

import click

from darkroom.adapters.operations.server import Place, place_of


__all__ = ["Format", "Place", "energy_option", "operations_options"]

Format = Literal["text", "json"]


def _place(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Place | None:
    return place_of(value) if value else None


def operations_options(function: Any) -> Any:
    """`--operations HOST:PORT` and `--log-format text|json`."""
    function = click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Sentences for people, or one JSON object a line.",
    )(function)
    return click.option(
        "--operations",
        "place",
        metavar="HOST:PORT",
        callback=_place,
        help="Serve /metrics, /healthz and /readyz there, for the operator only.",
    )(function)


def energy_option(function: Any) -> Any:
    """`--energy-meter FILE`."""
    return click.option(
        "--energy-meter",
        "energy",
        type=click.Path(path_type=Path, dir_okay=False),
        help="A meter's cumulative counter (RAPL's energy_uj, hwmon, or joules in a file).",
    )(function)
