"""The gateway's answers, read as what they are: the words of somebody we do not trust."""

import base64
import binascii
import json
from typing import Any

from darkroom import errors
from darkroom.model.identity import PublicIdentity
from darkroom.model.statement import Statement
from darkroom.ports import Parcel


MAX_TEXT = 600
MAX_NUMBER = 2**63 - 1  # what a database keeps; and a float has room for it


def _tree(root: type[errors.DarkroomError]) -> dict[str, type[errors.DarkroomError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            found |= _tree(child)
    return found


# code -> class, for every class of the tree: the other half of the gateway's own table
BY_CODE = _tree(errors.DarkroomError)


def plain(text: object) -> str:
    """Text for a terminal: one line, no control, escape or direction characters."""
    shown = "".join(c if c.isprintable() else " " for c in str(text)[:MAX_TEXT])
    return " ".join(shown.split())


def strange_answer() -> errors.UnreachableError:
    """Something answered, and it does not speak our protocol."""
    return errors.UnreachableError(
        "what answers at the gateway's address does not speak like a gateway",
        next_step="check the address, and whether a proxy answers in its place",
    )


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer.

    Raises:
        UnreachableError: it is none.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise strange_answer()
    return value


def error_of(status: int, body: bytes) -> errors.DarkroomError:
    """The error that a refusing answer stands for."""
    try:
        value = parse(body)
    except errors.UnreachableError:
        value = {}
    kind = BY_CODE.get(str(value.get("code")))
    message = value.get("message")
    if kind is None or not isinstance(message, str) or not message:
        return errors.UnreachableError(
            f"the gateway's address answered with HTTP status {status}",
            next_step="check the address, or wait until the gateway is back",
        )
    step = value.get("next_step")
    return kind(
        plain(message), next_step=plain(step if isinstance(step, str) else "") or "try again"
    )


def field(value: dict[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:  # noqa: ANN401 - the caller asks for a type
    """A field of the right type: a number within `MAX_NUMBER` of zero, a text that has bytes.

    Raises:
        UnreachableError: missing, of another type, or nothing that one can go on with.
    """
    item = value.get(name)
    if not isinstance(item, kind) or (isinstance(item, bool) and kind is not bool):
        raise strange_answer()
    if isinstance(item, int | float) and not abs(item) <= MAX_NUMBER:  # also no NaN
        raise strange_answer()
    if isinstance(item, str) and any("\ud800" <= letter <= "\udfff" for letter in item):
        raise strange_answer()
    return item


def token_of(value: dict[str, Any]) -> str:
    """The token of a session, which goes into a header.

    Raises:
        UnreachableError: it cannot stand there.
    """
    token: str = field(value, "token", str)
    if not (token.isascii() and token.isprintable()):
        raise strange_answer()
    return token


def identity_of(value: dict[str, Any]) -> PublicIdentity:
    """The identity in an answer.

    Raises:
        UnreachableError: it is not well formed.
    """
    try:
        return PublicIdentity.from_mapping(field(value, "identity", dict))
    except errors.SpecError as error:
        raise strange_answer() from error


def statement_of(value: object) -> Statement:
    """A statement in an answer, not verified yet.

    Raises:
        UnreachableError: it is not well formed.
    """
    if not isinstance(value, dict):
        raise strange_answer()
    try:
        return Statement.from_mapping(field(value, "statement", dict))
    except errors.TrustError as error:
        raise strange_answer() from error


def parcel_of(value: object) -> Parcel:
    """A parcel in an answer.

    Raises:
        UnreachableError: it is not well formed.
    """
    if not isinstance(value, dict):
        raise strange_answer()
    try:
        envelope = base64.b64decode(field(value, "envelope", str), validate=True)
    except (binascii.Error, ValueError) as error:
        raise strange_answer() from error
    return Parcel(
        cursor=field(value, "cursor", int),
        id=plain(field(value, "id", str)),
        sender=plain(field(value, "sender", str)),
        sent_at=float(field(value, "sent_at", (int, float))),
        envelope=envelope,
        bounced=plain(field(value, "bounced", str)),
    )
