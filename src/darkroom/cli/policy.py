"""What a data owner types about rules: `darkroom policy check | diff | sign | show`."""

import json
from pathlib import Path

import click
from rich.console import Console

from darkroom.bootstrap.owner import Office, open_office, read_policy, read_public_identity
from darkroom.cli.owner_options import say_offline, state_option
from darkroom.config import policy_faults, policy_proposal
from darkroom.display.review_text import print_sheet
from darkroom.display.visible import visible
from darkroom.errors import SpecError
from darkroom.model.site_policy import SitePolicy
from darkroom.owner.policy_diff import diff_sheet
from darkroom.owner.policy_view import policy_sheet


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
    """Say in plain words what a policy.yaml would allow, or all that is wrong with it."""
    print_sheet(policy_sheet(_sound(file, domain)), Console())


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
    proposal = policy_proposal(file)
    if against is not None:
        before: SitePolicy | None = read_policy(against)
    else:
        with open_office(state) as office:
            before = _signed_last(office)
    if before is not None and before.domain != proposal.domain:
        raise click.ClickException(
            f"{file} is for {proposal.domain}, the other policy for {before.domain}"
        )
    print_sheet(diff_sheet(before, proposal), Console())


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
    proposal = _sound(file, domain)
    reviewers = [read_public_identity(path) for path in identities]
    with open_office(state) as office:
        before = _signed_last(office)
        print_sheet(diff_sheet(before, proposal), Console())
        body = office.rules.sign_policy(proposal, send=out is None, identities=reviewers)
        if out is None:
            say_offline(office.desk)
    if out is not None:
        out.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        click.echo(f"\nsigned by you, in {out}")
    else:
        click.echo("\nsigned by you and on its way to the domain")


@policy.command()
@state_option
def show(state: Path) -> None:
    """The policy that you signed last."""
    with open_office(state) as office:
        signed = _signed_last(office)
    if signed is None:
        click.echo("you have signed no policy: nothing is allowed (darkroom policy sign FILE)")
        return
    print_sheet(policy_sheet(signed), Console())


@policy.command()
@state_option
def budgets(state: Path) -> None:
    """What was spent and what is left of every budget; asks the domain."""
    with open_office(state) as office:
        shown = office.desk.budgets()
    print_sheet(shown.sheet, Console())


def _sound(file: Path, domain: Path | None) -> SitePolicy:
    """A proposal without faults; else all of them are said, and the command ends."""
    faults = policy_faults(file, domain)
    for fault in faults:
        click.secho(visible(fault.message), fg="red", err=True)
        click.echo(f"  next: {visible(fault.next_step)}", err=True)
    if faults:
        raise SystemExit(FAULTY)
    return policy_proposal(file)


def _signed_last(office: Office) -> SitePolicy | None:
    statement = office.rules.signed_policy()
    if statement is None:
        return None
    try:
        return SitePolicy.from_mapping(statement.body)
    except SpecError as error:
        click.secho(
            f"the policy that you signed last has an older form ({visible(error.message)}): "
            "it is in force no more",
            fg="yellow",
            err=True,
        )
        return None
