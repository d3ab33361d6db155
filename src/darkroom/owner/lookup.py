"""Which request a person means, and what it says: read again from the stored bytes."""

import re
from collections.abc import Callable

from darkroom.errors import DarkroomError, DeniedError, TrustError, UnknownNameError
from darkroom.model.owner_case import Case, Subject
from darkroom.owner.mailroom import Mailroom
from darkroom.owner.requests import ReleaseRequest, ReviewRequest, read_release, read_review
from darkroom.owner.store import OwnerStore
from darkroom.ports import Verifier


_DIGEST = re.compile(r"(sha256:)?[0-9a-f]{12,64}")
_JOB = re.compile(r"(job:)?[0-9a-f]{32}")
_SUBJECTS: tuple[Subject, ...] = ("code", "output")


class Lookup:
    """Requests by digest, 12 digits of it, or `job:ID`."""

    def __init__(
        self, *, domain: str, store: OwnerStore, mailroom: Mailroom, verifier: Verifier
    ) -> None:
        self._domain = domain
        self._store = store
        self._mailroom = mailroom
        self._verifier = verifier

    def case(self, key: str, subject: Subject | None = None) -> Case:
        """The one request to look at: one that waits, else the latest.

        Raises:
            UnknownNameError: none, or more than one digest begins like this.
        """
        found = self.find(key, subject, wanted=lambda _: True)
        return max(found, key=lambda case: (case.verdict == "", case.id))

    def find(
        self,
        key: str,
        subject: Subject | None = None,
        *,
        wanted: Callable[[Case], bool] = lambda case: case.verdict == "",
    ) -> list[Case]:
        """The wanted requests of one digest, or the one of `job:ID`; never of two digests.

        Raises:
            UnknownNameError: none, or more than one digest begins like this.
        """
        found = self._matching(key, subject, wanted)
        if not found:  # it may have been asked a moment ago
            self._mailroom.refresh()
            found = self._matching(key, subject, wanted)
        if not found:
            away = f"; {self._mailroom.offline}" if self._mailroom.offline else ""
            raise UnknownNameError(
                f"no such request has the digest {ascii(key)[:80]}{away}",
                next_step="copy at least 12 digits of it from `darkroom review ls` or "
                "`darkroom release ls` (--all lists decided ones), or name one as job:JOB",
            )
        if len({(c.subject, c.digest) for c in found}) > 1:
            raise UnknownNameError(
                f"several requests begin with {ascii(key)[:80]}",
                next_step="give the whole digest",
            )
        return found

    def _matching(
        self, key: str, subject: Subject | None, wanted: Callable[[Case], bool]
    ) -> list[Case]:
        key = key.strip()
        digits = key.removeprefix("sha256:") if _DIGEST.fullmatch(key) else ""
        cases = [
            case
            for each in ((subject,) if subject else _SUBJECTS)
            for case in self._store.cases(each, waiting=False)
        ]
        found = [c for c in cases if digits and _digits(c).startswith(digits)]
        # A job id is chosen by who asks: it never passes for the digits of a digest, and is
        # taken without `job:` only where no digest here begins like it.
        if not found and _JOB.fullmatch(key):
            found = [c for c in cases if c.job_id == key.removeprefix("job:")]
        found = [case for case in found if wanted(case)]
        # One that was refused as it came only claims its digest.
        return [case for case in found if not case.problem] or found

    def read(self, case: Case) -> ReviewRequest | ReleaseRequest:
        """A request from its stored bytes, everything recomputed.

        Raises:
            DeniedError: it is not what it says.
        """
        files = self._store.files(case)
        try:
            if case.problem:
                raise TrustError(case.problem, next_step="turn it down")
            found: ReviewRequest | ReleaseRequest
            if case.subject == "code":
                found = read_review(case.body, files, domain=self._domain, verifier=self._verifier)
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


def _digits(case: Case) -> str:
    return case.digest.removeprefix("sha256:")
