"""What an order to forget means for a version of footage: which pieces go, what is left. Pure."""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from darkroom.model.dataset import DatasetCard, Manifest, Segment
from darkroom.model.forget import Forget, hit


_MADE = "forget: "
_SOURCE = re.compile(_MADE + r"(sha256:[0-9a-f]{64})")


def end_of(segment: Segment, fps: float) -> float:
    """Unix seconds at which the last frame of a segment was over."""
    return segment.start + segment.frames / fps


def touched(manifest: Manifest, forgets: Collection[Forget]) -> tuple[Segment, ...]:
    """The segments that have to go: each whole, with every frame that it has."""
    fps = {camera.id: camera.fps for camera in manifest.cameras}
    return tuple(
        s
        for s in manifest.segments
        if hit(forgets, manifest.dataset, s.camera, s.start, end_of(s, fps[s.camera]))
    )


def without(manifest: Manifest, forgets: Collection[Forget]) -> Manifest | None:
    """The version that is left: what stays is as it was, with its numbers and its split.

    Returns:
        the same manifest when nothing goes; None when nothing stays.
    """
    gone = frozenset(touched(manifest, forgets))
    if not gone:
        return manifest
    kept = tuple(s for s in manifest.segments if s not in gone)
    frames: Counter[str] = Counter()
    for segment in kept:
        frames[segment.camera] += segment.frames
    cameras = tuple(replace(c, frames=frames[c.id]) for c in manifest.cameras if frames[c.id])
    if not kept:
        return None
    return replace(
        manifest,
        cameras=cameras,
        segments=kept,
        source=f"{_MADE}{manifest.version}",
        masks={c.id: manifest.masks[c.id] for c in cameras if c.id in manifest.masks},
    )


def made_from(manifest: Manifest) -> str:
    """The version that this one is the rest of; "" when it was recorded so."""
    found = _SOURCE.fullmatch(manifest.source)
    return found[1] if found else ""


def may_have(card: DatasetCard, last: float | None, forget: Forget) -> bool:
    """Whether a version that is not here any more may have had such frames.

    Args:
        card: what is left of it.
        last: Unix seconds of its last frame; None: nobody knows.
        forget: the order.
    """
    end = forget.until if last is None else last
    return any(forget.hits(card.name, c.id, card.start, end) for c in card.cameras)
