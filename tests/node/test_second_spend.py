"""Whatever happens, from whatever backup and however often: nothing is spent twice."""

import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.model.amount import Amount
from darkroom.model.budget import DAY, Budget
from darkroom.model.job_record import JobRecord
from darkroom.model.tree_head import TreeHead
from darkroom.node import charge as charging
from darkroom.node.charge import Charge
from darkroom.node.journal import Journal
from darkroom.node.restore import open_epoch
from darkroom.policy.ledger import accounts
from tests.node.outside import HandClock
from tests.node.village import Village, keys


BUDGETS = (
    Budget(name="week", per="dataset", period_days=7, releases=4),
    Budget(name="month", per="scientist", period_days=30, releases=6),
    Budget(name="long", per="project", period_days=365, releases=20),
)
ONE = Amount(releases=1)
NORTH = keys("north", "domain")
NEXT = NORTH.rotated(at=1.0).having(former=[], unsaid=False)  # its keys do not matter here


@dataclass
class World:
    """A ledger, copies of it, and what truly left, which no copy forgets."""

    folder: Path
    village: Village  # for requests and a policy only
    clock: HandClock = field(default_factory=HandClock)
    backups: list[Path] = field(default_factory=list)
    left: Counter = field(default_factory=Counter)
    latest: TreeHead | None = None

    def __post_init__(self) -> None:
        self.policy = self.village.policy(budgets=BUDGETS)
        self.store = SqliteNodeStore(self.folder / "node.db")
        self.backup()

    def run(self, by: str, fate: str) -> None:
        """A job of somebody: admitted or not; then released, failed, or open for ever."""
        person = getattr(self.village, by)
        request = self.village.request(person, project=f"of-{by}")
        charge = Charge(store=self.store, clock=self.clock)
        journal = Journal(
            store=self.store, clock=self.clock, domain="north", owner="olga", close=charge.close
        )
        with self.store.transaction():
            if charge.reserve(request, ONE, self.policy):
                return
            record = journal.open(
                JobRecord(
                    request=request, code_digest=request.spec.code_digest,
                    job_digest=request.job_digest, state="received",
                    received_at=self.clock.now(), mock={}, price=ONE.to_mapping(),
                )
            )  # fmt: skip
            record = journal.move(record, "screened")
            if fate == "rejected":
                journal.move(record, "rejected")
            if fate in ("rejected", "open"):
                return
            record = journal.move(record, "approved", approved_by="olga")
            record = journal.move(record, "running", touched=True)
            if fate == "failed":
                journal.move(record, "failed")
                return
            record = journal.move(record, "produced")
            journal.move(record, "released")
        at = self.store.reservation(request.job_id).at
        for account in accounts(BUDGETS, dataset="plaza", scientist=by, project=f"of-{by}", at=at):
            self.left[account] += 1
            assert self.left[account] <= account.budget.releases, account

    def backup(self) -> None:
        path = self.folder / f"backup-{len(self.backups)}.db"
        with closing(sqlite3.connect(path)) as here:
            self.store._db.backup(here)
        self.backups.append(path)

    def see_head(self) -> None:
        """As the domain shows it, after whatever it does."""
        at = max(self.clock.now(), self.store.ledger_time())
        self.latest = self.store.tree_head("north", at)

    def restore(self, which: int, *, told: bool) -> None:
        copy = self.backups[which % len(self.backups)]
        self.store.close()
        for leftover in self.folder.glob("node.db*"):
            leftover.unlink()
        (self.folder / "node.db").write_bytes(copy.read_bytes())
        self.store = SqliteNodeStore(self.folder / "node.db")
        open_epoch(
            store=self.store, clock=self.clock, owner="olga", before=NORTH.identity,
            keyring=NEXT, known=(self.latest,) if told and self.latest else (),
        )  # fmt: skip


JOB = st.tuples(
    st.just("run"),
    st.sampled_from(["alice", "bob"]),
    st.sampled_from(["released", "released", "released", "failed", "rejected", "open"]),
)
BACKUP = st.just(("backup",))
RESTORE = st.tuples(st.just("restore"), st.integers(0, 5))
FORWARD = st.tuples(st.just("clock"), st.sampled_from([DAY / 2, 3 * DAY, 8 * DAY, 31 * DAY]))
BACK = st.tuples(st.just("clock"), st.sampled_from([-DAY, -8 * DAY, -40 * DAY]))


def play(village: Village, steps, *, told: bool) -> World:
    with tempfile.TemporaryDirectory(dir=village.folder) as folder:
        world = World(Path(folder), village)
        try:
            for what, *how in steps:
                match what:
                    case "run":
                        world.run(*how)
                    case "backup":
                        world.backup()
                    case "restore":
                        world.restore(*how, told=told)
                    case "clock":
                        world.clock._now += how[0]
                world.see_head()
            world.store.verify()
        finally:
            world.store.close()
        return world


SLOWLY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def village(tmp_path_factory):
    village = Village(tmp_path_factory.mktemp("village"))
    yield village
    village.store.close()


@SLOWLY
@given(steps=st.lists(st.one_of(JOB, JOB, JOB, BACKUP, RESTORE, FORWARD), max_size=40))
def test_nothing_is_spent_twice_even_when_nobody_knows_what_was_lost(village, steps):
    play(village, steps, told=False)


@SLOWLY
@given(steps=st.lists(st.one_of(JOB, JOB, JOB, BACKUP, RESTORE, FORWARD, BACK), max_size=40))
def test_nothing_is_spent_twice_under_a_clock_that_jumps_once_heads_are_known(village, steps):
    play(village, steps, told=True)


SPENT = [("run", "alice", "released")] * 4
AGAIN = [("restore", 0), *SPENT]


def test_without_the_rule_the_same_backup_hands_out_a_budget_twice(village, monkeypatch):
    monkeypatch.setattr(charging, "counted", lambda account, spent, _: (account, spent))
    with pytest.raises(AssertionError, match="week"):
        play(village, [*SPENT, *AGAIN], told=False)


def test_with_it_the_period_is_over_and_the_next_one_is_whole(village):
    world = play(village, [*SPENT, *AGAIN, ("clock", 8 * DAY), *SPENT], told=False)
    weeks = {a.begins: n for a, n in world.left.items() if a.budget.name == "week"}
    assert list(weeks.values()) == [4]  # the month of alice is closed longer
    assert max(world.left.values()) == 4
