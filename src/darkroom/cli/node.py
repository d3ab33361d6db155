"""`darkroom node`: the process beside the cameras."""

import json
from pathlib import Path

import click

from darkroom.config import domain_config
from darkroom.errors import SpecError
from darkroom.model.identity import PublicIdentity


STATE = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder of this node: keys, database, footage.",
)
DOMAIN = click.option(
    "--domain",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="The domain's folder with domain.yaml, for instance domains/north.",
)
GATEWAY = click.option(
    "--gateway", required=True, metavar="URL", help="Address of the gateway."
)


@click.group()
def node() -> None:
    """The node of a domain: admits, runs and discloses what its owner approved."""


@node.command()
@STATE
@DOMAIN
@GATEWAY
@click.option(
    "--owner",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="The data owner's public identity, from `darkroom owner init --public`.",
)
@click.option(
    "--public",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write this domain's public identity here, for `darkroom owner pin`.",
)
def init(state: Path, domain: Path, gateway: str, owner: Path, public: Path | None) -> None:
    """Make the keys of a new domain and pin its owner."""
    from darkroom.bootstrap.node import initialise

    keyring = initialise(
        state,
        domain=domain_config(domain),
        gateway=gateway,
        owner=_identity(owner),
    )
    identity = keyring.identity
    if public is not None:
        public.write_text(json.dumps(identity.to_mapping(), indent=1))
    click.echo(f"{identity.name}: {identity.fingerprint}")
    if keyring.recovery_words:
        click.echo(
            f"Its keys lie in {state / 'keys.json'}. Keep a copy in a safe place: "
            "without them the domain needs a new name.",
            err=True,
        )


@node.command()
@STATE
@DOMAIN
@GATEWAY
def serve(state: Path, domain: Path, gateway: str) -> None:
    """Run the node until it is stopped."""
    from darkroom.bootstrap.node import serve as serve_node

    serve_node(
        state,
        domain=domain_config(domain),
        gateway=gateway,
        say=lambda line: click.echo(line),
    )


@node.command()
@STATE
def status(state: Path) -> None:
    """What the node holds and what it is doing."""
    from darkroom.bootstrap.node_status import print_status

    print_status(state)


def _identity(path: Path) -> PublicIdentity:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SpecError(
            f"{path} is not a public identity", next_step="export it again"
        ) from error
    if not isinstance(value, dict):
        raise SpecError(f"{path} is not a public identity", next_step="export it again")
    return PublicIdentity.from_mapping(value)
