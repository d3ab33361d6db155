"""Whose key is whose is kept however it was pinned; a lookup reads an index."""

import sqlite3

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.adapters.sqlite.review_schema import SCRIPT
from darkroom.errors import StateError
from darkroom.model.message import Message


def message(number=1, **more):
    fields = {"job_id": "a" * 32, "side": "scientist", "by": "alice", "text": "hm", "at": 5.0}
    return Message(number=number, **{**fields, **more})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "node.db"


def test_every_key_of_a_name_is_known_from_pin_and_hand_overs(path):
    ring = SycKeyring.generate("carol", "owner")
    store = SqliteNodeStore(path)
    store.pin(ring.identity)
    known = {ring.identity.statement_key}
    assert store.keys_of("carol") == known
    later = ring.rotated(at=1.0)
    last = later.rotated(at=2.0)
    store.succeed(last.handovers, 3.0)
    known |= {later.identity.statement_key, last.identity.statement_key}

    assert store.keys_of("carol") == known
    assert store.keys_of("dan") == frozenset()
    store.close()


def test_a_file_of_before_knows_the_keys_that_it_has_pinned(path):
    ring = SycKeyring.generate("carol", "owner")
    last = ring.rotated(at=1.0)
    store = SqliteNodeStore(path)
    store.pin(ring.identity)
    store.succeed(last.handovers, 3.0)
    known = store.keys_of("carol")
    store.close()
    db = sqlite3.connect(path)
    db.executescript("".join(f"DROP TRIGGER {name};" for (name,) in db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%keys_%'"
    ).fetchall()))  # fmt: skip
    db.execute("DELETE FROM statement_keys")
    fill = SCRIPT[SCRIPT.index("INSERT OR IGNORE") : SCRIPT.index("CREATE TRIGGER")]
    db.executescript(fill)
    found = {key for (key,) in db.execute("SELECT key FROM statement_keys WHERE name = 'carol'")}
    db.close()

    assert found == known


def test_whose_a_key_was_is_never_forgotten_and_is_looked_up_by_an_index(path):
    store = SqliteNodeStore(path)
    store.pin(SycKeyring.generate("carol", "owner").identity)
    for change in ("DELETE FROM statement_keys", "UPDATE statement_keys SET name = 'x'"):
        with pytest.raises(sqlite3.IntegrityError):
            store._db.execute(change)
    plan = store._rows("EXPLAIN QUERY PLAN SELECT key FROM statement_keys WHERE name = ?", "carol")
    assert "USING PRIMARY KEY" in plan[0][3]
    store.close()


def test_messages_are_kept_in_order_each_number_once(path):
    store = SqliteNodeStore(path)
    store.add_message(message(1))
    store.add_message(message(2, at=9.0, side="reviewer", by="olga"))
    with pytest.raises(StateError, match="a message 2"):
        store.add_message(message(2))

    assert [m.number for m in store.messages("a" * 32)] == [1, 2]
    assert store.messages("b" * 32) == []
    assert (store.count_messages_of("alice", 4.0), store.count_messages_of("alice", 5.0)) == (1, 0)
    store.close()
