"""`darkroom forget`: minutes of a camera go for good, and what was made from them is marked."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from darkroom.cli.moment import moment
from darkroom.cli.node import DOMAIN, STATE
from darkroom.config import domain_config


if TYPE_CHECKING:
    from darkroom.node.forget import Preview


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@STATE
@DOMAIN
@click.option("--camera", required=True, help="Whose frames.")
@click.option(
    "--from",
    "since",
    required=True,
    metavar="TIME",
    help="Its begin, ISO 8601: 2026-06-01T12:00:00Z or …+02:00; no zone: UTC.",
)
@click.option(
    "--to",
    "until",
    required=True,
    metavar="TIME",
    help="Its end, written likewise; it is over by now.",
)
@click.option("--dataset", default="", help="Of this dataset only; by default of all.")
@click.option("--reason", default="", help="Told to everybody who holds a result of it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", default=120.0, show_default=True, help="Seconds to wait for its end.")
@click.option("--keys", type=_FILE, help="The key file, where it is not in the state folder.")
@click.option("--sandbox", type=_FILE, help="A sandbox.yaml, where several Pis have footage.")
def forget(
    state: Path,
    domain: Path,
    camera: str,
    since: str,
    until: str,
    dataset: str,
    reason: str,
    yes: bool,  # noqa: FBT001  # click passes it
    wait: float,
    keys: Path | None,
    sandbox: Path | None,
) -> None:
    """Erase what a camera recorded between two moments.

    Whole minutes go, from every version. What is left of each version becomes a new one. Every release that may have read the
    frames is marked as stale, at whoever holds it. This cannot be undone, and it stands: the
    same footage is cut again when it comes back. Exit code 1 while something is left to do.
    """
    from darkroom.bootstrap.forget import ForgetDesk, Place, order_of

    place = Place(state=state, domain=domain_config(domain), keys=keys, sandbox=sandbox)
    order = order_of(
        place, camera=camera, since=moment(since), until=moment(until), dataset=dataset, words=reason
    )  # fmt: skip
    with contextlib.closing(ForgetDesk(place, say=click.echo)) as desk:
        _show(desk.preview(order), camera)
        if not yes:
            click.confirm("Forget it, for good?", abort=True)
        if dropped := desk.order(order):
            click.echo(f"{dropped} unfinished ingests were dropped")
        click.echo("ordered: from now on no job reads it")
        if desk.carry_out(wait):
            click.secho("done: nothing of it is left in this domain's footage", fg="green")
            click.echo("  the recordings that it was ingested from are yours: erase them, too")
            return
    click.secho("not done yet: the node, or a Pi that is away, goes on with it", fg="yellow")
    sys.exit(1)


def _show(found: "Preview", camera: str) -> None:
    click.echo(f"{camera}: {found.frames} frames in {found.minutes} minutes, erased whole")
    for name, version in found.versions:
        click.echo(f"  {name}: version {version[:19]}… loses them, and is erased")
    for name, version in found.gone:
        click.echo(f"  {name}: version {version[:19]}…, erased before, may have had some")
    click.echo(f"  {found.jobs} jobs are stopped, {found.releases} releases become stale")
