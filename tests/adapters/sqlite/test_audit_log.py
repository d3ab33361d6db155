"""The audit log on disk: whole at every moment, whatever is tried, and small to prove from."""

import contextlib
import json
import sqlite3

import pytest

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.errors import StateError
from darkroom.model.merkle import includes, is_beginning
from darkroom.model.statement import Statement
from darkroom.model.tree_head import KIND
from tests.adapters.sqlite.accounts import entry as ledger_entry
from tests.model.trees import root_of
from tests.node.village import keys


@pytest.fixture
def path(tmp_path):
    return tmp_path / "node.db"


@pytest.fixture
def store(path):
    store = SqliteNodeStore(path)
    store._db.execute("PRAGMA synchronous = OFF")
    yield store
    store.close()


def filled(store, count: int) -> None:
    with store.transaction():
        for number in range(count):
            store.add_event(float(number), "job-started", f"{number % 3:032x}", {"n": number})


def leaves(store) -> list[bytes]:
    return [entry.leaf for entry, _ in store.audit_entries()]


def test_entries_have_numbers_without_a_gap_also_after_what_was_undone(store):
    filled(store, 3)
    with contextlib.suppress(RuntimeError), store.transaction():
        assert store.add_event(0.0, "undone") == 4
        raise RuntimeError
    assert store.add_event(9.0, "job-ended", "1" * 32, {"b": 1, "a": "é"}) == 4
    found = store.last_entry("1" * 32, "job-ended")
    assert (found.number, found.at, found.detail) == (4, 9.0, '{"a":"\\u00e9","b":1}')
    assert found.is_whole
    assert store.last_entry("1" * 32, "x") is None
    assert (
        [e.number for e, _ in store.audit_entries()]
        == [1, 2, 3, 4]
        == list(range(1, store.audit_size() + 1))
    )
    assert [e.number for e in store.audit_log("0" * 32)] == [1]
    assert [e.number for e in store.audit_log(last=2)] == [3, 4]


def test_the_head_is_the_tree_over_all_leaves_with_the_ledger_of_that_moment(store):
    assert store.tree_head("north", 1).size == 0
    filled(store, 7)
    before = store.tree_head("north", 1)
    store.add_entry(ledger_entry(number=0))
    head = store.tree_head("north", 2)
    assert (head.size, head.epoch, head.root) == (7, 1, root_of(leaves(store)).hex())
    assert (before.ledger.number, head.ledger.number) == (0, 1)
    assert head.ledger.chain == store._rows("SELECT chain FROM ledger")[0][0].hex()
    store.open_epoch(3, 1.0)
    assert store.tree_head("north", 2).epoch == 3


def test_every_entry_and_every_growth_is_proved_from_a_few_rows(store):
    filled(store, 21)
    hashes = leaves(store)
    for size in (1, 2, 13, 16, 21):
        root = root_of(hashes[:size])
        for number in (1, size // 2 + 1, size):
            proof = store.inclusion(number, size)
            assert includes(hashes[number - 1], number - 1, size, root, proof)
        grown = store.consistency(size, 21)
        assert is_beginning(size, root, 21, root_of(hashes), grown)
    asked = []
    store._db.set_trace_callback(asked.append)
    store.inclusion(2, 21)
    store.consistency(13, 21)
    assert len(asked) < 16


def test_two_processes_write_one_log(store, path):
    other = SqliteNodeStore(path)
    for number in range(6):
        (store, other)[number % 2].add_event(0.0, "x", "", {"n": number})
    other.close()
    store.verify()
    assert store.audit_size() == 6


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET at = 1",
        "UPDATE events SET detail = NULL, salt = NULL",
        "UPDATE events SET detail = '{}'",
        "DELETE FROM events WHERE number = 4",
        "INSERT INTO events SELECT 9, at, event, job_id, digest, detail, salt, leaf FROM events",
        "UPDATE audit_head SET size = 3",
        "UPDATE audit_head SET peaks = zeroblob(32)",
        "DELETE FROM audit_head",
        "UPDATE audit_nodes SET hash = zeroblob(32)",
        "DELETE FROM audit_nodes",
        "UPDATE audit_heads SET size = 1",
        "DELETE FROM audit_heads",
    ],
)
def test_the_database_itself_refuses_what_is_not_growth(store, path, statement):
    filled(store, 4)
    signed(store)
    other = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)
    other.close()
    store.verify()


def signed(store) -> Statement:
    keyring = keys("north", "domain")
    with store.transaction():
        said = keyring.sign(KIND, store.tree_head("north", 1.0).to_body())
        store.keep_head(said, keyring.identity)
    return said


def test_signed_heads_are_kept_with_who_signed_them(store):
    assert store.last_head() is None
    heads = []
    for _ in range(3):
        filled(store, 2)
        heads.append(signed(store))
    assert list(store.signed_heads()) == heads
    assert store.last_head() == heads[-1]
    assert store.head_signers() == [keys("north", "domain").identity]


SECRET = "the reviewer's own words"


def test_erasing_takes_what_was_said_out_of_the_file_and_leaves_the_tree(store, path):
    filled(store, 3)
    store.add_event(4.0, "decision-refused", "1" * 32, {"reason": SECRET})
    filled(store, 3)
    before = leaves(store)
    assert store.erase_details([4, 4, 2, 99], at=9.0, by="olga", why="asked to") == 2
    assert leaves(store)[:7] == before
    event, job, detail = store.events()[-1]
    assert (event, job) == ("audit-erased", "")
    assert detail == {"by": "olga", "why": "asked to", "numbers": [2, 4]}
    assert store.events()[3] == ("decision-refused", "1" * 32, {})
    assert store.last_entry("1" * 32, "decision-refused").salt is None
    for file in path.parent.iterdir():
        assert SECRET.encode() not in file.read_bytes(), file
    store.verify()


def test_what_is_gone_and_what_tells_of_it_is_not_erased(store):
    filled(store, 2)
    store.add_event(1.0, "epoch-opened", "", {"epoch": 2})
    assert store.erase_details([1], at=9.0, by="olga", why="") == 1
    assert store.erase_details([1, 3, 4], at=9.0, by="olga", why="") == 0
    assert store.audit_size() == 4
    with pytest.raises(StateError):
        store._write("UPDATE events SET detail = NULL, salt = NULL WHERE number = 2")


def test_a_full_disk_leaves_neither_what_happened_nor_its_entry(store):
    """Fail closed: the log is in the transaction of what it tells."""
    filled(store, 2)
    pages = store._rows("PRAGMA page_count")[0][0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")

    def charged():
        with store.transaction():
            store.add_entry(ledger_entry(number=0))
            with contextlib.suppress(StateError):  # whoever swallows it does not get round it
                for number in range(2000):
                    store.add_event(0.0, "job-received", "", {"n": "x" * 1000, "m": number})
            store.set_fact("went", "on")

    with pytest.raises(StateError):
        charged()
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert (store.entries(), store.fact("went"), store.audit_size()) == ([], None, 2)
    store.verify()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE events SET event = 'x' WHERE number = 3", "entry 3 was changed"),
        ("UPDATE events SET detail = '{}' WHERE number = 4", "entry 4 was changed"),
        ("UPDATE audit_head SET peaks = zeroblob(64)", "entry 6 is not as the head"),
        ("UPDATE audit_head SET size = 7", "the head of the audit log is damaged"),
    ],
)
def test_a_node_does_not_start_on_a_damaged_log(store, path, damage, words):
    filled(store, 5)
    store.close()
    db = sqlite3.connect(path)
    triggers = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    for name in triggers:
        db.execute(f"DROP TRIGGER {name}")
    db.execute(damage)
    for sql in triggers.values():
        db.execute(sql)
    db.commit()
    db.close()
    again = SqliteNodeStore(path)
    with pytest.raises(StateError, match=words):
        again.verify()
    again.close()


def test_a_log_shorter_than_its_own_signed_head_is_damaged(store, path):
    filled(store, 5)
    signed(store)
    said = json.loads(store._rows("SELECT statement FROM audit_heads")[0][0])
    said["body"]["size"] = 6
    store.keep_head(Statement.from_mapping(said), keys("north", "domain").identity)
    with pytest.raises(StateError, match="entry 6 is missing"):
        store.verify()
