"""The ledger on disk: it only grows, gives back only what was never used, and adds up."""

import multiprocessing
import sqlite3
import threading
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.errors import SpecError, StateError
from darkroom.model.amount import NOTHING, Amount
from darkroom.model.budget import DAY
from darkroom.policy.ledger import FOLLOWS, KINDS, against, spent
from tests.adapters.sqlite.accounts import JOB, NOON, account, add_started_job, entry


ONE = Amount(releases=1, rows=8, bits=64)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "node.db"


@pytest.fixture
def store(path):
    store = SqliteNodeStore(path)
    yield store
    store.close()


def test_an_entry_is_read_back_exactly(store):
    exact = Amount(releases=2, epsilon=Fraction(1, 3), delta=Fraction("0.000001"))
    said = entry(amount=exact, at=NOON + 0.1)
    store.add_entry(said)
    assert store.reservation(JOB) == said
    assert store.reservation("1" * 32) is None
    store.add_entry(replace(said, kind="settle"))
    assert store.reservation(JOB).kind == "settle"
    assert store.entries() == [said, replace(said, kind="settle")]


WAYS = [(), ("reserve",), ("reserve", "settle"), ("reserve", "refund")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("step", KINDS)
def test_a_reservation_goes_only_the_ways_of_the_table(store, way, step):
    for kind in way:
        store.add_entry(entry(kind))
    if step in FOLLOWS[way[-1] if way else ""]:
        store.add_entry(entry(step))
        assert len(store.entries()) == len(way) + 1
    else:
        with pytest.raises(StateError, match=f"refuses to {step} {JOB}: no such step"):
            store.add_entry(entry(step))
        assert len(store.entries()) == len(way)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": Amount(releases=2, rows=8, bits=64)},
        {"amount": NOTHING},
        {"at": NOON + 1},
        {"dataset": "yard"},
        {"scientist": "bob"},
        {"project": "map"},
    ],
)
@pytest.mark.parametrize("kind", ["settle", "refund"])
def test_what_closes_a_reservation_is_what_was_reserved(store, kind, other):
    store.add_entry(entry())
    with pytest.raises(StateError, match="not what was reserved"):
        store.add_entry(entry(kind, **other))
    store.add_entry(entry(kind, policy_version=2))  # said under a newer policy


@pytest.mark.parametrize(("touched", "event"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("reservation", [JOB, f"{JOB}:log"])
def test_a_job_that_was_started_gets_nothing_back(store, reservation, touched, event):
    add_started_job(store, JOB, touched=touched, event=event)
    store.add_entry(entry(reservation=reservation))
    with pytest.raises(StateError, match="the job was started"):
        store.add_entry(entry("refund", reservation=reservation))
    store.add_entry(entry("settle", reservation=reservation))
    assert store.spent(account()) == ONE


def test_a_job_that_never_started_gets_all_back(store):
    add_started_job(store, JOB, touched=False, event=False)
    add_started_job(store, "1" * 32, touched=True, event=True)
    store.add_entry(entry())
    assert store.spent(account()) == ONE
    store.add_entry(entry("refund"))
    assert store.spent(account()) == NOTHING


@pytest.mark.parametrize("name", ["", "0" * 31, "0" * 33, "A" * 32, f"{JOB}:LOG", f"{JOB}:log2"])
def test_a_reservation_is_named_after_its_job(store, name):
    with pytest.raises(StateError):
        store.add_entry(entry(reservation=name))
    assert store.entries() == []


def test_the_time_of_the_ledger_never_goes_back(store):
    assert store.ledger_time() == 0.0
    store.add_entry(entry(number=1, at=NOON))
    with pytest.raises(StateError, match="does not go back"):
        store.add_entry(entry(number=2, at=NOON - 0.001))
    store.add_entry(entry(number=2, at=NOON + 5))
    store.add_entry(entry("settle", number=1, at=NOON))  # about what was reserved then
    assert store.ledger_time() == NOON + 5


@pytest.mark.parametrize("at", [-1.0, 1e12, float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(store, at):
    with pytest.raises((StateError, ValueError)):
        store.add_entry(entry(at=at))
    assert store.entries() == []


def test_amounts_and_names_that_cannot_be_kept_exactly_are_refused(store):
    for odd in (
        {"amount": Amount(epsilon=Fraction(1, 10**30))},
        {"dataset": 'a","b'},
        {"project": "ａ"},
    ):
        with pytest.raises(SpecError):
            store.add_entry(entry(**odd))
    assert store.entries() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET amount = '{}'",
        "UPDATE ledger SET chain = zeroblob(32) WHERE number = 1",
        "DELETE FROM ledger",
        "INSERT OR REPLACE INTO ledger SELECT * FROM ledger",
        "REPLACE INTO ledger SELECT number + 1, reservation, kind, at, dataset, scientist, project,"
        " amount, policy_version, chain FROM ledger",
        "INSERT INTO ledger SELECT number + 9, '11111111111111111111111111111111', kind, at,"
        " dataset, scientist, project, amount, policy_version, chain FROM ledger",
        "UPDATE ledger_head SET number = 0, time = 0",
        "DELETE FROM ledger_head",
    ],
)
def test_history_is_not_rewritten_past_the_code(store, path, statement):
    store.add_entry(entry())
    other = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)
    other.close()
    store.verify()


# ------------------------------------------------------------------------------ balances


def test_a_balance_is_the_same_however_the_account_came_about(store):
    """New period, another set of datasets, another name, an account nobody asked for yet."""
    asked_first = [
        account(),
        account("scientist", days=30),
        account("project", datasets=("plaza",)),
    ]
    for one in asked_first:
        assert store.spent(one) == NOTHING
    for number in range(12):
        at = NOON + number * DAY
        dataset = ("plaza", "yard", "gate")[number % 3]
        said = entry(number=number, at=at, dataset=dataset, scientist=("alice", "bob")[number % 2])
        store.add_entry(said)
        if number % 4 == 3:
            store.add_entry(replace(said, kind="refund"))
    history = store.entries()
    for per in ("dataset", "scientist", "project"):
        for days in (1, 7, 30, 3650):
            for datasets in ((), ("plaza",), ("gate", "plaza"), ("plaza", "gate")):
                for at in (NOON, NOON + 5 * DAY, NOON + 60 * DAY):
                    one = account(per, at, days, datasets=datasets)
                    assert store.spent(one) == spent(one, history), one
                    assert store.spent(replace(one, budget=replace(one.budget, name="new"))) == (
                        spent(one, history)
                    )
    store.verify()


def test_an_opened_balance_follows_what_comes_after(store):
    store.add_entry(entry(number=1))
    assert store.spent(account()) == ONE
    store.add_entry(entry(number=2, at=NOON + 1))
    store.add_entry(entry(number=3, at=NOON + 9 * DAY))
    store.add_entry(entry("refund", number=1))
    assert store.spent(account()) == ONE
    assert store.spent(account(at=NOON + 9 * DAY)) == ONE
    assert len(store._rows("SELECT * FROM balances")) == 2


def test_who_only_asks_leaves_nothing_behind(store):
    for number in range(50):
        one = account("project")
        assert store.spent(replace(one, holder=f"p{number}")) == NOTHING
    assert store._rows("SELECT * FROM balances") == []


def test_a_reader_adds_up_and_writes_nothing(store, path):
    store.add_entry(entry())
    reader = SqliteNodeStore(path, read_only=True)
    assert reader.spent(account()) == ONE
    assert store._rows("SELECT * FROM balances") == []
    assert store.spent(account()) == ONE
    assert reader.spent(account()) == ONE
    reader.close()


def test_sums_of_fractions_stay_exact(store):
    one = account(epsilon=Fraction(3))
    store.spent(one)
    parts = [Fraction(1, n) for n in range(1, 300)] + [Fraction("0.000000000000000001")]
    for number, part in enumerate(parts):
        store.add_entry(entry(number=number, amount=Amount(epsilon=part)))
        store.spent(one)
    assert store.spent(one).epsilon == sum(parts)
    store.verify()


# --------------------------------------------------------------- transactions, full disks


def test_an_entry_belongs_to_its_transaction(store):
    store.add_entry(entry(number=1))
    assert store.spent(account()) == ONE
    with suppress(RuntimeError), store.transaction():
        store.add_entry(entry(number=2))
        assert store.spent(account()) == ONE + ONE
        raise RuntimeError
    assert store.spent(account()) == ONE
    assert store.reservation(entry(number=2).reservation) is None
    store.verify()


def test_a_refused_entry_does_not_end_the_transaction(store):
    store.add_entry(entry())
    with store.transaction():
        with suppress(StateError):
            store.add_entry(entry())
        store.add_event(NOON, "x")
    assert len(store.events()) == 1


def test_what_failed_on_the_disk_is_not_half_kept_by_who_catches_it(store):
    def step():
        with store.transaction():
            store.add_event(NOON, "before")
            with suppress(StateError):
                store._write("INSERT INTO nowhere VALUES (1)")
            store.add_event(NOON, "after")

    with pytest.raises(StateError, match="failed before"):
        step()
    assert store.events() == []


@pytest.mark.parametrize("kind", ["settle", "refund"])
def test_a_disk_that_is_full_when_a_job_is_closed(store, kind):
    """Nothing of the transaction happened; the same call works once there is room."""
    store.add_entry(entry())
    before = store.spent(account())

    def close():
        with store.transaction():
            store.add_event(NOON, "x" * 100_000)
            store.add_entry(entry(kind))

    pages = store._rows("PRAGMA page_count")[0][0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    for attempt in (close, lambda: _fill(store, kind)):
        with pytest.raises(StateError) as caught:
            attempt()
        assert "make room" in caught.value.next_step
        assert store.reservation(JOB).kind == "reserve"
        assert store.spent(account()) == before
        assert store.events() == []
        store.verify()
    store._db.execute("PRAGMA max_page_count = 1000000")
    close()
    assert store.reservation(JOB).kind == kind
    store.verify()


def _fill(store, kind):
    """Close the job, and many more entries until no page is left: the last ones fail."""
    with store.transaction():
        store.add_entry(entry(kind))
        for number in range(1, 10_000):
            store.add_entry(entry(number=number))


# ------------------------------------------------------------------------- many at a time

CAP = 20
RIVALS = 32


def take(store: SqliteNodeStore, number: int) -> bool:
    """Reserve one release if the account still has it."""
    with store.transaction():
        said = entry(number=number, at=max(NOON + number % 7, store.ledger_time()))
        one = account(at=said.at, releases=CAP)
        if against(said.amount, [(one, store.spent(one))]):
            return False
        store.add_entry(said)
        return True


def test_threads_of_one_store_never_overspend(store):
    taken = []

    def rival(first):
        taken.extend(take(store, first * 100 + n) for n in range(3))

    threads = [threading.Thread(target=rival, args=(n,)) for n in range(RIVALS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(taken) == CAP == store.spent(account()).releases
    store.verify()


def test_threads_with_stores_of_their_own_never_overspend(path, store):
    taken = []

    def rival(first):
        mine = SqliteNodeStore(path)
        taken.extend(take(mine, first * 100 + n) for n in range(3))
        mine.close()

    threads = [threading.Thread(target=rival, args=(n,)) for n in range(RIVALS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(taken) == CAP == store.spent(account()).releases
    store.verify()


def rival_process(path: Path, first: int, taken: "multiprocessing.Queue[int]") -> None:
    """One of several processes."""
    store = SqliteNodeStore(path)
    taken.put(sum(take(store, first * 100 + n) for n in range(10)))
    store.close()


@pytest.mark.slow
def test_processes_never_overspend(path):
    SqliteNodeStore(path).close()
    fresh = multiprocessing.get_context("spawn")
    taken = fresh.Queue()
    rivals = [fresh.Process(target=rival_process, args=(path, n, taken)) for n in range(4)]
    for rival in rivals:
        rival.start()
    total = sum(taken.get(timeout=60) for _ in rivals)
    for rival in rivals:
        rival.join(60)
    store = SqliteNodeStore(path)
    assert total == CAP == store.spent(account()).releases
    store.verify()
    store.close()
