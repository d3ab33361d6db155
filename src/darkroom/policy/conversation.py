"""Who may write about a job, when, and how often. Pure.

A reviewer sees outputs before they are released, so their words are a way out that no budget
measures. They are few, short and kept; and once a job has outputs, a single reviewer says
nothing about it but yes or no: what is known of outputs leaves by release only.
"""

from collections.abc import Sequence

from darkroom.model.budget import DAY
from darkroom.model.message import Message, Side
from darkroom.policy.transitions import State


# side -> the states in which it may write about a job
WRITES: dict[Side, tuple[State, ...]] = {
    "reviewer": ("screened",),
    "scientist": ("screened", "produced"),
}
A_DAY = 10  # messages of one side about one job
ALL = 50  # of one side about one job, ever
OF_ONE_A_DAY = 50  # of one name about all jobs


def against_message(
    side: Side, state: str, said: Sequence[Message], *, today: int, now: float
) -> str:
    """Why a message is not passed on; "" when it is.

    Args:
        side: who writes.
        state: the job's, now.
        said: all messages about this job.
        today: how many its author wrote about all jobs within a day.
        now: Unix seconds.
    """
    if state not in WRITES[side]:
        return f"the job is {state}: a {side} writes while it is {' or '.join(WRITES[side])}"
    ours = [message for message in said if message.side == side]
    if len(ours) >= ALL:
        return f"{ALL} messages were written about this job, which is the most"
    if sum(message.at > now - DAY for message in ours) >= A_DAY:
        return f"{A_DAY} messages were written about this job within a day, which is the most"
    if today >= OF_ONE_A_DAY:
        return f"you wrote {OF_ONE_A_DAY} messages within a day, which is the most"
    return ""
