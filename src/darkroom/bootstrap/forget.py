"""`darkroom forget`, put together: beside a node that serves, or in its place."""

import contextlib
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.adapters.clock import SystemClock
from darkroom.bootstrap import privileges
from darkroom.bootstrap.footage import open_footage, placed_footage
from darkroom.bootstrap.keys import open_keys
from darkroom.bootstrap.node import DATABASE, KEYS, locked, open_store
from darkroom.config.sandbox_file import sandbox_file
from darkroom.errors import InputError, StateError
from darkroom.model.domain_config import DomainConfig
from darkroom.model.forget import Forget
from darkroom.model.message import one_line
from darkroom.model.statement import Statement
from darkroom.node.charge import Charge
from darkroom.node.forget import Forgetting, Preview
from darkroom.node.ingest import drop_unfinished
from darkroom.node.journal import Journal


LOOK_EVERY = 0.2  # seconds between two looks at how far the node is


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which node forgets.

    Attributes:
        state: its folder.
        domain: its `domain.yaml`.
        keys: the key file, where it does not lie in the state folder.
        sandbox: a sandbox.yaml, where footage lies on several Pis.
    """

    state: Path
    domain: DomainConfig
    keys: Path | None = None
    sandbox: Path | None = None


def order_of(
    place: Place, *, camera: str, since: float, until: float, dataset: str = "", words: str = ""
) -> Forget:
    """An order of now.

    Raises:
        InputError: dataset or camera are not known, or the time is not over.
    """
    now = SystemClock().now()
    if dataset:
        place.domain.dataset(dataset)
    if until > now:
        raise InputError(
            "what is to be forgotten is not over yet",
            next_step="give a --to that has passed; a mask keeps a part of the picture out",
        )
    return Forget(
        id=secrets.token_hex(16),
        dataset=dataset,
        camera=camera,
        since=since,
        until=until,
        words=one_line(words),
        at=now,
    )


class ForgetDesk:
    """Shows what an order would do, gives it, and sees it carried out."""

    def __init__(self, place: Place, *, say: Callable[[str], None]) -> None:
        """Open the node's database and footage.

        Raises:
            StateError: there is no node's state.
        """
        state = place.state.resolve()
        if not (state / DATABASE).is_file():
            raise StateError(
                f"there is no node's state at {state}", next_step="run `darkroom node init`"
            )
        self._state, self._place = state, place
        self._work = [state]
        placed = None
        if place.sandbox is None:
            footage = open_footage(state, place.domain)
        else:
            exchange = sandbox_file(place.sandbox).exchange
            footage = placed = placed_footage(state, place.domain, exchange, say)
            self._work.append(exchange)
        self._store, clock = open_store(state), SystemClock()
        self._forgetting = Forgetting(
            store=self._store,
            journal=Journal(
                store=self._store,
                clock=clock,
                domain=place.domain.domain,
                owner=self._store.fact("owner"),
                close=Charge(store=self._store, clock=clock).close,
            ),
            sign=self._sign,
            footage=footage,
            clock=clock,
            domain=place.domain.domain,
            say=say,
            elsewhere=placed,
            datasets=[d.name for d in place.domain.datasets],
        )

    def close(self) -> None:
        """Let go of the database; what root made in a node's folder is the node's."""
        self._store.close()
        if os.geteuid() == 0:
            privileges.hand_over(self._state, self._state.stat().st_uid)

    def preview(self, forget: Forget) -> Preview:
        """What an order would do.

        Raises:
            InputError: nobody knows such a camera.
        """
        found = self._forgetting.preview(forget)
        known = {camera.id for camera in self._place.domain.cameras}
        if not found.versions and not found.gone and forget.camera not in known:
            raise InputError(
                f"there is no footage of a camera {forget.camera} in that time",
                next_step="compare the name and the times (UTC) with the dataset's card",
            )
        return found

    def order(self, forget: Forget) -> int:
        """Give the order; how many unfinished ingests were dropped with it."""
        self._forgetting.order(forget)
        return sum(drop_unfinished(work, forget.dataset) for work in self._work)

    def carry_out(self, wait: float) -> bool:
        """See that it is done: by the node if it serves, else here; whether it is.

        Args:
            wait: seconds to wait for a node that serves, or for other Pis.
        """
        end = time.monotonic() + wait
        while not self._forgetting.done():
            self._tend()
            if self._forgetting.done():
                break
            if time.monotonic() >= end:
                return False
            time.sleep(LOOK_EVERY)
        return True

    def _tend(self) -> None:
        """Do it here; where a node serves the folder, that one does what its database says."""
        keys = self._place.keys
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locked(self._state, keys))
            except StateError:
                if not (keys or self._state / KEYS).is_file():
                    raise
                return
            self._forgetting.tend()

    def _sign(self, kind: str, body: dict[str, Any]) -> Statement:
        return open_keys(self._place.keys or self._state / KEYS).sign(kind, body)
