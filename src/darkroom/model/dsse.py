"""A signed receipt as a DSSE envelope: the form that travels and that other tools read.

Source: https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md. One form only: the
payload is canonical JSON in canonical base64, so that no byte of a receipt can be changed.
"""

import base64
import json
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.canonical import canonical
from darkroom.model.json_shape import unique_keys
from darkroom.model.statement import IN_TOTO, RECEIPT, Statement


MAX_ENVELOPE = 512 << 10  # bytes; beside outputs a letter has room for a little more
_FIELDS = {"payloadType", "payload", "signatures"}
_KEY_TEXT, _SIGNATURE_BYTES = 64, 64


def to_envelope(statement: Statement) -> dict[str, Any]:
    """The envelope of a statement of kind `receipt`; `from_envelope` reads it."""
    return {
        "payloadType": IN_TOTO,
        "payload": base64.b64encode(canonical(statement.body)).decode(),
        "signatures": [
            {
                "keyid": statement.key,
                "sig": base64.b64encode(bytes.fromhex(statement.signature)).decode(),
            }
        ],
    }


def envelope_bytes(statement: Statement) -> bytes:
    """The file: one line of JSON."""
    return canonical(to_envelope(statement))


def from_envelope(value: object) -> Statement:
    """The statement in an envelope of any origin; whose signature it is, is not checked.

    Raises:
        SpecError: it is no envelope, has more than one signature or is too large.
    """
    if not isinstance(value, dict) or value.keys() != _FIELDS or value["payloadType"] != IN_TOTO:
        raise _malformed()
    signatures = value["signatures"]
    if (
        not isinstance(signatures, list)
        or len(signatures) != 1
        or not isinstance(signatures[0], dict)
        or signatures[0].keys() != {"keyid", "sig"}
    ):
        raise _malformed()
    key, signature = signatures[0]["keyid"], _decoded(signatures[0]["sig"])
    payload = _decoded(value["payload"])
    if not isinstance(key, str) or len(key) != _KEY_TEXT or len(signature) != _SIGNATURE_BYTES:
        raise _malformed()
    body = _json(payload)
    try:
        if not isinstance(body, dict) or canonical(body) != payload:
            raise _malformed()
    except (ValueError, TypeError, RecursionError):
        raise _malformed() from None
    return Statement(kind=RECEIPT, body=body, key=key, signature=signature.hex())


def read_envelope(data: bytes) -> Statement:
    """The same from the bytes of a file.

    Raises:
        SpecError: as `from_envelope`.
    """
    if len(data) > MAX_ENVELOPE:
        raise SpecError(
            f"a receipt has at most {MAX_ENVELOPE >> 10} KiB", next_step="check which file it is"
        )
    return from_envelope(_json(data))


def _json(data: bytes) -> Any:  # noqa: ANN401  # of untrusted origin
    try:
        return json.loads(data.decode(), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError):
        raise _malformed() from None


def _decoded(text: object) -> bytes:
    if not isinstance(text, str) or len(text) > MAX_ENVELOPE:
        raise _malformed()
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise _malformed() from None
    if base64.b64encode(data).decode() != text:  # bits behind the end of the last byte
        raise _malformed()
    return data


def _malformed() -> SpecError:
    return SpecError(
        "this is no receipt: a DSSE envelope with one signature over an in-toto statement",
        next_step="check which file it is, or ask for it again",
    )
