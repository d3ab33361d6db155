"""Its submitter, and nobody else, may stop a job that has not produced anything yet."""

from darkroom.model.job import JOB_ID
from darkroom.model.letter import Letter
from darkroom.node.journal import Journal
from darkroom.node.store import NodeStore


BY_SUBMITTER = "cancelled by its submitter"


class Cancellation:
    """Takes `job.cancel`."""

    def __init__(self, *, store: NodeStore, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    def cancel(self, letter: Letter) -> None:
        """Cancel a waiting job; note the wish for a running one, whose worker sees it."""
        job_id = letter.body.get("job_id")
        named = isinstance(job_id, str) and JOB_ID.fullmatch(job_id) is not None
        record = self._store.job(str(job_id)) if named else None
        if record is None or record.submitter != letter.sender:
            self._journal.refuse("cancel-refused", letter.sender, submitter=letter.sender)
        elif record.state in ("screened", "approved"):
            self._journal.move(record, "cancelled", BY_SUBMITTER, cancel_requested=True)
        elif record.state == "running" and not record.cancel_requested:
            self._journal.progress(record, "being cancelled", cancel_requested=True)
        else:  # too late: say where it stands
            self._journal.progress(record, *record.reasons)
