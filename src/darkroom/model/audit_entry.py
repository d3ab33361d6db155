"""One entry of an audit log, and the proof that a log had it.

The leaf is the hash over number, time, event, job and the digest of the detail; that digest is
salted. Detail and salt can be erased together: what was said is gone and cannot be guessed,
the leaf and with it the whole tree stay.
"""

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, NamedTuple

from darkroom.errors import SpecError
from darkroom.model.merkle import HASH_BYTES, MAX_PROOF, includes, leaf_hash
from darkroom.model.statement import Statement
from darkroom.model.tree_head import LAST_DATE, MAX_COUNT, TreeHead


SALT_BYTES = 16
ERASED = "audit-erased"  # the event that tells of an erasure
EPOCH_OPENED = "epoch-opened"  # the event that tells of a restore; its detail: {"epoch": 2, …}
LASTING = (ERASED, EPOCH_OPENED)  # events whose detail is never erased
MAX_NAME = 64  # characters of an event, and of a job's id
MAX_DETAIL = 8 << 20  # characters; a decision with everything in it stays far below
_HEX = re.compile(r"[0-9a-f]*")
_FIELDS = {"number", "at", "event", "job_id", "digest", "detail", "salt"}
_BARE = _FIELDS - {"detail", "salt"}
_NO_SALT = bytes(SALT_BYTES).hex()
# ASCII only, so that no text has two ways to be written and none has no bytes.
_AS_TEXT = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


def detail_text(detail: dict[str, Any]) -> str:
    """A detail as it is kept and hashed: JSON, sorted, ASCII, no white space."""
    return _AS_TEXT(detail)


def detail_digest(salt: bytes, detail: str) -> bytes:
    """The digest that stands for a detail: SHA-256 over salt and text."""
    return sha256(salt + detail.encode()).digest()


def entry_leaf(number: int, at: float, event: str, job_id: str, digest: str) -> bytes:
    """The hash of the leaf over `[number,at,event,job,digest]` as JSON; the digest in hex digits."""
    text = f'[{number:d},{at!r},{_quoted(event)},{_quoted(job_id)},"{digest}"]'
    return leaf_hash(text.encode())


class AuditEntry(NamedTuple):  # a log has many, and a frozen dataclass takes twice as long to make
    """What happened, once.

    Attributes:
        number: 1 for the first of a log; leaf `number - 1` of its tree.
        at: Unix seconds of the domain's clock.
        event: what, for instance `output-released`.
        job_id: the job, or "".
        digest: hex digest of salt and detail.
        detail: JSON text; None when it was erased or is not shown.
        salt: hex digits; None together with the detail.
    """

    number: int
    at: float
    event: str
    job_id: str
    digest: str
    detail: str | None = None
    salt: str | None = None

    @property
    def leaf(self) -> bytes:
        """The hash of its leaf, from what it says."""
        return entry_leaf(self.number, self.at, self.event, self.job_id, self.digest)

    @property
    def is_whole(self) -> bool:
        """Whether detail and salt, where they are there, are those that the digest is of."""
        if self.detail is None or self.salt is None:
            return self.detail is None and self.salt is None
        return detail_digest(bytes.fromhex(self.salt), self.detail).hex() == self.digest

    def bare(self) -> "AuditEntry":
        """The same without detail and salt: enough for its leaf."""
        return AuditEntry(
            number=self.number,
            at=self.at,
            event=self.event,
            job_id=self.job_id,
            digest=self.digest,
        )

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; `from_mapping` reads it."""
        bare = {
            "number": self.number,
            "at": self.at,
            "event": self.event,
            "job_id": self.job_id,
            "digest": self.digest,
        }
        return bare if self.detail is None else {**bare, "detail": self.detail, "salt": self.salt}

    @classmethod
    def from_mapping(cls, value: object) -> "AuditEntry":
        """Read the JSON form, of any origin; whether it fits any log is not checked.

        Raises:
            SpecError: for anything else.
        """
        if not isinstance(value, dict) or not (value.keys() == _FIELDS or value.keys() == _BARE):
            raise _malformed()
        number, at, event, job_id = value["number"], value["at"], value["event"], value["job_id"]
        digest, detail, salt = value["digest"], value.get("detail", ""), value.get("salt", _NO_SALT)
        try:  # a log has many entries: what can be looked at together is
            texts, digits = event + job_id + detail, digest + salt
        except TypeError:
            raise _malformed() from None
        if (
            type(number) is not int
            or not 1 <= number <= MAX_COUNT
            or type(at) is not float
            or not 0 <= at <= LAST_DATE  # no NaN either
            or type(texts) is not str
            or not texts.isascii()
            or len(event) > MAX_NAME
            or len(job_id) > MAX_NAME
            or len(detail) > MAX_DETAIL
            or type(digits) is not str
            or len(digest) != 2 * HASH_BYTES
            or len(salt) != 2 * SALT_BYTES
            or _HEX.fullmatch(digits) is None
        ):
            raise _malformed()
        return cls(number, at, event, job_id, digest, value.get("detail"), value.get("salt"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditProof:
    """A signed head, an entry, and the hashes that lead from one to the other.

    Attributes:
        head: the statement of kind `audit-head`; whose it is must be checked by its signature.
        entry: without detail and salt, once it was read.
        path: hex hashes, RFC 9162 §2.1.3.
    """

    head: Statement
    entry: AuditEntry
    path: tuple[str, ...]

    @property
    def tree_head(self) -> TreeHead:
        """What the head says.

        Raises:
            SpecError: nothing that a head says.
        """
        return TreeHead.from_body(self.head.body)

    @property
    def holds(self) -> bool:
        """Whether the path leads from the entry to the root; says nothing of the signature."""
        head = self.tree_head
        path = [bytes.fromhex(step) for step in self.path]
        return includes(self.entry.leaf, self.entry.number - 1, head.size, head.root_bytes, path)

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; `from_mapping` reads it."""
        return {
            "head": self.head.to_mapping(),
            "entry": self.entry.bare().to_mapping(),
            "path": list(self.path),
        }

    @classmethod
    def from_mapping(cls, value: object) -> "AuditProof":
        """Read the JSON form, of any origin; nothing is checked but the form.

        Raises:
            SpecError: for anything else.
            TrustError: the head is no signed statement.
        """
        if not isinstance(value, dict) or value.keys() != {"head", "entry", "path"}:
            raise _malformed()
        head, path = value["head"], value["path"]
        if (
            not isinstance(head, dict)
            or not isinstance(path, list)
            or len(path) > MAX_PROOF
            or not all(_is_hex(step, HASH_BYTES) for step in path)
        ):
            raise _malformed()
        proof = cls(
            head=Statement.from_mapping(head),
            entry=AuditEntry.from_mapping(value["entry"]).bare(),
            path=tuple(path),
        )
        proof.tree_head  # noqa: B018 - its form is checked with the rest
        return proof


def _is_hex(value: object, size: int) -> bool:
    return type(value) is str and len(value) == 2 * size and _HEX.fullmatch(value) is not None


def _malformed() -> SpecError:
    return SpecError(
        "an entry of an audit log is not well formed", next_step="export the log again"
    )
