"""Constants that may travel inside a job: plain literals that read back exactly."""

import ast
import math
from typing import Any

from darkroom.errors import InputError


MAX_SOURCE = 64 << 10
WIDTH = 96
SIMPLE = (bool, int, str, bytes, type(None))
CONTAINERS = (list, tuple, set, dict)


def is_literal(value: object) -> bool:
    """Whether a value is made of plain literals only (exact types, no subclasses)."""
    kind = type(value)
    if kind in SIMPLE:
        return True
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]  # kind says so
    if kind in (list, tuple, set):
        return all(is_literal(item) for item in value)  # type: ignore[attr-defined]
    if kind is dict:
        return all(
            is_literal(key) and is_literal(item)
            for key, item in value.items()  # type: ignore[attr-defined]
        )
    return False


def literal_source(name: str, value: Any) -> str:  # noqa: ANN401  # checked below
    """Python source that builds exactly this value, the same on every machine.

    Raises:
        InputError: when the value is too large to be read by a reviewer.
    """
    source = _source(value)
    if len(source) > MAX_SOURCE:
        raise InputError(
            f"the constant {name} is larger than {MAX_SOURCE >> 10} KiB as source",
            next_step=f"save it to a file and carry it: files={{'{name}.npz': path}}",
        )
    assert ast.literal_eval(source) == value or value == set()
    return _packed(source, value) if len(name) + len(source) > WIDTH else source


def _packed(source: str, value: Any) -> str:  # noqa: ANN401  # any literal
    """The items of a long container over several lines, for whoever reads it."""
    if type(value) not in CONTAINERS or not value:
        return source
    if type(value) is dict:
        items = [f"{_source(k)}: {_source(v)}" for k, v in value.items()]
    elif type(value) is set:
        items = sorted(map(_source, value))
    else:
        items = [_source(v) for v in value]
    lines = ["   "]
    for item in items:
        if len(lines[-1]) + len(item) + 2 > WIDTH and lines[-1].strip():
            lines.append("   ")
        lines[-1] += f" {item},"
    return "\n".join([source[0], *lines, source[-1]])


def _source(value: Any) -> str:  # noqa: ANN401  # any literal
    kind = type(value)
    if kind is set:
        # A set has no order of its own: sort, so that a digest means the same everywhere.
        return "{" + ", ".join(sorted(_source(v) for v in value)) + "}" if value else "set()"
    if kind is dict:
        return "{" + ", ".join(f"{_source(k)}: {_source(v)}" for k, v in value.items()) + "}"
    if kind is list:
        return "[" + ", ".join(map(_source, value)) + "]"
    if kind is tuple:
        inner = ", ".join(map(_source, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return ascii(value) if kind is str else repr(value)
