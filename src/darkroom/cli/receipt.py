"""`darkroom receipt verify | show | export`, `darkroom lineage`: offline, for scientists and auditors."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from darkroom import config
from darkroom.errors import InputError, SpecError, TrustError


if TYPE_CHECKING:
    from darkroom.model.receipt import Receipt


WIDE = 500  # digests are whole, however narrow the terminal is
DIGEST = re.compile(r"(sha256:)?[0-9a-f]{64}")
_files = click.Path(path_type=Path, dir_okay=False, exists=True)
_folder = click.Path(path_type=Path, file_okay=False, exists=True)
_home = click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False),
    help="A scientist's home, for its pins and receipts; DARKROOM_HOME or ~/.darkroom by default.",
)  # fmt: skip
_identity = click.option(
    "--identity", "identities", multiple=True, type=_files,
    help="A public identity that you believe, of a domain or a person; any number.",
)  # fmt: skip
_policy = click.option(
    "--policy", "policies", multiple=True, type=_files,
    help="A signed policy, to check the owner's signature on it; any number.",
)  # fmt: skip


@click.group()
def receipt() -> None:
    """Who asked, who allowed it, on what, what left, what it cost."""


@receipt.command()
@click.argument("files", nargs=-1, required=True, type=_files)
@_identity
@_policy
@click.option("--outputs", type=_folder, help="Compare the files in this folder with what left.")
@_home
def verify(
    files: tuple[Path, ...],
    identities: tuple[Path, ...],
    policies: tuple[Path, ...],
    outputs: Path | None,
    home: Path | None,
) -> None:
    """Check receipts, offline: every signature, the audit log, the files that left.

    Whom you believe comes from your home and from --identity. Ends with 1 where something does
    not hold, and says what first.
    """
    from darkroom.bootstrap.receipts import gather, read_file, require_files

    place = _place(home)
    evidence = gather(home=place, identities=identities, policies=policies)
    failed = False
    for path in files:
        click.secho(str(path), bold=True)
        try:
            kept = read_file(path, home=place)
            proven = evidence.prove(kept)
            grounds = {name: found.ground for name, found in proven.people.items()}
            grounds[kept.receipt.domain] = proven.domain.ground
            _say(kept.receipt, grounds, policy_signed=proven.policy_owner is not None)
            if outputs is not None:
                there, missing = require_files(kept.receipt, outputs)
                click.echo(f"  {'files':<12} {', '.join(there)}: the very bytes that left")
                if missing:
                    click.echo(f"  {'':<12} not there: {', '.join(missing)}")
        except (TrustError, SpecError) as error:
            failed = True
            click.secho(f"  does not hold: {_visible(error.message)}", fg="red")
            click.echo(f"  next: {_visible(error.next_step)}")
            continue
        click.secho("  holds", fg="green")
    if failed:
        sys.exit(1)


@receipt.command()
@click.argument("what")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write files there.")
@_home
def show(what: str, out: Path | None, home: Path | None) -> None:
    """Show the receipt in a file, or those of a submission, job or run kept in your home.

    Nothing is checked: `receipt verify` does that.
    """
    from darkroom.bootstrap.receipts import of_home, read_file, select
    from darkroom.model.dsse import envelope_bytes

    place = _place(home)
    if Path(what).is_file():
        found = [read_file(Path(what)).receipt]
    else:
        found = select(what, [kept.receipt for kept in of_home(place)] if place else [], place)
    for each in found:
        _say(each, {}, policy_signed=False)
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            target = out / f"{each.domain}-{each.asked.job_id[:8]}.receipt.json"
            target.write_bytes(envelope_bytes(each.statement))
            click.echo(f"  wrote {target}")
        click.echo()


@receipt.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_home
def export(folder: Path, home: Path | None) -> None:
    """Write every receipt in your home into FOLDER, for an auditor. No results, no keys."""
    from darkroom.bootstrap.receipts import of_home
    from darkroom.model.dsse import envelope_bytes

    place = _place(home)
    kept = of_home(place) if place else []
    folder.mkdir(parents=True, exist_ok=True)
    for each in kept:
        item = each.receipt
        name = f"{item.domain}-{item.asked.name}-{item.asked.job_id[:8]}.receipt.json"
        (folder / name).write_bytes(envelope_bytes(item.statement))
    click.echo(f"{len(kept)} receipts in {folder}")


@click.command()
@click.argument("what")
@click.option("--receipts", "folder", type=_folder, help="Use the receipts in this folder, too.")
@_identity
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@_home
def lineage(
    what: str,
    folder: Path | None,
    identities: tuple[Path, ...],
    as_json: bool,  # noqa: FBT001  # click passes it
    home: Path | None,
) -> None:
    """Trace a result back to footage, code and approvals, offline.

    WHAT is a file that was released, its sha256, a submission, job or run (its id, or the first
    eight digits), or a model as your run log registered it (detector/3). Only receipts that
    hold are used; ends with 1 where one does not.
    """
    from darkroom.bootstrap.receipts import (
        file_digest,
        gather,
        of_folder,
        of_home,
        proven,
        select,
        stale_of,
    )
    from darkroom.model.lineage import Lineage

    place = _place(home)
    kept = of_home(place) if place else []
    broken: list[tuple[str, str]] = []
    if folder is not None:
        more, broken = of_folder(folder)
        kept += more
    good, bad = proven(gather(home=place, identities=identities), kept)
    made = Lineage(good)
    if Path(what).is_file() or DIGEST.fullmatch(what):
        sha256 = file_digest(Path(what)) if Path(what).is_file() else _whole(what)
        title, origins = f"{what} {sha256}" if sha256 != what else what, made.of(sha256)
        if not origins and not DIGEST.fullmatch(what):
            raise InputError(
                f"no receipt here names {what[:200]} ({sha256})",
                next_step="give --receipts, or the very file that was released",
            )
        if not origins:
            origins = made.of_receipts(select(what, good, place))
    else:
        title, origins = what, made.of_receipts(select(what, good, place))
    refused = [*broken, *bad]
    known = stale_of(place)
    stale = {job: known[job] for job in made.jobs(origins) if job in known}
    if as_json:
        told = [{"file": source, "why": why} for source, why in refused]
        tree = [origin.to_mapping() for origin in origins]
        click.echo(
            json.dumps({"of": title, "releases": tree, "stale": stale, "refused": told}, indent=1)
        )
    else:
        from rich.console import Console

        from darkroom.display.receipt_page import lineage_tree

        Console(width=WIDE).print(lineage_tree(title, origins))
        for job, why in stale.items():
            click.secho(f"STALE: what job {job[:8]} released: {_visible(why)}", fg="red")
        _say_refused(refused)
    if refused:
        sys.exit(1)


def _say_refused(refused: Sequence[tuple[str, str]]) -> None:
    for source, why in refused:
        click.secho(f"not used: {_visible(source)}: {_visible(why)}", fg="red", err=True)


def _whole(what: str) -> str:
    return what if what.startswith("sha256:") else f"sha256:{what}"


def _place(home: Path | None) -> Path | None:
    """The home that was named; the usual one where there is one."""
    if home is not None:
        if not home.is_dir():
            raise InputError(f"there is no folder {home}", next_step="check --home")
        return home
    usual = config.scientist_home()
    return usual if usual.is_dir() else None


def _say(item: "Receipt", grounds: Mapping[str, str], *, policy_signed: bool) -> None:
    from darkroom.display.receipt_page import receipt_words

    for label, words in receipt_words(item, grounds, policy_signed=policy_signed):
        click.echo(f"  {label:<12} {words}")


def _visible(text: str) -> str:
    from darkroom.display.visible import visible

    return visible(text)
