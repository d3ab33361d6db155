"""`darkroom ingest live`: the cameras of a Pi are recorded, minute by minute."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from darkroom.cli.operations_options import Format, Place, energy_option, operations_options
from darkroom.config import domain_config


def _folder(name: str, text: str) -> Callable[[Any], Any]:
    return click.option(name, type=click.Path(path_type=Path, file_okay=False), help=text)


@click.command()
@click.option(
    "--domain",
    "folder",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The domain's folder, such as domains/north.",
)
@_folder("--state", "The node's state folder, when the node runs on this machine.")
@_folder("--footage", "This Pi's volume, when the node runs elsewhere.")
@_folder("--exchange", "The volume that this Pi and the node share.")
@click.option("--pi", default="pi", show_default=True, help="This Pi's name at the exchange.")
@click.option("--camera", "cameras", multiple=True, help="A camera of this Pi; none: all of them.")
@_folder("--credentials", "Folder of files with name:password, which cameras name.")
@energy_option
@operations_options
def live(
    folder: Path,
    state: Path | None,
    footage: Path | None,
    exchange: Path | None,
    pi: str,
    cameras: tuple[str, ...],
    credentials: Path | None,
    energy: Path | None,
    place: Place | None,
    log_format: Format,
) -> None:
    """Record the cameras that domain.yaml gives a url, folder or device, until stopped.

    Each camera is decoded in a process of its own, and its masks are burnt in there. Finished
    minutes survive any end; every so often, and as it stops, they become a dataset version.
    The oldest footage is erased before the disk is full.
    """
    from darkroom.bootstrap.live_ingest import LivePlace, record
    from darkroom.bootstrap.operations import OperationsSettings

    record(
        domain_config(folder),
        LivePlace(
            state=state,
            footage=footage,
            exchange=exchange,
            pi=pi,
            cameras=cameras,
            credentials=credentials,
        ),
        say=click.echo,
        operations=OperationsSettings(
            process="ingest", place=place, log_format=log_format, energy=energy
        ),
    )
