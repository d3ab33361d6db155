"""`darkroom owner override`: the owner's word that nothing ran, or that a gateway lost its store."""

import datetime as dt
import json
from pathlib import Path

import click

from darkroom.bootstrap.audit import read_heads
from darkroom.bootstrap.owner import believing, open_office
from darkroom.cli.owner_options import say_offline, state_option
from darkroom.errors import InputError
from darkroom.model.override import GATEWAY_LOST, NOTHING_RAN, PURPOSES, Override
from darkroom.model.tree_head import FIRST_EPOCH


_QUESTIONS = {
    GATEWAY_LOST: "Has the gateway lost its store, and does nobody hold a newer state?",
    NOTHING_RAN: "Did nothing run between the backup and the restore that opened epoch {said.epoch}?",
}
_MEANINGS = {
    GATEWAY_LOST: "that no newer state of it exists, whatever the gateway shows. No budget is "
    "opened by it.",
    NOTHING_RAN: "that nothing was charged or released between the backup and the restore that "
    "opened epoch\n{said.epoch}. It speaks for epoch {said.epoch} alone: what the restores of "
    "other epochs closed stays closed.",
}


@click.command()
@state_option
@click.argument("domain")
@click.option(
    "--because", "purpose", type=click.Choice(PURPOSES), required=True,
    help="What you know: it counts for nothing else.",
)  # fmt: skip
@click.option(
    "--epoch", type=click.IntRange(min=FIRST_EPOCH),
    help="The restore that you speak for (default: the last one).",
)  # fmt: skip
@click.option("--reason", default="", help="Why; it is kept in the domain's log.")
@click.option(
    "--head", "file", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A head to sign for, from the domain's machine (default: the one that it asked for).",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False),
    help="Write it here as override.signed.json for the domain's state folder; do not send it.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
def override(
    state: Path,
    domain: str,
    purpose: str,
    epoch: int | None,
    reason: str,
    file: Path | None,
    out: Path | None,
    yes: bool,  # noqa: FBT001  # click passes it
) -> None:
    """Say of DOMAIN's ledger what only you can know. One of two things, and never the other:

    \b
    gateway-lost              nobody holds a newer state; budgets stay as they are
    nothing-ran-since-backup  what a restore closed is open again; whatever had been
                              released since may be released a second time
    """
    with open_office(state) as office:
        if domain != office.desk.domain.name:
            raise InputError(
                f"these are the keys of the owner of {office.desk.domain.name}, not of {domain}",
                next_step="name the folder of your keys with --state",
            )
        word = believing(office)
        if file is None:
            head = word.asked()
        else:
            heads = (word.read(said) for said in read_heads(file))
            head = max(heads, key=lambda one: (one.epoch, one.size))
        said = word.overriding(head, purpose, epoch=epoch, reason=reason)
        _show(said)
        if not yes:
            click.confirm(_QUESTIONS[purpose].format(said=said), abort=True)
        body = word.sign(said, send=out is None)
        if out is None:
            say_offline(office.desk)
    if out is not None:
        out.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        click.echo(f"signed by you, in {out}: it goes into the domain's state folder")
    else:
        click.echo("signed by you and on its way to the domain")


def _show(said: Override) -> None:
    head = said.head
    at = dt.datetime.fromtimestamp(head.at, dt.UTC)
    click.echo(f"{head.domain}, epoch {head.epoch}, as of {at:%Y-%m-%d %H:%M} UTC")
    click.echo(f"  log     {head.size} entries, {head.root[:16]}")
    click.echo(f"  ledger  {head.ledger.number} entries, {head.ledger.chain[:16]}")
    click.echo("You would sign " + _MEANINGS[said.purpose].format(said=said))
