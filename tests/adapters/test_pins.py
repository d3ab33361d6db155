"""Pins on disk: they stay, and never change by themselves."""

import sqlite3

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
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
