"""`darkroom audit …`: the log of a domain, shown, exported and checked."""

import datetime as dt
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from darkroom.cli.node import STATE


if TYPE_CHECKING:
    from darkroom.bootstrap.audit import Report
    from darkroom.policy.audit_check import Finding


_FILE = click.Path(path_type=Path, dir_okay=False)
_THERE = click.Path(path_type=Path, dir_okay=False, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.group()
def audit() -> None:
    """What ran, who allowed it, what left: the log of a domain."""


@audit.command()
@click.option("--state", type=_FOLDER, help="The state folder of a node.")
@click.option("--export", "exported", type=_THERE, help="A file that `audit export` wrote.")
@click.option(
    "--identity", "identities", type=_THERE, multiple=True,
    help="The domain's public identity, from its owner, with or without its hand-overs. Without "
    "it the log speaks for itself.",
)  # fmt: skip
@click.option("--heads", type=_THERE, multiple=True, help="What `audit heads` wrote.")
@click.option("--receipts", type=_FOLDER, help="A folder of receipts: each holds a signed head.")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
def verify(
    state: Path | None,
    exported: Path | None,
    identities: tuple[Path, ...],
    heads: tuple[Path, ...],
    receipts: Path | None,
    as_json: bool,  # noqa: FBT001  # click passes it
) -> None:
    """Check a log offline; exit code 1 and the first entry in doubt when it does not hold.

    Exit code 2 when no signed head vouches for any of it; with --identity that is 1, too.
    """
    from darkroom.bootstrap.audit import verify as do_verify
    from darkroom.bootstrap.receipts import read_known, together

    if (state is None) == (exported is None):
        raise click.UsageError("give either --state or --export")
    report = do_verify(
        state=state,
        exported=exported,
        known=together(map(read_known, identities)),
        heads=heads,
        receipts=receipts,
    )
    click.echo(_as_json(report)) if as_json else _say(report)
    if report.verdict.findings:
        sys.exit(1)
    if not report.verdict.vouched:
        sys.exit(2)


def _say(report: "Report") -> None:
    from darkroom.display.visible import visible

    verdict, name = report.verdict, visible(report.domain) or "this log"
    for finding in verdict.findings:
        click.secho(f"{name}: {visible(finding.what)}", fg="red")
    if verdict.findings:
        click.echo(f"  next: {_advice(verdict.findings)}")
    if not (verdict.findings or verdict.vouched):
        click.secho(f"{name}: {verdict.entries} entries, and nobody signed them", fg="yellow")
        click.echo("  next: ask the domain for an export with its heads, or for `audit heads`")
    elif not verdict.findings:
        click.secho(f"{name}: {verdict.entries} entries, whole and in order", fg="green")
        newer = verdict.entries - verdict.vouched
        click.echo(
            f"  {verdict.heads} signed heads vouch for the first {verdict.vouched}"
            + (f"; the {newer} after them by this file alone" if newer else "")
        )
    for fingerprint in report.signed_by:
        how = "as given" if report.pinned else "as the log says: compare it with the owner"
        click.echo(f"  signed by {fingerprint} ({how})")
    for note in verdict.notes:
        click.echo(f"  note: {visible(note)}")


def _advice(findings: Sequence["Finding"]) -> str:
    first = findings[0].entry  # 0: of what lies with the log
    doubt = (
        f"rely neither on entry {first} nor on what comes after it"
        if first
        else "do not rely on it"
    )
    return f"{doubt}; compare with heads and receipts that others hold (docs/audit.md)"


def _as_json(report: "Report") -> str:
    verdict = report.verdict
    return json.dumps(
        {
            "domain": report.domain,
            "entries": verdict.entries,
            "heads": verdict.heads,
            "vouched": verdict.vouched,
            "epoch": verdict.epoch,
            "signed_by": list(report.signed_by),
            "pinned": report.pinned,
            "findings": [{"entry": f.entry, "what": f.what} for f in verdict.findings],
            "notes": list(verdict.notes),
        }
    )


@audit.command()
@STATE
@click.argument("file", type=_FILE)
def export(state: Path, file: Path) -> None:
    """Write the log with its heads, ledger and policies to FILE, for an auditor."""
    from darkroom.bootstrap.audit_file import export as do_export

    count = do_export(state, file)
    click.echo(
        f"{count} entries in {file}; check them with `darkroom audit verify --export {file}`"
    )


@audit.command()
@STATE
@click.option("--job", default="", help="Of this job only.")
@click.option("--last", default=100, show_default=True, help="The newest so many; -1: all.")
def log(state: Path, job: str, last: int) -> None:
    """Show the log."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from darkroom.bootstrap.audit import entries_of
    from darkroom.display.audit_page import detail_words
    from darkroom.display.visible import visible

    table = Table("entry", "when", "what", "job", box=None)
    table.add_column("detail", overflow="fold")
    for entry in entries_of(state, job, last):
        when = dt.datetime.fromtimestamp(entry.at, dt.UTC)
        said = "erased" if entry.detail is None else detail_words(entry.detail)
        table.add_row(
            str(entry.number), f"{when:%Y-%m-%d %H:%M:%S}", Text(visible(entry.event)),
            Text(visible(entry.job_id[:8])), Text(said),
        )  # fmt: skip
    Console().print(table)


@audit.command()
@click.option("--gateway", required=True, metavar="URL", help="Address of the gateway.")
@click.option("--domain", required=True, help="Whose log, for instance north.")
@click.option(
    "--keys", type=_FOLDER, required=True,
    help="A folder with keys.json: anybody's who is registered at that gateway.",
)  # fmt: skip
@click.argument("file", type=_FILE)
def heads(gateway: str, domain: str, keys: Path, file: Path) -> None:
    """Write what the gateway was shown of a domain's log to FILE, for `audit verify --heads`."""
    from darkroom.bootstrap.audit import save_heads

    count, forks = save_heads(gateway, domain, keys, file)
    click.echo(f"{count} heads in {file}")
    if forks:
        click.secho(f"{forks} contradictions are among them: the log was forked", fg="red")


@audit.command()
@STATE
@click.argument("numbers", type=click.IntRange(min=1), nargs=-1, required=True)
@click.option("--by", required=True, help="Who erases.")
@click.option("--why", required=True, help="Why, for whoever reads the log later.")
def erase(state: Path, numbers: tuple[int, ...], by: str, why: str) -> None:
    """Erase what the entries NUMBERS say, for good; that it was done is an entry."""
    from darkroom.bootstrap.audit import erase as do_erase

    count = do_erase(state, numbers, by=by[:100], why=why[:500])
    click.echo(f"{count} erased; the log stays whole")
