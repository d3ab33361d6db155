"""`darkroom up` and `darkroom down`: the system with a real JupyterHub, left running."""

import secrets
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from darkroom.bootstrap.hub import HubPlan, start_hub
from darkroom.bootstrap.local_stack import LocalStack, StackPlan
from darkroom.bootstrap.processes import Processes
from darkroom.config import REPOSITORY
from darkroom.errors import InputError


ROOT = REPOSITORY / "build" / "up"
DOMAINS = ("north", "east", "south")
USERS = ("alice", "bob")
PORTS = {"hub": 8000, "gateway": 8470, "mlflow": 5000, "s3": 9000}


def _plan(root: Path, ports: dict[str, int]) -> tuple[StackPlan, HubPlan]:
    hub = HubPlan(root=root / "hub", users=USERS)
    stack = StackPlan(
        root=root,
        domains=tuple(REPOSITORY / "domains" / name for name in DOMAINS),
        scientists=USERS,
        homes=hub.users_folder,
        hosted=True,
        attended=False,
        ports=ports,
    )
    return stack, hub


@click.command()
@click.option("--root", type=click.Path(path_type=Path), default=ROOT, show_default="build/up")
@click.option("--any-port", is_flag=True, help="Use free ports instead of the usual ones.")
def up(root: Path, any_port: bool) -> None:
    """Start everything with a real JupyterHub and leave it running.

    Jobs then wait for a person: the owner's commands are printed.
    """
    console = Console(stderr=True, highlight=False)
    if Processes(root).running:
        raise InputError("it is running already", next_step="stop it first: make down")
    plan, hub = _plan(root, {} if any_port else PORTS)
    stack = LocalStack(plan, say=lambda line: console.print(f"  {line}"))
    with console.status("starting (footage is rendered once, MLflow needs half a minute)"):
        stack.start()
        try:
            passwords = {user: secrets.token_urlsafe(9) for user in USERS}
            address = start_hub(stack, hub, passwords)
            stack.wait_for_run_log()
        except BaseException:
            stack.stop()
            raise
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("JupyterHub", f"[link]{address}[/link]")
    for user, password in passwords.items():
        table.add_row("", f"log in as [b]{user}[/b] with [b]{password}[/b]")
    table.add_row("MLflow", f"{stack.mlflow}  (whoever is logged in at the Hub)")
    table.add_row("gateway", stack.gateway)
    if stack.s3:
        table.add_row("object store", stack.s3)
    out = Console(highlight=False)
    out.print(table)
    out.print(
        "\nJobs wait for their data owner. As the owner of north, in another terminal:\n"
        f"  {_command('review ls', stack, 'north')}\n"
        f"  {_command('review approve <job>', stack, 'north')}\n"
        f"  {_command('release approve <job>', stack, 'north')}\n"
        "or with .venv/bin/jupyter lab notebooks/10_the_owners_review.ipynb (the owner's notebook: "
        "the Hub's users do not reach the owner's keys). Stop with: make down"
    )


def _command(words: str, stack: LocalStack, domain: str) -> str:
    state = stack.plan.owner_state(domain)
    shown = state.relative_to(Path.cwd()) if state.is_relative_to(Path.cwd()) else state
    return f".venv/bin/darkroom {words} --state {shown}"


@click.command()
@click.option("--root", type=click.Path(path_type=Path), default=ROOT, show_default="build/up")
def down(root: Path) -> None:
    """Stop what `darkroom up` started; its state stays for the next time."""
    processes = Processes(root)
    names = [p.name for p in processes.running]
    processes.stop_all()
    click.echo(f"stopped: {', '.join(names)}" if names else "nothing was running")
