"""Boxes that the data owner brings: COCO (one JSON file) or YOLO (a text file a picture).

Every box is checked before it becomes an annotation; an error names the file and the line
or entry. A picture that the labels do not speak of is *not labelled*: it is no proof that
the picture is empty.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from darkroom.errors import DataError
from darkroom.model.segment import BOX_DECIMALS, Row


LabelFormat = Literal["coco", "yolo"]
MOST_BYTES = 512 << 20
MOST_FILES = 1_000_000
MOST_LINE = 1000
TOLERANCE = 1.0  # pixels that a box may stick out of the picture; it is cut to it
_LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")
_NAMES = ("classes.txt", "obj.names")


@dataclass(frozen=True, slots=True)
class _Box:
    where: str
    class_id: int
    edges: tuple[float, float, float, float]
    relative: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    where: str
    boxes: list[_Box] = field(default_factory=list)
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What is labelled, by frame; boxes are checked against a picture size by `rows`."""

    pictures: dict[int, _Picture]

    def rows(self, width: int, height: int) -> dict[int, list[Row]]:
        """Annotation rows by frame index, in pixels.

        Raises:
            DataError: a box lies outside, or was drawn on a picture of another size.
        """
        found = {}
        for index, picture in self.pictures.items():
            if picture.size not in (None, (width, height)):
                raise DataError(
                    f"{picture.where}: drawn on {picture.size}, the footage has {(width, height)}",
                    next_step="export the labels for pictures of the footage's size",
                )
            found[index] = [_row(box, width, height) for box in picture.boxes]
        return found

    def require_within(self, frames: int) -> None:
        """Every label belongs to a frame.

        Raises:
            DataError: naming the first that does not.
        """
        for index, picture in sorted(self.pictures.items()):
            if index >= frames:
                raise DataError(
                    f"{picture.where}: frame {index}, but the footage has {frames}",
                    next_step="number frames from 0; check that the labels belong to it",
                )


def _row(box: _Box, width: int, height: int) -> Row:
    scale = (width, height, width, height) if box.relative else (1, 1, 1, 1)
    edges = [edge * s for edge, s in zip(box.edges, scale, strict=True)]
    inside = (
        all(math.isfinite(edge) for edge in edges)
        and min(edges) >= -TOLERANCE
        and edges[2] <= width + TOLERANCE
        and edges[3] <= height + TOLERANCE
    )
    x1, y1, x2, y2 = (
        round(min(max(edge, 0.0), float(most)), BOX_DECIMALS)
        for edge, most in zip(edges, (width, height, width, height), strict=True)
    )
    if not inside or x2 <= x1 or y2 <= y1:
        raise DataError(
            f"{box.where}: the box lies outside the picture of {width} x {height} or has no area",
            next_step="correct or remove it; nothing was ingested",
        )
    return [box.class_id, -1, x1, y1, x2, y2, 1.0]


# ------------------------------------------------------------------------------- reading


def read_labels(
    path: Path,
    kind: LabelFormat,
    *,
    classes: Sequence[str],
    pictures: Sequence[str] = (),
) -> Labels:
    """Read labels.

    Args:
        path: The COCO JSON file, or the folder of YOLO text files.
        kind: Which of the two.
        classes: The dataset's class names.
        pictures: Names of the pictures of a folder. Empty for a video: there the last
            number of a name is the number of the frame, from 0.

    Raises:
        DataError: naming the file and the line or entry.
    """
    index_of = _by_name(pictures) if pictures else None
    if kind == "coco":
        return _read_coco(path, classes, index_of)
    return _read_yolo(path, classes, index_of)


def _wrong(where: str, what: str, next_step: str) -> DataError:
    return DataError(f"{where}: {what}", next_step=next_step)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _wrong(path.name, "longer than 512 MiB", "split the labels")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _wrong(str(path), f"cannot be read: {error.strerror}", "check the path") from error
    except UnicodeDecodeError as error:
        raise _wrong(path.name, "is not UTF-8 text", "export it again") from error


def _by_name(pictures: Sequence[str]) -> dict[str, int]:
    return {PurePosixPath(name).stem: index for index, name in enumerate(pictures)}


def _frame(name: str, index_of: Mapping[str, int] | None, where: str) -> int:
    stem = PurePosixPath(name.replace("\\", "/")).stem
    if index_of is not None:
        if stem not in index_of:
            raise _wrong(
                where,
                f"there is no picture {ascii(stem)[:80]} in the footage",
                "give labels and pictures the same names",
            )
        return index_of[stem]
    number = _LAST_NUMBER.search(stem)
    if number is None or len(number[1]) > 9:  # noqa: PLR2004
        raise _wrong(
            where,
            f"{ascii(stem)[:80]} names no frame of the video",
            "end the name with the frame's number from 0, as in frame_000020",
        )
    return int(number[1])


def _class_map(names: Mapping[int, str], classes: Sequence[str], where: str) -> dict[int, int]:
    known = {name: number for number, name in enumerate(classes)}
    found = {}
    for number, name in names.items():
        if name not in known:
            raise _wrong(
                where,
                f"class {ascii(name)[:40]} is not one of {', '.join(classes)}",
                "correct it, or add it to `classes` of the dataset in domain.yaml",
            )
        found[number] = known[name]
    return found


# ---------------------------------------------------------------------------------- COCO


def _entries(tree: Any, name: str, file: str) -> list[dict[str, Any]]:  # noqa: ANN401
    found = tree.get(name) if isinstance(tree, dict) else None
    if not isinstance(found, list) or not all(isinstance(e, dict) for e in found):
        raise _wrong(file, f"has no list of {name}", "export it as COCO detection JSON")
    return found


def _number(entry: dict[str, Any], key: str, where: str) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(where, f"{key} is not a whole number", "export the labels again")
    return value


def _read_coco(path: Path, classes: Sequence[str], index_of: Mapping[str, int] | None) -> Labels:
    file = path.name
    try:
        tree = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise _wrong(f"{file}{line}", "is not JSON", "export the labels again") from error
    names = {}
    for number, entry in enumerate(_entries(tree, "categories", file)):
        where = f"{file}, categories[{number}]"
        names[_number(entry, "id", where)] = str(entry.get("name"))
    used = {a.get("category_id") for a in _entries(tree, "annotations", file)}
    class_of = _class_map(
        {n: name for n, name in names.items() if n in used}, classes, f"{file}, categories"
    )
    pictures: dict[int, _Picture] = {}
    frame_of: dict[int, int] = {}
    for number, entry in enumerate(_entries(tree, "images", file)):
        where = f"{file}, images[{number}]"
        frame = _frame(str(entry.get("file_name", "")), index_of, where)
        size = None
        if "width" in entry or "height" in entry:
            size = (_number(entry, "width", where), _number(entry, "height", where))
        image = _number(entry, "id", where)
        if frame in pictures or image in frame_of:
            raise _wrong(where, "the picture is there twice", "list each picture once")
        pictures[frame] = _Picture(where=where, size=size)
        frame_of[image] = frame
    for number, entry in enumerate(_entries(tree, "annotations", file)):
        where = f"{file}, annotations[{number}]"
        image = _number(entry, "image_id", where)
        if image not in frame_of:
            raise _wrong(where, f"there is no image {image}", "add it to `images`")
        category = _number(entry, "category_id", where)
        if category not in class_of:
            raise _wrong(
                where,
                f"class {category} is not one of {', '.join(classes)}",
                "add it to `categories`",
            )
        box = entry.get("bbox")
        if not (
            isinstance(box, list)
            and len(box) == 4  # noqa: PLR2004
            and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in box)
        ):
            raise _wrong(where, "bbox is not four numbers", "export the labels again")
        x, y, w, h = (float(value) for value in box)
        edges = (x, y, x + w, y + h)
        pictures[frame_of[image]].boxes.append(
            _Box(where, class_of[category], edges, relative=False)
        )
    return Labels(pictures=pictures)


# ---------------------------------------------------------------------------------- YOLO


def _read_yolo(folder: Path, classes: Sequence[str], index_of: Mapping[str, int] | None) -> Labels:
    if not folder.is_dir():
        raise _wrong(str(folder), "is not a folder", "name the folder of the .txt files")
    class_of = {number: number for number in range(len(classes))}
    for name in _NAMES:
        if (folder / name).is_file():
            listed = [line.strip() for line in _text(folder / name).splitlines()]
            names = {number: line for number, line in enumerate(listed) if line}
            class_of = _class_map(names, classes, name)
    files = sorted(f for f in folder.glob("*.txt") if f.name not in _NAMES)
    if not files:
        raise _wrong(str(folder), "holds no .txt labels", "name the folder of the labels")
    if len(files) > MOST_FILES:
        raise _wrong(str(folder), f"more than {MOST_FILES} files", "split the labels")
    pictures: dict[int, _Picture] = {}
    for path in files:
        frame = _frame(path.name, index_of, path.name)
        if frame in pictures:
            raise _wrong(path.name, f"frame {frame} is labelled twice", "keep one file a frame")
        boxes = [
            _yolo_box(line, f"{path.name}, line {number}", class_of, classes)
            for number, line in enumerate(_text(path).splitlines(), start=1)
            if line.strip()
        ]
        pictures[frame] = _Picture(where=path.name, boxes=boxes)
    return Labels(pictures=pictures)


def _yolo_box(line: str, where: str, class_of: Mapping[int, int], classes: Sequence[str]) -> _Box:
    try:
        number, *rest = line[:MOST_LINE].split()
        class_id = int(number)
        x, y, w, h = (float(value) for value in rest)
    except ValueError as error:
        raise _wrong(
            where,
            "is not `class x y width height`",
            "export the labels as YOLO detection boxes",
        ) from error
    if class_id not in class_of:
        raise _wrong(
            where,
            f"class {class_id} is not one of 0 to {len(classes) - 1} ({', '.join(classes)})",
            "correct it, or add the class to the dataset in domain.yaml",
        )
    edges = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    return _Box(where, class_of[class_id], edges, relative=True)
