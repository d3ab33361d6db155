"""Writers that are killed at random moments while they share one ledger."""

import os
import random
import select
import signal
import time
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from pathlib import Path

from bench._ledger_work import CAP, NOON, Work, ledger_of, overspent, policy
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.errors import StateError
from darkroom.model.budget import DAY
from darkroom.model.site_policy import SitePolicy


BATCH = 250  # kills for each ledger; then it is proved, and a new one begins
AT_ONCE = 4  # writers
MOST = 5  # transactions of one writer
LATER = 0.002  # seconds after the last of them, at most, it is killed
REPORT = 1 + 32  # what was done, and the job's id
PATIENCE = 30.0  # seconds
DONE = {b"r": "reserve", b"s": "settle", b"b": "refund"}  # and `n`: refused


@dataclass
class Tally:
    """What happened to all writers.

    Attributes:
        overspent: accounts that were above a cap.
        lost: what a writer had reported as durable and the ledger does not have.
        switches: how often an entry of one writer follows one of another.
    """

    kills: int = 0
    overspent: int = 0
    lost: int = 0
    entries: int = 0
    switches: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class Writer:
    """A forked process, and what it said.

    Attributes:
        enough: bytes of reports after which it is to die.
        due: when.
    """

    process: int
    enough: int
    said: bytes = b""
    due: float = inf


def kill_writers(folder: Path, kills: int, seed: int) -> Tally:
    """Fork and kill writers until that many are dead; every ledger is looked through."""
    tally, chance, rules = Tally(), random.Random(seed), policy(CAP)
    while tally.kills < kills:
        path = folder / f"kills-{tally.kills}.db"
        SqliteNodeStore(path).close()
        batch = min(BATCH, kills - tally.kills)
        dead = _batch(path, rules, batch, chance, first=tally.kills)
        tally.kills += batch
        _look_through(path, rules, dead, tally)
        for file in folder.glob(f"{path.name}*"):
            file.unlink()
    return tally


def _batch(
    path: Path, rules: SitePolicy, kills: int, chance: random.Random, *, first: int
) -> list["Writer"]:
    """Let writers begin and die; the dead."""
    alive: dict[int, Writer] = {}  # by the pipe it reports through
    dead: list[Writer] = []
    while len(dead) < kills:
        while len(alive) < AT_ONCE and len(alive) + len(dead) < kills:
            number = first + len(alive) + len(dead)
            pipe, process = _fork(path, rules, number)
            alive[pipe] = Writer(process, enough=chance.randint(0, MOST) * REPORT)
        due = min((w.due for w in alive.values()), default=inf) - time.monotonic()
        ready, _, _ = select.select(alive, [], [], min(max(due, 0), PATIENCE))
        for pipe in ready:
            alive[pipe].said += os.read(pipe, 1 << 16)
        for pipe, writer in list(alive.items()):
            if writer.due == inf and (len(writer.said) >= writer.enough or b"!" in writer.said):
                writer.due = time.monotonic() + chance.uniform(0, LATER)
            if writer.due <= time.monotonic():
                os.kill(writer.process, signal.SIGKILL)
                os.waitpid(writer.process, 0)
                while data := os.read(pipe, 1 << 16):
                    writer.said += data
                os.close(pipe)
                dead.append(alive.pop(pipe))
    return dead


def _fork(path: Path, rules: SitePolicy, number: int) -> tuple[int, int]:
    theirs_in, theirs_out = os.pipe()
    process = os.fork()
    if process:
        os.close(theirs_out)
        return theirs_in, process
    try:
        os.close(theirs_in)
        _write(path, rules, number, theirs_out)
    except BaseException as error:  # noqa: BLE001 - told to the parent; nothing else may run here
        os.write(theirs_out, b"!" + repr(error).encode()[:2000])
        signal.pause()
    finally:
        os._exit(1)


def _write(path: Path, rules: SitePolicy, number: int, out: int) -> None:
    """Reserve and close until killed; say what is on disk once it is."""
    chance = random.Random(number)

    def now() -> float:  # a clock that is set forward and back
        return NOON + DAY * (number / 8 + chance.choice((-40, -1, 0, 0, 0, 0.2)))

    work = Work(SqliteNodeStore(path), rules, now=now, writer=number)
    held = []
    while True:
        if held and chance.random() < 0.4:
            job = held.pop(chance.randrange(len(held)))
            touched = chance.random() < 0.3
            work.close(job, touched=touched)
            os.write(out, (b"s" if touched else b"b") + job.job_id.encode())
        else:
            job = work.prepared()
            admitted = work.admit(job)
            held += [job] * admitted
            os.write(out, (b"r" if admitted else b"n") + job.job_id.encode())


def _look_through(path: Path, rules: SitePolicy, dead: list[Writer], tally: Tally) -> None:
    try:
        entries = ledger_of(path)
    except StateError as error:
        tally.problems.append(str(error))
        return
    said = {(entry.kind, entry.reservation) for entry in entries}
    for report in (writer.said for writer in dead):
        if b"!" in report:
            tally.problems.append(report[report.index(b"!") :].decode(errors="replace"))
            continue
        for start in range(0, len(report) - REPORT + 1, REPORT):
            what, job = report[start : start + 1], report[start + 1 : start + REPORT].decode()
            tally.lost += what in DONE and (DONE[what], job) not in said
    writers = [entry.reservation[:8] for entry in entries]
    tally.switches += sum(a != b for a, b in pairwise(writers))
    tally.entries += len(entries)
    tally.overspent += overspent(entries, rules)
