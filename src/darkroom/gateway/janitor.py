"""Sweeps: bounces what nobody fetched in time, forgets what is old, deletes expired blobs."""

import asyncio
import logging

from darkroom.errors import DarkroomError
from darkroom.gateway.bells import Bells
from darkroom.gateway.blobs import Blobs
from darkroom.gateway.stores import MailboxStore
from darkroom.gateway.threads import Threads
from darkroom.ports import Clock


log = logging.getLogger(__name__)


class Janitor:
    """One sweep at a time; a sweep that fails is tried again with the next."""

    def __init__(
        self,
        *,
        mailboxes: MailboxStore,
        blobs: Blobs,
        bells: Bells,
        threads: Threads,
        clock: Clock,
    ) -> None:
        self._mailboxes = mailboxes
        self._blobs = blobs
        self._bells = bells
        self._threads = threads
        self._clock = clock

    async def sweep(self) -> None:
        """Sweep once.

        Raises:
            DarkroomError: a store failed; what was done stays done.
        """
        bounced = await self._threads.store(self._mailboxes.expire, now=self._clock.now())
        for sender in bounced:
            self._bells.ring(sender)
        await self._blobs.remove_expired()

    async def run(self, every: float) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await self.sweep()
            except DarkroomError as error:
                log.warning("a sweep did not finish: %s", error.code)
            await asyncio.sleep(every)
