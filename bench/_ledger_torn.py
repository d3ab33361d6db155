"""Ledgers whose write-ahead log was cut at a random place: what opens, and what is in it."""

import random
from dataclasses import dataclass, field
from pathlib import Path

from bench._ledger_work import CAP, NOON, Work, ledger_of, overspent, policy
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.errors import StateError
from darkroom.model.budget import DAY
from darkroom.model.site_policy import SitePolicy
from darkroom.policy.ledger import Entry


EACH = 50  # cuts of one log
BEFORE, AFTER = (1, 60), (10, 40)  # jobs before the last checkpoint, and after it


@dataclass
class Torn:
    """What happened to all cut logs.

    Attributes:
        recovered: files that opened, were whole, and took another job.
        refused: files that were refused with a StateError.
        lost: entries that had been checkpointed and were gone.
    """

    recovered: int = 0
    refused: int = 0
    overspent: int = 0
    lost: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Whole:
    """A database with its log, as a power cut finds them, and what is in both."""

    database: bytes
    log: bytes
    entries: list[Entry]
    checkpointed: int


def cut_logs(folder: Path, cuts: int, seed: int) -> Torn:
    """Cut that many logs, and open each."""
    torn, chance, rules = Torn(), random.Random(seed), policy(CAP)
    for done in range(0, cuts, EACH):
        whole = _whole(folder / f"whole-{done}.db", chance, rules, writer=done)
        for number in range(done, min(done + EACH, cuts)):
            path = folder / f"torn-{number}.db"
            path.write_bytes(whole.database)
            log = whole.log[: chance.randrange(len(whole.log) + 1)]
            path.with_name(f"{path.name}-wal").write_bytes(log)
            _open(path, whole, rules, torn, writer=number)
            for file in folder.glob(f"{path.name}*"):
                file.unlink()
    return torn


def _whole(path: Path, chance: random.Random, rules: SitePolicy, *, writer: int) -> Whole:
    store = SqliteNodeStore(path)
    work = _work(store, rules, writer)
    _do(work, chance, chance.randint(*BEFORE))
    store.close()  # the last one to leave puts the log into the database
    store = SqliteNodeStore(path)
    work = _work(store, rules, writer + 1)
    checkpointed = len(store.entries())
    _do(work, chance, chance.randint(*AFTER))
    log = path.with_name(f"{path.name}-wal")
    whole = Whole(path.read_bytes(), log.read_bytes(), store.entries(), checkpointed)
    store.close()
    path.unlink()
    return whole


def _work(store: SqliteNodeStore, rules: SitePolicy, writer: int) -> Work:
    chance = random.Random(writer)
    return Work(store, rules, now=lambda: NOON + chance.uniform(-DAY, DAY / 2), writer=writer)


def _do(work: Work, chance: random.Random, jobs: int) -> None:
    for _ in range(jobs):
        if work.admit(job := work.prepared()) and chance.random() < 0.7:
            work.close(job, touched=chance.random() < 0.5)


def _open(path: Path, whole: Whole, rules: SitePolicy, torn: Torn, *, writer: int) -> None:
    try:
        found = ledger_of(path)
    except StateError:
        torn.refused += 1
        return
    if found != whole.entries[: len(found)]:
        torn.problems.append(f"{path.name}: the ledger is another one")
    torn.lost += max(whole.checkpointed - len(found), 0)
    store = SqliteNodeStore(path)
    _do(_work(store, rules, writer), random.Random(writer), 2)
    store.close()
    try:
        torn.overspent += overspent(ledger_of(path), rules)
        torn.recovered += 1
    except StateError as error:
        torn.problems.append(str(error))
