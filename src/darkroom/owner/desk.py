"""The data owner's desk: what waits, what it is, and their word on it.

A reviewer beside the owner sits at the same desk with keys of their own. A decision is a
statement signed with those keys over the digest that was recomputed here from the bytes
they were shown. It is kept with its letter in one transaction, so that it reaches the
domain once, however often this process is stopped.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from darkroom.errors import DarkroomError, DeniedError, InputError
from darkroom.model.budget import DAY
from darkroom.model.identity import PublicIdentity
from darkroom.model.message import QUESTION, Message, one_line, require_words
from darkroom.model.owner_case import Case, Subject
from darkroom.model.reviews import MAX_DAYS
from darkroom.model.site_policy import SitePolicy
from darkroom.owner.budget_view import budget_sheet, read_spendings
from darkroom.owner.case_state import is_live, state_words
from darkroom.owner.closer_look import Apart
from darkroom.owner.gathering import Gathering
from darkroom.owner.history import History
from darkroom.owner.lookup import Lookup
from darkroom.owner.mailroom import Mailroom
from darkroom.owner.release_view import release_sheet
from darkroom.owner.requests import ReviewRequest
from darkroom.owner.review_view import review_sheet
from darkroom.owner.rules import POLICY_FACT
from darkroom.owner.sheet import Sheet
from darkroom.owner.signing import Signing
from darkroom.owner.store import OwnerStore
from darkroom.owner.view import list_sheet, refused_sheet
from darkroom.ports import Clock, Keyring, Verifier


Verdict = Literal["approve", "reject", "request-changes", "withdraw", "release", "withhold"]
APPROVAL_DAYS = 14.0
MAX_REASON = 1_000
MAX_CHANGES = 250  # characters that reach the scientist
_WORDS: dict[Subject, str] = {"code": "review", "output": "release"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A sheet as a notebook, a terminal or `print` shows it; iterates over what it lists.

    Of requests, these are the digests. One without, for it was refused as it came, has
    `job:ID` in its place.
    """

    sheet: Sheet
    html: Callable[[Sheet], str]
    text: Callable[[Sheet], str]
    listed: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.listed)

    def __iter__(self) -> Iterator[str]:
        return iter(self.listed)

    def __getitem__(self, index: int) -> str:
        return self.listed[index]

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
        apart: Apart,
        html: Callable[[Sheet], str],
        text: Callable[[Sheet], str],
        suffix: str = "",
    ) -> None:
        """Put a desk together (`darkroom.bootstrap.owner.open_desk` does).

        Args:
            domain: the pinned domain.
            store: what is remembered.
            mailroom: letters in and out.
            keyring: the own keys of whoever sits here.
            verifier: checks identities of submitters.
            clock: time.
            apart: reads hostile files in a process without keys.
            html: writes a sheet down for a notebook.
            text: writes a sheet down for a terminal.
            suffix: ends each command line that is shown, for instance ` --state owner`.
        """
        self.domain = domain
        self.store = store
        self.mailroom = mailroom
        self._keyring = keyring
        self._clock = clock
        self.lookup = Lookup(domain=domain.name, store=store, mailroom=mailroom, verifier=verifier)
        self._gathering = Gathering(store=store, apart=apart, clock=clock)
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

    def show(self, key: str, subject: Subject | None = None) -> Shown:
        """Everything about one request, also a decided one: a digest, 12 digits, or `job:ID`."""
        case = self.lookup.case(key, subject)
        return self._shown(self.sheet(case), (case.digest,))

    def budgets(self, *, timeout: float = 30.0) -> Shown:
        """What was spent and what is left of every account; the domain is asked now.

        Raises:
            UnreachableError: gateway or domain did not answer in time.
            SpecError: the answer is not well formed.
        """
        said = self.mailroom.ask_budgets(timeout=timeout)
        version, spendings = read_spendings(said["body"])
        return self._shown(budget_sheet(self.domain.name, version, spendings, at=said["at"]), ())

    # ---------------------------------------------------------------------- the owner's word

    def approve(self, key: str, reason: str = "", *, days: float = APPROVAL_DAYS) -> list[Case]:
        """Let this code run, once per request that waits under this digest.

        Args:
            key: a digest, or `job:ID` for one request only.
            reason: kept with the decision.
            days: after which an approval that was not used is void. The domain's policy may
                allow fewer.
        """
        cases = self.lookup.find(key, "code")
        return self._decide_all(cases, "approve", reason, days=days)

    def reject(self, key: str, reason: str = "") -> list[Case]:
        """Refuse this code; the reason goes to the scientist."""
        return self._decide_all(self.lookup.find(key, "code"), "reject", reason)

    def request_changes(self, key: str, reason: str) -> list[Case]:
        """Refuse this code and say what would make it a yes; the next version is another job.

        Raises:
            InputError: no words, or more than reach the scientist.
        """
        reason = one_line(reason)
        if not 0 < len(reason) <= MAX_CHANGES:
            raise InputError(
                f"a request for changes has 1 to {MAX_CHANGES} characters",
                next_step="say what to change, in fewer words; ask details with `review ask`",
            )
        return self._decide_all(self.lookup.find(key, "code"), "request-changes", reason)

    def ask(self, key: str, text: str) -> Message:
        """Ask the scientist about code that waits. What you write leaves the domain.

        Args:
            key: a digest, 12 digits of it, or `job:ID`; of several requests, the latest.
            text: one line; white space is put together.

        Returns:
            The message; the domain gives it its number.

        Raises:
            DeniedError: the request does not hold, or does not wait for its code.
            SpecError: no words, too many, or hidden ones.
        """
        case = self.lookup.case(key, "code")
        self.lookup.read(case)
        text, now = require_words(one_line(text)), self._clock.now()
        if case.job_id in self._gathering.history().ran:
            raise DeniedError(
                "the job has run: what you know of its outputs leaves by release only",
                next_step="release or withhold them",
            )
        statement = self._keyring.sign(
            QUESTION, {"job_id": case.job_id, "digest": case.digest, "text": text, "said_at": now}
        )
        with self.store.transaction():
            self.mailroom.queue("review.ask", {"question": statement.to_mapping()})
        self.mailroom.flush()
        by = self._keyring.identity.name
        return Message(job_id=case.job_id, number=1, side="reviewer", by=by, text=text, at=now)

    def withdraw(self, key: str, reason: str = "") -> list[Case]:
        """Take an approval back; a job that runs is stopped, the reason goes to the scientist.

        Raises:
            DeniedError: the job has run; its outputs can be withheld.
        """
        history, now = self._gathering.history(), self._clock.now()
        approved = self.lookup.find(key, "code", wanted=lambda case: case.verdict == "approve")
        live = [c for c in approved if is_live(c, now=now, ran=c.job_id in history.ran)]
        if not live:
            ran = any(c.job_id in history.ran for c in approved)
            raise DeniedError(
                "the job has run" if ran else "the approval has expired already",
                next_step="withhold its outputs with `darkroom release withhold`"
                if ran
                else "there is nothing to withdraw",
            )
        return self._decide_all(live, "withdraw", reason)

    def release(self, key: str, reason: str = "", *, with_log: bool = False) -> list[Case]:
        """Let these outputs leave; the log only when you say so."""
        return self._decide_all(
            self.lookup.find(key, "output"), "release", reason, with_log=with_log
        )

    def withhold(self, key: str, reason: str = "") -> list[Case]:
        """Keep these outputs; the reason goes to the scientist."""
        return self._decide_all(self.lookup.find(key, "output"), "withhold", reason)

    def decide(
        self,
        case: Case,
        verdict: Verdict,
        reason: str = "",
        *,
        with_log: bool = False,
        days: float = APPROVAL_DAYS,
    ) -> Case | None:
        """Sign and keep a decision; None when there was one already.

        Raises:
            DeniedError: approval of a request that is not what it says.
            InputError: an approval for no time, or for more than a year.
        """
        if verdict in ("approve", "release"):
            self.lookup.read(case)  # from the stored bytes, again
        now, reason = self._clock.now(), reason[:MAX_REASON]
        expires = self._expiry(now, days) if verdict == "approve" else 0.0
        body = {
            "job_id": case.job_id,
            "subject": case.subject,
            "digest": case.digest,
            "verdict": verdict,
            "reason": reason,
            "decided_at": now,
            **({"expires_at": expires} if expires else {}),
            **({"with_log": True} if verdict == "release" and with_log else {}),
        }
        statement = self._keyring.sign("decision", body)
        was = "approve" if verdict == "withdraw" else ""
        with self.store.transaction():
            if not self.store.decide(case, verdict, reason, now, expires_at=expires, was=was):
                return None
            self.mailroom.queue("owner.decision", {"decision": statement.to_mapping()})
        return replace(case, verdict=verdict, reason=reason, decided_at=now, expires_at=expires)

    def _decide_all(
        self,
        cases: list[Case],
        verdict: Verdict,
        reason: str,
        *,
        with_log: bool = False,
        days: float = APPROVAL_DAYS,
    ) -> list[Case]:
        said = [self.decide(c, verdict, reason, with_log=with_log, days=days) for c in cases]
        self.mailroom.flush()
        return [case for case in said if case is not None]

    def _expiry(self, now: float, days: float) -> float:
        """Not later than the policy allows, as far as it is known here."""
        if not 0 < days <= MAX_DAYS:
            raise InputError(
                f"an approval holds for up to {MAX_DAYS} days",
                next_step=f"choose --days between 0 and {MAX_DAYS}",
            )
        kept = self.store.fact(POLICY_FACT)
        try:
            longest = SitePolicy.from_mapping(kept["body"]).reviews.approval_days
        except (DarkroomError, TypeError, KeyError):
            longest = MAX_DAYS  # a reviewer has no copy; the domain knows
        return float(int(now + min(days, longest) * DAY))

    # ------------------------------------------------------------------------ looking closer

    def sheet(self, case: Case, signing: Signing | None = None) -> Sheet:
        """What the owner reads about a request.

        Raises:
            DeniedError: a yes is being signed to what does not hold.
        """
        try:
            found = self.lookup.read(case)
        except DeniedError:
            if signing is not None:
                raise
            return refused_sheet(case, suffix=self._suffix)
        if isinstance(found, ReviewRequest):
            return review_sheet(
                found,
                case,
                self._gathering.for_review(case, found),
                domain=self.domain.name,
                suffix=self._suffix,
                signing=signing,
            )
        return release_sheet(
            found,
            case,
            self._gathering.for_release(case, found),
            domain=self.domain.name,
            suffix=self._suffix,
            signing=signing,
        )

    def _list(self, subject: Subject, *, everything: bool) -> Shown:
        self.mailroom.refresh()
        history, now = self._gathering.history(), self._clock.now()
        cases = self.store.cases(subject, waiting=not everything)
        rows = [
            (
                case,
                *_summary(case, history),
                self._state(case, history, now),
            )
            for case in cases
        ]
        sheet = list_sheet(_WORDS[subject], rows, everything=everything, suffix=self._suffix)
        keys = (case.digest or f"job:{case.job_id}" for case in cases)
        return self._shown(sheet, tuple(dict.fromkeys(keys)))

    def _state(self, case: Case, history: History, now: float) -> str:
        state = state_words(case, now=now, ran=case.job_id in history.ran)
        said = [] if case.verdict else self.store.messages(case.job_id)
        return f"{state}; {said[-1].by} wrote last" if said else state

    def _shown(self, sheet: Sheet, listed: tuple[str, ...]) -> Shown:
        return Shown(sheet, self._html, self._text, listed)


def _summary(case: Case, history: History) -> tuple[str, str]:
    """(what, who) for a list, without the files."""
    request = next((a.request for a in history.asked if a.case.job_id == case.job_id), None)
    about = f"{request.spec.name} on {request.dataset}" if request else "?"
    who = request.submitter if request else "?"
    if case.subject == "output":
        outputs = case.body.get("outputs")
        listed = ", ".join(sorted(map(str, outputs))) if isinstance(outputs, dict) else "?"
        return (f"{listed[:200]} of {about}" if request else listed[:200], who if request else "")
    return ("?", "?") if case.problem else (about, who)
