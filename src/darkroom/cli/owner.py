"""What a data owner types: `darkroom owner | review | release | identity`."""

import json
import signal
import sys
import threading
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from darkroom.bootstrap.operations import Operations, OperationsSettings, operating
from darkroom.bootstrap.owner import (
    init_owner,
    open_office,
    owner_identity,
    pin_domain,
    pinned_domain_identity,
    read_public_identity,
    reviews_only,
    state_suffix,
)
from darkroom.bootstrap.owner_operations import OwnerOperations
from darkroom.cli.decisions import release, review
from darkroom.cli.identity import identity
from darkroom.cli.operations_options import Format, Place, operations_options
from darkroom.cli.override import override
from darkroom.cli.owner_options import say_offline, state_option
from darkroom.display.review_text import print_sheet
from darkroom.display.visible import visible
from darkroom.model.metrics.owner import OWNER
from darkroom.owner.sheet import Sheet
from darkroom.owner.view import notices_section
from darkroom.owner.watch import watch as watch_desk


__all__ = ["identity", "owner", "release", "review"]

NOTICES = 20


@click.group()
def owner() -> None:
    """The data owner: own keys, invitations, a watch on requests."""


@owner.command()
@state_option
@click.option("--domain", required=True, help="Name of the domain, for instance north.")
@click.option("--gateway", required=True, help="Address of the gateway.")
@click.option("--name", default="", help="Your name on the wire (default: DOMAIN-owner).")
@click.option("--public", type=click.Path(path_type=Path), help="Write the public identity here.")
@click.option("--allow-plain-http", is_flag=True, help="Inside one protected network only.")
@click.option("--reviewer", is_flag=True, help="You review beside the owner; needs --name.")
def init(
    state: Path,
    domain: str,
    gateway: str,
    name: str,
    public: Path | None,
    allow_plain_http: bool,
    reviewer: bool,
) -> None:
    """Make your keys. They stay on this machine; the domain never has them."""
    ours, words = init_owner(
        state,
        domain=domain,
        gateway=gateway,
        name=name,
        allow_plain_http=allow_plain_http,
        reviewer=reviewer,
    )
    click.echo(f"{ours.name}, {'reviewer at' if reviewer else 'owner of'} {domain}")
    click.echo(f"fingerprint {ours.fingerprint}")
    if words:
        click.echo("\nYour recovery words. Write them down; they are not shown again:\n")
        click.echo(f"  {words}\n")
    if public:
        public.write_text(json.dumps(ours.to_mapping(), indent=1) + "\n", encoding="utf-8")
        needs = "the owner signs it into the policy" if reviewer else "the domain needs it"
        click.echo(f"public identity in {public}: {needs}")


@owner.command()
@state_option
@click.option("--public", is_flag=True, help="Print the public identity as JSON, nothing else.")
def show(state: Path, public: bool) -> None:
    """Who you are here, which domain is pinned, and its notices."""
    ours = owner_identity(state)
    if public:
        click.echo(json.dumps(ours.to_mapping(), indent=1))
        return
    role = "reviewer" if reviews_only(state) else "owner"
    click.echo(f"{ours.name} ({role})\n  fingerprint {ours.fingerprint}")
    if role == "reviewer":
        click.echo("  the owner writes both under `reviews: reviewers:` of the policy")
    domain = pinned_domain_identity(state)
    if domain is None:
        click.echo("no domain is pinned yet: darkroom owner pin node.json")
        return
    click.echo(f"{domain.name} (domain, pinned)\n  fingerprint {domain.fingerprint}")
    with open_office(state) as office:
        office.desk.mailroom.refresh()
        say_offline(office.desk)
        notices = office.desk.store.notices(NOTICES)
    if notices:
        print_sheet(Sheet(title="", sections=(notices_section(notices),)), Console())


@owner.command()
@state_option
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--fingerprint", default="", help="Refuse any other than this one.")
def pin(state: Path, file: Path, fingerprint: str) -> None:
    """Pin your domain's public identity, from a file that came from its machine."""
    found = read_public_identity(file)
    if fingerprint and fingerprint != found.fingerprint:
        raise click.ClickException(
            f"{file} has the fingerprint {found.fingerprint}: it is not the one you named"
        )
    pin_domain(state, found)
    click.echo(f"pinned {found.name}\nfingerprint {found.fingerprint}")


owner.add_command(override)


@owner.command()
@state_option
@click.argument("scientist")
@click.option("--days", default=7.0, show_default=True, help="How long it may be used.")
@click.option("--quiet", is_flag=True, help="Print the line only.")
def invite(state: Path, scientist: str, days: float, quiet: bool) -> None:
    """Invite a scientist: prints one line to give to them, and to nobody else."""
    with open_office(state) as office:
        invitation = office.rules.invite(scientist, days=days)
        say_offline(office.desk)
    if not quiet:
        click.echo(
            f"For {scientist}, usable once within {days:g} days. Give it to them on a channel\n"
            "that you trust; whoever has the line can enrol in their name.\n",
            err=True,
        )
    click.echo(invitation.encode())


@owner.command()
@state_option
@click.option("--yes", is_flag=True, help="Approve and release EVERYTHING. Demos and tests only.")
@operations_options
def watch(state: Path, yes: bool, place: Place | None, log_format: Format) -> None:
    """Say in plain words what is asked, as it arrives."""
    stop = threading.Event()

    def end(*_: object) -> None:
        stop.set()
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    settings = OperationsSettings(process="owner", place=place, log_format=log_format)
    with (
        operating(settings, metrics=OWNER, folder=state, say=click.echo) as operator,
        open_office(state, suffix=state_suffix(state), operator=operator) as office,
    ):
        watched = OwnerOperations(operator, office.desk.store)
        watch_desk(
            office.desk,
            _Log(operator) if operator.log else _Terminal(),
            yes=yes,
            stop=stop,
            beat=operator.pulse.beat,
            shown=watched.shown,
        )


class _Log:
    """Where `watch` speaks to machines: a request is an event, and not shown."""

    def __init__(self, operator: Operations) -> None:
        self._operator = operator

    def sheet(self, sheet: Sheet) -> None:
        """A request: private, so nothing of it. `OwnerOperations.shown` writes the event."""

    def line(self, text: str, *, loud: bool = False) -> None:
        """A sentence."""
        del loud
        self._operator.say(visible(text))


class _Terminal:
    """Where `watch` speaks."""

    def __init__(self) -> None:
        self._console = Console()

    def sheet(self, sheet: Sheet) -> None:
        """A request, in full."""
        self._console.rule()
        print_sheet(sheet, self._console)
        sys.stdout.flush()

    def line(self, text: str, *, loud: bool = False) -> None:
        """A sentence."""
        style = "bold yellow" if loud else ""
        self._console.print(Text(visible(text), style=style), soft_wrap=True)
        sys.stdout.flush()
