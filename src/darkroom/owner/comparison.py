"""What is different from the nearest job that was approved before. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from darkroom.model.job import JobRequest
from darkroom.model.output import output_to_mapping
from darkroom.owner.closer_look import FileDifference
from darkroom.owner.nearest import Nearest
from darkroom.owner.sheet import Section
from darkroom.owner.wording import day_words, value_words


HEADING = "Compared with what you approved before"
REPLACED = "Compared with the job whose place it takes"
MAX_CELL = 400
NONE = "(none)"


def comparison_sections(
    request: JobRequest, near: Nearest | None, differences: tuple[FileDifference, ...]
) -> list[Section]:
    """The fields that changed, the files that changed, and how."""
    if near is None:
        return [
            Section(heading=HEADING, note="Nothing like it was approved by you before: read all.")
        ]
    when = day_words(near.asked.case.decided_at)
    changed = bool(field_rows(near.asked.request, request))
    return _sections(request, near, differences, HEADING, _note(near, when, changed=changed))


def replaced_sections(
    request: JobRequest, former: Nearest | None, differences: tuple[FileDifference, ...]
) -> list[Section]:
    """The same against the job that this one takes the place of, as the scientist says."""
    if former is None:
        return []
    case = former.asked.case
    about = f"Job {case.job_id}, asked {day_words(case.received_at)}"
    became = f"; you said {case.verdict}: {case.reason}" if case.verdict else ""
    same = " The code is the same." if former.same_code else ""
    return _sections(request, former, differences, REPLACED, f"{about}{became}.{same}")


def _sections(
    request: JobRequest,
    near: Nearest,
    differences: tuple[FileDifference, ...],
    heading: str,
    note: str,
) -> list[Section]:
    before = near.asked.request
    changed = field_rows(before, request)
    sections = [
        Section(
            heading=heading,
            note=note,
            columns=("what", "then", "now") if changed else (),
            rows=changed,
        )
    ]
    if not near.same_code:
        sections.append(
            Section(
                heading="Files that changed",
                note="By their hashes, since then.",
                columns=("path", "change"),
                rows=file_rows(before.spec.files, request.spec.files),
            )
        )
        sections += [
            Section(
                heading=f"Changed: {difference.path}",
                note=difference.note,
                lines=difference.lines,
                language="diff",
            )
            for difference in differences
        ]
    return sections


def _note(near: Nearest, when: str, *, changed: bool) -> str:
    before = near.asked.request
    about = f"for {before.submitter} on {before.dataset} (job {before.job_id})"
    if near.same_code:
        rest = "" if changed else " Nothing else is different either: it is the same job again."
        return f"The same code was approved on {when} {about}.{rest}"
    kept = "" if near.files else " Its files are not kept any more: only hashes can be compared."
    return f"The nearest was approved on {when}: “{before.spec.name}” {about}.{kept}"


def field_rows(before: JobRequest, after: JobRequest) -> tuple[tuple[str, ...], ...]:
    """(what, then, now) of every field that differs, files left out."""
    then, now = _fields(before), _fields(after)
    return tuple(
        (name, _said(then, name), _said(now, name))
        for name in dict.fromkeys((*now, *then))
        if name not in then or name not in now or then[name] != now[name]
    )


def _said(fields: Mapping[str, Any], name: str) -> str:
    return value_words(fields[name], most=MAX_CELL) if name in fields else NONE


def _fields(request: JobRequest) -> dict[str, Any]:
    spec = request.spec
    return {
        "scientist": request.submitter,
        "their fingerprint": request.submitter_fingerprint,
        "project": request.project,
        "dataset": request.dataset,
        "version": request.dataset_version,
        "name": spec.name,
        "tier": spec.tier,
        "starts at": spec.entrypoint,
        "merges with": spec.merge,
        "split": spec.split,
        "environment": f"{spec.environment.name} ({spec.environment.lock_hash})",
        **{f"output {n}": output_to_mapping(o) for n, o in sorted(spec.outputs.items())},
        **{f"limit {n}": v for n, v in asdict(spec.limits).items()},
        **{f"parameter {n}": v for n, v in sorted(request.parameters.items())},
    }


def file_rows(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """(path, what happened to it); a file that only moved says from where."""
    places = {content: path for path, content in before.items()}
    rows: list[tuple[str, ...]] = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            rows.append((path, "removed"))
        elif path not in before:
            moved = places.get(after[path])
            rows.append((path, f"new, the same as {moved} then" if moved else "new"))
        elif before[path] != after[path]:
            rows.append((path, "changed"))
    return tuple(rows)
