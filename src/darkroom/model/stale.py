"""What a domain signs about a release whose footage was forgotten: do not build on it."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from darkroom.errors import SpecError
from darkroom.model.identity import require_name
from darkroom.model.job import JOB_ID, SHA256
from darkroom.model.json_shape import as_fields, is_number
from darkroom.model.message import require_words


KIND = "stale"  # of the signed statement
Why = Literal["forgotten"]
LAST_DATE = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A release that is stale.

    Attributes:
        release: digest of the release statement; "" where the domain does not have it any more.
        dataset_version: that it came from.
        replaced_by: the version without what was forgotten; "" when there is none here.
        why: the category.
        words: the owner's own; "" when they gave none.
        at: Unix seconds, the domain's clock.
    """

    job_id: str
    domain: str
    release: str
    dataset: str
    dataset_version: str
    replaced_by: str
    why: Why
    words: str
    at: float

    def __post_init__(self) -> None:
        require_name(self.domain, "domain")
        require_name(self.dataset, "dataset")
        digests = [self.dataset_version, *filter(None, (self.release, self.replaced_by))]
        if (
            not isinstance(self.job_id, str)
            or not JOB_ID.fullmatch(self.job_id)
            or not all(isinstance(d, str) and SHA256.fullmatch(d) for d in digests)
            or not all(isinstance(d, str) for d in (self.release, self.replaced_by))
            or self.why not in get_args(Why)
            or not is_number(self.at)
            or not 0 <= self.at <= LAST_DATE
        ):
            raise _malformed()
        if self.words != "":
            require_words(self.words)

    @property
    def reason(self) -> str:
        """For people."""
        said = f": {self.words}" if self.words else ""
        return f"footage that it may have read was {self.why}{said}"

    def to_body(self) -> dict[str, Any]:
        """What is signed."""
        return asdict(self)

    @classmethod
    def from_body(cls, value: object) -> "Stale":
        """Read a body of any origin.

        Raises:
            SpecError: it is none.
        """
        given = as_fields(value, cls, "a statement about a stale release")
        if len(given) != len(fields(cls)):
            raise _malformed()
        return cls(**given)


def _malformed() -> SpecError:
    return SpecError(
        "a statement about a stale release is not well formed",
        next_step="ask the domain's owner about it",
    )
