"""How long footage is kept, and what goes when the disk needs room. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from darkroom.model.budget import DAY
from darkroom.model.dataset import Manifest


MIB, GIB = 1 << 20, 1 << 30
LEAST_FREE = 256 * MIB  # footage never takes it: the ledger and the outbox write there, too
SHARE_FREE = 20  # one part in so many of the disk is kept free by erasing old footage
MOST_FREE = 4 * GIB


def last_frame(manifest: Manifest) -> float:
    """Unix seconds at which the last frame of a version was over; 0.0 of an empty one."""
    fps = {camera.id: camera.fps for camera in manifest.cameras}
    return max((s.start + s.frames / fps[s.camera] for s in manifest.segments), default=0.0)


def is_past(last: float, *, days: int, now: float) -> bool:
    """Whether footage that ended then is older than it may become."""
    return last + days * DAY <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How a disk stands that footage is written to.

    Attributes:
        free, size: bytes.
    """

    free: int
    size: int

    @property
    def watermark(self) -> int:
        """Bytes below which the oldest footage goes."""
        return max(2 * LEAST_FREE, min(self.size // SHARE_FREE, MOST_FREE))

    @property
    def full(self) -> bool:
        """Whether no more footage may be written."""
        return self.free < LEAST_FREE

    @property
    def wanted(self) -> int:
        """Bytes to be set free."""
        return max(0, self.watermark - self.free)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A piece or version of footage that could be erased.

    Attributes:
        key: whatever names it.
        last: Unix seconds of its last frame.
        held: whether a job that was approved, or runs, is bound to it.
    """

    key: str
    last: float
    size: int
    held: bool = False


def to_erase(kept: Iterable[Kept], *, room: Room, keep: int | None = None) -> list[Kept]:
    """What goes, oldest first, until there is room and no more than `keep` bytes are left.

    What is held goes last, and only where the disk would be full otherwise.
    """
    by_age = sorted(kept, key=lambda each: (each.last, each.key))
    total, freed = sum(each.size for each in by_age), 0
    gone = []
    for each in (e for e in by_age if not e.held):
        if freed >= room.wanted and (keep is None or total - freed <= keep):
            break
        gone.append(each)
        freed += each.size
    for each in (e for e in by_age if e.held):
        if room.free + freed >= LEAST_FREE:
            break
        gone.append(each)
        freed += each.size
    return gone
