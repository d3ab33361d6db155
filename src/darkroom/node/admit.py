"""HOP 4, admit: from a letter to a job that is rejected, waits for the owner, or may run.

Parsing, hashing and keeping the code happen before the transaction; nothing is decoded,
imported or unpacked here.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from darkroom.errors import SpecError, StateError
from darkroom.model.canonical import canonical, digest_bytes
from darkroom.model.draft import Draft
from darkroom.model.job import (
    JOB_ID,
    MAX_FILE_BYTES,
    MAX_TREE_BYTES,
    PYSYFT_ENTRYPOINT,
    JobRequest,
)
from darkroom.model.job_record import JobRecord
from darkroom.model.letter import Letter
from darkroom.node.charge import Charge
from darkroom.node.code_shelf import CodeShelf
from darkroom.node.journal import Journal
from darkroom.node.laws import Laws
from darkroom.node.store import NodeStore
from darkroom.policy.screening import Verdict
from darkroom.ports import Clock
from darkroom.post.codec import body_size, fits


CODE = "code/"
MAX_REQUEST = 512 << 10
MAX_SPEC = 128 << 10  # a receipt shows all of it
MAX_MOCK = 128 << 10
BESIDE = 64 << 10  # bytes of verdict and submitter beside request and mock
MAX_OPEN_JOBS = 200  # of one scientist
RESERVE = 64 << 20  # bytes of disk that stay free, so that decisions can still be written
OPEN_STATES = ("received", "screened", "approved", "running", "produced")


def read_submission(letter: Letter) -> Draft:
    """Check form, sizes and hashes of a `job.submit`; hostile to the last byte. Pure."""
    body = letter.body
    try:
        if body.keys() - {"supersedes", "seen_head"} != {"request", "mock"} or not all(
            isinstance(body[part], dict) for part in body.keys() - {"supersedes"}
        ):
            raise SpecError(
                "a submission holds a request and what happened on mock",
                next_step="submit through the SDK",
            )
        if len(canonical(body["request"])) > MAX_REQUEST:
            raise SpecError("the request is too large", next_step="pass fewer parameters")
        if len(canonical(body["mock"])) > MAX_MOCK:
            raise SpecError("the account of the mock run is too large", next_step="shorten it")
        request = JobRequest.from_mapping(body["request"])
        if len(canonical(request.spec.to_mapping())) > MAX_SPEC:
            raise SpecError("the declaration is too long", next_step="declare fewer texts")
        canonical(request.to_mapping())  # parameters that have no digest are refused here
    except SpecError as error:
        return Draft(request=None, against=(error.message,))
    except (TypeError, ValueError, RecursionError, AttributeError):
        return Draft(request=None, against=("the request is not well formed",))
    supersedes = body.get("supersedes", "")
    if supersedes != "" and not (isinstance(supersedes, str) and JOB_ID.fullmatch(supersedes)):
        return Draft(request=request, against=("the job that it supersedes is not named well",))
    if request.spec.entrypoint == PYSYFT_ENTRYPOINT:
        # A rule may let such code have any name; as a parameter of ours that is any text.
        return Draft(request=request, against=("submit PySyft jobs with PySyft's client",))
    if any(not name.startswith(CODE) for name in letter.attachments):
        return Draft(
            request=request, against=("the files sent are not exactly the files of the spec",)
        )
    return Draft(
        request=request,
        files={name.removeprefix(CODE): data for name, data in letter.attachments.items()},
        mock=body["mock"],
        supersedes=supersedes,
        seen_head=body.get("seen_head"),
    )


def _against(draft: Draft, request: JobRequest) -> tuple[str, ...]:
    """What speaks against a draft in whatever dialect it came."""
    sizes = {CODE + path: len(data) for path, data in draft.files.items()}
    asked = body_size({"request": request.to_mapping(), "mock": draft.mock}) + BESIDE
    if not draft.against and not fits(asked, sizes):  # what the owner will be asked with
        return ("it is more than a letter to the owner carries",)
    return draft.against or _against_files(request, draft.files)


def _against_files(request: JobRequest, files: dict[str, bytes]) -> tuple[str, ...]:
    """The carried files are exactly those of the spec, byte for byte."""
    if files.keys() != request.spec.files.keys():
        return ("the files sent are not exactly the files of the spec",)
    if (
        max(map(len, files.values())) > MAX_FILE_BYTES
        or sum(map(len, files.values())) > MAX_TREE_BYTES
    ):
        return (
            f"files may have {MAX_FILE_BYTES >> 20} MiB each "
            f"and {MAX_TREE_BYTES >> 20} MiB together",
        )
    return tuple(
        f"file {path} is not the one that the spec names"
        for path, expected in request.spec.files.items()
        if digest_bytes(files[path]) != expected
    )


class Admission:
    """Takes a submission in whatever dialect it came: `job.submit`, `pysyft.submit`."""

    def __init__(
        self,
        *,
        store: NodeStore,
        journal: Journal,
        shelf: CodeShelf,
        laws: Laws,
        charge: Charge,
        clock: Clock,
        free_bytes: Callable[[], int],
        why_waiting: Callable[[str], str],
        hear: Callable[[dict[str, Any]], None],
    ) -> None:
        """Put together.

        Args:
            store, journal, shelf, laws, charge, clock: the node's own.
            free_bytes: on the disk.
            why_waiting: why an approved job of a tier does not start now, or "".
            hear: takes a head of our log that came along.
        """
        self._store = store
        self._journal = journal
        self._shelf = shelf
        self._laws = laws
        self._charge = charge
        self._clock = clock
        self._free_bytes = free_bytes
        self._why_waiting = why_waiting
        self._hear = hear

    def prepare(
        self, letter: Letter, read: Callable[[Letter], Draft] = read_submission
    ) -> Callable[[], None]:
        """Do what takes time; the rest is returned, to be done inside the transaction.

        Args:
            letter: hostile.
            read: understands its dialect.
        """
        draft = read(letter)
        request = draft.request
        if request is None:
            return lambda: self._refuse_unread(letter, draft.against)
        if draft.seen_head is not None:  # before anything may follow from this state
            with self._store.transaction():
                self._hear(draft.seen_head)
        known = self._store.job(request.job_id)
        if known is not None:
            return lambda: self._again(known, letter)
        verdict = self._judge(draft, request, letter)
        if verdict.decision != "deny":
            try:
                self._keep(request, draft.files)
            except StateError:
                full = "the domain has no room for another job now: submit it again later"
                verdict = Verdict(
                    decision="deny",
                    reasons=(full,),
                    policy_version=verdict.policy_version,
                )
        return lambda: self._decide(request, draft, verdict, letter)

    def _judge(self, draft: Draft, request: JobRequest, letter: Letter) -> Verdict:
        submitter = self._store.identity_of(letter.sender, request.submitter_fingerprint)
        against = _against(draft, request)
        if submitter is None:  # the post opens nothing of a sender who is not pinned
            against = ("the sender is not enrolled here",)
        elif request.submitter != letter.sender:
            against = ("the job names another submitter than the one who sent it",)
        elif self._store.count_jobs_of(letter.sender, *OPEN_STATES) >= MAX_OPEN_JOBS:
            against = (f"{MAX_OPEN_JOBS} of your jobs are waiting here already",)
        if against or submitter is None:
            return Verdict(decision="deny", reasons=against, policy_version=0)
        return self._laws.screen(request, submitter)

    def _keep(self, request: JobRequest, files: dict[str, bytes]) -> None:
        size = sum(map(len, files.values()))
        if self._free_bytes() < 2 * size + RESERVE:
            raise StateError("the disk is full", next_step="make room")
        self._shelf.put(request.spec.code_digest, files)

    # ------------------------------------------------------------ inside the transaction

    def _refuse_unread(self, letter: Letter, against: tuple[str, ...]) -> None:
        """There is no job to keep, but its sender learns why, when it can be named."""
        self._store.quarantine(self._clock.now(), letter.sender, "; ".join(against)[:300])
        said = {"submitter": letter.sender, "reasons": list(against)}
        self._journal.refuse("submission-refused", letter.sender, **said)
        request = letter.body.get("request", letter.body)
        job_id = request.get("job_id") if isinstance(request, dict) else None
        if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id):
            return
        if self._store.job(job_id) is None:
            self._tell_rejected(letter.sender, job_id, against)

    def _tell_rejected(self, sender: str, job_id: str, against: tuple[str, ...]) -> None:
        """A job that is not kept ended as the others do, for who sent it."""
        state = {"job_id": job_id, "state": "rejected", "reasons": list(against)}
        self._journal.tell("job.state", sender, {**state, "seq": 1, "shards": [0, 0]})

    def _again(self, known: JobRecord, letter: Letter) -> None:
        """The same submission twice is one job; somebody else's id is not told apart."""
        if known.submitter != letter.sender:
            said = {"submitter": letter.sender, "reasons": ["job id"]}
            self._journal.refuse("submission-refused", letter.sender, **said)

    def _decide(
        self,
        request: JobRequest,
        draft: Draft,
        verdict: Verdict,
        letter: Letter,
    ) -> None:
        if request.submitter != letter.sender:
            # A record in the name of somebody else would let a sender write to them.
            self._refuse_unread(letter, verdict.reasons)
            return
        verdict = self._reserved(request, verdict)
        if verdict.decision == "deny" and not self._journal.keeps_denied(letter.sender):
            self._tell_rejected(letter.sender, request.job_id, verdict.reasons)
            return
        record = self._journal.open(
            JobRecord(
                request=request,
                code_digest=request.spec.code_digest,
                job_digest=request.job_digest,
                state="received",
                received_at=self._clock.now(),
                mock=draft.mock,
                supersedes=self._own(draft.supersedes, request),
                policy_version=verdict.policy_version,
                price=verdict.price.to_mapping(),
            )
        )
        if verdict.decision == "deny":
            self._journal.move(record, "rejected", *verdict.reasons)
        elif verdict.decision == "approve":
            record = self._journal.move(record, "screened", announce=False)
            self._approve_by_rule(record, verdict)
        else:
            record = self._journal.move(record, "screened", *verdict.reasons)
            self._ask(record, verdict)

    def _own(self, job_id: str, request: JobRequest) -> str:
        """An earlier job of the same person here, or "": of others nothing is told."""
        earlier = self._store.job(job_id) if job_id else None
        mine = earlier is not None and earlier.submitter == request.submitter
        return job_id if mine else ""

    def _reserved(self, request: JobRequest, verdict: Verdict) -> Verdict:
        """The verdict once the price is taken; what it was judged by may have changed since."""
        policy = self._laws.policy()
        if verdict.decision == "deny" or policy is None:
            return verdict
        short = self._charge.reserve(request, verdict.price, policy)
        return replace(verdict, decision="deny", reasons=short) if short else verdict

    def _approve_by_rule(self, record: JobRecord, verdict: Verdict) -> None:
        waiting = self._why_waiting(record.request.spec.tier)
        self._journal.move(
            record,
            "approved",
            *verdict.reasons,
            *((waiting,) if waiting else ()),
            by_rule=True,
            approved_by=f"rule {verdict.rule}",
            policy_version=verdict.policy_version,
        )

    def _ask(self, record: JobRecord, verdict: Verdict) -> None:
        submitter = self._laws.submitter(record.request)
        assert submitter is not None  # pins are never removed
        self._journal.ask(
            record,
            "review.request",
            self._laws.people_for(record.submitter),
            {
                "request": record.request.to_mapping(),
                "verdict": {
                    "decision": verdict.decision,
                    "reasons": list(verdict.reasons),
                    "policy_version": verdict.policy_version,
                    "rule": verdict.rule,
                    "price": record.price,
                },
                "mock": record.mock,
                "submitter": submitter.to_mapping(),
                **({"supersedes": record.supersedes} if record.supersedes else {}),
            },
            self._shelf.files(record.code_digest, record.request.spec.files),
        )

    def screen_again(self) -> None:
        """After a new policy or dataset: what waits may be admitted or denied by it."""
        with self._store.transaction():
            self._screen_again()

    def _screen_again(self) -> None:
        for record in self._store.jobs("screened"):
            submitter = self._laws.submitter(record.request)
            if submitter is None:
                continue
            verdict = self._laws.screen_admitted(record.request, submitter)
            if verdict.decision == "deny":
                self._journal.move(record, "rejected", *verdict.reasons)
            elif verdict.decision == "approve":
                self._approve_by_rule(record, verdict)
            else:  # reviewers who joined have not heard of it
                self._ask(record, verdict)
