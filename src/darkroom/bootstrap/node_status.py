"""What a node's database says about it, read without touching the running process."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.errors import StateError
from darkroom.model.dataset import DatasetCard
from darkroom.node.standing import STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """A look at a node.

    Attributes:
        isolation: layer -> "holds" or why not; as the last start found it.
        epoch: 1, and one more after each restore.
        standing: why charged jobs wait, as the node found last; "" when they do not.
        waiting: letters in the outbox, by kind.
        problems: damage of the file, letters that could not be delivered, and the newest that
            were put aside.
    """

    running: bool
    owner: str
    gateway: str
    datasets: dict[str, DatasetCard]
    policy_version: int
    fit: bool | None
    isolation: dict[str, str]
    epoch: int
    standing: str
    jobs: dict[str, int]
    waiting: dict[str, int]
    scientists: list[str]
    problems: list[str]


def node_status(state: Path) -> NodeStatus:
    """Look.

    Raises:
        StateError: there is no node's state.
    """
    store = SqliteNodeStore(state / "node.db", read_only=True)
    try:
        policy = store.policy()
        isolation = store.fact("isolation") or {"fit": None, "layers": {}}
        waiting: dict[str, int] = {}
        for outgoing in store.outgoing():
            waiting[outgoing.letter.kind] = waiting.get(outgoing.letter.kind, 0) + 1
        owner = store.fact("owner") or ""
        return NodeStatus(
            running=is_held(state / "lock"),
            owner=owner,
            gateway=store.fact("gateway") or "",
            datasets=store.datasets(),
            policy_version=int(policy.body["version"]) if policy else 0,
            fit=isolation["fit"],
            isolation=isolation["layers"],
            epoch=store.epoch(),
            standing=(store.fact(STANDING) or {}).get("why", ""),
            jobs=store.count_jobs(),
            waiting=waiting,
            scientists=[name for name in store.names() if name != owner],
            problems=[
                *_damage(store),
                *(f"{o.letter.kind} to {o.letter.recipient}: {o.problem}"
                  for o in store.given_up()),
                *(f"from {sender or 'unknown'}: {reason}"
                  for _, sender, reason in store.quarantined()[-5:]),
            ],
        )  # fmt: skip
    finally:
        store.close()


def _damage(store: SqliteNodeStore) -> list[str]:
    try:
        store.verify()
    except StateError as error:
        return [error.message]
    return []


def is_held(lock: Path) -> bool:
    """Whether a process serves that state folder."""
    try:
        handle = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
