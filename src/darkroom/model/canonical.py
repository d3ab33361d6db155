"""One way to write a value as bytes, so that a digest means the same everywhere.

The form is JSON with sorted keys, no white space, UTF-8, strings in NFC, no NaN; a
subset of RFC 8785 that Python writes identically on every machine of ours.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from typing import Any


JsonValue = Any  # a recursive alias adds noise; `canonical` refuses all else


def _normal(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, Mapping):
        normal = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"keys must be strings, not {type(key).__name__}")
            name = unicodedata.normalize("NFC", key)
            if name in normal:
                raise ValueError("two keys are equal after Unicode normalisation")
            normal[name] = _normal(item)
        return normal
    if isinstance(value, (list, tuple)):
        return [_normal(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise TypeError(f"{type(value).__name__} has no canonical form")


def canonical(value: JsonValue) -> bytes:
    """The canonical bytes of a JSON value.

    Raises:
        TypeError: for anything that is not a JSON value.
        ValueError: for NaN, infinity, or keys that normalise to the same string.
    """
    return json.dumps(
        _normal(value),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    ).encode()


def digest(value: JsonValue) -> str:
    """`sha256:<hex>` of the canonical bytes of a value."""
    return digest_bytes(canonical(value))


def digest_bytes(data: bytes) -> str:
    """`sha256:<hex>` of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
