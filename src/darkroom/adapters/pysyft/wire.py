"""PySyft's message of proposed file changes, read as hostile data.

The engine's own form (syft 0.10: `syft.sync.messages.proposed_filechange`) is a gzipped tar
with one JSON member. Here it is read without the engine: sizes first, then form, then
meaning, and nothing is written anywhere. `tests/adapters/pysyft/test_wire.py` holds this
reader against the engine's own writer.
"""

import json
import tarfile
import zlib
from dataclasses import dataclass
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.canonical import digest_bytes
from darkroom.model.json_shape import unique_keys


SUPPORTED = "0.10.0"  # the release whose messages are read here; pinned in pyproject.toml
MEMBER = "proposed_file_changes.json"
MAX_MESSAGE = 4 << 20  # bytes on the wire
MAX_PLAIN = 8 << 20  # bytes of JSON: code is text, models travel by hash
MAX_CHANGES = 256
MAX_TEXTS = 32 * MAX_CHANGES  # of a message, keys and all; an honest one has 18 a change
MAX_BETWEEN = 512 * MAX_CHANGES  # bytes outside of texts; an honest one has 130 a change
GZIP = 31  # zlib's window bits for one gzip member
BLOCK = 512  # of a tar
_MESSAGE = {"id", "sender_email", "message_filename", "proposed_file_changes"}
_CHANGE = {
    "id", "old_hash", "new_hash", "submitted_timestamp", "path_in_datasite", "content",
    "datasite_email", "is_deleted", "content_type",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file that somebody would like to have in a datasite.

    Attributes:
        path: within the datasite, as it was written; not checked here.
        datasite: address of the datasite.
        text: the content; a PySyft job is text.
    """

    path: str
    datasite: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A message as it reads. Who really sent it, the letter around it says.

    Attributes:
        sender: address of whoever the message names as its sender.
    """

    sender: str
    changes: tuple[Change, ...]


def read_proposal(data: bytes) -> Proposal:
    """Read a message.

    Raises:
        SpecError: too large, not in the engine's form, a deletion, or a file that is not
            text. No content is quoted.
    """
    value = _json(_unpacked(data))
    if not isinstance(value, dict) or value.keys() != _MESSAGE:
        raise _malformed("it is not a message of proposed file changes")
    changes = value["proposed_file_changes"]
    if not isinstance(changes, list) or not 1 <= len(changes) <= MAX_CHANGES:
        raise _malformed(f"it proposes no files, or more than {MAX_CHANGES}")
    if not isinstance(value["sender_email"], str):
        raise _malformed("it names no sender")
    return Proposal(sender=value["sender_email"], changes=tuple(map(_change, changes)))


def _unpacked(data: bytes) -> bytes:
    if len(data) > MAX_MESSAGE:
        raise _malformed(f"it has more than {MAX_MESSAGE >> 20} MiB")
    try:
        gzip = zlib.decompressobj(wbits=GZIP)
        tar = gzip.decompress(data, MAX_PLAIN)
        if not gzip.eof or gzip.unused_data:
            raise _malformed("it is cut short, too large, or has something behind it")
        # One header, and no tarfile.open: extended headers take it a time that grows with
        # the square of their length.
        member = tarfile.TarInfo.frombuf(tar[:BLOCK], "ascii", "strict")
    except (zlib.error, tarfile.HeaderError, ValueError) as error:
        if isinstance(error, SpecError):
            raise
        raise _malformed("it is not a gzipped tar") from None
    end = BLOCK + member.size
    if (
        member.name != MEMBER
        or member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE)
        or not BLOCK <= end <= len(tar)
        or tar.count(0, end) != len(tar) - end
    ):
        raise _malformed(f"it is not a tar of exactly {MEMBER}")
    return tar[BLOCK:end]


def _json(plain: bytes) -> Any:  # noqa: ANN401 - JSON
    # A few megabytes of `[[],[],...` are hundreds of megabytes of lists, so what stands
    # between the texts is measured first; without escaped quotes every other part is a text.
    bare = plain.replace(rb"\\", b"").replace(rb"\"", b"")
    if bare.count(b'"') > 2 * MAX_TEXTS or sum(map(len, bare.split(b'"')[::2])) > MAX_BETWEEN:
        raise _malformed("it holds more values than any message")
    try:
        return json.loads(
            plain.decode("utf-8"), object_pairs_hook=unique_keys, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        raise _malformed("it is not JSON in UTF-8") from None


def _no_number(text: str) -> float:
    raise ValueError(text)


def _change(value: object) -> Change:
    if not isinstance(value, dict) or value.keys() - _CHANGE:
        raise _malformed("a file change has unknown fields")
    path, content = value.get("path_in_datasite"), value.get("content")
    if not isinstance(path, str) or not isinstance(value.get("datasite_email"), str):
        raise _malformed("a file change has no path or no datasite")
    shown = ascii(path)[:120]
    if value.get("is_deleted") is not False:
        raise SpecError(
            f"the message would delete {shown}",
            next_step="a submission is never changed; submit a new job",
        )
    if value.get("old_hash") is not None:
        raise SpecError(
            f"the message would change {shown}, which it says is there already",
            next_step="a submission is never changed; submit a new job",
        )
    if value.get("content_type") != "text" or not isinstance(content, str):
        raise SpecError(
            f"{shown} is not text",
            next_step="job code is text: register the model at the domain and name it by its "
            "hash (docs/pysyft.md)",
        )
    try:
        hashed = digest_bytes(content.encode("utf-8")).removeprefix("sha256:")
    except UnicodeEncodeError:
        raise SpecError(f"{shown} is not text", next_step="save it as UTF-8") from None
    if value.get("new_hash") not in (None, hashed):
        raise SpecError(
            f"the hash of {shown} is not that of its content", next_step="submit the job again"
        )
    return Change(path=path, datasite=value["datasite_email"], text=content)


def _malformed(why: str) -> SpecError:
    return SpecError(
        f"the PySyft message cannot be read: {why}",
        next_step=f"submit with syft {SUPPORTED} through darkroom.pysyft.login_ds",
    )
