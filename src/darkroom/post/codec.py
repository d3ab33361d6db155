"""A letter as bytes and back. What is read is hostile until the last check.

Plain JSON (not the canonical form: strings arrive exactly as they were written).
"""

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.errors import EnvelopeError, SpecError, TooLargeError
from darkroom.model.canonical import digest_bytes
from darkroom.model.job import SHA256
from darkroom.model.json_shape import unique_keys
from darkroom.model.letter import Letter
from darkroom.post.padding import letter_size


VERSION = 2  # padded
MAX_LETTER = 960 << 10  # sealed, it stays below 1 MiB
MAX_ATTACHMENTS = 256
MAX_ATTACHMENT = 64 << 20
MAX_ATTACHED = 128 << 20  # of one letter
MAX_INLINE = 64 << 10  # an attachment above this travels as a blob
MAX_INLINE_TOTAL = 256 << 10
_FRAME = 1 << 10  # more than all fields take without body and attachments
_REFERENCE = 192  # more than a reference takes without its name
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.@\-]{0,99}){0,20}")
_FIELDS = {
    "v": int,
    "id": str,
    "kind": str,
    "sender": str,
    "recipient": str,
    "sent_at": float,
    "body": dict,
    "inline": dict,
    "blobs": dict,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobReference:
    """Where an attachment lies, and what it must be once it is opened."""

    address: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedLetter:
    """A letter whose small attachments are in place and whose others must be fetched."""

    letter: Letter
    blobs: dict[str, BlobReference]


def split_attachments(
    attachments: dict[str, bytes], body_bytes: int = 0
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """(inline, as blobs): inline is what is small and what the body leaves room for.

    Args:
        attachments: checked for names, counts and sizes.
        body_bytes: `body_size` of the letter's body.

    Raises:
        TooLargeError: when they, or the body with their names, are too much for a letter.
        EnvelopeError: for a name that no receiver accepts.
    """
    for name in attachments:
        _require_attachment_name(name)
    why = _too_much(body_bytes, {name: len(data) for name, data in attachments.items()})
    if why:
        raise TooLargeError(why, next_step="send less, in fewer or smaller files")
    inline: dict[str, bytes] = {}
    blobs: dict[str, bytes] = {}
    room = min(MAX_INLINE_TOTAL, _left(body_bytes, attachments) // 4 * 3)  # it travels as base64
    for name, data in attachments.items():
        takes = -(-len(data) // 3) * 3
        if len(data) <= MAX_INLINE and takes <= room:
            inline[name] = data
            room -= takes
        else:
            blobs[name] = data
    return inline, blobs


def fits(body_bytes: int, attachments: Mapping[str, int]) -> bool:
    """Whether a letter can be written, whatever its kind and between whomever.

    Args:
        body_bytes: `body_size` of its body.
        attachments: name -> bytes.
    """
    return not _too_much(body_bytes, attachments)


def body_size(body: dict[str, Any]) -> int:
    """The bytes that a body takes in a letter.

    Raises:
        EnvelopeError: when it is not made of JSON values.
    """
    return len(_plain_json(body, "letter"))


def _too_much(body_bytes: int, attachments: Mapping[str, int]) -> str:
    """Why no letter carries this, or ""."""
    if len(attachments) > MAX_ATTACHMENTS:
        return f"a letter carries at most {MAX_ATTACHMENTS} files"
    if sum(attachments.values()) > MAX_ATTACHED:
        return f"a letter carries at most {MAX_ATTACHED >> 20} MiB"
    for name, size in attachments.items():
        if size > MAX_ATTACHMENT:
            return f"file {name} is larger than {MAX_ATTACHMENT >> 20} MiB"
    if _left(body_bytes, attachments) < 0:
        return f"a letter is too large without its files ({body_bytes >> 10} KiB)"
    return ""


def _left(body_bytes: int, names: Iterable[str]) -> int:
    """The room for inline files, were each of them a reference as well."""
    return MAX_LETTER - _FRAME - body_bytes - sum(len(name) + _REFERENCE for name in names)


def encode_letter(
    letter: Letter, inline: dict[str, bytes], blobs: dict[str, BlobReference]
) -> bytes:
    """The bytes that are sealed. `letter.attachments` must be split before.

    Raises:
        TooLargeError: when the body is too large.
        EnvelopeError: when the body is not made of JSON values.
    """
    fields = {
        "v": VERSION,
        "id": letter.id,
        "kind": letter.kind,
        "sender": letter.sender,
        "recipient": letter.recipient,
        "sent_at": float(letter.sent_at),
        "body": letter.body,
        "inline": {n: base64.b64encode(d).decode() for n, d in inline.items()},
        "blobs": {n: [b.address, b.sha256, b.size] for n, b in blobs.items()},
    }
    data = _plain_json(fields, letter.kind)
    if len(data) > MAX_LETTER:
        raise TooLargeError(
            f"a letter of kind {letter.kind} is too large ({len(data) >> 10} KiB)",
            next_step="move what is large into attachments",
        )
    return data.ljust(letter_size(len(data), MAX_LETTER))  # white space after JSON means nothing


def decode_letter(data: bytes) -> DecodedLetter:
    """Read what `encode_letter` wrote, and nothing else.

    Raises:
        EnvelopeError: for anything else.
    """
    if len(data) > MAX_LETTER:
        raise _bad("is too large")
    fields = _strict_json(data)
    if fields.keys() != _FIELDS.keys() or any(
        type(fields[name]) is not kind for name, kind in _FIELDS.items()
    ):
        raise _bad("has missing, unknown or mistyped fields")
    if fields["v"] != VERSION:
        raise EnvelopeError(
            "a letter is written in another version of the format",
            next_step="upgrade the older side",
        )
    inline, blobs = fields["inline"], fields["blobs"]
    if len(inline) + len(blobs) > MAX_ATTACHMENTS or inline.keys() & blobs.keys():
        raise _bad("has too many attachments, or two of one name")
    for name in (*inline, *blobs):
        _require_attachment_name(name)
    references = {name: _reference(value) for name, value in blobs.items()}
    attachments = {name: _inline(text) for name, text in inline.items()}
    if (
        sum(r.size for r in references.values()) + sum(map(len, attachments.values()))
        > MAX_ATTACHED
    ):
        raise _bad("announces more bytes than are accepted")
    try:
        letter = Letter(
            id=fields["id"],
            kind=fields["kind"],
            sender=fields["sender"],
            recipient=fields["recipient"],
            sent_at=fields["sent_at"],
            body=fields["body"],
            attachments=attachments,
        )
    except SpecError:
        raise _bad("names a sender or recipient that cannot be one") from None
    return DecodedLetter(letter=letter, blobs=references)


def _bad(what: str) -> EnvelopeError:
    return EnvelopeError(f"a letter {what}", next_step="ask the sender to send it again")


def _require_attachment_name(name: str) -> None:
    if not isinstance(name, str) or len(name) > 260 or not _NAME.fullmatch(name):  # noqa: PLR2004 - code/ and a path of 240
        raise EnvelopeError(
            f"{ascii(name)[:80]} is not an acceptable file name",
            next_step="use relative paths of letters, digits, '_', '-', '.'",
        )


def _plain_json(value: dict[str, Any], kind: str) -> bytes:
    try:
        _require_string_keys(value)
        return json.dumps(
            value, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()
    except (TypeError, ValueError, RecursionError):
        raise EnvelopeError(
            f"the body of a {kind} is not made of plain JSON values",
            next_step="use text, finite numbers, lists and objects with text keys",
        ) from None


def _require_string_keys(value: object) -> None:
    """`json.dumps` would quietly turn other keys into text."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError
        for item in value.values():
            _require_string_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_string_keys(item)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _strict_json(data: bytes) -> dict[str, Any]:
    """A JSON object: UTF-8, no key twice, only finite numbers, only encodable text."""
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=unique_keys,
            parse_constant=_finite,
            parse_float=_finite,
        )
        json.dumps(value, ensure_ascii=False).encode()  # refuses lone surrogates
    except (ValueError, RecursionError):
        raise _bad("is not well-formed") from None
    if not isinstance(value, dict):
        raise _bad("is not an object")
    return value


def _inline(text: object) -> bytes:
    try:
        if not isinstance(text, str):
            raise TypeError
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (TypeError, ValueError):
        raise _bad("has an attachment that is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise _bad("has an attachment in another than the one form")
    return data


def _reference(value: object) -> BlobReference:
    if not isinstance(value, list) or [type(v) for v in value] != [str, str, int]:
        raise _bad("has a malformed attachment")
    address, sha256, size = value
    if not SHA256.fullmatch(address) or not SHA256.fullmatch(sha256):
        raise _bad("has an attachment without a hash")
    if not 0 <= size <= MAX_ATTACHMENT:
        raise _bad("has an attachment that is too large")
    return BlobReference(address=address, sha256=sha256, size=size)


def reference_to(address: str, data: bytes) -> BlobReference:
    """The reference that goes into the letter for an attachment stored at `address`."""
    return BlobReference(address=address, sha256=digest_bytes(data), size=len(data))
