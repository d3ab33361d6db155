"""Cut a job into shards of about equal numbers of frames. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from darkroom.model.dataset import Manifest
from darkroom.model.job import Split


Piece = TypeVar("Piece", str, tuple[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """What one worker sees.

    Attributes:
        cameras: ids; None for all.
        minutes: `(camera, minute)` within those cameras; None for all.
    """

    cameras: tuple[str, ...] | None = None
    minutes: tuple[tuple[str, int], ...] | None = None

    def to_mapping(self) -> dict[str, Any]:
        """What the program `run` is asked."""
        return {
            "cameras": None if self.cameras is None else [*self.cameras],
            "minutes": None if self.minutes is None else [[*each] for each in self.minutes],
        }


def cut(manifest: Manifest, split: Split, workers: int) -> list[Shard]:
    """At most `workers` shards, none empty, that together see every frame once."""
    if split == "camera":
        whole = [(camera.frames, camera.id) for camera in manifest.cameras]
        shards = [Shard(cameras=tuple(own)) for own in _shared_out(whole, workers)]
    elif split == "minute":
        minutes: dict[tuple[str, int], int] = {}  # a minute with gaps has several segments
        for s in manifest.segments:
            minutes[s.camera, s.minute] = minutes.get((s.camera, s.minute), 0) + s.frames
        parts = [(frames, minute) for minute, frames in minutes.items()]
        shards = [
            Shard(cameras=tuple(sorted({camera for camera, _ in own})), minutes=tuple(own))
            for own in _shared_out(parts, workers)
        ]
    else:
        return [Shard()]
    return shards if len(shards) > 1 else [Shard()]


def _shared_out(pieces: Iterable[tuple[int, Piece]], workers: int) -> list[list[Piece]]:
    """The largest piece goes to the least loaded shard, so that the longest shard has at most
    4/3 of the frames of the best cut (R. L. Graham, 1969).
    """
    pieces = sorted(pieces, key=lambda piece: (-piece[0], piece[1]))
    shards: list[list[Piece]] = [[] for _ in range(min(max(workers, 1), len(pieces)))]
    loads = [0] * len(shards)
    for frames, piece in pieces:
        lightest = loads.index(min(loads))
        shards[lightest].append(piece)
        loads[lightest] += frames
    return [sorted(shard) for shard in shards]
