"""Epochs and overrides that the audit log does not tell of are damage: they would open budgets."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.errors import StateError
from darkroom.model.audit_entry import EPOCH_OPENED
from darkroom.model.override import EVENTS, GATEWAY_LOST, KIND, NOTHING_RAN, Override
from tests.adapters.sqlite.test_ledger_check import verified
from tests.node.village import keys


OWNER = keys("olga", "owner")


@pytest.fixture
def path(tmp_path) -> Path:
    """A state that was restored once."""
    path = tmp_path / "node.db"
    with closing(SqliteNodeStore(path)) as store:
        store.pin(OWNER.identity)
        store.set_fact("owner", "olga")
        store.add_event(1.0, "x")
        store.open_epoch(2, 5.0)
        store.add_event(5.0, EPOCH_OPENED, "", {"epoch": 2, "opened_at": 5.0})
    return path


def believe(path: Path, signer=OWNER, purpose=NOTHING_RAN, *, entry=True, row=True, **head) -> None:
    """What the node keeps of an override; and what somebody may write who is not the node."""
    with closing(SqliteNodeStore(path)) as store, store.transaction():
        about = replace(store.tree_head("north", 6.0), **head)
        said = signer.sign(KIND, Override(head=about, purpose=purpose, epoch=2).to_body())
        if row:
            store.add_override(said, 2, purpose, 6.0)
        if entry:
            detail = {"epoch": 2, "override": said.to_mapping()}
            store.add_event(6.0, EVENTS[purpose], "", detail)


def refused(path: Path, what: str) -> None:
    with pytest.raises(StateError, match=f"{what} is not what the audit log tells of") as caught:
        verified(path)
    assert str(path) in caught.value.message
    assert "good copy" in caught.value.next_step


def write(path: Path, *changes: str) -> None:
    """Past our code; the triggers of both tables are put back."""
    with closing(sqlite3.connect(path)) as db, db:
        triggers = db.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' "
            "AND tbl_name IN ('epochs', 'overrides')"
        ).fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        for change in changes:
            db.execute(change)
        for _, sql in triggers:
            db.execute(sql)


@pytest.mark.parametrize("purpose", [NOTHING_RAN, GATEWAY_LOST])
def test_what_the_node_wrote_fits(path, purpose):
    verified(path)
    believe(path, purpose=purpose)
    verified(path)


def test_an_override_counts_after_its_owner_rotated(path):
    believe(path)
    new = OWNER.rotated(at=7.0)
    with closing(SqliteNodeStore(path)) as store:
        store.succeed(new.handovers[-1:], 8.0)
    verified(path)
    believe(path, new, GATEWAY_LOST)
    verified(path)


def test_an_override_whose_entry_was_erased_still_fits(path):
    believe(path)
    with closing(SqliteNodeStore(path)) as store:
        assert store.erase_details([3], at=7.0, by="olga", why="a name in it") == 1
    verified(path)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE epochs SET opened_at = 0",
        "UPDATE epochs SET number = 3",
        "DELETE FROM epochs",
        "INSERT INTO epochs VALUES (3, 6.0)",
    ],
)
def test_an_epoch_that_the_log_does_not_tell_of(path, change):
    write(path, change)
    refused(path, "epoch [23]")


UNSIGNED = f"INSERT INTO overrides VALUES (1, 2, '{NOTHING_RAN}', 1.0, '{{}}')"


def test_an_override_without_its_entry(path):
    write(path, UNSIGNED)
    refused(path, "an override for epoch 2")


def test_an_override_that_the_owner_signed_and_the_node_never_took(path):
    believe(path, entry=False)
    refused(path, "an override for epoch 2")


def test_an_entry_without_its_override(path):
    believe(path, row=False)
    refused(path, "an override for epoch 2")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE overrides SET epoch = 3",
        f"UPDATE overrides SET purpose = '{GATEWAY_LOST}'",
        "UPDATE overrides SET statement = '{}'",
        "UPDATE overrides SET statement = '['",
        "DELETE FROM overrides",
    ],
)
def test_an_override_that_was_changed(path, change):
    believe(path)
    write(path, change)
    refused(path, "an override for epoch [23]")


def test_an_unsigned_override_whose_writer_added_the_entry_too(path):
    write(path, UNSIGNED)
    with closing(SqliteNodeStore(path)) as store:
        store.add_event(6.0, "epoch-believed", "", {"epoch": 2, "override": {}})
    refused(path, "an override for epoch 2")


@pytest.mark.parametrize(("name", "role"), [("alice", "scientist"), ("olaf", "owner")])
def test_an_override_that_somebody_else_signed_whom_the_node_knows(path, name, role):
    """For instance a reviewer, who is pinned as an owner."""
    with closing(SqliteNodeStore(path)) as store:
        store.pin(keys(name, role).identity)
    believe(path, keys(name, role))
    refused(path, "an override for epoch 2")


@pytest.mark.parametrize("other", [{"root": "0" * 64}, {"size": 1}, {"size": 99}])
def test_an_owners_word_about_another_log(path, other):
    """Of another domain, or of another restore of the same backup."""
    believe(path, **other)
    refused(path, "an override that was signed in epoch 2")
