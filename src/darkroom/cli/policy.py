"""What a data owner types about rules: `policy check | diff | replay | sign | show | budgets`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from darkroom.bootstrap.owner import Office, open_office, policy_desk
from darkroom.bootstrap.replay import replay_policy
from darkroom.cli.owner_options import say_offline, state_option, state_option_of
from darkroom.config import sound_policy
from darkroom.display.review_text import print_sheet
from darkroom.display.visible import visible
from darkroom.owner.policy_desk import PolicyDesk
from darkroom.owner.policy_view import policy_sheet
from darkroom.owner.replay_view import replay_mapping, replay_sheet
from darkroom.policy.consistency import UnsoundPolicyError


FAULTY = 2  # the exit code of our errors
file_argument = click.argument("file", type=click.Path(path_type=Path))
domain_option = click.option(
    "--domain-yaml",
    "domain",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Hold names against this file (default: the domain.yaml beside FILE, if it is there).",
)


@click.group()
def policy() -> None:
    """Your rules: in force once you signed them with a higher version."""


@policy.command()
@file_argument
@domain_option
def check(file: Path, domain: Path | None) -> None:
    """Say in plain words what a policy.yaml would allow, or what is wrong with it.

    That is the first field that is malformed, else everything that contradicts itself
    or names what the domain does not have.
    """
    with _faults_told():
        print_sheet(policy_sheet(sound_policy(file, domain)), Console())


@policy.command()
@file_argument
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="Another policy.yaml or signed policy (default: the one that you signed last).",
)
@state_option
def diff(file: Path, against: Path | None, state: Path) -> None:
    """Say what a policy.yaml allows that is not allowed now, and the other way round."""
    with open_office(state) as office:
        desk = _desk(office)
        print_sheet(desk.diff(file, against).sheet, Console())


@policy.command()
@file_argument
@state_option_of("The state folder of the domain's node, or your own.")
@click.option("--all", "everything", is_flag=True, help="Also the jobs that would go the same way.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def replay(file: Path, state: Path, everything: bool, as_json: bool) -> None:
    """Say what a policy.yaml would have decided over all past jobs.

    A node's state has all of them; your own only those that you were asked about. Nothing is
    changed.
    """
    replayed = replay_policy(state, file)
    if as_json:
        click.echo(json.dumps(replay_mapping(replayed), indent=1))
    else:
        print_sheet(replay_sheet(replayed, everything=everything), Console())


@policy.command()
@file_argument
@domain_option
@state_option
@click.option(
    "--identity",
    "identities",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Public identity of a reviewer that FILE names; once for each, the first time.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the signed policy here; do not send it."
)
def sign(
    file: Path, domain: Path | None, state: Path, identities: tuple[Path, ...], out: Path | None
) -> None:
    """Show what changes, sign a policy.yaml and send it to your domain."""

    def write(body: dict[str, Any]) -> None:
        if out is not None:
            out.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")

    with open_office(state) as office, _faults_told():
        shown = _desk(office).sign(
            file, domain, identities=identities, out=write if out is not None else None
        )
        print_sheet(shown.sheet, Console())
        if out is None:
            say_offline(office.desk)
    click.echo(
        f"\nsigned by you, in {out}"
        if out is not None
        else "\nsigned by you and on its way to the domain"
    )


@policy.command()
@state_option
def show(state: Path) -> None:
    """The policy that you signed last."""
    with open_office(state) as office:
        desk = _desk(office)
        if desk.signed is None:
            click.echo("you have signed no policy: nothing is allowed (darkroom policy sign FILE)")
            return
        print_sheet(desk.show().sheet, Console())


@policy.command()
@state_option
def budgets(state: Path) -> None:
    """What was spent and what is left of every budget; asks the domain."""
    with open_office(state) as office:
        shown = office.desk.budgets()
    print_sheet(shown.sheet, Console())


@contextmanager
def _faults_told() -> Iterator[None]:
    """All faults of a proposal are said, and the command ends."""
    try:
        yield
    except UnsoundPolicyError as error:
        for fault in error.faults:
            click.secho(visible(fault.message), fg="red", err=True)
            click.echo(f"  next: {visible(fault.next_step)}", err=True)
        raise SystemExit(FAULTY) from error


def _desk(office: Office) -> PolicyDesk:
    desk = policy_desk(office)
    if desk.outdated:
        click.secho(
            f"the policy that you signed last has an older form ({visible(desk.outdated)}): "
            "it is in force no more",
            fg="yellow",
            err=True,
        )
    return desk
