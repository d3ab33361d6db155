"""An audit log and who vouches for it, as tables in plain words."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from darkroom.display.grid import Code, Grid, to_html, to_text
from darkroom.display.visible import visible
from darkroom.model.audit_entry import AuditEntry


SHOWN = 120  # characters of each part of a detail
MOST = 2  # findings of one witness; the others say the same of later heads
GONE = "erased: only the hash is left"
_LONG = re.compile(r"\b(?:sha256:)?([0-9a-f]{12})[0-9a-f]{20,116}\b")
HAPPENED = {
    "approval-void": "an approval was taken back or became void",
    "audit-erased": "what entries said was erased",
    "decision-refused": "a decision was refused",
    "enrolled": "a scientist was let in",
    "epoch-opened": "the domain was restored from a backup",
    "footage-arrived": "new footage",
    "footage-erased": "old footage was erased",
    "footage-forgotten": "footage was forgotten on somebody's wish",
    "forgotten": "footage was forgotten on somebody's wish",
    "invited": "a scientist was invited",
    "job-approved": "the code may run",
    "job-cancelled": "the scientist took the request back",
    "job-failed": "the run failed",
    "job-interrupted": "the run was cut off, and begins again",
    "job-produced": "the run ended; its outputs wait",
    "job-received": "a request came",
    "job-rejected": "the request was rejected",
    "job-screened": "the request fits the policy; people are asked",
    "job-started": "the code ran beside the cameras",
    "keys-handed-over": "somebody changed their keys",
    "letter-given-up": "a letter could not be delivered",
    "output-released": "the outputs left",
    "output-withheld": "the outputs were kept back",
    "owner-decided": "a person decided",
    "policy-in-force": "a policy came into force",
    "policy-refused": "a policy was refused",
    "refusals-left-out": "there was more of that day than the log tells one by one",
    "release-stale": "a release was marked stale: its footage was forgotten",
    "released-without-receipt": "it was released without a receipt",
    "submission-refused": "a request was refused as it came",
    "votes-void": "votes became void",
    "witness-refused": "the gateway refused a head of this log",
}


@dataclass(frozen=True, slots=True)
class Paper:
    """Tables that a notebook, a terminal or `print` shows."""

    grids: tuple[Grid, ...]

    def __repr__(self) -> str:
        return "\n\n".join(map(to_text, self.grids))

    def _repr_html_(self) -> str:
        return "".join(map(to_html, self.grids))


def happened(event: str) -> str:
    """An event in words."""
    return HAPPENED.get(event, event.replace("-", " "))


def detail_words(detail: str) -> str:
    """The parts of a detail of any origin that say something, on one line."""
    said = _read(detail)
    if said is None:
        return visible(detail[:SHOWN])
    parts = []
    for name, value in said.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        if text:
            parts.append(f"{name}: {text[:SHOWN]}")
    return visible("; ".join(parts))


def _read(detail: str) -> dict[str, Any] | None:
    try:
        said = json.loads(detail)
        str(said)  # neither too deep nor a number too long for words
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def events(entries: Sequence[tuple[int, float, str]]) -> Grid:
    """How often what happened, the most frequent first.

    Args:
        entries: number, time and event of each.
    """
    found: dict[str, list[tuple[int, float]]] = {}
    for number, at, event in entries:
        found.setdefault(event, []).append((number, at))
    rows = [
        (happened(event), Code(event), len(all_), all_[0][0], _moment(all_[0][1]), _moment(all_[-1][1]))
        for event, all_ in sorted(found.items(), key=lambda kind: (-len(kind[1]), kind[0]))
    ]  # fmt: skip
    return Grid(
        title=f"What happened, {len(entries):,} entries",
        columns=("what", "in the log", "times", "first entry", "first", "last (UTC)"),
        rows=rows,
    )


def story(title: str, entries: Iterable[AuditEntry], note: str = "") -> Grid:
    """Entries one by one."""
    return Grid(
        title=title,
        columns=("entry", "when (UTC)", "what", "what it says"),
        rows=[(e.number, _moment(e.at), happened(e.event), _says(e)) for e in entries],
        note=note,
    )


def _says(entry: AuditEntry) -> str:
    if entry.detail is None:
        return GONE
    said = _read(entry.detail) or {}
    decision = said.get("decision")
    if isinstance(decision, dict):  # the person's signed word: who, what, on which digest
        reason = decision.get("reason")
        words = (
            f"{said.get('by')}: {decision.get('verdict')} the {decision.get('subject')} "
            f"{decision.get('digest')}" + (f", because “{reason}”" if reason else "")
        )
    else:
        words = detail_words(entry.detail)
    return visible(_LONG.sub(r"\1…", words))


# ------------------------------------------------------------------------------ witnesses


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """What one source of signed heads says about a log.

    Attributes:
        source: in words.
        heads: how many of this log.
        last: number of the last entry that they vouch for.
        findings: what does not hold, compared with them.
    """

    source: str
    heads: int
    last: int
    findings: tuple[str, ...]


def verdict(
    domain: str,
    entries: int,
    witnesses: Sequence[Witnessed],
    *,
    first: int | None,
    notes: Sequence[str],
) -> Grid:
    """Whether a log holds, and by whose word.

    Args:
        witnesses: the file itself first.
        first: the first entry in doubt; None when the log holds.
        notes: what a reader must know although nothing is wrong.
    """
    if first is not None:
        title = f"The log of {domain} DOES NOT HOLD: the first entry in doubt is {first}"
    elif not any(w.last for w in witnesses[1:]):
        title = f"The log of {domain} fits itself, {entries:,} entries; NOBODY ELSE VOUCHES FOR IT"
    else:
        title = f"The log of {domain} HOLDS: {entries:,} entries, whole and in order"
    return Grid(
        title=title,
        columns=("compared with", "signed heads", "they reach to entry", "what is found"),
        rows=[(w.source, w.heads, w.last or None, _found(w.findings)) for w in witnesses],
        note="\n".join(notes),
    )


def _found(findings: Sequence[str]) -> str:
    more = len(findings) - MOST
    words = [*findings[:MOST], *([f"and {more:,} more"] if more > 0 else [])]
    return "\n".join(words) or "holds"


def handed_over(rows: Sequence[tuple[str, str, str]]) -> Grid:
    """The files on the desk: what, who hands it over, and what is in it."""
    return Grid(
        title="What was handed over",
        columns=("what", "from", "in it"),
        rows=rows,
    )


def people(rows: Sequence[tuple[str, str, str]]) -> Grid:
    """Whose keys are believed here: name, role, fingerprint."""
    return Grid(
        title="Whose signatures are believed",
        columns=("name", "role", "fingerprint: compare it with what its owner tells you"),
        rows=[(name, role, Code(fingerprint)) for name, role, fingerprint in rows],
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
