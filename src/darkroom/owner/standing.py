"""How a request for review stands: its case, its outputs, and what the domain told. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from darkroom.model.owner_case import Case
from darkroom.owner.case_state import is_live


Stands = Literal["waits", "approved", "rejected", "produced", "released", "withheld", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One sound request for review.

    Attributes:
        case: the request.
        stands: `waits` for this person, `approved` and not back yet, `produced` outputs that
            wait, or how it ended; `ended` is without outputs.
        why: the reason in the words of whoever ended it.
        output: the latest request to release outputs of exactly this job.
    """

    case: Case
    stands: Stands
    why: str = ""
    output: Case | None = None


def standings(
    code: Iterable[Case],
    output: Iterable[Case],
    *,
    ended: Mapping[str, tuple[str, str]],
    now: float,
) -> list[Standing]:
    """Every sound request for review, in their order.

    Args:
        code, output: all cases of both subjects.
        ended: job id -> (state, why) of approved jobs that brought no outputs.
        now: Unix seconds.
    """
    outputs = {
        (case.job_id, case.body.get("job_digest")): case for case in output if not case.problem
    }
    return [
        _standing(case, outputs.get((case.job_id, case.digest)), ended.get(case.job_id), now)
        for case in code
        if not case.problem
    ]


def _standing(
    case: Case, output: Case | None, ended: tuple[str, str] | None, now: float
) -> Standing:
    if case.verdict in ("reject", "request-changes", "withdraw"):
        return Standing(case=case, stands="rejected", why=case.reason, output=output)
    if output is not None:
        words: dict[str, Stands] = {"": "produced", "release": "released", "withhold": "withheld"}
        return Standing(
            case=case,
            stands=words.get(output.verdict, "produced"),
            why=output.reason,
            output=output,
        )
    if ended is not None:
        state, why = ended
        stands: Stands = "rejected" if state == "rejected" else "ended"
        return Standing(case=case, stands=stands, why=why or state)
    if not case.verdict:
        return Standing(case=case, stands="waits")
    if not is_live(case, now=now, ran=False):
        return Standing(case=case, stands="ended", why="the approval was not used in time")
    return Standing(case=case, stands="approved", why=case.reason)
