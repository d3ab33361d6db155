"""Blocking work leaves the event loop here: a few threads, so that memory stays small."""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread


P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Two lanes: a slow object store never holds up the mail."""

    def __init__(self) -> None:
        # The store has one connection; a second thread prepares the next statement.
        self._store = CapacityLimiter(2)
        self._objects = CapacityLimiter(4)

    async def store(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a store, or check a signature."""
        call = partial(function, *args, **kwargs)
        return await to_thread.run_sync(call, limiter=self._store)

    async def objects(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the object store, or hash a part."""
        call = partial(function, *args, **kwargs)
        return await to_thread.run_sync(call, limiter=self._objects)
