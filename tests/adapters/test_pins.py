"""Pins on disk: they stay, and never change by themselves."""

import sqlite3

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.adapters.sqlite.pins import SqlitePins
from darkroom.errors import StateError, TrustError


ALICE = SycKeyring.generate("alice", "scientist").identity
FALSE = SycKeyring.generate("alice", "scientist").identity


@pytest.fixture
def pins(tmp_path):
    pins = SqlitePins(tmp_path / "pins.sqlite")
    yield pins
    pins.close()


def test_a_pin_stays(tmp_path, pins):
    pins.pin(ALICE)
    pins.pin(ALICE)

    other = SqlitePins(tmp_path / "pins.sqlite")
    assert ALICE == other.get("alice")
    assert ["alice"] == other.names()
    assert other.get("bob") is None
    other.close()


@pytest.mark.attack
def test_another_key_is_refused_until_a_person_forgets_the_first(pins):
    pins.pin(ALICE)
    with pytest.raises(TrustError, match="another key") as caught:
        pins.pin(FALSE)
    assert "fingerprints" in caught.value.next_step
    assert ALICE == pins.get("alice")

    pins.unpin("alice")
    pins.pin(FALSE)

    assert FALSE == pins.get("alice")


@pytest.mark.parametrize("change", ["identity = '{}'", "identity = 'x'", "fingerprint = 'x'"])
def test_a_damaged_pin_is_said_so(tmp_path, pins, change):
    pins.pin(ALICE)
    with sqlite3.connect(tmp_path / "pins.sqlite") as database:
        database.execute(f"UPDATE pins SET {change}")
    database.close()

    with pytest.raises(StateError, match="damaged"):
        pins.get("alice")


def test_a_newer_schema_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "pins.sqlite") as database:
        database.execute("PRAGMA user_version=9")
    database.close()

    with pytest.raises(StateError, match="newer"):
        SqlitePins(tmp_path / "pins.sqlite")


# ------------------------------------------------------------------------------- hand-overs

KEYS = SycKeyring.generate("bob", "scientist")
LATER = KEYS.rotated(at=1.0).rotated(at=2.0)
OLD, NEW = KEYS.identity, LATER.identity


@pytest.fixture(params=["pins", "node"])
def store(request, tmp_path, pins):
    """Both places that pins lie in."""
    if request.param == "pins":
        yield pins
        return
    node = SqliteNodeStore(tmp_path / "node.db")
    yield node
    node.close()


def test_a_pin_goes_on_along_hand_overs_and_keeps_what_it_was(store):
    store.pin(OLD)
    store.succeed(LATER.handovers, 5.0)

    assert store.get("bob") == NEW
    assert [(past.until, past.handover) for past in store.former("bob")] == [
        (5.0, link) for link in LATER.handovers
    ]
    assert store.former("bob")[0].identity == OLD
    assert store.former("alice") == ()


def test_hand_overs_that_begin_elsewhere_change_nothing(store):
    store.pin(OLD)

    with pytest.raises(TrustError, match="meanwhile"):
        store.succeed(LATER.handovers[1:], 5.0)
    with pytest.raises(TrustError, match="meanwhile"):
        store.succeed((LATER.handovers[0], LATER.handovers[0]), 5.0)
    assert (store.get("bob"), store.former("bob")) == (OLD, ())


def test_nobody_is_followed_who_was_never_pinned(store):
    with pytest.raises(TrustError):
        store.succeed(LATER.handovers, 5.0)
    assert store.get("bob") is None


def test_keys_that_were_given_up_are_never_pinned_again(store):
    store.pin(OLD)
    store.succeed(LATER.handovers, 5.0)

    with pytest.raises(TrustError):
        store.pin(OLD)
    store.pin(NEW)
    assert store.get("bob") == NEW


def test_not_even_after_a_person_forgot_the_last_ones(pins):
    pins.pin(OLD)
    pins.succeed(LATER.handovers, 5.0)
    pins.unpin("bob")

    with pytest.raises(TrustError, match="count no more"):
        pins.pin(OLD)


def test_damaged_history_is_said_so(tmp_path, pins):
    pins.pin(OLD)
    pins.succeed(LATER.handovers, 5.0)
    with sqlite3.connect(tmp_path / "pins.sqlite") as database:
        database.execute("UPDATE former_pins SET handover = '{}'")
    database.close()

    with pytest.raises(StateError, match="damaged"):
        pins.former("bob")


def test_pins_of_the_first_version_go_on(tmp_path):
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as database:
        database.executescript(
            "CREATE TABLE pins (name TEXT PRIMARY KEY, identity TEXT NOT NULL,"
            " fingerprint TEXT NOT NULL, past_statement_keys TEXT NOT NULL DEFAULT '[]') STRICT;"
            "PRAGMA user_version=1;"
        )
    database.close()
    pins = SqlitePins(path)
    pins.pin(OLD)
    pins.succeed(LATER.handovers, 5.0)

    assert pins.get("bob") == NEW
    pins.close()
