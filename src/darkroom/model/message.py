"""What reviewers and the submitter of a job write to each other: a question, an answer.

Short, one line, nothing hidden in it. A reviewer's words leave the domain like an output.
"""

import unicodedata
from dataclasses import asdict, dataclass
from typing import Any, Literal

from darkroom.errors import SpecError
from darkroom.model.identity import require_name
from darkroom.model.job import JOB_ID
from darkroom.model.json_shape import as_fields, is_number, is_whole
from darkroom.model.plain_text import hides, is_composed


Side = Literal["reviewer", "scientist"]
SIDES: tuple[Side, ...] = ("reviewer", "scientist")
QUESTION = "question"  # the kind of a reviewer's signed statement
MAX_TEXT = 500  # characters
MAX_NUMBER = 10_000
LAST_DATE = 253_402_300_799  # the end of the year 9999
_AGAIN = "ask its author to send it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message about a job, as the domain passed it on.

    Attributes:
        number: 1 for the first about this job; without a gap.
        side: who wrote it, a reviewer or the scientist who asked for the job.
        by: their name.
        at: when the domain took it in, Unix seconds, its clock.
    """

    job_id: str
    number: int
    side: Side
    by: str
    text: str
    at: float

    def __post_init__(self) -> None:
        if not isinstance(self.job_id, str) or not JOB_ID.fullmatch(self.job_id):
            raise SpecError("a message names no job", next_step=_AGAIN)
        if not is_whole(self.number, 1) or self.number > MAX_NUMBER or self.side not in SIDES:
            raise SpecError("a message has no number or no side", next_step=_AGAIN)
        if not is_number(self.at) or not 0 <= self.at <= LAST_DATE:
            raise SpecError("a message has no date", next_step=_AGAIN)
        require_name(self.by, "author of a message")
        require_words(self.text)

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; `from_mapping` reads it."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, value: object) -> "Message":
        """Read the JSON form.

        Raises:
            SpecError: for anything else.
        """
        given = as_fields(value, cls, "message")
        if len(given) != len(cls.__dataclass_fields__):
            raise SpecError("a message has missing fields", next_step=_AGAIN)
        return cls(**given)


def one_line(text: str) -> str:
    """What a person typed, as it may be sent: one line, composed, white space put together."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def require_words(text: object) -> str:
    """Refuse what is no message, or hides something.

    Raises:
        SpecError: saying what is wrong.
    """
    if not isinstance(text, str) or not text.strip():
        raise SpecError("a message has no words", next_step="write some")
    if len(text) > MAX_TEXT:
        raise SpecError(
            f"a message has at most {MAX_TEXT} characters, this one {len(text):,}",
            next_step="say it in fewer words",
        )
    if hides(text) or not is_composed(text) or text != text.strip():
        raise SpecError(
            "a message has characters that nobody sees", next_step="write it in plain text"
        )
    return text
