"""`darkroom identity …`: key files and pins, whoever they belong to."""

import json
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
@_file
@click.option("--public", is_flag=True, help="Print the public identity as JSON, nothing else.")
def show(file: Path, public: bool) -> None:
    """Show the public half of a key file, or check a public identity's file."""
    found = (
        SycKeyring.load(file).identity
        if file.exists() and b'"jwks"' in file.read_bytes()[: 64 << 10]
        else read_public_identity(file)
    )
    if public:
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
