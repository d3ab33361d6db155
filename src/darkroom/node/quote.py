"""What a job would cost and what would be decided, asked before it is sent. Keeps nothing."""

from darkroom.errors import SpecError
from darkroom.model.job import JOB_ID, JobRequest
from darkroom.model.letter import Letter
from darkroom.model.quote import MAX_ACCOUNTS, MAX_REASON, MAX_REASONS, Balance, Quote
from darkroom.node.charge import Charge
from darkroom.node.journal import Journal
from darkroom.node.laws import Laws
from darkroom.node.store import NodeStore
from darkroom.policy.screening import may_draw


MAX_WAITING = 32  # answers to one scientist that are not delivered yet


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
            self._journal.refuse("quote-refused", letter.sender, submitter=letter.sender)
            return
        try:
            request = JobRequest.from_mapping(asked)  # type: ignore[arg-type]  # a mapping, see above
        except SpecError as error:
            self._tell(letter.sender, job_id, _denied(error.message))
            return
        submitter = self._store.identity_of(letter.sender, request.submitter_fingerprint)
        if submitter is None or request.submitter != letter.sender:
            why = "the job names another submitter than the one who sent it"
            self._tell(letter.sender, job_id, _denied(why))
            return
        verdict = self._laws.screen(request, submitter)
        policy = self._laws.policy()
        # What is left of a budget is told to those who may draw on it.
        known = policy is not None and may_draw(request, submitter, policy)
        spent = self._charge.spent(request, policy) if policy and known else ()
        self._tell(
            letter.sender,
            job_id,
            Quote(
                decision=verdict.decision,
                reasons=tuple(reason[:MAX_REASON] for reason in verdict.reasons[:MAX_REASONS]),
                rule=verdict.rule,
                policy_version=verdict.policy_version,
                price=verdict.price,
                accounts=tuple(
                    Balance(
                        budget=account.budget.name,
                        per=account.budget.per,
                        holder=account.holder,
                        ends=account.ends,
                        left=account.budget.left(amount),
                    )
                    for account, amount in spent[:MAX_ACCOUNTS]
                ),
            ),
        )

    def _tell(self, recipient: str, job_id: str, quote: Quote) -> None:
        # Who asks and never reads: the newest answers are those that are still true.
        self._store.drop_outgoing(recipient, "job.quoted", MAX_WAITING - 1)
        self._journal.tell("job.quoted", recipient, {"job_id": job_id, **quote.to_mapping()})


def _denied(why: str) -> Quote:
    """To what was not understood, or is somebody else's."""
    return Quote(
        decision="deny",
        reasons=(why[:MAX_REASON],),
        rule="",
        policy_version=0,
        price=None,
        accounts=(),
    )
