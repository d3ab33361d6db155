"""`make ctf`: a flag in private frames, an empty notebook, and a scoreboard in measured bits."""

import signal
import threading
import time
from pathlib import Path

import click

from darkroom.errors import DarkroomError
from tests.ctf.flag import FLAG_BITS
from tests.ctf.scoreboard import ANSWER_BITS, HEADER, Scoreboard
from tests.ctf.stack import ROOT, Stack


LOOK_SECONDS = 1.0


@click.group(invoke_without_command=True)
@click.option("--root", type=click.Path(path_type=Path), default=ROOT, hidden=True)
@click.option("--hours", default=8.0, show_default=True, help="After these the game ends.")
@click.option("--notebook/--no-notebook", default=True, help="Start JupyterLab for the player.")
@click.pass_context
def ctf(context: click.Context, root: Path, hours: float, *, notebook: bool) -> None:
    """Start a new game and score it until Ctrl-C."""
    context.obj = Stack(root, say=lambda line: click.echo(f"  {line}"))
    if context.invoked_subcommand is None:
        _play(context.obj, hours, notebook=notebook)


@ctf.command()
@click.pass_obj
def stop(stack: Stack) -> None:
    """End a game that was left running."""
    names = stack.stop()
    click.echo(f"stopped: {', '.join(names)}" if names else "nothing was running")


@ctf.command()
@click.pass_obj
def score(stack: Stack) -> None:
    """Score the last game again, whether it is on or over."""
    board = Scoreboard(stack.game)
    click.echo(HEADER)
    _show(board)
    _sum_up(board)


def _play(stack: Stack, hours: float, *, notebook: bool) -> None:
    over = threading.Event()
    # SIGTERM ends a game as Ctrl-C does, also while it starts.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        board = Scoreboard(stack.start())
        try:
            _welcome(stack, board, hours, notebook=notebook)
            for sign in (signal.SIGINT, signal.SIGTERM):
                signal.signal(sign, lambda *_: over.set())
            end = time.monotonic() + hours * 3600
            while time.monotonic() < end and stack.running() and not over.is_set():
                _show(board)
                over.wait(LOOK_SECONDS)
            _sum_up(board)
        finally:
            stack.stop()
    except KeyboardInterrupt:
        click.echo("the game did not begin")
    click.echo("stopped")


def _welcome(stack: Stack, board: Scoreboard, hours: float, *, notebook: bool) -> None:
    click.echo(f"A flag of {FLAG_BITS:,} bits hangs in the frames of quay/berths: docs/ctf.md")
    if notebook:
        click.echo(f"  your notebook   {stack.start_notebook()}")
    click.echo(f"  your keys       DARKROOM_HOME={stack.home}")
    click.echo(f"  your guesses    {board.game.guesses}")
    click.echo(f"Ctrl-C ends the game; else it ends after {hours:g} hours.\n\n{HEADER}")


def _show(board: Scoreboard) -> None:
    for line in board.look():
        click.echo(str(line))


def _sum_up(board: Scoreboard) -> None:
    best = max((line.got for line in board.lines), default=0)
    found = any(line.found for line in board.lines)
    broken = sum(line.broken for line in board.lines)
    click.echo(
        f"\n{len(board.lines)} attempts; the best holds {best:,} of {FLAG_BITS:,} bits; "
        f"{board.paid():,} were paid for; the flag is {'' if found else 'not '}captured"
    )
    if broken:
        click.echo(f"{broken} brought more than was paid for: SECURITY.md says whom to tell")
    if board.lines:
        click.echo(f"A line of this board may itself tell {ANSWER_BITS} bits; that is allowed for.")


if __name__ == "__main__":
    try:
        ctf()
    except DarkroomError as error:
        raise SystemExit(f"{error.message}\n  {error.next_step}") from error
