"""`darkroom backup` and `darkroom restore`: the memory of a node, kept and brought back."""

from pathlib import Path

import click

from darkroom.cli.node import STATE
from darkroom.errors import InputError, TrustError
from darkroom.model.identity import PublicIdentity


_FILE = click.Path(path_type=Path, dir_okay=False)
_THERE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@STATE
@click.option(
    "--keys", type=_THERE, help="The key file, where it does not lie in the state folder."
)
@click.option("--with-keys", is_flag=True, help="Put the keys in: then the file is the domain.")
@click.argument("file", type=_FILE)
def backup(state: Path, keys: Path | None, with_keys: bool, file: Path) -> None:  # noqa: FBT001
    """Write the memory of a node to FILE, while it runs. Footage is never in it."""
    from darkroom.bootstrap.backup import backup as do_backup

    done = do_backup(state, file, keys=keys, with_keys=with_keys)
    click.echo(
        f"{done.domain}: {done.entries} entries of the log, epoch {done.epoch}, "
        f"{done.size / (1 << 20):.1f} MiB in {file}"
    )
    if with_keys:
        click.echo("Its keys are in it: keep it where you would keep them.", err=True)
    else:
        click.echo("Its keys are not in it: keep a copy of them elsewhere.", err=True)


@click.command()
@STATE
@click.option("--keys", type=_THERE, help="The domain's key file, where it is not in FILE.")
@click.option(
    "--fingerprint",
    help="The domain's, as its owner has it pinned; asked for where the keys come from FILE.",
)
@click.option(
    "--heads", type=_THERE, multiple=True,
    help="What `darkroom audit heads` wrote: what the gateway was shown since the backup.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask; the recovery words go to standard error.")
@click.argument("file", type=_THERE)
def restore(
    state: Path,
    keys: Path | None,
    fingerprint: str | None,
    heads: tuple[Path, ...],
    yes: bool,  # noqa: FBT001  # click passes it
    file: Path,
) -> None:
    """Make a new state folder out of a backup, with new keys.

    It opens a new epoch: open jobs end, what is left of the running budget periods counts as spent, and letters to
    the old keys are not opened. The old state must never run again.
    """
    from darkroom.bootstrap.restore import restore as do_restore

    if keys is None and fingerprint is None and yes:
        raise InputError(
            "the keys in a backup say themselves whose they are",
            next_step="name the domain's --fingerprint (`darkroom owner show`), or give --keys",
        )

    def show(before: PublicIdentity, after: PublicIdentity, words: str) -> None:
        known = fingerprint
        if known is None and keys is None:
            click.echo(f"{before.name}: its keys come from the backup itself.", err=True)
            known = click.prompt("Fingerprint of the domain (`darkroom owner show`)", err=True)
        if known is not None and known.strip() != before.fingerprint:
            raise TrustError(
                f"the fingerprint is not that of the keys of this {before.name}",
                next_step="nothing was restored; look where the backup comes from",
            )
        click.echo(f"{before.name} gets new keys\n  before {before.fingerprint}", err=True)
        click.echo(f"  after  {after.fingerprint}\n", err=True)
        click.echo("Recovery words. Write them down; they are not shown again:\n", err=True)
        click.echo(f"  {words}\n", err=True)
        if not yes:
            click.confirm("Are they written down, and will the old state never run again?",
                          abort=True, err=True)  # fmt: skip

    done = do_restore(file, state, show=show, keys=keys, heads=heads)
    opened = done.opened
    click.echo(f"{done.identity.name} is restored in {state}, epoch {opened.number}")
    click.echo(f"  fingerprint {done.identity.fingerprint}")
    click.echo(f"  {opened.ended} open jobs ended; their submitters and the owner are told")
    click.echo(
        f"  policy {opened.policy} is in force" if opened.policy else "  no policy is in force"
    )
    if done.lost:
        click.echo(f"  {done.lost} entries of the log were shown since and are lost")
    click.echo("  what was left of the running budget periods counts as spent")
    if done.note:
        click.secho(f"  {done.note}", fg="yellow")
    click.echo(
        "Start it with `darkroom node serve`. If nothing ran since the backup, its owner may say "
        f"so: `darkroom owner override {done.identity.name} --because nothing-ran-since-backup`"
    )
