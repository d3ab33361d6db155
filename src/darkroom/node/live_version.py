"""Finished pieces of live footage become an immutable version of their dataset.

Which pieces go into it is on disk first (`closing.json`): stopped anywhere, the same version
is made at the next start, and no piece is in two.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkroom.model.canonical import canonical
from darkroom.model.dataset import Camera, Manifest, Segment
from darkroom.model.forget import Forget, hit
from darkroom.model.segment import SECONDS, splits
from darkroom.node.camera_work import write_file
from darkroom.node.live_tape import Piece, Shelf
from darkroom.ports import FootageStore


CLOSING, PLAN = "closing.json", "plan.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePlan:
    """What decides how footage is recorded; footage of two plans is never one version.

    Attributes:
        rates: camera -> frames per second.
        masks: camera -> polygons that are burnt out.
        kinds: camera -> `url`, `device` or `folder`.
    """

    dataset: str
    classes: tuple[str, ...]
    rates: Mapping[str, float]
    kinds: Mapping[str, str]
    masks: Mapping[str, list[Any]] = field(default_factory=dict)

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "dataset": self.dataset,
            "classes": [*self.classes],
            "rates": dict(self.rates),
            "kinds": dict(self.kinds),
            "masks": {camera: [*masks] for camera, masks in self.masks.items() if masks},
        }


class Versions:
    """Makes versions out of the pieces on one shelf."""

    def __init__(self, shelf: Shelf, store: FootageStore) -> None:
        self._shelf = shelf
        self._store = store
        self._folder = shelf.folder

    def resume(self, plan: LivePlan) -> list[Manifest]:
        """Finish what an earlier start began to close, and close what had another plan."""
        made = []
        before = _read(self._folder / PLAN)
        if before is not None:
            if (self._folder / CLOSING).exists():
                made += self._make(before)
            if before != plan.to_mapping():
                made += self._close(before)
        write_file(self._folder / PLAN, canonical(plan.to_mapping()))
        return made

    def forget(self, forgets: Sequence[Forget]) -> int:
        """Drop the pieces that are to be forgotten, and what a killed start left of a version.

        Called between `resume` and `close`, by the same thread; how many there were.
        """
        if not forgets:
            return 0
        dataset = (_read(self._folder / PLAN) or {}).get("dataset", "")
        gone = [p for p in self._shelf.pieces if hit(forgets, dataset, p.camera, p.start, p.over)]
        if gone:
            shutil.rmtree(self._folder / "face", ignore_errors=True)
            self._shelf.drop(gone)
        return len(gone)

    def close(self) -> list[Manifest]:
        """Make a version of every finished piece; none when there is none.

        More than one, where a camera changed the size of its pictures meanwhile.

        Raises:
            StateError: no room. The pieces stay.
        """
        return self._close(_read(self._folder / PLAN) or {})

    def _close(self, plan: dict[str, Any]) -> list[Manifest]:
        made = []
        while pieces := _of_one_size(self._shelf.pieces):
            write_file(self._folder / CLOSING, canonical([piece.name for piece in pieces]))
            made += self._make(plan)
        return made

    def _make(self, plan: dict[str, Any]) -> list[Manifest]:
        names = set(_read(self._folder / CLOSING) or ())
        pieces = [piece for piece in self._shelf.pieces if piece.name in names]
        made = []
        if pieces:
            face = self._folder / "face"
            manifest = _assemble(face, self._shelf, pieces, plan)
            self._store.put(face, manifest)
            shutil.rmtree(face)
            made.append(manifest)
        self._shelf.drop(pieces)
        (self._folder / CLOSING).unlink(missing_ok=True)
        return made


def _of_one_size(pieces: list[Piece]) -> list[Piece]:
    """Of each camera the pieces before its pictures changed their size."""
    sizes: dict[str, tuple[int, int]] = {}
    changed: set[str] = set()
    chosen = []
    for piece in pieces:
        size = (piece.width, piece.height)
        if sizes.setdefault(piece.camera, size) != size:
            changed.add(piece.camera)
        if piece.camera not in changed:
            chosen.append(piece)
    return chosen


def _assemble(face: Path, shelf: Shelf, pieces: list[Piece], plan: dict[str, Any]) -> Manifest:
    """The face folder, and its manifest."""
    shutil.rmtree(face, ignore_errors=True)
    (face / "segments").mkdir(parents=True)
    began = min(piece.minute for piece in pieces)
    split = splits(sorted({(piece.camera, piece.minute - began) for piece in pieces}))
    following: dict[str, int] = {}
    segments, frames, sizes = [], dict[str, int](), dict[str, tuple[int, int]]()
    for piece in pieces:
        target = face / "segments" / f"{piece.sha256}.zip"
        if not target.exists():
            os.link(shelf.file(piece), target)
        fps = plan["rates"][piece.camera]
        # A frame's number tells its place in time; missing ones leave their numbers unused.
        place = round((piece.start - began * SECONDS) * fps)
        first = max(place, following.get(piece.camera, 0))
        following[piece.camera] = first + piece.frames
        frames[piece.camera] = frames.get(piece.camera, 0) + piece.frames
        sizes[piece.camera] = (piece.width, piece.height)
        segments.append(
            Segment(
                camera=piece.camera,
                minute=piece.minute - began,
                first=first,
                frames=piece.frames,
                start=piece.start,
                split=split[piece.camera, piece.minute - began],
                sha256=piece.sha256,
                size=piece.size,
            )
        )
    cameras = sorted(frames)
    masks = {camera: plan["masks"][camera] for camera in cameras if camera in plan["masks"]}
    manifest = Manifest(
        dataset=plan["dataset"],
        face="private",
        cameras=tuple(
            Camera(
                id=camera,
                width=sizes[camera][0],
                height=sizes[camera][1],
                fps=plan["rates"][camera],
                frames=frames[camera],
                masked=camera in masks,
            )
            for camera in cameras
        ),
        classes=tuple(plan["classes"]),
        annotations="none",
        segments=tuple(segments),
        source="; ".join(f"{camera}: live {plan['kinds'][camera]}" for camera in cameras),
        masks=masks,
    )
    write_file(face / "manifest.json", canonical(manifest.to_mapping()))
    return manifest


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
