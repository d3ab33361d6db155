"""A letter that is decided on but not delivered yet: a row of an outbox.

Its id and time are fixed when the decision is committed, so that sending it again after a
crash is the same letter. Attachments are named files, read only when it is sent.
"""

import re
from dataclasses import dataclass, field

from darkroom.errors import SpecError
from darkroom.model.identity import NAME
from darkroom.model.job import JOB_ID
from darkroom.model.letter import Letter


_CODE = re.compile(r"code/[0-9a-f]{64}(/[^/\0]+)+")
_OUTPUTS = {"job.result", "release.request"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One row.

    Attributes:
        letter: without attachments.
        files: attachment name -> path below the state folder.
        tries: how often sending it failed.
        not_before: when to try again, Unix seconds.
        problem: why it cannot be delivered at all; "" while there is hope.
    """

    letter: Letter
    files: dict[str, str] = field(default_factory=dict)
    tries: int = 0
    not_before: float = 0.0
    problem: str = ""

    def require_places(self) -> None:
        """Check that every file lies where its kind of letter has it: a row may be of any origin.

        Raises:
            SpecError: the outputs of another job, anything else below the state folder, or a
                place outside it.
        """
        if not all(map(self._fits, self.files.values())):
            raise SpecError(
                f"a {self.letter.kind} of the outbox names a file that is none of its own",
                next_step="look where this state comes from",
            )

    def _fits(self, path: object) -> bool:
        if not isinstance(path, str) or ".." in path.split("/") or "." in path.split("/"):
            return False
        if self.letter.kind in _OUTPUTS:
            folder, _, name = path.rpartition("/")
            return folder == f"outputs/{_job(self.letter)}" and bool(NAME.fullmatch(name))
        return self.letter.kind == "review.request" and bool(_CODE.fullmatch(path))


def _job(letter: Letter) -> str:
    """The job that a letter is about; never a piece of a path of its own."""
    job = letter.body.get("job_id")
    return job if isinstance(job, str) and JOB_ID.fullmatch(job) else "?"
