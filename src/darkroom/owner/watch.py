"""Wait for requests and say what is asked; on demand, say yes to everything."""

import threading
from collections.abc import Callable
from typing import Protocol

from darkroom.errors import DarkroomError
from darkroom.model.owner_case import Case, Subject
from darkroom.owner.desk import Desk
from darkroom.owner.sheet import Sheet


POLL_SECONDS = 25.0
RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0)
LOUD = (
    "--yes: EVERYTHING that is asked is approved and released by this process. "
    "Nobody reads it. For demos and tests with synthetic footage only."
)


class Teller(Protocol):
    """Where `watch` speaks."""

    def sheet(self, sheet: Sheet) -> None:
        """A request, in full."""
        ...

    def line(self, text: str, *, loud: bool = False) -> None:
        """A sentence."""
        ...


def watch(
    desk: Desk,
    teller: Teller,
    *,
    yes: bool = False,
    stop: threading.Event | None = None,
    poll: float = POLL_SECONDS,
    pause: Callable[[float], object] | None = None,
    beat: Callable[[], None] = lambda: None,
    shown: Callable[[Case], None] = lambda _case: None,
) -> None:
    """Announce each waiting request once, until `stop` is set.

    Args:
        desk: the owner's.
        teller: where it is announced.
        yes: approve and release each request by its digest, after announcing it.
        stop: ends the watch after the current long poll.
        poll: seconds of one long poll.
        pause: waits between two attempts while the gateway is away.
        beat: called with each turn.
        shown: told of each request that was announced.
    """
    stop = stop or threading.Event()
    pause = pause or stop.wait
    announced: set[int] = set()
    failures = 0
    desk.mailroom.on_message = lambda message: teller.line(
        f"{message.by} ({message.side}) about job {message.job_id}: {message.text}"
    )
    if yes:
        teller.line(LOUD, loud=True)
    teller.line(f"watching: requests of {desk.domain.name} appear here (Ctrl-C ends it)")
    while not stop.is_set():
        beat()
        try:
            # What waited before this process began is announced before the first poll.
            _announce_all(desk, teller, announced, shown, yes=yes)
            desk.mailroom.sync(wait=poll)
        except DarkroomError as error:
            if failures == 0:
                teller.line(f"{error.message}; trying again until it works", loud=True)
            pause(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
            failures += 1
        else:
            if failures:
                teller.line("the gateway answers again")
            failures = 0


def _announce_all(
    desk: Desk,
    teller: Teller,
    announced: set[int],
    shown: Callable[[Case], None],
    *,
    yes: bool,
) -> None:
    subjects: tuple[Subject, ...] = ("code", "output")
    for subject in subjects:
        for case in desk.store.cases(subject, waiting=True):
            if case.id not in announced:
                announced.add(case.id)
                teller.sheet(desk.sheet(case))
                shown(case)
                if yes:
                    _say_yes(desk, teller, case)


def _say_yes(desk: Desk, teller: Teller, case: Case) -> None:
    approving = case.subject == "code"
    if case.problem:
        desk.decide(case, "reject" if approving else "withhold", "the request does not hold")
        teller.line(f"REFUSED job {case.job_id}: {case.problem}", loud=True)
    elif desk.decide(case, "approve" if approving else "release", "approved by --yes"):
        word = "APPROVED" if approving else "RELEASED"
        teller.line(f"{word} {case.digest} (--yes: nobody read it)", loud=True)
