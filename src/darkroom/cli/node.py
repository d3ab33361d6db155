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
GATEWAY = click.option("--gateway", required=True, metavar="URL", help="Address of the gateway.")


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
        say=click.echo,
    )


@node.command()
@STATE
def status(state: Path) -> None:
    """What the node holds and what it is doing."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from darkroom.bootstrap.node_status import node_status

    found = node_status(state)
    fit = {True: "holds", False: "[red]does not hold: no job runs[/red]", None: "not probed yet"}
    policy = str(found.policy_version) if found.policy_version else "none: nothing is allowed"
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column()
    grid.add_row("node", "serving" if found.running else "not running")
    grid.add_row("owner", escape(found.owner))
    grid.add_row("gateway", escape(found.gateway))
    grid.add_row("policy", policy)
    grid.add_row("scientists", escape(", ".join(found.scientists) or "none enrolled"))
    for name, card in sorted(found.datasets.items()):
        cameras = f"{len(card.cameras)} cameras, {card.frames} frames"
        grid.add_row("dataset", escape(f"{name} {card.version[:19]} ({cameras})"))
    grid.add_row("isolation", fit[found.fit])
    for layer, what in sorted(found.isolation.items()):
        grid.add_row("", escape(f"{layer}: {what}"))
    grid.add_row("jobs", _counts(found.jobs))
    grid.add_row("outbox", _counts(found.waiting))
    for problem in found.problems:
        grid.add_row("put aside", escape(problem))
    Console().print(grid)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or "empty"


def _identity(path: Path) -> PublicIdentity:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SpecError(f"{path} is not a public identity", next_step="export it again") from error
    if not isinstance(value, dict):
        raise SpecError(f"{path} is not a public identity", next_step="export it again")
    return PublicIdentity.from_mapping(value)
