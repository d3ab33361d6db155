"""What the Pis of a domain tell its node about footage, and what it asks of them: as files.

    arrivals/<pi>/<version hex>.json    written by that Pi's ingest: a version lies there
    orders/<pi>/<version hex>.json      written by the node: erase it
    orders/<pi>/held.json               written by the node: jobs need these
    orders/<pi>/forget.json             written by the node: cut these minutes out, for good

Each side writes its own files only. Everything is read as if somebody else had written it,
and neither these folders nor the files in them are ever a link: whoever can write one of them
would choose what the other side reads, writes or removes.
"""

import contextlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from darkroom.adapters.footage.face_files import MOST_MANIFEST_BYTES
from darkroom.errors import InputError, SpecError, StateError
from darkroom.model.canonical import canonical
from darkroom.model.dataset import Manifest
from darkroom.model.forget import MAX_FORGETS, Forget
from darkroom.model.identity import NAME


ARRIVALS, ORDERS, HELD, FORGET = "arrivals", "orders", "held.json", "forget.json"
SCHEMA = 1
MOST_SMALL = 4 << 20
MOST_HELD = 4096
MOST_PIS = 1024
HEX = re.compile(r"[0-9a-f]{64}")
PLACE = re.compile(rf"versions/({NAME.pattern})/[0-9]{{8}}-([0-9a-f]{{64}})")
MARK = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A version that lies on a Pi.

    Attributes:
        mark: another one each time the version arrives: an order is for one arrival.
        place: its folder below that Pi's footage.
    """

    pi: str
    mark: str
    place: str
    manifest: Manifest

    @property
    def version(self) -> str:
        """`sha256:…`."""
        return self.manifest.version


def arrival_bytes(mark: str, place: str, manifest: Manifest) -> bytes:
    """The file that announces a version."""
    return canonical(
        {"schema": SCHEMA, "mark": mark, "place": place, "manifest": manifest.to_mapping()}
    )


def read_arrival(path: Path, pi: str) -> Arrival | None:
    """An announced version; None when the file is not what it should be."""
    try:
        value = json.loads(read_bounded(path, MOST_MANIFEST_BYTES))
        if set(value) != {"schema", "mark", "place", "manifest"} or value["schema"] != SCHEMA:
            return None
        manifest = Manifest.from_mapping(value["manifest"])
        arrival = Arrival(pi=pi, mark=value["mark"], place=value["place"], manifest=manifest)
        found = PLACE.fullmatch(arrival.place)
        sound = (
            found is not None
            and MARK.fullmatch(arrival.mark) is not None
            and path.stem == found[2] == arrival.version.removeprefix("sha256:")
            and found[1] == manifest.dataset
            and manifest.face == "private"
            and bool(manifest.segments)
        )
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, SpecError):
        return None
    return arrival if sound else None


def read_order(path: Path) -> str:
    """The mark of the arrival that is to be erased; "" when there is no sound order."""
    mark = _small(path, "mark")
    return mark if isinstance(mark, str) and MARK.fullmatch(mark) else ""


def read_held(path: Path) -> frozenset[str] | None:
    """The versions that jobs need; None when nobody says."""
    held = _small(path, "held")
    if not isinstance(held, list) or len(held) > MOST_HELD:
        return None
    return frozenset(version for version in held if isinstance(version, str))


def read_forgets(path: Path) -> tuple[Forget, ...] | None:
    """The orders to forget; None when nobody says, or not soundly."""
    said = _small(path, "forget")
    if not isinstance(said, list) or len(said) > MAX_FORGETS:
        return None
    try:
        return tuple(map(Forget.from_mapping, said))
    except InputError:
        return None


def forgets_bytes(forgets: Iterable[Forget]) -> bytes:
    """The file that tells a Pi what to forget; why is nothing to it."""
    return canonical({"forget": [replace(f, words="").to_mapping() for f in forgets]})


def _small(path: Path, key: str) -> Any:
    try:
        value = json.loads(read_bounded(path, MOST_SMALL))
    except (OSError, ValueError, RecursionError):
        return None
    return value.get(key) if isinstance(value, dict) else None


def read_bounded(path: Path, most: int) -> bytes:
    """A regular file of at most so many bytes, reached through no link.

    Raises:
        OSError, ValueError: it is not there, or none.
    """
    with _folder(path.parent) as folder:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path.name, flags, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > most:
            raise ValueError
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError
    return data


def write_whole(path: Path, data: bytes) -> None:
    """All of it or nothing, on disk when this returns; others of our group may read it.

    Raises:
        StateError: it cannot be written.
    """
    part = f".{secrets.token_hex(8)}.part"  # a name that nobody could put a link under
    try:
        with _folder(path.parent, make=True) as folder:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(part, flags, 0o600, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fchmod(descriptor, 0o644)
                    os.fsync(descriptor)
                os.replace(part, path.name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise
    except OSError as error:
        raise StateError(
            f"{path.parent} cannot be written: {error.strerror}",
            next_step="free some space there, and check that the volume is mounted and ours, "
            "and that no link lies in place of a folder",
        ) from error


def remove(path: Path) -> None:
    """Remove a file, reached through no link, if it is there.

    Raises:
        OSError: it cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError), _folder(path.parent) as folder:
        os.unlink(path.name, dir_fd=folder)


def names(folder: Path, most: int) -> list[str]:
    """The names of arrivals or orders of one Pi; at most so many are looked at.

    Raises:
        OSError: it is not there, or a link, or the volume cannot be read.
    """
    with _folder(folder) as descriptor, os.scandir(descriptor) as entries:
        return sorted(
            entry.name
            for entry in islice(entries, most)
            if HEX.fullmatch(entry.name.removesuffix(".json")) and entry.name.endswith(".json")
        )


def pis(exchange: Path) -> list[str]:
    """The Pis that have a folder there. A link is none.

    Raises:
        OSError: the volume cannot be read, or the folder of all arrivals is a link.
    """
    try:
        descriptor = os.open(exchange / ARRIVALS, _FOLDER)
    except FileNotFoundError:
        return []
    try:
        with os.scandir(descriptor) as entries:
            return sorted(
                entry.name
                for entry in islice(entries, MOST_PIS)
                if NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
            )
    finally:
        os.close(descriptor)


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def _folder(path: Path, *, make: bool = False) -> Iterator[int]:
    """`<exchange>/arrivals/<pi>` or `<exchange>/orders/<pi>`, opened. Neither part is a link."""
    exchange = path.parents[1]
    if make:
        exchange.mkdir(parents=True, exist_ok=True)
    opened = [os.open(exchange, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        for name in path.parts[-2:]:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=opened[-1])
            opened.append(os.open(name, _FOLDER, dir_fd=opened[-1]))
        yield opened[-1]
    finally:
        for descriptor in opened:
            os.close(descriptor)
