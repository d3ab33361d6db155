"""`darkroom identity …`: key files and pins, whoever they belong to."""

import json
import sys
from pathlib import Path

import click

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.pins import SqlitePins
from darkroom.bootstrap.owner import read_public_identity
from darkroom.model.identity import ROLES, PublicIdentity, Role


_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_name = click.option("--name", required=True, help="Name on the wire, for instance alice.")
_role = click.option("--role", required=True, type=click.Choice(ROLES))
_hosted = click.option("--hosted", is_flag=True, help="The keys lie on the Hub.")


@click.group()
def identity() -> None:
    """Key files, fingerprints and pins."""


@identity.command()
@_file
@_name
@_role
@_hosted
def init(file: Path, name: str, role: Role, hosted: bool) -> None:
    """Make keys, written to FILE for you alone."""
    keyring = SycKeyring.generate(name, role, hosted=hosted)
    keyring.save(file)
    _describe(keyring.identity)
    click.echo("\nRecovery words. Write them down; they are not shown again:\n")
    click.echo(f"  {keyring.recovery_words}")


@identity.command()
@_file
@_name
@_role
@_hosted
@click.option("--words", prompt="Recovery words", hide_input=True, help="Asked for when left out.")
def recover(file: Path, name: str, role: Role, hosted: bool, words: str) -> None:
    """Make a lost key file again from its recovery words."""
    keyring = SycKeyring.recover(words, name, role, hosted=hosted)
    keyring.save(file)
    _describe(keyring.identity)


@identity.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--yes", is_flag=True, help="Do not ask whether the words are written down.")
def rotate(folder: Path, yes: bool) -> None:  # noqa: FBT001  # click passes it
    """Give the identity in FOLDER new keys, signed over with the old ones.

    FOLDER is a scientist's home, a data owner's or reviewer's state, or the state of a node
    that is stopped. Everybody who has pinned you follows by themselves. Cut off anywhere, it
    is finished by the same command. Other programs of yours on FOLDER must be started again.
    """
    from darkroom.bootstrap.rotation import rotate as do_rotate

    def show(old: PublicIdentity, new: PublicIdentity, words: str) -> None:
        _describe(old)
        click.echo("will be followed by")
        _describe(new)
        click.echo("\nNew recovery words; the old ones bring back nothing that counts any more.")
        click.echo("Write them down; they are not shown again:\n")
        click.echo(f"  {words}\n")
        sys.stdout.flush()
        if not yes:
            click.confirm("Are they written down?", abort=True)

    done = do_rotate(folder, show)
    if done.resumed:
        click.echo("the rotation that was cut off is finished; its words were shown then")
    click.echo(f"in force: {done.identity.fingerprint}")
    click.echo(f"told by letter: {', '.join(done.told) or 'nobody is pinned here'}")
    if done.identity.role == "domain":
        click.echo("invitations that nobody has used yet are void: let the owner invite again")
    if done.identity.role == "owner":
        click.echo(
            "a reviewer votes again once the data owner signs a policy with the new fingerprint"
        )
    if done.note:
        click.echo(done.note, err=True)


@identity.command()
@_file
@click.option("--public", is_flag=True, help="Print the public identity as JSON, nothing else.")
@click.option(
    "--handovers", is_flag=True, help="With --public: and how these keys came from former ones."
)
def show(file: Path, public: bool, handovers: bool) -> None:
    """Show the public half of a key file, or check a public identity's file."""
    keyring = (
        SycKeyring.load(file)
        if file.exists() and b'"jwks"' in file.read_bytes()[: 64 << 10]
        else None
    )
    found = keyring.identity if keyring else read_public_identity(file)
    if handovers:
        if not public or keyring is None:
            raise click.UsageError("--handovers goes with --public, for a key file")
        links = [link.to_mapping() for link in keyring.handovers]
        click.echo(json.dumps({"identity": found.to_mapping(), "handovers": links}, indent=1))
    elif public:
        click.echo(json.dumps(found.to_mapping(), indent=1))
    else:
        _describe(found)


@identity.command()
@_file
def pins(file: Path) -> None:
    """List whom a pins file knows, with fingerprints."""
    _require(file)
    store = SqlitePins(file)
    for name in store.names():
        found = store.get(name)
        if found is not None:
            _describe(found)
        for past in store.former(name):
            click.echo(f"  before      {past.identity.fingerprint}")
    store.close()


@identity.command()
@_file
@click.argument("name")
def unpin(file: Path, name: str) -> None:
    """Forget a pinned key, after you spoke with its owner about the new one."""
    _require(file)
    store = SqlitePins(file)
    found = store.get(name)
    if found is None:
        store.close()
        raise click.ClickException(f"no {name} is pinned in {file}")
    _describe(found)
    store.unpin(name)
    store.close()
    click.echo("forgotten")


def _describe(found: PublicIdentity) -> None:
    hosted = ", keys on the Hub" if found.hosted else ""
    click.echo(f"{found.name} ({found.role}{hosted})\n  fingerprint {found.fingerprint}")


def _require(file: Path) -> None:
    if not file.is_file():
        raise click.ClickException(f"there is no pins file at {file}")
