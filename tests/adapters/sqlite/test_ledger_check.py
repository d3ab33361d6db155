"""A ledger that does not fit is refused, with the file and the entry; nothing is mended."""

import random
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.errors import StateError
from darkroom.model.amount import Amount
from darkroom.model.budget import DAY
from tests.adapters.sqlite.accounts import NOON, account, entry


@pytest.fixture
def path(tmp_path):
    """Twenty entries, some closed, some balances; closed, so that no log is left."""
    path = tmp_path / "node.db"
    store = SqliteNodeStore(path)
    fill(store)
    store.close()
    return path


def fill(store: SqliteNodeStore, first: int = 0) -> None:
    """Ten jobs of which some are closed."""
    for number in range(first, first + 10):
        said = entry(number=number, at=NOON + number, amount=Amount(releases=1, bits=number))
        store.add_entry(said)
        store.spent(account(("dataset", "scientist", "project")[number % 3], days=1 + number % 4))
        if number % 2:
            store.add_entry(replace(said, kind="settle" if number % 3 else "refund"))


def verified(path: Path) -> None:
    """Open and prove, as the start of a node does."""
    store = SqliteNodeStore(path)
    try:
        store.verify()
    finally:
        store.close()


def refusal(path: Path) -> str | None:
    """Why a node does not start on it; None when it does."""
    try:
        verified(path)
    except StateError as error:
        return error.message
    return None


def rows(path: Path) -> list[tuple]:
    """Everything that the ledger says, read past our code."""
    with sqlite3.connect(path) as db:
        return [
            *db.execute("SELECT * FROM ledger ORDER BY number"),
            *db.execute("SELECT * FROM ledger_head"),
            *db.execute("SELECT * FROM balances ORDER BY 1, 2, 3, 4, 5"),
        ]


def by_hand(path: Path, script: str) -> None:
    """Change the file with the triggers out of the way, and put them back."""
    with sqlite3.connect(path) as db:
        triggers = db.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'ledger%'"
        ).fetchall()
        db.executescript("".join(f"DROP TRIGGER {name};" for name, _ in triggers))
        db.executescript(script)
        for _, sql in triggers:
            db.execute(sql)
    db.close()


def test_a_ledger_that_fits_is_taken(path):
    verified(path)
    reader = SqliteNodeStore(path, read_only=True)
    reader.verify()
    reader.close()


def test_an_empty_ledger_fits(tmp_path):
    verified(tmp_path / "node.db")


CHANGES = {
    "UPDATE ledger SET amount = replace(amount, '\"bits\":3', '\"bits\":2') WHERE number = 5": 5,
    "UPDATE ledger SET scientist = 'bob' WHERE number = 3": 3,
    "UPDATE ledger SET project = 'map' WHERE number = 3": 3,
    "UPDATE ledger SET at = at + 1 WHERE number = 1": 1,
    "UPDATE ledger SET kind = 'refund' WHERE number = 3": 3,
    "UPDATE ledger SET policy_version = 2 WHERE number = 15": 15,
    "UPDATE ledger SET chain = randomblob(32) WHERE number = 7": 7,
    "DELETE FROM ledger WHERE number = 4": 4,
    "DELETE FROM ledger WHERE number = 1": 1,
    "DELETE FROM ledger WHERE number = 15": 14,  # the last one that is there
    "UPDATE ledger_head SET time = 0": 15,
    "UPDATE ledger_head SET number = 14": 15,
    "DELETE FROM ledger_head": 15,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_entry_is_named(path, change):
    by_hand(path, change)
    changed = path.read_bytes()
    with pytest.raises(StateError) as caught:
        verified(path)
    assert str(path) in caught.value.message
    assert f"entry {CHANGES[change]} of the ledger" in caught.value.message
    assert "good copy" in caught.value.next_step
    assert path.read_bytes() == changed  # nothing was mended


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE balances SET amount = replace(amount, '\"releases\":', '\"releases\":1') "
        "WHERE per = 'dataset'",
        "UPDATE balances SET amount = '' WHERE per = 'dataset'",
        "UPDATE balances SET holder = 'other' WHERE per = 'dataset'",
        "UPDATE balances SET datasets = '[\"x\"' WHERE per = 'dataset'",
    ],
)
def test_a_changed_balance_is_named(path, change):
    by_hand(path, change)
    with pytest.raises(StateError, match="the balance of dataset") as caught:
        verified(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    "change",
    [
        "DROP TRIGGER ledger_follows",
        "DROP TRIGGER jobs_move",
        "DROP INDEX ledger_project",
        "INSERT INTO ledger_steps VALUES ('settle', 'refund')",
        "DELETE FROM ledger_steps",
        "INSERT INTO moves VALUES ('received', 'running')",
        "CREATE TRIGGER more AFTER INSERT ON ledger BEGIN DELETE FROM balances; END",
    ],
)
def test_rules_that_were_taken_out_of_the_file_are_missed(path, change):
    with sqlite3.connect(path) as db:
        db.executescript(change)
    db.close()
    with pytest.raises(StateError, match="not as it was made"):
        verified(path)


def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing(path):
    """Free space may hold anything; what the ledger says is never another thing."""
    whole, said = path.read_bytes(), rows(path)
    chance = random.Random(20261121)
    refused = 0
    for _ in range(100):
        bit = chance.randrange(8 * len(whole))
        bytes_ = bytearray(whole)
        bytes_[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes_)
        if (message := refusal(path)) is not None:
            refused += 1
            assert str(path) in message
        else:
            assert rows(path) == said, bit
        for log in path.parent.glob("node.db-*"):
            log.unlink()
    assert refused > 5


def test_a_page_that_is_gone_is_refused(path):
    whole = path.read_bytes()
    page = 4096
    for number in range(1, len(whole) // page):
        path.write_bytes(whole[: number * page] + bytes(page) + whole[(number + 1) * page :])
        with pytest.raises(StateError, match=str(path)):
            verified(path)


def test_a_file_cut_short_is_refused(path):
    whole = path.read_bytes()
    for size in (100, 5000, len(whole) // 2, len(whole) - 4096):
        path.write_bytes(whole[:size])
        with pytest.raises(StateError, match=str(path)):
            verified(path)


# ------------------------------------------------------------------ the write-ahead log


@pytest.fixture
def crashed(tmp_path):
    """A database and its log as `kill -9` leaves them."""
    path = tmp_path / "live" / "node.db"
    path.parent.mkdir()
    store = SqliteNodeStore(path)
    fill(store)
    store._rows("PRAGMA wal_checkpoint(TRUNCATE)")
    fill(store, first=100)
    copy = tmp_path / "node.db"
    shutil.copy(path, copy)
    shutil.copy(f"{path}-wal", f"{copy}-wal")
    store.close()
    return copy


def test_a_log_that_is_whole_is_taken(crashed):
    store = SqliteNodeStore(crashed)
    store.verify()
    assert len(store.entries()) == 30
    store.close()


def test_a_log_cut_anywhere_gives_the_entries_before_the_cut(crashed):
    database, log = crashed.read_bytes(), Path(f"{crashed}-wal")
    whole = log.read_bytes()
    found = set()
    for size in range(0, len(whole) + 1, len(whole) // 20):
        crashed.write_bytes(database)
        log.write_bytes(whole[:size])
        store = SqliteNodeStore(crashed)
        store.verify()
        entries = store.entries()
        found.add(len(entries))
        assert len(entries) >= 15  # what was checkpointed
        fill(store, first=200 + size)
        store.verify()
        store.close()
    assert len(found) > 5


def test_a_flipped_bit_in_the_log_loses_no_transaction_silently(crashed):
    """SQLite would end its reading there and forget all that came after."""
    database, log = crashed.read_bytes(), Path(f"{crashed}-wal")
    whole = log.read_bytes()
    chance = random.Random(20261121)
    last = 0
    for turn in range(40):
        # The header, then anywhere.
        bit = chance.randrange(8 * 32) if turn < 10 else chance.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        crashed.write_bytes(database)
        log.write_bytes(damaged)
        try:
            store = SqliteNodeStore(crashed)
        except StateError:
            assert f"{crashed}-wal" in (refusal(crashed) or "")
            assert log.read_bytes() == damaged  # as it was found
        else:
            # The very last transaction cannot be told from one that a power cut tore.
            assert len(store.entries()) >= 29, bit
            store.verify()
            store.close()
            last += 1
        for file in crashed.parent.glob("node.db-shm"):
            file.unlink()
    assert last < 10


def test_a_log_in_use_is_not_taken_for_damage(tmp_path):
    """Others read while one writes, wraps its log around, and leaves old frames behind."""
    path = tmp_path / "node.db"
    store = SqliteNodeStore(path)
    store._db.execute("PRAGMA wal_autocheckpoint = 8")
    for number in range(60):
        store.add_entry(entry(number=number, at=NOON + number * DAY))
        reader = SqliteNodeStore(path, read_only=number % 2 == 0)
        assert len(reader.entries()) == number + 1
        reader.close()
    store.close()
