"""Gathers the background of a sheet: from the store, and from a process apart."""

from darkroom.model.canonical import digest_bytes
from darkroom.model.owner_case import Case, Notice
from darkroom.owner.background import Background
from darkroom.owner.closer_look import Apart, FileDifference, Tensors, differences, look, tensors
from darkroom.owner.history import Asked, History
from darkroom.owner.nearest import Nearest, nearest
from darkroom.owner.outputs_view import ARCHIVE
from darkroom.owner.requests import ReleaseRequest, ReviewRequest
from darkroom.owner.store import OwnerStore
from darkroom.ports import Clock


NOTICES = 500
SHOWN = 20


class Gathering:
    """Reads; decides and changes nothing."""

    def __init__(self, *, store: OwnerStore, apart: Apart, clock: Clock) -> None:
        self._store = store
        self._apart = apart
        self._clock = clock

    def history(self) -> History:
        """The owner's past as it is now."""
        return History(
            self._store.cases("code", waiting=False),
            self._store.cases("output", waiting=False),
            now=self._clock.now(),
        )

    def for_review(self, case: Case, review: ReviewRequest) -> Background:
        """What helps to judge code."""
        history = self.history()
        before = [a for a in history.approved() if a.case.id != case.id]
        near = nearest(review.request, review.files, before, self._code)
        former = self._former(history, review)
        return Background(
            history=history,
            now=self._clock.now(),
            notices=self._notices(case),
            findings=look(self._apart, review.files),
            near=near,
            differences=self._differences(near, review),
            former=former,
            former_differences=self._differences(former, review),
            messages=tuple(self._store.messages(case.job_id)),
        )

    def _former(self, history: History, review: ReviewRequest) -> Nearest | None:
        """The job whose place it takes: the same scientist's, and one that we were asked for."""
        for asked in history.asked:
            before = asked.request
            mine = before.submitter == review.request.submitter
            if before.job_id == review.supersedes and mine:
                same = before.spec.code_digest == review.request.spec.code_digest
                return Nearest(asked=asked, same_code=same, files=self._code(asked))
        return None

    def _differences(
        self, before: Nearest | None, review: ReviewRequest
    ) -> tuple[FileDifference, ...]:
        if before is None or before.same_code:
            return ()
        return differences(self._apart, before.files, review.files)

    def for_release(self, case: Case, release: ReleaseRequest) -> Background:
        """What helps to judge outputs."""
        found: dict[str, Tensors] = {
            name: tensors(self._apart, name, data)
            for name, data in release.files.items()
            if release.kinds[name] == "model" and data.startswith(ARCHIVE)
        }
        return Background(
            history=self.history(),
            now=self._clock.now(),
            notices=self._notices(case),
            tensors=found,
            messages=tuple(self._store.messages(case.job_id)),
        )

    def _code(self, asked: Asked) -> dict[str, bytes]:
        """The code of an earlier case, as far as it is kept and still what it was."""
        kept = {n.removeprefix("code/"): d for n, d in self._store.files(asked.case).items()}
        hashes = asked.request.spec.files
        return {path: d for path, d in kept.items() if digest_bytes(d) == hashes.get(path)}

    def _notices(self, case: Case) -> tuple[Notice, ...]:
        """The domain begins what it says about a job with its id."""
        begins = f"job {case.job_id}: "
        found = [n for n in self._store.notices(NOTICES) if n.text.startswith(begins)]
        return tuple(found[-SHOWN:])
