"""What a value of untrusted JSON is. `True` is no number here, and NaN is none either."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, TypeGuard

from darkroom.errors import SpecError


MAX_TEXT = 500  # characters


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON as a dict: the hook for `json.loads`.

    Raises:
        ValueError: a key stands twice.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it has a key twice")
    return found


def is_whole(value: object, least: int = 0) -> bool:
    """A whole number, not below `least`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: object) -> TypeGuard[int | float]:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def are_texts(values: object) -> bool:
    """A list or tuple of texts."""
    return isinstance(values, list | tuple) and all(isinstance(v, str) for v in values)


def require_line(value: object, name: str) -> None:
    """A short text without line breaks or control characters.

    Raises:
        SpecError: it is none.
    """
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise SpecError(
            f"{name} is not one line of at most {MAX_TEXT} characters",
            next_step=f"write {name} as a short text",
            where=(name,),
        )


def require_schema(given: object, known: int, what: str) -> None:
    """The version of a form is the one that this program knows.

    Raises:
        SpecError: it is newer, older or no number.
    """
    if not is_whole(given) or given != known:
        raise SpecError(
            f"this {what} has schema {ascii(given)[:20]}, this program knows {known}",
            next_step="write it in the schema of this program, or upgrade the program",
            where=("schema",),
        )


@contextmanager
def within(*steps: str | int) -> Iterator[None]:
    """Errors from here on lie further in: their `where` gets these steps in front."""
    try:
        yield
    except SpecError as error:
        error.where = (*steps, *error.where)
        raise


def as_fields(value: object, noun: type, what: str) -> dict[str, Any]:
    """A mapping whose keys are fields of a dataclass, as a fresh dict.

    Raises:
        SpecError: it is no mapping, or has a key that the noun does not know.
    """
    if not isinstance(value, dict):
        raise SpecError(f"{what} is not a mapping", next_step="write key: value")
    known = [field.name for field in fields(noun)]
    for key in value:
        if key not in known:
            raise SpecError(
                f"{what} has the unknown key {ascii(key)[:60]}",
                next_step=f"use only: {', '.join(known)}",
                where=(key,) if isinstance(key, str) else (),
            )
    return dict(value)


def as_tuple(value: object, what: str) -> tuple[Any, ...]:
    """A list as a tuple. A text is no list of its letters.

    Raises:
        SpecError: it is no list.
    """
    if not isinstance(value, list | tuple):
        raise SpecError(f"{what} is not a list", next_step="write it as a list: [a, b]")
    return tuple(value)
