"""Copies of a village's state: put back as they are, or restored as `darkroom restore` does."""

import sqlite3
from contextlib import closing
from pathlib import Path

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.model.tree_head import TreeHead
from darkroom.node.restore import Opened, open_epoch
from darkroom.node.standing import LOOK_EVERY
from tests.node.village import Person, Village


def copied(village: Village, name: str = "copy.db") -> Path:
    """A copy of the database of one moment, while the node runs."""
    target = village.folder / name
    with (
        closing(sqlite3.connect(village.state / "node.db")) as there,
        closing(sqlite3.connect(target)) as here,
    ):
        there.backup(here)
    return target


def put(village: Village, copy: Path) -> None:
    village.store.close()
    for leftover in village.state.glob("node.db*"):
        leftover.unlink()
    (village.state / "node.db").write_bytes(copy.read_bytes())


def put_back(village: Village, copy: Path) -> None:
    """The old state, as if nothing had happened since."""
    put(village, copy)
    village.start()


def restored(
    village: Village, copy: Path, known: tuple[TreeHead, ...] = (), *, forgets: bool = True
) -> Opened:
    """A new state out of the copy, with new keys and in a new epoch; former keys are forgotten."""
    put(village, copy)
    at = village.clock.now()
    fresh = village.keyring.having(now=village.clock.now).rotated(at=at)
    fresh = fresh.having(former=[], unsaid=False) if forgets else fresh
    with closing(SqliteNodeStore(village.state / "node.db")) as store:
        opened = open_epoch(
            store=store, clock=village.clock, owner="olga", before=village.keyring.identity,
            keyring=fresh, known=known,
        )  # fmt: skip
        store.verify()
    village.keyring = fresh
    village.start()
    return opened


def look(village: Village) -> None:
    """The next time that the node asks the gateway and shows it how far it is."""
    village.clock.forward(LOOK_EVERY + 1)
    village.poll()


def everything(person: Person, kind: str, job_id: str = "") -> list:
    """All letters, also those that come in a later batch because a sender has new keys."""
    before = -1
    while before != len(person.got):
        before = len(person.got)
        person.read()
    return person.letters(kind, job_id)


def notices(village: Village) -> str:
    village.node.service.send_once()
    return "\n".join(n.body["text"] for n in everything(village.owner, "owner.notice"))
