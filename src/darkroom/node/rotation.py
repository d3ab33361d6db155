"""Live footage makes room before the disk is full: the oldest goes first, the ledger stays.

Footage is erased version by version; where no version is left to go, piece by piece of what
is being recorded. Nothing is written once `policy.retention.LEAST_FREE` is all that is left.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from darkroom.errors import DarkroomError
from darkroom.node.live_register import LiveRegister
from darkroom.node.live_tape import Shelf
from darkroom.policy.retention import GIB, Kept, Room, last_frame, to_erase
from darkroom.ports import FootageStore


class Rotation:
    """Keeps room on the disk that live footage is written to."""

    def __init__(
        self,
        *,
        place: Path,
        shelves: Mapping[str, Shelf],
        keep_gib: Mapping[str, float],
        store: FootageStore,
        register: LiveRegister,
        room: Callable[[], Room],
        say: Callable[[str], None],
    ) -> None:
        """Put together.

        Args:
            place: the disk, for people.
            shelves: dataset -> what is not part of a version yet.
            keep_gib: dataset -> how much of it is kept at most.
            store: of versions.
            register: which versions are needed, and who hears that one went.
            room: how the disk stands.
            say: tells the operator.
        """
        self._place = place
        self._shelves = shelves
        self._keep_gib = keep_gib
        self._store = store
        self._register = register
        self._room = room
        self._say = say
        self._known: dict[str, tuple[float, int]] = {}
        self._full = False
        self.erased = 0

    @property
    def has_room(self) -> bool:
        """Whether footage may be written, as of the last look."""
        return not self._full

    def make_room(self) -> None:
        """Erase what has to go; say when nothing helps."""
        versions = {name: self._versions(name) for name in self._shelves}
        for name, gib in self._keep_gib.items():
            beside = sum(piece.size for piece in self._shelves[name].pieces)
            keep = max(0, int(gib * GIB) - beside)
            free = Room(free=1 << 62, size=0)
            self._erase({name: to_erase(versions[name], room=free, keep=keep)})
            versions[name] = self._versions(name)
        room = self._room()
        if room.wanted:
            flat = {kept.key: name for name, each in versions.items() for kept in each}
            every = [kept for each in versions.values() for kept in each]
            for kept in to_erase(every, room=room):
                self._erase({flat[kept.key]: [kept]})
            room = self._room()
        if room.full:
            self._drop_pieces(room)
            room = self._room()
        if room.full != self._full:
            self._full = room.full
            self._say(
                f"the disk of {self._place} is full: no footage is recorded (next: free space "
                "there, or set retention_days or keep_gib lower)"
                if room.full
                else f"there is room on {self._place} again: footage is recorded"
            )

    def _versions(self, name: str) -> list[Kept]:
        """The newest one goes last: without it the dataset would be gone."""
        held = self._register.held()
        versions = self._store.versions(name)
        found = []
        for version in versions:
            if version not in self._known:
                manifest = self._store.manifest(version)
                size = sum(segment.size for segment in manifest.segments)
                self._known[version] = (last_frame(manifest), size)
            last, size = self._known[version]
            needed = version in held or version == versions[-1]
            found.append(Kept(key=version, last=last, size=size, held=needed))
        return found

    def _erase(self, chosen: Mapping[str, list[Kept]]) -> None:
        for name, each in chosen.items():
            for kept in each:
                try:
                    self._store.erase(kept.key)
                    self._register.gone(name, kept.key)
                except DarkroomError as error:
                    self._say(f"old footage of {name} stays: {error.message}")
                    continue
                self.erased += 1
                self._known.pop(kept.key, None)
                self._say(f"footage of {name} was erased to make room: its oldest version")

    def _drop_pieces(self, room: Room) -> None:
        """Nothing else is left: the oldest pieces of what is being recorded."""
        for name, shelf in self._shelves.items():
            pieces = shelf.pieces
            kept = {p.name: Kept(key=p.name, last=p.end, size=p.size) for p in pieces}
            gone = {each.key for each in to_erase(kept.values(), room=room)}
            if gone:
                shelf.drop([piece for piece in pieces if piece.name in gone])
                self._say(f"{len(gone)} minutes of {name} were erased to make room")
            room = self._room()
