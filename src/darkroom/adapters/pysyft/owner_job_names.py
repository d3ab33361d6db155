"""What a job is called in the owner's box: one name, one job, whoever sent it.

`client.jobs["count 1"]` is how an owner picks the job to decide on. Two scientists may call
theirs the same; the first has the plain name, and keeps it while the desk knows the request.
"""

from collections.abc import Sequence
from typing import Any

from syft_job.job_ref import JobRef

from darkroom.adapters.pysyft.address import address_of
from darkroom.adapters.pysyft.owner_desk import Standing
from darkroom.adapters.pysyft.owner_job_folder import job_name
from darkroom.adapters.pysyft.submitted_folder import LAYOUT
from darkroom.errors import DarkroomError
from darkroom.model.job import JobRequest


_PROTOCOL = LAYOUT.removeprefix("v")


class JobNames:
    """Names given to the requests of one owner."""

    def __init__(self, address: str) -> None:
        """None are given yet.

        Args:
            address: of the owner's datasite.
        """
        self._address = address
        self._given: dict[tuple[int, str], JobRef | None] = {}

    def given(self, standings: Sequence[Standing]) -> list[JobRef | None]:
        """The place of each, oldest first; None for what has none in the box.

        A name is free again once the desk has forgotten its request.
        """
        keys = [(standing.case.id, standing.case.job_id) for standing in standings]
        kept = {key: self._given[key] for key in keys if key in self._given}
        taken = {ref.job_name.casefold() for ref in kept.values() if ref is not None}
        for key, standing in zip(keys, standings, strict=True):
            if key not in kept:
                kept[key] = self._new(standing, taken)
        self._given = kept
        return [kept[key] for key in keys]

    def _new(self, standing: Standing, taken: set[str]) -> JobRef | None:
        case = standing.case
        understood = _understood(case.body)
        if understood is None or understood[0] == self._address:
            return None
        sender, wished = understood
        for name in (
            wished,
            f"{wished} ({case.job_id[:8]})",
            f"{wished} ({case.job_id} {case.id})",
        ):
            if name.casefold() not in taken:
                taken.add(name.casefold())
                return JobRef(self._address, sender, name, _PROTOCOL)
        return None


def _understood(body: dict[str, Any]) -> tuple[str, str] | None:
    """Whose request it is, and how they call it."""
    try:
        request = JobRequest.from_mapping(body["request"])
        return address_of(request.submitter), job_name(request)
    except (DarkroomError, KeyError, TypeError):
        return None
