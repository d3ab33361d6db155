"""What carries the stock engine's files between people: a shared folder, or relay mailboxes.

Keys are slash-separated. One writer per prefix, so that a relay could enforce it:

    u/<address>/…                          that person's own: version, peers, bundles, log
    p2p/<datasite>/inbox/<peer>/<file>     written by the peer, taken by the datasite
    p2p/<datasite>/outbox/<peer>/<file>    written by the datasite, read by the peer

Neither checks anything: whoever runs the relay reads and writes what it likes.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from darkroom.ports import Relay


@runtime_checkable
class Carrier(Protocol):
    """A flat store of small files that several people see."""

    def put(self, key: str, data: bytes) -> None:
        """Store it, in place of what was there."""

    def get(self, key: str) -> bytes | None:
        """What was stored, or None."""

    def keys(self, prefix: str) -> list[str]:
        """Every key that begins with `prefix`, sorted."""

    def delete(self, key: str) -> None:
        """Forget it, whether or not it is there."""


class FolderCarrier:
    """A plain folder that everybody may read and write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, key: str, data: bytes) -> None:
        """Store it at once or not at all: others look while we write."""
        place = self.folder / key
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{secrets.token_hex(8)}")
        draft.write_bytes(data)
        draft.replace(place)

    def get(self, key: str) -> bytes | None:
        """What was stored."""
        place = self.folder / key
        return place.read_bytes() if place.is_file() else None

    def keys(self, prefix: str) -> list[str]:
        """Only the folder that the prefix names is walked."""
        top = self.folder / prefix.rpartition("/")[0]
        found = (p.relative_to(self.folder).as_posix() for p in _files(top))
        return sorted(key for key in found if key.startswith(prefix))

    def delete(self, key: str) -> None:
        """Forget it."""
        (self.folder / key).unlink(missing_ok=True)


class RelayCarrier(FolderCarrier):
    """The same through mailboxes of a relay: what goes to somebody else is one parcel.

    Only inboxes and outboxes travel. What is in `u/` is small, is written at the start, and
    lies in a folder that both sides see, so that the comparison is about messages alone.
    """

    def __init__(
        self, folder: Path, shared: FolderCarrier, relay: Relay, name_of: Callable[[str], str]
    ) -> None:
        """Connect it.

        Args:
            folder: our own copy of what came for us.
            shared: `u/` of everybody.
            relay: logged in as us.
            name_of: address -> name at the relay.
        """
        super().__init__(folder)
        self._shared, self._relay, self._name_of = shared, relay, name_of

    def put(self, key: str, data: bytes) -> None:
        """Send it, when it is for somebody else."""
        recipient = _recipient(key)
        if recipient is None:
            self._shared.put(key, data)
            return
        head = json.dumps(key).encode()
        envelope = len(head).to_bytes(4, "big") + head + data
        self._relay.send(
            self._name_of(recipient), secrets.token_hex(16), envelope, expires_in=3600.0
        )

    def get(self, key: str) -> bytes | None:
        """What was stored here or in the shared folder."""
        return self._shared.get(key) if _recipient(key) is None else super().get(key)

    def keys(self, prefix: str) -> list[str]:
        """After everything that waits for us was taken in."""
        if not prefix.startswith("p2p/"):
            return self._shared.keys(prefix)
        self._collect()
        return super().keys(prefix)

    def delete(self, key: str) -> None:
        """Forget our copy."""
        (self._shared if _recipient(key) is None else super()).delete(key)

    def _collect(self) -> None:
        while parcels := self._relay.receive(wait=0):
            for parcel in parcels:
                size = int.from_bytes(parcel.envelope[:4], "big")
                key = json.loads(parcel.envelope[4 : 4 + size])
                super().put(key, parcel.envelope[4 + size :])
            self._relay.acknowledge(parcels[-1].cursor)


def _recipient(key: str) -> str | None:
    """Who is to have it: the datasite of an inbox, the peer of an outbox, else nobody."""
    match key.split("/"):
        case ["p2p", datasite, "inbox", _, _]:
            return datasite
        case ["p2p", _, "outbox", peer, _]:
            return peer
        case _:
            return None


def _files(top: Path) -> Iterator[Path]:
    return (p for p in top.rglob("*") if p.is_file() and not p.name.startswith("."))
