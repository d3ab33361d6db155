"""Why a PySyft job failed on mock, with the line of its author's code. Pure."""

import re
from collections.abc import Mapping

from darkroom.errors import DarkroomError, JobFailedError, OutputError


MAX_TRACE = 40
# Where the script runs: `darkroom.runtime.pysyft_job` copies the code there.
_LINE = re.compile(r'File "[^"\n]*/job/code/(?P<path>[^"\n]+)", line (?P<line>\d+)')
_NEXT = "  Next: "
_TRACEBACK = "Traceback (most recent call last)"


def explain(
    *,
    status: str,
    problem: str,
    error_class: str,
    log: str,
    code: Mapping[str, str],
    dataset: str,
) -> DarkroomError:
    """The error for a run that did not end well.

    Args:
        status: `failed` or `limit`.
        problem: which limit was hit, or what an inspection found; else "".
        error_class: of the exception.
        log: everything that was printed, the traceback included.
        code: path within `code/` -> text.
        dataset: `domain/dataset` whose mock it was.
    """
    where = _author_line(log, code)
    if status == "limit":
        return JobFailedError(
            f"on the mock of {dataset} the job hit a limit: {problem}{where}",
            next_step='do less, or raise it in code/darkroom.json: {"limits": {"wall_seconds": …}}',
        )
    lines = log.rstrip().splitlines()
    own, cure = _own_error(lines)
    if error_class == "OutputError":
        return OutputError(
            f"on the mock of {dataset}: {own or problem}{where}",
            next_step=cure or "declare the output as it is, in code/darkroom.json",
        )
    what = problem or own or _raised(lines) or f"it ended with {error_class or 'no word'}"
    printed = "" if own else "\n".join(f"    {line}" for line in lines[-MAX_TRACE:])
    return JobFailedError(
        f"on the mock of {dataset} the job failed: {what}{where}\n{printed}".rstrip(),
        next_step=cure or "mend the code and submit it again; nothing was sent",
    )


def _author_line(log: str, code: Mapping[str, str]) -> str:
    for match in reversed(list(_LINE.finditer(log))):
        path, line = match["path"], int(match["line"])
        lines = code.get(path, "").splitlines()
        if 0 < line <= len(lines):
            return f"\n  at line {line} of {path}: {lines[line - 1].strip()}"
    return ""


# What a job printed itself may come after the words about its end: it was buffered.


def _raised(lines: list[str]) -> str:
    """The line that names the exception."""
    for number in reversed(range(len(lines))):
        if lines[number].startswith(_TRACEBACK):
            after = (line for line in lines[number + 1 :] if not line.startswith(" "))
            return next(after, "")
    return ""


def _own_error(lines: list[str]) -> tuple[str, str]:
    """Message and next step, when it ended with one of our own errors."""
    for number in reversed(range(1, len(lines))):
        if lines[number].startswith(_NEXT):
            return lines[number - 1].strip(), lines[number].removeprefix(_NEXT)
    return "", ""
