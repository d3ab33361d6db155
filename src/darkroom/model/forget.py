"""An order to forget: the minutes of a camera that are to be gone from a domain, for good."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

from darkroom.errors import InputError, SpecError
from darkroom.model.identity import require_name
from darkroom.model.json_shape import as_fields, is_number
from darkroom.model.message import require_words


MAX_FORGETS = 4096  # orders of one domain
LAST_DATE = 253_402_300_799  # the end of the year 9999
_ID = re.compile(r"[0-9a-f]{32}")
_AGAIN = "write it with `darkroom forget`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """One order. It stands for good: the same footage does not come back either.

    Attributes:
        id: 32 hex digits.
        dataset: "" for every dataset.
        camera: whose frames.
        since, until: Unix seconds; a frame that lies in [since, until) is forgotten, with the
            whole piece of footage, a minute at most, that it is in.
        words: why, for those who hold what was made from it; "" tells nobody.
        at: when it was given.
    """

    id: str
    dataset: str
    camera: str
    since: float
    until: float
    words: str = ""
    at: float = 0.0

    def __post_init__(self) -> None:
        require_name(self.camera, "camera")
        if self.dataset != "":
            require_name(self.dataset, "dataset")
        times = (self.since, self.until, self.at)
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            raise SpecError("an order to forget has no id", next_step=_AGAIN)
        if not all(is_number(t) and 0 <= t <= LAST_DATE for t in times):
            raise SpecError("an order to forget has no times", next_step=_AGAIN)
        if self.since >= self.until:
            raise InputError(
                "what is to be forgotten ends before it begins",
                next_step="give --from and a later --to",
            )
        if self.words != "":
            require_words(self.words)

    def hits(self, dataset: str, camera: str, start: float, end: float) -> bool:
        """Whether footage of a camera, from `start` to `end`, has frames that are to go."""
        return (
            self.dataset in ("", dataset)
            and self.camera == camera
            and start < self.until
            and end > self.since
        )

    def to_mapping(self) -> dict[str, object]:
        """The JSON form; `from_mapping` reads it."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, value: object) -> "Forget":
        """Read the JSON form, of any origin.

        Raises:
            InputError: it is no order.
        """
        given = as_fields(value, cls, "an order to forget")
        if len(given) != len(fields(cls)):
            raise SpecError("an order to forget has missing fields", next_step=_AGAIN)
        return cls(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """A version that had such frames, and how far it is.

    Attributes:
        forget: id of the order that found it.
        replaced_by: the version without them; "" while there is none, or where nothing was left.
        cut: whether that is decided.
        erased: whether nothing of it is here any more.
    """

    dataset: str
    version: str
    forget: str
    replaced_by: str = ""
    cut: bool = False
    erased: bool = False


def hit(forgets: Iterable[Forget], dataset: str, camera: str, start: float, end: float) -> bool:
    """Whether one of the orders wants a piece of footage gone."""
    return any(forget.hits(dataset, camera, start, end) for forget in forgets)
