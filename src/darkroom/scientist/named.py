"""Things by name, and a helpful answer when a name is wrong."""

import difflib
from collections.abc import Iterator, Mapping
from typing import TypeVar

from darkroom.errors import UnknownNameError


T = TypeVar("T")
V = TypeVar("V")


class Named(Mapping[str, T]):
    """A read-only mapping whose errors name what there is."""

    def __init__(self, what: str, items: Mapping[str, T], *, empty: str = "") -> None:
        self._what = what
        self._items = dict(items)
        self._empty = empty or f"there is no {what} yet"

    def __getitem__(self, name: str) -> T:
        """The thing of that name.

        Raises:
            UnknownNameError: naming those that come near, or all.
        """
        if isinstance(name, str) and name in self._items:
            return self._items[name]
        raise unknown(self._what, name, list(self._items), empty=self._empty)

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def get(self, name: str, default: V | None = None) -> T | V | None:  # type: ignore[override]  # narrower on purpose: names are text
        """The thing of that name, or the default."""
        return self._items.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return ", ".join(self._items) or self._empty

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._items)


def unknown(what: str, name: object, known: list[str], *, empty: str = "") -> UnknownNameError:
    """The error for a name that is not known."""
    near = difflib.get_close_matches(str(name)[:80], known, n=3, cutoff=0.5)
    if near:
        cure = f"did you mean {' or '.join(near)}?"
        others = [n for n in known if n not in near][:10]
        cure += f" There is also {', '.join(others)}" if others else ""
    elif known:
        cure = f"use one of: {', '.join(known[:20])}"
    else:
        cure = empty or f"there is no {what} yet"
    return UnknownNameError(f"there is no {what} {ascii(name)[:80]}", next_step=cure)
