"""Run a job on mock: the same programs as at the domain, in a local process.

Mock holds nothing private, so here the author sees everything: prints, tracebacks, and the
line of their own code at which it went wrong.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from darkroom.errors import DarkroomError, InputError, JobFailedError, OutputError
from darkroom.model.airlock import Airlock
from darkroom.model.job import Limits, Split
from darkroom.model.output import Model, Output, Table, output_to_mapping
from darkroom.scientist.capture import Captured
from darkroom.scientist.named import Named
from darkroom.scientist.outputs import read_output
from darkroom.scientist.shown import Renderer, Shown


MAX_TRACE = 40
_LINE = re.compile(r'File "(?P<file>[^"]*job\.py)", line (?P<line>\d+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class MockTask:
    """What the runner is asked to do.

    Attributes:
        airlock: of the domain whose mock it is.
    """

    files: dict[str, bytes]
    entrypoint: str
    merge: str
    split: Split
    parameters: dict[str, Any]
    outputs: dict[str, Output]
    limits: Limits
    environment: str
    face: Path
    airlock: Airlock = field(default_factory=Airlock)


@dataclass(frozen=True, slots=True, kw_only=True)
class MockOutcome:
    """What came of it.

    Attributes:
        status: `done`, `failed` or `limit`.
        outputs: name -> bytes as a domain would release them.
        problem: which limit was hit, or what an inspection found; else "".
        error_class: the exception's class when the job itself failed.
        log: everything that was printed, the traceback included.
    """

    status: str
    seconds: float
    frames: int = 0
    outputs: dict[str, bytes] | None = None
    problem: str = ""
    error_class: str = ""
    log: str = ""


class MockRunner(Protocol):
    """Runs a job in a process of its own on a face on disk."""

    def __call__(self, task: MockTask) -> MockOutcome:
        """Run to the end or to a limit; never raises for what the job does."""
        ...


class MockResult(Shown, Named[Any]):
    """The outputs of a run on mock, by name, as they would come from a domain.

    Attributes:
        dataset: `domain/dataset` whose mock it was.
        seconds: how long it took here.
        frames: how many frames the mock holds.
        log: what the job printed.
        summary: what the data owner is told about this run.
    """

    def __init__(
        self,
        *,
        dataset: str,
        domain: str,
        declared: dict[str, Output],
        outcome: MockOutcome,
        renderer: Renderer,
    ) -> None:
        raw = outcome.outputs or {}
        values = {n: read_output(n, d, raw[n], domain=domain) for n, d in declared.items()}
        super().__init__("output", values)
        self._renderer = renderer
        self.dataset = dataset
        self.seconds = outcome.seconds
        self.frames = outcome.frames
        self.log = outcome.log
        self.summary: dict[str, Any] = {
            "seconds": round(outcome.seconds, 3),
            "frames": outcome.frames,
            "outputs": {
                name: _summary(declared[name], raw[name], value) for name, value in values.items()
            },
        }

    @property
    def tables(self) -> dict[str, Any]:
        """The outputs that are tables."""
        return {n: v for n, v in self.items() if hasattr(v, "columns")}


def _summary(declared: Output, data: bytes, value: Any) -> dict[str, Any]:  # noqa: ANN401
    kind = output_to_mapping(declared)["type"]
    if isinstance(declared, Table):
        return {"type": kind, "rows": len(value), "bytes": len(data)}
    if isinstance(declared, Model):
        return {"type": kind, "bytes": len(data)}
    return {"type": kind, "bytes": len(data)}


def explain_failure(outcome: MockOutcome, captured: Captured, dataset: str) -> DarkroomError:
    """The error for a run that did not end well, with the author's own line."""
    lines = outcome.log.rstrip().splitlines()
    where = _author_line(outcome.log, captured)
    if outcome.status == "limit":
        return JobFailedError(
            f"on the mock of {dataset} the job hit a limit: {outcome.problem}{where}",
            next_step="do less per frame, or raise it: @darkroom.job(limits=darkroom.Limits(…))",
        )
    if outcome.error_class == "OutputError":
        said, cure = _own_error(lines)
        return OutputError(
            f"on the mock of {dataset}: {said or outcome.problem}{where}",
            next_step=cure or "declare the output as it is, or return it as it is declared",
        )
    own, cure = _own_error(lines)
    what = outcome.problem or own or (lines[-1] if lines else "it ended without a word")
    printed = "" if own else "\n".join(f"    {line}" for line in lines[-MAX_TRACE:])
    return JobFailedError(
        f"on the mock of {dataset} the job failed: {what}{where}\n{printed}".rstrip(),
        next_step=cure or "mend the function and run it on mock again; nothing was sent",
    )


def _author_line(log: str, captured: Captured) -> str:
    for match in reversed(list(_LINE.finditer(log))):
        line = int(match["line"])
        origin = captured.author_line(line)
        if origin is not None:
            place, author_line = origin
            text = captured.files["job.py"].decode().splitlines()[line - 1].strip()
            return f"\n  at line {author_line} of {place}: {text}"
    return ""


def _own_error(lines: list[str]) -> tuple[str, str]:
    """Message and next step, when the last words are one of our own errors."""
    if len(lines) > 1 and lines[-1].startswith("  Next: "):
        return lines[-2].strip(), lines[-1].removeprefix("  Next: ")
    return "", ""


def require_parameter_names(names: set[str], reserved: frozenset[str]) -> None:
    """Refuse parameter names that `submit` uses itself.

    Raises:
        InputError: naming the parameter.
    """
    for name in sorted(names & reserved):
        raise InputError(
            f"a parameter cannot be called {name}: submit() uses that word",
            next_step=f"rename it, for instance job_{name}",
        )
