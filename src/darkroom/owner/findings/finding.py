"""One thing that a reviewer should look at."""

from dataclasses import asdict, dataclass
from typing import Any


MAX_TEXT = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Where, what kind, and one sentence.

    Attributes:
        line: from 1; 0 is the whole file.
    """

    path: str
    line: int
    kind: str
    text: str

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form that the child answers with."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, value: object) -> "Finding":
        """Read the child's answer; it has read hostile text, so nothing is believed.

        Raises:
            ValueError: it is not one.
        """
        match value:
            case {"path": str(path), "line": int(line), "kind": str(kind), "text": str(text)}:
                return cls(
                    path=path[:MAX_TEXT], line=max(0, line), kind=kind[:40], text=text[:MAX_TEXT]
                )
        raise ValueError
