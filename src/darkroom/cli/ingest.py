"""`darkroom ingest`: footage or a synthetic world becomes a dataset version of a domain.

`darkroom ingest live` records cameras; nothing that only the other one needs is loaded for it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from darkroom.cli.ingest_live import live
from darkroom.cli.moment import moment
from darkroom.config import REPOSITORY, domain_config
from darkroom.errors import InputError
from darkroom.model.dataset import DatasetCard
from darkroom.model.domain_config import DatasetConfig, DomainConfig


if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from darkroom.node.footage_source import Polygon
    from darkroom.node.ingest import Ingested, IngestProgress


ROW = 1.0 / 30  # seconds; a bar that is redrawn more often only costs


class _Ingest(click.Command):
    """Takes sources, or the one word `live`. A source of that name is written ./live."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """The context of `ingest live …`, or of `ingest SOURCE…`."""
        if args[:1] == ["live"]:
            return live.make_context(f"{info_name} live", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


def _polygon(text: str) -> "tuple[str, Polygon]":
    camera, colon, points = text.partition(":")
    try:
        if not colon:
            raise ValueError
        polygon = [[int(edge) for edge in point.split(",", 1)] for point in points.split()]
        if any(len(point) != 2 for point in polygon):  # noqa: PLR2004
            raise ValueError
    except ValueError as error:
        raise InputError(
            f"{ascii(text)[:80]} is not a mask",
            next_step="write camera:x,y x,y x,y ..., as in 'cam-1:10,10 90,10 90,60'",
        ) from error
    return camera, polygon


def _configured(dataset: DatasetConfig, sandbox: Path | None) -> tuple[Path, ...]:
    """The source that `domain.yaml` names: as given, from the repository's root, or in the inbox."""
    if not dataset.source:
        return ()
    path = Path(dataset.source)
    places = [path, REPOSITORY / path]
    if sandbox is not None:
        from darkroom.bootstrap.ingest_in_pods import inbox_of

        places.append(inbox_of(sandbox) / path.name)
    return (next((place for place in places if place.exists()), places[-1]),)


@contextmanager
def _bar(console: "Console") -> "Iterator[Callable[[IngestProgress], None]]":
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:.0f}/{task.fields[of]} frames"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:

        def tell(now: "IngestProgress") -> None:
            if now.camera not in tasks:
                tasks[now.camera] = progress.add_task(
                    now.camera, total=now.expected or None, of="?", rate=""
                )
                progress.reset(tasks[now.camera], completed=now.resumed, total=now.expected or None)
            task = progress.tasks[tasks[now.camera]]
            seconds = task.elapsed or 0.0
            fresh = now.frames - now.resumed
            rate = f"{fresh / seconds:.0f} frames/s" if seconds > ROW and fresh else ""
            progress.update(
                tasks[now.camera],
                completed=now.frames,
                total=now.expected or None,
                of=now.expected or "?",
                rate=rate,
                refresh=True,
            )

        yield tell


def _say(console: "Console", done: "Ingested", card: DatasetCard) -> None:
    for warning in done.warnings:
        console.print(f"[yellow]warning:[/yellow] {warning}")
    cameras = ", ".join(
        f"{c.id} {c.width}x{c.height} at {c.fps:g} fps{' masked' if c.masked else ''}"
        for c in card.cameras
    )
    console.print(
        f"{card.domain}/{card.name}: {card.frames} frames "
        f"({card.split_frames['train']} train, {card.split_frames['test']} test), "
        f"annotations: {card.annotations}\n  {cameras}\n  {card.version}"
    )


@click.command(cls=_Ingest)
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--domain",
    "folder",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The domain's folder, such as domains/north.",
)
@click.option("--dataset", help="A dataset that domain.yaml names.")
@click.option("--all", "everything", is_flag=True, help="All that domain.yaml has sources for.")
@click.option(
    "--state",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The node's state folder.",
)
@click.option("--camera", "cameras", multiple=True, help="One for every SOURCE.")
@click.option(
    "--labels",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Boxes of a SOURCE: a COCO file or a folder of YOLO files.",
)
@click.option("--labels-format", type=click.Choice(["coco", "yolo"]), default="coco")
@click.option(
    "--mask", "masks", multiple=True, help="What is burnt out: 'cam-1:10,10 90,10 90,60'."
)
@click.option("--start", help="When the first frame was taken: 2026-06-01T12:00:00Z.")
@click.option("--fps", type=float, default=0.0, help="Frames a second, if the file does not say.")
@click.option(
    "--sandbox",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A sandbox.yaml: pods of this cluster decode. SOURCEs lie in /exchange/inbox.",
)
def ingest(
    sources: tuple[Path, ...],
    folder: Path,
    dataset: str | None,
    everything: bool,  # noqa: FBT001 - a flag of the command line
    state: Path,
    cameras: tuple[str, ...],
    labels: tuple[Path, ...],
    labels_format: str,
    masks: tuple[str, ...],
    start: str | None,
    fps: float,
    sandbox: Path | None,
) -> None:
    """Make a dataset version from video files, folders of pictures, or a world recipe.

    Pictures are decoded in the sandbox; masks are burnt in before the first write. Stopped
    anywhere, the same command goes on where it stopped. `darkroom ingest live` records cameras.
    """
    from rich.console import Console

    from darkroom.bootstrap.ingest import Request
    from darkroom.bootstrap.ingest import ingest as ingest_now

    domain = domain_config(folder)
    console = Console(highlight=False, stderr=True)
    drawn: dict[str, list[Polygon]] = {}
    for camera, polygon in map(_polygon, masks):
        drawn.setdefault(camera, []).append(polygon)
    for chosen in _chosen(domain, dataset, everything=everything):
        given = sources or _configured(chosen, sandbox)
        if not given:
            raise InputError(
                f"there is no source for {chosen.name}",
                next_step="name a video, a folder of pictures or a world recipe",
            )
        request = Request(
            dataset=chosen,
            sources=given,
            cameras=cameras,
            labels=labels,
            labels_format="yolo" if labels_format == "yolo" else "coco",
            masks=drawn,
            start=None if start is None else moment(start),
            fps=fps,
        )
        with _bar(console) as progress:
            done, card = ingest_now(
                request,
                domain=domain,
                state=state,
                progress=progress,
                sandbox=sandbox,
                say=console.print,
            )
        _say(console, done, card)
        click.echo(card.version)


def _chosen(
    domain: DomainConfig, dataset: str | None, *, everything: bool
) -> tuple[DatasetConfig, ...]:
    if everything == (dataset is not None):
        raise InputError("which dataset?", next_step="give either --dataset NAME or --all")
    if dataset is not None:
        return (domain.dataset(dataset),)
    return tuple(d for d in domain.datasets if d.source)
