"""What a doctor finds: one line a check, each with its cure. Nothing here looks at anything."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from darkroom.errors import DarkroomError


Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: its name, the same in every run.
        level: `warn`: it works, and may not for long or not as well as it could.
        what: what was found, and where; no private value.
        cure: what to do; "" when all is well.
    """

    check: str
    level: Level
    what: str
    cure: str = ""

    def to_mapping(self) -> dict[str, str]:
        """For `--json`."""
        return asdict(self)


Check = Callable[[], Iterable[Finding]]


def ok(check: str, what: str) -> Finding:
    """All is well."""
    return Finding(check=check, level="ok", what=what)


def warn(check: str, what: str, cure: str) -> Finding:
    """It goes on."""
    return Finding(check=check, level="warn", what=what, cure=cure)


def fail(check: str, what: str, cure: str) -> Finding:
    """It does not work."""
    return Finding(check=check, level="fail", what=what, cure=cure)


def examine(checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """Do all checks, whatever happens in one of them."""
    for name, check in checks:
        try:
            yield from check()
        except DarkroomError as error:
            yield fail(name, error.message, error.next_step)
        except OSError as error:
            where = f" ({error.filename})" if isinstance(error.filename, str) else ""
            why = error.strerror or type(error).__name__
            yield fail(name, f"{why}{where}", "look at that place, and at its rights")
        except Exception as error:  # noqa: BLE001 - a doctor that faints helps nobody
            yield fail(name, f"this check failed itself: {type(error).__name__}", "report it")
