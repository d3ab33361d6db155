"""The command `darkroom`. Each role's commands live in a module of their own, imported
only when one of them is called, so that no role loads what another one needs.
"""

import importlib
import sys

import click

from darkroom.errors import DarkroomError


# command -> module of `darkroom.cli` that defines it under the same name
COMMANDS: dict[str, str] = {
    # everybody
    "demo": "demo",
    "up": "up",
    "down": "up",
    "doctor": "doctor",
    # scientist
    "enrol": "scientist",
    "whoami": "scientist",
    "jobs": "scientist",
    "results": "scientist",
    "notebooks": "scientist",
    "batch": "batch",
    "receipt": "receipt",
    "lineage": "receipt",
    # data owner
    "owner": "owner",
    "review": "owner",
    "release": "owner",
    "policy": "policy",
    "identity": "owner",
    # auditor
    "audit": "audit",
    # operator of a domain
    "node": "node",
    "ingest": "ingest",
    "backup": "backup",
    "restore": "backup",
    "forget": "forget",
    # operator of the gateway
    "gateway": "gateway",
}


class LazyGroup(click.Group):
    """A click group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, without importing a thing."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"darkroom.cli.{COMMANDS[cmd_name]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)  # a bug of ours, not of the user
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="edge-darkroom", prog_name="darkroom")
def cli() -> None:
    """Develop models on camera footage that nobody else ever sees."""


def main() -> None:
    """Run the command line; our own errors are printed as two calm lines, exit code 2."""
    try:
        cli(standalone_mode=False)
    except DarkroomError as error:
        from darkroom.display.visible import visible  # others wrote parts of some messages

        what, step = (visible(text, keep="\n") for text in (error.message, error.next_step))
        click.secho(f"darkroom: {what}", fg="red", err=True)
        click.echo(f"  next: {step}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
