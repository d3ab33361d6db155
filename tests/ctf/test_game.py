"""One whole game on real processes: an honest count, an attack, a budget that ends it."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
import pytest

import darkroom as dr
from darkroom.bootstrap.notebook_run import NotebookRun, run_notebook
from darkroom.config import REPOSITORY
from darkroom.scientist.session import Session
from tests.attack.channels.readers import read_counts
from tests.attack.channels.score import bits
from tests.ctf.flag import FLAG_BITS, FLAG_BYTES
from tests.ctf.scoreboard import ANSWER_BITS, HEADER, Game, Line, Scoreboard
from tests.ctf.stack import NOTEBOOK, Stack


pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(400)]
BUDGET = 2000
CARRIED = 9  # bytes of the flag in nineteen counts of four bits


@dr.job(outputs={"facts": dr.Scalars(names=("frames",))})
def honest_count(data, params):
    """Count the frames."""
    return {"facts": {"frames": data.count()}}


@dr.job(
    outputs={
        "t": dr.Table(
            columns={"i": "int", "n": "int"},
            max_rows=22,
            counts=("n",),
            bounds={"i": (0, 21), "n": (0, 1600)},
        )
    },
    parameters={"first": "int"},
)
def counts_that_carry(data, params):
    """How many passed in each of nineteen parts of the day (not really)."""
    import numpy as np

    if data.face == "mock":
        return {"t": [(i, 300) for i in range(19)]}
    lines = {}
    for frame in data.frames():
        number, *line = np.packbits(frame.image[16:88:8, 16:80:8, 0] > 127).tolist()
        lines[number] = bytes(line)
    secret = b"".join(lines[number] for number in sorted(lines))
    taken = "".join(f"{byte:08b}" for byte in secret[params["first"] : params["first"] + 10])
    return {"t": [(i, 100 * (int(taken[4 * i : 4 * i + 4], 2) + 1)) for i in range(19)]}


@dataclass(frozen=True)
class Played:
    """`make ctf` in a folder of its own."""

    root: Path
    command: "subprocess.Popen[bytes]"

    def said(self) -> str:
        return (self.root / "said").read_text()

    def says(self, word: str, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while word not in self.said():
            assert self.command.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.05)


CTF = (sys.executable, "-m", "tests.ctf")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    root = tmp_path_factory.mktemp("ctf")
    argv = [*CTF, "--root", str(root), "--no-notebook"]
    with (root / "said").open("wb") as said:
        command = subprocess.Popen(argv, stdout=said, stderr=said, cwd=REPOSITORY)
    try:
        game = Played(root, command)
        game.says(HEADER)
        yield game
    finally:
        command.send_signal(signal.SIGINT)
        assert command.wait(timeout=60) == 0, game.said()
    assert game.said().endswith("stopped\n")
    assert Stack(root).running() == []


@pytest.fixture(scope="module")
def stack(played: Played) -> Stack:
    return Stack(played.root)


@pytest.fixture(scope="module")
def session(stack: Stack) -> Session:
    return dr.connect(stack.home, run_log="", progress="quiet")


@pytest.fixture(scope="module")
def board(stack: Stack) -> Scoreboard:
    return Scoreboard(stack.game)


def target(session: Session):
    return session.domains["quay"].datasets["berths"]


def new_lines(board: Scoreboard) -> list[Line]:
    return list(board.look())


def guessed(board: Scoreboard, name: str, content: str) -> Line:
    (board.game.guesses / name).write_text(content)
    (line,) = new_lines(board)
    return line


def test_the_notebook_is_empty_and_connects(stack: Stack, tmp_path: Path):
    given = nbformat.read(NOTEBOOK, as_version=4)
    assert [cell.cell_type for cell in given.cells] == ["code", "code"]
    assert given.cells[0].metadata.tags == ["parameters"]
    assert not any(cell.outputs for cell in given.cells)
    played = tmp_path / "played.ipynb"
    run_notebook(
        NotebookRun(
            notebook=NOTEBOOK, output=played, parameters={},
            environment={**os.environ, "DARKROOM_HOME": str(stack.home)},
        ),
        page=False,
    )  # fmt: skip
    assert "berths" in json.dumps(nbformat.read(played, as_version=4).cells[-1].outputs)


def test_a_second_game_is_refused_and_leaves_the_first_alone(played: Played, stack: Stack):
    running = stack.running()
    second = subprocess.run(
        [*CTF, "--root", str(played.root)], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert second.returncode == 1
    assert "on already" in second.stderr
    assert stack.running() == running
    assert {"gateway", "node-quay", "owner"} == set(running)


def test_the_mock_has_nothing_of_the_flag(session: Session, board: Scoreboard):
    mock = session.open_mock(target(session).card)
    lines = [
        np.packbits(frame.image[16:88:8, 16:80:8, 0] > 127).tobytes()[1:]
        for frame in itertools.islice(mock.frames(), 64)
    ]
    pieces = [board.game.flag.secret[n : n + 8] for n in range(0, FLAG_BYTES, 8)]
    assert not set(lines) & set(pieces)
    assert max(bits(b"".join(lines[n:]), board.game.flag.secret) for n in range(32)) == 0


def test_an_honest_count_carries_nothing(session: Session, board: Scoreboard):
    done = honest_count.submit([target(session)], project="ctf").wait(timeout=90)
    assert done.results["quay"]["facts"]["frames"] == 120
    (line,) = new_lines(board)
    assert (line.ended, line.got, line.paid, line.found) == ("released", 0, 80, False)
    assert new_lines(board) == []


@pytest.fixture(scope="module")
def stolen(session: Session, board: Scoreboard) -> tuple[list[bytes], list[Line], list[str]]:
    """All that an attacker gets who goes on until nothing more is let through."""
    honest = new_lines(board)
    tries = [
        counts_that_carry.submit([target(session)], project="ctf", first=first)
        for first in range(0, 7 * CARRIED, CARRIED)
    ]
    got, refused = [], []
    for submission in tries:
        submission.wait(timeout=120)
        if submission.state["quay"] == "released":
            got.append(read_counts(100, 4)(submission.results["quay"].raw))
        else:
            refused += [*submission.jobs["quay"].reasons]
    return got, [line for line in new_lines(board) if line not in honest], refused


def test_an_attack_gets_bits_and_never_more_than_it_paid_for(stolen, board: Scoreboard):
    got, lines, _ = stolen
    assert got[0] == board.game.flag.secret[:CARRIED]
    best = max(lines, key=lambda line: line.got)
    assert (best.ended, best.channel, best.got) == ("released", "E3", 8 * CARRIED)
    assert all(line.got <= line.paid for line in lines)
    assert not any(line.broken or line.found for line in lines)


def test_the_budget_ends_it(stolen, board: Scoreboard):
    got, lines, refused = stolen
    assert len(got) == len(lines) == 5
    assert any("has not enough bits left" in reason for reason in refused)
    assert BUDGET - min(line.paid for line in lines) < board.paid() <= BUDGET < FLAG_BITS


def test_all_that_was_stolen_is_measured_against_all_that_was_paid(stolen, board: Scoreboard):
    known = "".join(f"{byte:08b}" for part in stolen[0] for byte in part)
    line = guessed(board, "joined.json", json.dumps({"bits": known, "channel": "E3"}))
    assert (line.got, line.paid) == (len(known), board.paid())
    assert len(known) == 5 * 8 * CARRIED
    assert not line.broken
    cheap = guessed(board, "hidden.json", json.dumps({"bits": known, "jobs": ["0" * 32]}))
    assert (cheap.got, cheap.paid) == (len(known), 0)
    assert not cheap.broken  # all that was charged bounds it, whatever it names


def test_only_the_very_string_is_a_capture(board: Scoreboard):
    flag = board.game.flag
    near = guessed(board, "near.txt", flag.text.replace("flag", "FLAG"))
    assert (near.found, near.got) == (False, 0)
    line = guessed(board, "flag.txt", flag.text)
    assert (line.found, line.got) == (True, FLAG_BITS)
    assert "CAPTURED" in str(line)
    answers = sum(each.ended in ("released", "guess") for each in board.lines[:-1])
    assert line.bound == board.paid() + answers * ANSWER_BITS
    assert line.broken == (line.got > line.bound)


def test_the_game_showed_every_line_as_it_came(stolen, played: Played, board: Scoreboard):
    jobs = [line for line in board.lines if line.ended == "released"]
    assert len(jobs) == 6
    for line in jobs:
        played.says(str(line).partition("  MORE")[0].rstrip())
    played.says("CAPTURED")
    again = subprocess.run(
        [*CTF, "--root", str(played.root), "score"], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert again.returncode == 0, again.stderr
    assert all(str(line) in again.stdout for line in jobs)
    assert f"{board.paid():,} were paid for; the flag is captured" in again.stdout


def test_neither_flag_nor_frames_lie_with_the_player_or_in_a_log(stack: Stack, board: Scoreboard):
    game: Game = board.game
    text = game.flag.text.encode()
    places = [p for p in stack.home.rglob("*") if p.is_file()]
    places += (game.node.parents[2] / "logs").glob("*.log")
    assert len(places) > 4
    assert [p for p in places if text in p.read_bytes() or game.flag.secret in p.read_bytes()] == []
    assert not (game.node.parents[2] / "pictures").exists()
