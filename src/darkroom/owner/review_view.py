"""From a checked request for review to the sheet that the owner reads. Pure."""

from typing import Any

from darkroom.model.output import output_to_mapping
from darkroom.model.owner_case import Case
from darkroom.owner.background import Background, before_alerts, before_section
from darkroom.owner.case_state import is_live, state_words
from darkroom.owner.comparison import comparison_sections, replaced_sections
from darkroom.owner.findings.finding import Finding
from darkroom.owner.requests import ReviewRequest
from darkroom.owner.sheet import Section, Sheet
from darkroom.owner.signing import Signing
from darkroom.owner.source_text import SourceText, read_source
from darkroom.owner.view import (
    decide_section,
    limit_rows,
    messages_section,
    notices_section,
    together_alert,
)
from darkroom.owner.wording import hash_words, price_rows, time_words, value_words


HINTS = "Hints, not walls: the sandbox holds whatever this finds or misses."
_MAX_CLAIMS = 50


def review_sheet(
    review: ReviewRequest,
    case: Case,
    background: Background,
    *,
    domain: str,
    suffix: str = "",
    signing: Signing | None = None,
) -> Sheet:
    """Everything an approval of code binds, and what helps to judge it.

    Args:
        review: the request, checked.
        case: as it was kept.
        background: what else is known.
        domain: whose.
        suffix: ends each command line, for instance ` --state owner`.
        signing: the approval is signed now: a short form, without the code itself. Without
            it the sheet asks.
    """
    request, spec = review.request, review.request.spec
    sources = [read_source(path, data) for path, data in sorted(review.files.items())]
    together = background.history.together(case) if signing is None else 1
    title, lead = _heading(review, domain, signing)
    compared = [
        *replaced_sections(request, background.former, background.former_differences),
        *comparison_sections(request, background.near, background.differences),
    ]
    alerts = [
        *together_alert(together, "the code runs"),
        *(alert for source in sources for alert in source.alerts),
        *before_alerts(request, background),
    ]
    if review.submitter.hosted:
        alerts.append(
            f"the keys of {request.submitter} lie on the Hub: whoever operates it can ask as them"
        )
    entry = spec.entrypoint.partition(":")[0] + ".py"
    # What runs first is read first.
    sources.sort(key=lambda s: (s.path != entry, s.language != "python", s.path))
    return Sheet(
        title=title,
        lead=lead,
        alerts=tuple(alerts),
        sections=(
            Section(heading="Who asks, for what", rows=_who(review, case, background, signing)),
            *_told(background),
            *messages_section(background.messages),
            Section(
                heading="What would leave",
                note="Declared outputs; anything else is refused by the domain.",
                columns=("output", "type", "at most"),
                rows=tuple(_declared(n, output_to_mapping(o)) for n, o in spec.outputs.items()),
            ),
            Section(
                heading="What it costs",
                note="Reserved from your budgets when it arrived; the declaration decides, not "
                "what the data turn out to be.",
                rows=price_rows(review.price),
            ),
            before_section(request, background),
            *(section for section in compared if signing is None or not section.lines),
            _findings(background.findings, signing),
            _mock(review.mock),
            Section(
                heading="Parameters",
                note="" if request.parameters else "None.",
                columns=("name", "type", "value") if request.parameters else (),
                rows=tuple(
                    (name, spec.parameter_schema[name], value_words(value))
                    for name, value in sorted(request.parameters.items())
                ),
            ),
            Section(heading="Limits of one worker", rows=limit_rows(spec.limits)),
            Section(
                heading="Files",
                note="All of them; their hashes were recomputed here from the bytes.",
                columns=("path", "bytes", "sha256", *(() if signing else ("shown below",))),
                rows=tuple(
                    _file_row(s, review.files[s.path])[: 3 if signing else 4] for s in sources
                ),
                commands=(("The long form, with the code", signing.look),) if signing else (),
            ),
            *(
                Section(heading=f"Code: {s.path}", lines=s.lines, language=s.language)
                for s in sources
                if s.lines and signing is None
            ),
            *(() if signing else _decide(case, background, together, suffix)),
        ),
    )


def _heading(review: ReviewRequest, domain: str, signing: Signing | None) -> tuple[str, str]:
    """Title and lead."""
    request = review.request
    kept = "What it produces comes back to you first, unless one of your rules releases it."
    if signing is None:
        return (
            f"{request.submitter} asks to run “{request.spec.name}” on {request.dataset}",
            f"If you approve, exactly the code below runs once at {domain}, without network, "
            f"inside a sandbox. {kept}",
        )
    return (
        f"“{signing.name}” of {request.submitter} runs on {request.dataset}: "
        "this is signed by you now",
        f"Exactly the files listed below run once at {domain}, without network, inside a "
        f"sandbox. {kept}",
    )


def _who(
    review: ReviewRequest, case: Case, background: Background, signing: Signing | None
) -> tuple[tuple[str, ...], ...]:
    request, spec = review.request, review.request.spec
    environment = spec.environment
    state = state_words(case, now=background.now, ran=case.job_id in background.history.ran)
    reason = signing.reason if signing else case.reason
    return (
        *((("job", signing.name), ("its code", spec.name)) if signing else ()),
        (
            "scientist",
            f"{request.submitter}{' (keys on the Hub)' if review.submitter.hosted else ''}",
        ),
        ("their fingerprint", request.submitter_fingerprint),
        ("project", request.project),
        ("dataset", request.dataset),
        ("version", request.dataset_version),
        ("tier", spec.tier),
        ("starts at", spec.entrypoint),
        ("merges with", spec.merge or "the standard rule of each output type"),
        ("split", f"one worker per {spec.split}" if spec.split else "one worker sees all"),
        ("environment", f"{environment.name} ({environment.lock_hash})"),
        ("why you are asked", "; ".join(review.reasons) or "the domain gave no reason"),
        ("rule", review.rule or "none: no rule of your policy decides it"),
        ("policy version", str(review.policy_version)),
        ("asked", time_words(case.received_at)),
        *(() if signing else (("state", state),)),
        *((("your reason", reason),) if reason else ()),
        ("job id", request.job_id),
        ("code digest", spec.code_digest),
        ("job digest", review.digest),
    )


def _told(background: Background) -> tuple[Section, ...]:
    if not background.notices:
        return ()
    return (notices_section(background.notices, "What the domain said about it"),)


def _findings(findings: tuple[Finding, ...], signing: Signing | None) -> Section:
    elsewhere = " “Below” is the code in the long form." if signing and findings else ""
    return Section(
        heading="What deserves a look",
        note=HINTS + (elsewhere if findings else " Nothing was found: that says little."),
        columns=("where", "kind", "what") if findings else (),
        rows=tuple((_where(f), f.kind, f.text) for f in findings),
    )


def _where(finding: Finding) -> str:
    return f"{finding.path}:{finding.line}" if finding.line else finding.path or "all files"


def _decide(case: Case, background: Background, together: int, suffix: str) -> tuple[Section, ...]:
    if not case.verdict:
        return (
            decide_section(
                "review",
                case,
                suffix,
                ("approve", "Run exactly this, once"),
                ("reject", "Refuse it; the reason goes to the scientist"),
                ("request-changes", "Refuse it as it is, and say what to change"),
                together=together,
            ),
        )
    if is_live(case, now=background.now, ran=case.job_id in background.history.ran):
        return (
            decide_section(
                "review",
                case,
                suffix,
                ("withdraw", "Take your approval back; a job that runs is stopped"),
            ),
        )
    return ()


def _file_row(source: SourceText, data: bytes) -> tuple[str, ...]:
    shown = f"{len(source.lines)} lines" if source.lines else "no: not text"
    return (source.path, f"{len(data):,}", hash_words(data), shown)


def _declared(name: str, output: dict[str, Any]) -> tuple[str, ...]:
    match output:
        case {"type": "table", "columns": columns, "max_rows": most}:
            listed = ", ".join(f"{c} ({_column(c, t, output)})" for c, t in columns.items())
            return (name, f"table: {listed}", f"{most:,} rows")
        case {"type": "scalars", "names": names}:
            return (name, f"scalars: {', '.join(names)}", "one number each")
        case {"type": "histogram", "edges": edges}:
            return (name, f"histogram from {edges[0]} to {edges[-1]}", f"{len(edges) - 1} counts")
        case {"type": "model", "format": kind, "max_bytes": most}:
            return (name, f"model ({kind})", f"{most:,} bytes")
    return (name, str(output.get("type")), "")  # a type added later is shown by its name


def _column(name: str, kind: str, table: dict[str, Any]) -> str:
    """Its type, and what narrows it."""
    parts = [kind]
    if name in table.get("counts", ()):
        parts.append("a count")
    if name in table.get("bounds", {}):
        low, high = table["bounds"][name]
        parts.append(f"{low} to {high}")
    if name in table.get("labels", {}):
        parts.append("one of " + " / ".join(table["labels"][name]))
    elif kind == "text":
        parts.append("any text")
    return ", ".join(parts)


def _mock(mock: dict[str, Any]) -> Section:
    outputs = mock.get("outputs")
    claims = list(outputs.items())[:_MAX_CLAIMS] if isinstance(outputs, dict) else []
    changed = mock.get("parameters")
    other = list(changed.items())[:_MAX_CLAIMS] if isinstance(changed, dict) else []
    rows = [
        ("seconds", value_words(mock.get("seconds"), most=80)),
        ("frames", value_words(mock.get("frames"), most=80)),
        *((f"with other {str(name)[:64]}", value_words(value, most=80)) for name, value in other),
        *((f"output {str(name)[:64]}", value_words(claim, most=300)) for name, claim in claims),
    ]
    return Section(
        heading="What it did on mock",
        note="As the scientist's side reports it; nobody checked it.",
        rows=tuple(rows),
    )
