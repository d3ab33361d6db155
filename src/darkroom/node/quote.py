"""What a job would cost and what would be decided, asked before it is sent. Keeps nothing."""

from typing import Any

from darkroom.errors import SpecError
from darkroom.model.job import JOB_ID, JobRequest
from darkroom.model.letter import Letter
from darkroom.node.charge import Charge
from darkroom.node.journal import MAX_REASON, MAX_REASONS, Journal
from darkroom.node.laws import Laws
from darkroom.node.store import NodeStore


class Quotes:
    """Takes `job.quote`."""

    def __init__(self, *, store: NodeStore, journal: Journal, laws: Laws, charge: Charge) -> None:
        self._store = store
        self._journal = journal
        self._laws = laws
        self._charge = charge

    def answer(self, letter: Letter) -> None:
        """Tell the sender the verdict, the price and what is left of each account."""
        asked = letter.body.get("request")
        job_id = asked.get("job_id") if isinstance(asked, dict) else None
        if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id):
            self._journal.note("quote-refused", submitter=letter.sender)
            return
        try:
            request = JobRequest.from_mapping(asked)  # type: ignore[arg-type]  # a mapping, see above
        except SpecError as error:
            self._tell(letter.sender, job_id, {"decision": "deny", "reasons": [error.message]})
            return
        submitter = self._store.get(letter.sender)
        if submitter is None or request.submitter != letter.sender:
            why = "the job names another submitter than the one who sent it"
            self._tell(letter.sender, job_id, {"decision": "deny", "reasons": [why]})
            return
        verdict = self._laws.screen(request, submitter)
        policy = self._laws.policy()
        grant = policy.grant_of(request.submitter) if policy else None
        # What is left of a dataset is told to those who may use it.
        known = policy if policy and grant and request.dataset in grant.datasets else None
        self._tell(
            letter.sender,
            job_id,
            {
                "decision": verdict.decision,
                "reasons": [reason[:MAX_REASON] for reason in verdict.reasons[:MAX_REASONS]],
                "rule": verdict.rule,
                "policy_version": verdict.policy_version,
                "price": verdict.price.to_mapping(),
                "accounts": [
                    {
                        "budget": account.budget.name,
                        "per": account.budget.per,
                        "holder": account.holder,
                        "ends": account.ends,
                        "left": {
                            unit: left if isinstance(left, int) else str(left)
                            for unit, left in account.budget.left(spent).items()
                        },
                    }
                    for account, spent in (self._charge.spent(request, known) if known else ())
                ],
            },
        )

    def _tell(self, recipient: str, job_id: str, said: dict[str, Any]) -> None:
        nothing: dict[str, Any] = {
            "rule": "", "policy_version": 0, "price": None, "accounts": [],
        }  # fmt: skip
        self._journal.tell("job.quoted", recipient, {"job_id": job_id, **nothing, **said})
