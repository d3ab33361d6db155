"""`darkroom node`: the process beside the cameras."""

import json
import sys
from pathlib import Path

import click

from darkroom.cli.operations_options import Format, Place, energy_option, operations_options
from darkroom.config import domain_config
from darkroom.errors import InputError, SpecError
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
@click.option(
    "--keys",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The key file, where it does not lie in the state folder.",
)
@click.option(
    "--secret",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The mounted Secret that the keys are copied from to --keys (on Kubernetes).",
)
def init(
    state: Path,
    domain: Path,
    gateway: str,
    owner: Path,
    public: Path | None,
    keys: Path | None,
    secret: Path | None,
) -> None:
    """Make the keys of a new domain and pin its owner."""
    from darkroom.bootstrap.node import initialise, leave_policy

    config = domain_config(domain)
    if secret is not None:
        from darkroom.bootstrap.node_secret import take_keys

        if keys is None:
            raise click.UsageError("--secret needs --keys: where to copy them to")
        take_keys(secret, keys, domain=config.domain, state=state)
    keyring = initialise(state, domain=config, gateway=gateway, owner=_identity(owner), keys=keys)
    leave_policy(domain, state)
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
@DOMAIN
@click.option("--namespace", help="Of the domain in the cluster; else darkroom-<id>.")
@click.option(
    "--public",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write this domain's public identity here, for `darkroom owner pin`.",
)
@click.option(
    "--keys",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Of these keys, and not of new ones.",
)
@click.option("--store", is_flag=True, help="The key of the edge object store, and nothing else.")
def secret(
    domain: Path,
    namespace: str | None,
    public: Path | None,
    keys: Path | None,
    store: bool,  # noqa: FBT001  # click passes it
) -> None:
    """Print the Secret of a node for `kubectl create -f -`: with new keys, once."""
    from darkroom.bootstrap import node_secret

    if sys.stdout.isatty():
        raise InputError(
            "this prints keys, and here a person and a scrollback read them",
            next_step="add `| kubectl create -f -`, or send it into a file of yours alone",
        )
    name = domain_config(domain).domain
    namespace = namespace or f"darkroom-{name}"
    if store:
        if keys or public:
            raise click.UsageError("--store is a Secret of its own: run the command twice")
        click.echo(
            node_secret.as_documents([node_secret.store_manifest(name, namespace)]), nl=False
        )
        return
    keyring, manifests = node_secret.written_down(name, namespace, keys)
    if public is not None:
        public.write_text(json.dumps(keyring.identity.to_mapping(), indent=1))
    click.echo(node_secret.as_documents(manifests), nl=False)
    click.echo(f"{keyring.identity.name}: {keyring.identity.fingerprint}", err=True)
    if keyring.recovery_words:
        click.echo("\nRecovery words. Write them down; they are not shown again:\n", err=True)
        click.echo(f"  {keyring.recovery_words}", err=True)


@node.command()
@STATE
@DOMAIN
@GATEWAY
@click.option(
    "--keys",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The key file, where it does not lie in the state folder.",
)
@click.option(
    "--sandbox",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A sandbox.yaml: jobs run in pods of this cluster.",
)
@operations_options
@energy_option
def serve(
    state: Path,
    domain: Path,
    gateway: str,
    keys: Path | None,
    sandbox: Path | None,
    place: Place | None,
    log_format: Format,
    energy: Path | None,
) -> None:
    """Run the node until it is stopped."""
    from darkroom.bootstrap.node import serve as serve_node
    from darkroom.bootstrap.operations import OperationsSettings

    serve_node(
        state,
        domain=domain_config(domain),
        gateway=gateway,
        say=click.echo,
        operations=OperationsSettings(
            process="node", place=place, log_format=log_format, energy=energy
        ),
        keys=keys,
        sandbox=sandbox,
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
    grid.add_row("epoch", str(found.epoch))
    if found.standing:
        grid.add_row("charged jobs", f"[red]wait: {escape(found.standing)}[/red]")
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
