"""How old a letter may be, and how wrong a clock. Pure.

An hour off is common on small machines without a battery clock: said, and tolerated up to
two. Replays do not depend on this: receivers remember ids for `SEEN_FOR`.
"""

from darkroom.errors import EnvelopeError, StateError


MAX_AGE = 8 * 86_400.0
MAX_SKEW = 2 * 3_600.0
NOTICEABLE = 5 * 60.0
# An id is remembered until no clock that is tolerated could take its letter for fresh.
SEEN_FOR = MAX_AGE + 4 * MAX_SKEW


def minutes(seconds: float) -> str:
    """A clock error for people."""
    return f"{abs(seconds) / 60:.0f} minutes"


def clock_warning(offset: float) -> str:
    """What to say about our own clock, from gateway time minus ours; "" when it is fine.

    Raises:
        StateError: it is too far off to judge any letter.
    """
    if abs(offset) <= NOTICEABLE:
        return ""
    side = "behind" if offset > 0 else "ahead of"
    if abs(offset) > MAX_SKEW:
        raise StateError(
            f"the clock of this machine is {minutes(offset)} {side} the gateway's",
            next_step="set the clock (for instance `timedatectl set-ntp true`); "
            "letters wait at the gateway meanwhile",
        )
    return (
        f"the clock of this machine is {minutes(offset)} {side} the gateway's: "
        "tolerated up to 2 hours, but set it soon"
    )


def age_warning(sender: str, sent_at: float, now: float) -> str:
    """What to say about a letter's date, given the corrected time; "" when it is fine.

    Raises:
        EnvelopeError: it is too old, or from too far in the future.
    """
    age = now - sent_at
    if age > MAX_AGE:
        raise EnvelopeError(
            f"a letter from {sender} is {age / 86_400:.0f} days old",
            next_step="ask the sender to send it again, or to set their clock",
        )
    if age < -MAX_SKEW:
        raise EnvelopeError(
            f"a letter from {sender} is dated {minutes(age)} in the future",
            next_step="ask the sender to set their clock and send it again",
        )
    if age < -NOTICEABLE:
        return (
            f"the clock of {sender} is {minutes(age)} ahead: "
            "tolerated up to 2 hours, but they should set it"
        )
    return ""
