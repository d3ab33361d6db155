"""The file that a backup is: one line with a signed manifest, then the files one after the other.

The line names every file with its size and hash. It is checked before a byte behind it is
read, so that nothing in the file chooses a name, a size or a place. No links, no compression.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from darkroom.errors import DarkroomError, SpecError, StateError, TrustError
from darkroom.model.handover import Handover, read_chain
from darkroom.model.identity import NAME, PublicIdentity
from darkroom.model.json_shape import is_whole
from darkroom.model.statement import Statement
from darkroom.model.tree_head import TreeHead


KIND = "backup"  # of the statement
FORMAT = 1
DATABASE, KEYS = "node.db", "keys.json"
MAX_MANIFEST = 8 << 20  # bytes
MAX_FILES = 50_000
MAX_BYTES = 1 << 44
MAX_KEYS = 64 << 10
PIECE = 1 << 20
_PLACE = re.compile(rf"node\.db|keys\.json|outputs/[0-9a-f]{{32}}/{NAME.pattern}")
_FIELDS = {"format", "domain", "identity", "handovers", "head", "files"}
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file: its place below the state folder, bytes, and hex SHA-256."""

    place: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupManifest:
    """What a backup holds.

    Attributes:
        identity: of the domain, whose statement key signed this.
        handovers: how it came by these keys.
        head: of log and ledger in the copy.
        files: the keys come first, where they are in it.
    """

    domain: str
    identity: PublicIdentity
    handovers: tuple[Handover, ...]
    head: TreeHead
    files: tuple[Member, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(member.size for member in self.files)

    def to_body(self) -> dict[str, Any]:
        """What is signed; `from_body` reads it."""
        return {
            "format": FORMAT,
            "domain": self.domain,
            "identity": self.identity.to_mapping(),
            "handovers": [link.to_mapping() for link in self.handovers],
            "head": self.head.to_body(),
            "files": [[member.place, member.size, member.sha256] for member in self.files],
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "BackupManifest":
        """Read it, of any origin; its signature is checked elsewhere.

        Raises:
            SpecError: for anything else, and for any place that a backup does not have.
        """
        try:
            if body.keys() != _FIELDS or body["format"] != FORMAT:
                raise ValueError
            files = tuple(_member(item) for item in body["files"][: MAX_FILES + 1])
            manifest = cls(
                domain=body["domain"],
                identity=PublicIdentity.from_mapping(body["identity"]),
                handovers=read_chain(body["handovers"]),
                head=TreeHead.from_body(body["head"]),
                files=files,
            )
            places = [member.place for member in files]
            if (
                len(files) > MAX_FILES
                or len(set(places)) != len(places)
                or DATABASE not in places
                or manifest.size > MAX_BYTES
                or any(m.place == KEYS and m.size > MAX_KEYS for m in files)
                or manifest.head.domain != manifest.domain
            ):
                raise ValueError
        except (DarkroomError, ValueError, KeyError, TypeError, AttributeError):
            raise SpecError(
                "the manifest of a backup is not well formed, or of a newer version",
                next_step="take another backup, or the version of Darkroom that wrote it",
            ) from None
        return manifest


def _member(item: Any) -> Member:
    place, size, sha256 = item
    if not (_PLACE.fullmatch(place) and is_whole(size) and _HEX.fullmatch(sha256)):
        raise ValueError
    return Member(place=place, size=size, sha256=sha256)


# ------------------------------------------------------------------------------------ writing


def measured(place: str, source: Path) -> Member:
    """A file as it is going to be written."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            size += len(piece)
    return Member(place=place, size=size, sha256=digest.hexdigest())


def write(path: Path, manifest: Statement, sources: dict[str, Path]) -> None:
    """Write an archive for its owner alone, whole or not at all.

    Args:
        path: is replaced.
        manifest: the signed one.
        sources: place -> file, exactly those of the manifest.

    Raises:
        StateError: no room, or a file changed since it was measured.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(manifest.to_mapping(), separators=(",", ":")).encode() + b"\n")
            for place, size, sha256 in manifest.body["files"]:
                with sources[place].open("rb") as source:
                    _copy(source, file, Member(place=place, size=size, sha256=sha256))
            file.flush()
            os.fsync(handle)
        draft.replace(path)
    except OSError as error:
        raise StateError(
            f"{path} cannot be written: {error.strerror}", next_step="make room there"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def _copy(source: BinaryIO, target: BinaryIO, member: Member) -> None:
    """Exactly the bytes that were announced.

    Raises:
        StateError: they are other ones.
    """
    digest, left = hashlib.sha256(), member.size
    while left and (piece := source.read(min(PIECE, left))):
        digest.update(piece)
        target.write(piece)
        left -= len(piece)
    if left or digest.hexdigest() != member.sha256:
        raise StateError(
            f"{member.place} in the backup is not what its manifest says",
            next_step="nothing was restored; take another backup",
        )


# ------------------------------------------------------------------------------------ reading


class BackupFile:
    """An archive of any origin, opened: its manifest is read, nothing is believed."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        line = file.readline(MAX_MANIFEST + 1)
        try:
            said = json.loads(line) if len(line) <= MAX_MANIFEST else None
        except (ValueError, RecursionError):
            said = None
        no_backup = SpecError(f"{path} is no backup", next_step="name what `darkroom backup` wrote")
        if not isinstance(said, dict) or not line.endswith(b"\n"):
            raise no_backup
        try:
            self.statement = Statement.from_mapping(said)
        except TrustError:
            raise no_backup from None
        if self.statement.kind != KIND:
            raise no_backup
        self.manifest = BackupManifest.from_body(self.statement.body)
        if os.fstat(file.fileno()).st_size != len(line) + self.manifest.size:
            raise SpecError(f"{path} is cut off, or too long", next_step="take another copy of it")

    def extract(self, member: Member, folder: Path) -> Path:
        """Write the next member below a folder of ours, for its owner alone.

        Raises:
            StateError: it is not what the manifest says, or no room.
        """
        target = folder / member.place
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as file:
                _copy(self._file, file, member)
                file.flush()
                os.fsync(handle)
        except OSError as error:
            raise StateError(
                f"{target} cannot be written: {error.strerror}", next_step="make room there"
            ) from error
        return target


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BackupFile]:
    """Open a backup.

    Raises:
        SpecError: it is none.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}", next_step="check it") from error
    with os.fdopen(handle, "rb") as file:
        yield BackupFile(path, file)
