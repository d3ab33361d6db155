"""The data owner's desk: what waits, what it is, and their word on it.

A decision is a statement signed with the owner's own key over the digest that was
recomputed here from the bytes they were shown. It is kept with its letter in one
transaction, so that it reaches the domain once, however often this process is stopped.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from darkroom.errors import DarkroomError, DeniedError, TrustError, UnknownNameError
from darkroom.model.identity import PublicIdentity
from darkroom.model.owner_case import Case, Subject
from darkroom.owner.mailroom import Mailroom
from darkroom.owner.requests import ReleaseRequest, ReviewRequest, read_release, read_review
from darkroom.owner.sheet import Sheet
from darkroom.owner.store import OwnerStore
from darkroom.owner.view import list_sheet, refused_sheet, release_sheet, review_sheet
from darkroom.ports import Clock, Keyring, Verifier


Verdict = Literal["approve", "reject", "release", "withhold"]
_KEY = re.compile(r"(sha256:)?[0-9a-f]{12,64}")
_WORDS: dict[Subject, str] = {"code": "review", "output": "release"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A sheet as a notebook, a terminal or `print` shows it."""

    sheet: Sheet
    html: Callable[[Sheet], str]
    text: Callable[[Sheet], str]
    digests: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.digests)

    def __iter__(self) -> Iterator[str]:
        return iter(self.digests)

    def __getitem__(self, index: int) -> str:
        return self.digests[index]

    def __str__(self) -> str:
        return self.text(self.sheet)

    def __repr__(self) -> str:
        return self.text(self.sheet)

    def _repr_html_(self) -> str:
        return self.html(self.sheet)


class Desk:
    """What an owner does, for the command line and for notebook 10."""

    def __init__(
        self,
        *,
        domain: PublicIdentity,
        store: OwnerStore,
        mailroom: Mailroom,
        keyring: Keyring,
        verifier: Verifier,
        clock: Clock,
        html: Callable[[Sheet], str],
        text: Callable[[Sheet], str],
        suffix: str = "",
    ) -> None:
        """Put a desk together (`darkroom.bootstrap.owner.open_desk` does).

        Args:
            domain: the pinned domain.
            store: what is remembered.
            mailroom: letters in and out.
            keyring: the owner's own keys.
            verifier: checks identities of submitters.
            clock: time.
            html: writes a sheet down for a notebook.
            text: writes a sheet down for a terminal.
            suffix: ends each command line that is shown, for instance ` --state owner`.
        """
        self.domain = domain
        self.store = store
        self.mailroom = mailroom
        self._keyring = keyring
        self._verifier = verifier
        self._clock = clock
        self._html = html
        self._text = text
        self._suffix = suffix

    # ------------------------------------------------------------------------- what waits

    def reviews(self, *, everything: bool = False) -> Shown:
        """Code that waits for you (or all that ever did); iterates over digests."""
        return self._list("code", everything=everything)

    def releases(self, *, everything: bool = False) -> Shown:
        """Outputs that wait for you (or all that ever did); iterates over digests."""
        return self._list("output", everything=everything)

    def show(self, key: str) -> Shown:
        """Everything about one request: a digest, its first 12 digits, or a job id."""
        case = self.find(key)[0]
        return self._shown(self.sheet(case), (case.digest,))

    # ---------------------------------------------------------------------- the owner's word

    def approve(self, key: str, reason: str = "") -> list[Case]:
        """Let this code run, once per request that waits under this digest."""
        return self._decide_all(self.find(key, "code"), "approve", reason)

    def reject(self, key: str, reason: str = "") -> list[Case]:
        """Refuse this code; the reason goes to the scientist."""
        return self._decide_all(self.find(key, "code"), "reject", reason)

    def release(self, key: str, reason: str = "", *, with_log: bool = False) -> list[Case]:
        """Let these outputs leave; the log only when you say so."""
        return self._decide_all(self.find(key, "output"), "release", reason, with_log=with_log)

    def withhold(self, key: str, reason: str = "") -> list[Case]:
        """Keep these outputs; the reason goes to the scientist."""
        return self._decide_all(self.find(key, "output"), "withhold", reason)

    def decide(
        self, case: Case, verdict: Verdict, reason: str = "", *, with_log: bool = False
    ) -> bool:
        """Sign and keep a decision; False when there was one already.

        Raises:
            DeniedError: approval of a request that is not what it says.
        """
        if verdict in ("approve", "release"):
            self.read(case)  # from the stored bytes, again
        body = {
            "job_id": case.job_id,
            "subject": case.subject,
            "digest": case.digest,
            "verdict": verdict,
            "reason": reason[:1000],
            "decided_at": self._clock.now(),
        }
        if verdict == "release" and with_log:
            body["with_log"] = True
        statement = self._keyring.sign("decision", body)
        with self.store.transaction():
            if not self.store.decide(case, verdict, reason[:1000], self._clock.now()):
                return False
            self.mailroom.queue("owner.decision", {"decision": statement.to_mapping()})
        return True

    def _decide_all(
        self, cases: list[Case], verdict: Verdict, reason: str, *, with_log: bool = False
    ) -> list[Case]:
        decided = [c for c in cases if self.decide(c, verdict, reason, with_log=with_log)]
        self.mailroom.flush()
        return decided

    # ------------------------------------------------------------------------ looking closer

    def find(self, key: str, subject: Subject | None = None) -> list[Case]:
        """The waiting requests of one digest (or job id); never of two digests.

        Raises:
            UnknownNameError: none, or more than one digest begins like this.
        """
        found = self._waiting(key, subject)
        if not found:  # it may have been asked a moment ago
            self.mailroom.refresh()
            found = self._waiting(key, subject)
        if not found:
            away = f"; {self.mailroom.offline}" if self.mailroom.offline else ""
            raise UnknownNameError(
                f"no request that waits has the digest {ascii(key)[:80]}{away}",
                next_step="copy at least 12 digits of it from `darkroom review ls` or "
                "`darkroom release ls`",
            )
        if len({(c.subject, c.digest) for c in found}) > 1:
            raise UnknownNameError(
                f"several requests begin with {ascii(key)[:80]}",
                next_step="give the whole digest",
            )
        return found

    def _waiting(self, key: str, subject: Subject | None) -> list[Case]:
        key = key.strip()
        if not _KEY.fullmatch(key):
            return []
        digits = key.removeprefix("sha256:")
        subjects: tuple[Subject, ...] = (subject,) if subject else ("code", "output")
        return [
            case
            for each in subjects
            for case in self.store.cases(each, waiting=True)
            if case.digest.removeprefix("sha256:").startswith(digits) or case.job_id == digits
        ]

    def read(self, case: Case) -> ReviewRequest | ReleaseRequest:
        """A request from its stored bytes, everything recomputed.

        Raises:
            DeniedError: it is not what it says.
        """
        files = self.store.files(case)
        try:
            if case.problem:
                raise TrustError(case.problem, next_step="turn it down")
            found: ReviewRequest | ReleaseRequest
            if case.subject == "code":
                found = read_review(
                    case.body, files, domain=self.domain.name, verifier=self._verifier
                )
            else:
                found = read_release(case.body, files)
            if found.digest != case.digest:
                raise TrustError("its digest changed", next_step="turn it down")
        except DarkroomError as error:
            raise DeniedError(
                f"this request does not hold: {error.message}",
                next_step="turn it down with reject or withhold",
            ) from error
        return found

    def sheet(self, case: Case) -> Sheet:
        """What the owner reads about a request."""
        try:
            found = self.read(case)
        except DeniedError:
            return refused_sheet(case, suffix=self._suffix)
        if isinstance(found, ReviewRequest):
            return review_sheet(
                found,
                domain=self.domain.name,
                received_at=case.received_at,
                suffix=self._suffix,
            )
        return release_sheet(
            found,
            domain=self.domain.name,
            received_at=case.received_at,
            review=self._review_of(case.job_id),
            suffix=self._suffix,
        )

    def _review_of(self, job_id: str) -> ReviewRequest | None:
        for case in self.store.cases("code", waiting=False):
            if case.job_id == job_id and case.verdict == "approve":
                try:
                    found = self.read(case)
                except DeniedError:
                    return None
                return found if isinstance(found, ReviewRequest) else None
        return None

    def _list(self, subject: Subject, *, everything: bool) -> Shown:
        self.mailroom.refresh()
        cases = self.store.cases(subject, waiting=not everything)
        rows = [(case, *self._summary(case)) for case in cases]
        sheet = list_sheet(_WORDS[subject], rows, everything=everything, suffix=self._suffix)
        return self._shown(sheet, tuple(case.digest for case in cases))

    def _summary(self, case: Case) -> tuple[str, str]:
        """(what, who) for a list, from the stored request without its files."""
        body = case.body
        if case.subject == "output":
            outputs = body.get("outputs")
            return (", ".join(map(str, outputs)) if isinstance(outputs, dict) else "?", "")
        request = body.get("request")
        if not isinstance(request, dict) or case.problem:
            return ("?", "")
        spec = request.get("spec")
        name = spec.get("name") if isinstance(spec, dict) else "?"
        return (f"{name} on {request.get('dataset')}", str(request.get("submitter")))

    def _shown(self, sheet: Sheet, digests: tuple[str, ...]) -> Shown:
        return Shown(sheet, self._html, self._text, digests)
