"""A submission as far as it could be read, in whatever dialect it came."""

from dataclasses import dataclass, field
from typing import Any

from darkroom.model.job import JobRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a reader makes of a hostile letter; nothing is decided yet.

    Attributes:
        request: None when it is not one.
        files: path -> bytes, exactly those of the request's spec.
        mock: what happened on mock, for the owner to read.
        supersedes: id of the earlier job whose place it takes, or "".
        seen_head: the highest head of the domain's log that its sender has; not checked.
        against: why it is refused before any rule is asked.
    """

    request: JobRequest | None
    files: dict[str, bytes] = field(default_factory=dict)
    mock: dict[str, Any] = field(default_factory=dict)
    supersedes: str = ""
    seen_head: dict[str, Any] | None = None
    against: tuple[str, ...] = ()
