"""A job as PySyft's user sees it: `state.yaml`, `outputs/`, `stdout.txt`, `release.json`,
`receipt.json`.

A display copy of what the session knows; nothing is ever decided by these files. What a
domain said is shown without control characters and without `<`, for PySyft's own HTML puts
it into the notebook as it is.
"""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import yaml
from syft_job.models import JobState, JobStatus

from darkroom.model.output import Histogram, Model, Output, Scalars, Table
from darkroom.model.submitted import QUEUED, SENT, JobRow, ResultRow
from darkroom.policy.transitions import FINAL


STATE = "state.yaml"
RELEASE = "release.json"
RECEIPT = "receipt.json"
STDOUT = "stdout.txt"
LOG = "log"
ROWS, COLUMNS, CSV, PLAIN = "rows", "columns", "csv", "plain"  # forms of a file of values
# What each state of Darkroom is called by PySyft.
STATUS: dict[str, JobStatus] = {
    QUEUED: JobStatus.RECEIVED,
    SENT: JobStatus.RECEIVED,
    "received": JobStatus.RECEIVED,
    "screened": JobStatus.PENDING,
    "approved": JobStatus.APPROVED,
    "running": JobStatus.RUNNING,
    "produced": JobStatus.RUNNING,
    "released": JobStatus.DONE,
    "rejected": JobStatus.REJECTED,
    "withheld": JobStatus.REJECTED,
    "cancelled": JobStatus.REJECTED,
    "failed": JobStatus.FAILED,
}
_WORDS = {
    QUEUED: "kept on this machine until the gateway answers",
    "produced": "done; its outputs wait for the owner to release them",
    "withheld": "the owner withheld the outputs",
    "cancelled": "cancelled",
}
_UNSENT = "it was never sent; submit it again"
_RULE = "rule "


def is_finished(row: JobRow) -> bool:
    """Whether nothing more is to come."""
    if row.problem:
        return True
    return row.state in FINAL and (row.state != "released" or row.collected)


def state_text(row: JobRow | None, result: ResultRow | None, datasite: str) -> str:
    """`state.yaml`, the same for the same facts."""
    state = _unsent() if row is None else _state(row, result, datasite)
    text: str = yaml.safe_dump(state.disk_dict(), default_flow_style=False, allow_unicode=True)
    return text


def _unsent() -> JobState:
    return JobState(status=JobStatus.FAILED, review_reason=_UNSENT)


def _state(row: JobRow, result: ResultRow | None, datasite: str) -> JobState:
    changed = _when(row.changed_at)
    status = STATUS.get(row.state, JobStatus.RECEIVED)
    reasons = [_WORDS[row.state]] if row.state in _WORDS else []
    reasons += row.reasons
    if row.problem:
        status, reasons = JobStatus.FAILED, [f"a result came that does not hold: {row.problem}"]
    elif row.state == "released" and result is None:  # its letter is on its way
        status = JobStatus.RUNNING
    facts: dict[str, Any] = {}
    if status is JobStatus.REJECTED:
        facts = {"rejected_by": datasite, "rejected_at": changed}
    elif status is JobStatus.FAILED:
        facts = {"completed_at": changed, "return_code": 1}
    elif status is JobStatus.DONE and result is not None:
        people = str(result.release["body"]["approved_by"])
        reasons = [f"released by {result.release['body']['released_by']}"]
        facts = {
            "approved_by": shown(people),
            "approval_method": "auto" if people.startswith(_RULE) else "manual",
            "completed_at": _when(result.received_at),
            "return_code": 0,
        }
    elif status in (JobStatus.APPROVED, JobStatus.RUNNING):
        facts = {"approved_by": datasite}
    return JobState(
        status=status,
        received_at=_when(row.submitted_at),
        review_reason=shown("; ".join(reasons)) or None,
        **facts,
    )


def result_files(
    declared: dict[str, Output], result: ResultRow, forms: dict[str, str]
) -> dict[str, str | bytes]:
    """Name below the review folder -> content of everything a domain released.

    Args:
        declared: the outputs of the job; `result` was verified against them.
        forms: output -> form of its file; a list of objects where nothing is said.
    """
    files: dict[str, str | bytes] = {RELEASE: json.dumps(result.release, indent=1)}
    if result.receipt:
        files[RECEIPT] = result.receipt
    for name, data in result.outputs.items():
        if name == LOG:
            # A terminal would obey what somebody else printed.
            text = data.decode("utf-8", "replace")
            files[STDOUT] = "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)
            continue
        output = declared[name]
        ending, content = _file(output, data, forms.get(name, ""))
        files[f"outputs/{name}.{ending}"] = content
    return files


def _file(output: Output, data: bytes, form: str) -> tuple[str, str | bytes]:
    """(ending, content) of one released output, as a PySyft job writes it."""
    match output:
        case Model():
            return output.format, data
        case Table():
            return _table(list(output.columns), json.loads(data)["rows"], form)
        case Scalars() | Histogram():
            return "json", json.dumps(json.loads(data))


def _table(columns: list[str], rows: list[list[Any]], form: str) -> tuple[str, str]:
    if form == CSV:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        return "csv", text.getvalue()
    if form == COLUMNS:
        by_column = {name: [row[n] for row in rows] for n, name in enumerate(columns)}
        return "json", json.dumps(by_column)
    return "json", json.dumps([dict(zip(columns, row, strict=True)) for row in rows])


def shown(text: str) -> str:
    """Foreign words as they may stand in PySyft's tables and HTML."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain.translate({ord("<"): "‹", ord(">"): "›", ord("&"): "+"})


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
