"""From a checked request to the sheet that the owner reads. Pure.

The terminal, the page and the notebook draw the same sheet.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from darkroom.model.canonical import digest_bytes
from darkroom.model.job import Limits
from darkroom.model.output import output_to_mapping
from darkroom.model.owner_case import Case, Notice
from darkroom.owner.outputs_view import output_sections
from darkroom.owner.requests import ReleaseRequest, ReviewRequest
from darkroom.owner.sheet import Section, Sheet
from darkroom.owner.source_text import SourceText, read_source


MAX_VALUE = 4_000
_MAX_CLAIMS = 50
_LIMITS = {
    "memory_mib": "memory (MiB)",
    "cpu_seconds": "processor (seconds)",
    "wall_seconds": "wall clock (seconds)",
    "files": "open files",
    "output_mib": "outputs (MiB)",
}
_FACTS = {"seconds_bucket": "seconds, rounded up", "interpreter": "interpreter of models"}


def review_sheet(
    review: ReviewRequest, *, domain: str, received_at: float, suffix: str = ""
) -> Sheet:
    """Everything an approval of code binds, and what helps to judge it."""
    request, spec = review.request, review.request.spec
    sources = [read_source(path, data) for path, data in sorted(review.files.items())]
    alerts = [alert for source in sources for alert in source.alerts]
    if review.submitter.hosted:
        alerts.append(
            f"the keys of {request.submitter} lie on the Hub: whoever operates it can ask as them"
        )
    entry = spec.entrypoint.partition(":")[0] + ".py"
    # What runs first is read first.
    sources.sort(key=lambda s: (s.path != entry, s.language != "python", s.path))
    shown = [s for s in sources if s.lines]
    return Sheet(
        title=f"{request.submitter} asks to run “{spec.name}” on {request.dataset}",
        lead=(
            f"If you approve, exactly the code below runs once at {domain}, without network, "
            "inside a sandbox. What it produces comes back to you first, unless one of your "
            "rules releases it."
        ),
        alerts=tuple(alerts),
        sections=(
            Section(heading="Who asks, for what", rows=_who(review, received_at)),
            Section(
                heading="What would leave",
                note="Declared outputs; anything else is refused by the domain.",
                columns=("output", "type", "at most"),
                rows=tuple(_declared(n, output_to_mapping(o)) for n, o in spec.outputs.items()),
            ),
            _mock(review.mock),
            Section(
                heading="Parameters",
                note="" if request.parameters else "None.",
                columns=("name", "type", "value") if request.parameters else (),
                rows=tuple(
                    (name, spec.parameter_schema[name], _value(value))
                    for name, value in sorted(request.parameters.items())
                ),
            ),
            Section(
                heading="Limits of one worker",
                rows=limit_rows(spec.limits),
            ),
            Section(
                heading="Files",
                note="All of them; their hashes were recomputed here from the bytes.",
                columns=("path", "bytes", "sha256", "shown below"),
                rows=tuple(_file_row(s, review.files[s.path]) for s in sources),
            ),
            *(
                Section(heading=f"Code: {s.path}", lines=s.lines, language=s.language)
                for s in shown
            ),
            _decide(
                "review",
                review.digest,
                suffix,
                ("approve", "Run exactly this, once"),
                ("reject", "Refuse it; the reason goes to the scientist"),
            ),
        ),
    )


def release_sheet(
    release: ReleaseRequest,
    *,
    domain: str,
    received_at: float,
    review: ReviewRequest | None,
    suffix: str = "",
) -> Sheet:
    """Everything a release of outputs binds.

    Args:
        release: the outputs, checked.
        domain: whose.
        received_at: Unix seconds.
        review: the job they come from, when it was reviewed here.
        suffix: ends each command line, for instance ` --state owner`.
    """
    total = sum(map(len, release.files.values()))
    rows: list[tuple[str, ...]] = []
    if review is not None:
        request = review.request
        rows += [
            ("job", request.spec.name),
            ("goes to", f"{request.submitter} ({request.submitter_fingerprint})"),
            ("dataset", f"{request.dataset} at version {request.dataset_version}"),
        ]
    rows += [
        ("job id", release.job_id),
        ("job digest", release.job_digest),
        ("output digest", release.digest),
        ("asked", _time(received_at)),
        *((_FACTS.get(name, name), _value(value)) for name, value in sorted(release.facts.items())),
    ]
    who = review.request.submitter if review else "the scientist"
    alerts = [
        f"{name} is a trained model: weights can carry parts of the footage, and no check finds "
        "that for certain"
        for name, kind in release.kinds.items()
        if kind == "model"
    ]
    return Sheet(
        title=f"May the outputs of “{review.request.spec.name if review else 'a job'}” leave "
        f"{domain}?",
        lead=f"If you approve, exactly these bytes go to {who}, signed by the domain. What has "
        "left cannot be called back. The log stays here unless you say so.",
        alerts=tuple(alerts),
        sections=(
            Section(heading="Where they come from", rows=tuple(rows)),
            Section(
                heading="Outputs",
                note=f"{total:,} bytes in all, the log included; hashes recomputed here.",
                columns=("output", "type", "bytes", "sha256"),
                rows=tuple(
                    (name, release.kinds[name], f"{len(data):,}", _hash(data))
                    for name, data in sorted(release.files.items())
                ),
            ),
            *output_sections(release),
            _decide(
                "release",
                release.digest,
                suffix,
                ("approve", "Release the outputs without the log (add --with-log to include it)"),
                ("withhold", "Keep them here; the reason goes to the scientist"),
            ),
        ),
    )


def refused_sheet(case: Case, *, suffix: str = "") -> Sheet:
    """A request that cannot be shown, because it is not what it says."""
    word, no = ("review", "reject") if case.subject == "code" else ("release", "withhold")
    return Sheet(
        title=f"A {word} request that does not hold",
        lead="It was refused as it came and can only be turned down.",
        alerts=(case.problem,),
        sections=(
            Section(
                heading="What is known",
                rows=(("job id", case.job_id), ("asked", _time(case.received_at))),
                commands=(("Turn it down", f"darkroom {word} {no} {case.job_id}{suffix}"),),
            ),
        ),
    )


def list_sheet(
    word: str, rows: list[tuple[Case, str, str]], *, everything: bool, suffix: str = ""
) -> Sheet:
    """`ls`: (case, what, who) per line."""
    if not rows:
        return Sheet(title=f"No {word} was asked for" if everything else f"No {word} waits for you")
    return Sheet(
        title=f"{len(rows)} {word}{'s' if len(rows) > 1 else ''}"
        + ("" if everything else f" wait{'' if len(rows) > 1 else 's'} for you"),
        sections=(
            Section(
                heading="Requests",
                note=f"`darkroom {word} show DIGEST{suffix}` tells more; 12 digits of it are enough.",
                columns=("asked", "digest", "what", "who", "state"),
                rows=tuple(
                    (
                        _time(case.received_at),
                        case.digest.removeprefix("sha256:")[:16] or f"job {case.job_id[:16]}",
                        what,
                        who,
                        case.verdict or ("refused as it came" if case.problem else "waits"),
                    )
                    for case, what, who in rows
                ),
            ),
        ),
    )


def notices_section(notices: list[Notice]) -> Section:
    """What the domain said of itself."""
    return Section(
        heading="Notices of the domain",
        rows=tuple((_time(n.at), f"{n.level}: {n.text}") for n in notices),
    )


def _who(review: ReviewRequest, received_at: float) -> tuple[tuple[str, ...], ...]:
    request, spec = review.request, review.request.spec
    environment = spec.environment
    return (
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
        ("policy version", str(review.policy_version)),
        ("asked", _time(received_at)),
        ("job id", request.job_id),
        ("code digest", spec.code_digest),
        ("job digest", review.digest),
    )


def limit_rows(limits: Limits) -> tuple[tuple[str, str], ...]:
    """The limits with their units."""
    return tuple((_LIMITS.get(name, name), f"{v:,}") for name, v in asdict(limits).items())


def _file_row(source: SourceText, data: bytes) -> tuple[str, ...]:
    shown = f"{len(source.lines)} lines" if source.lines else "no: not text"
    return (source.path, f"{len(data):,}", _hash(data), shown)


def _declared(name: str, output: dict[str, Any]) -> tuple[str, ...]:
    match output:
        case {"type": "table", "columns": columns, "max_rows": most}:
            listed = ", ".join(f"{c} ({t})" for c, t in columns.items())
            return (name, f"table: {listed}", f"{most:,} rows")
        case {"type": "scalars", "names": names}:
            return (name, f"scalars: {', '.join(names)}", "one number each")
        case {"type": "histogram", "edges": edges}:
            return (name, f"histogram from {edges[0]} to {edges[-1]}", f"{len(edges) - 1} counts")
        case {"type": "model", "format": kind, "max_bytes": most}:
            return (name, f"model ({kind})", f"{most:,} bytes")
    return (name, str(output.get("type")), "")  # a type added later is shown by its name


def _mock(mock: dict[str, Any]) -> Section:
    outputs = mock.get("outputs")
    claims = list(outputs.items())[:_MAX_CLAIMS] if isinstance(outputs, dict) else []
    changed = mock.get("parameters")
    other = list(changed.items())[:_MAX_CLAIMS] if isinstance(changed, dict) else []
    rows = [
        ("seconds", _value(mock.get("seconds"))),
        ("frames", _value(mock.get("frames"))),
        *((f"with other {str(name)[:64]}", _value(value, most=80)) for name, value in other),
        *((f"output {str(name)[:64]}", _value(claim, most=300)) for name, claim in claims),
    ]
    return Section(
        heading="What it did on mock",
        note="As the scientist's side reports it; nobody checked it.",
        rows=tuple(rows),
    )


def _decide(group: str, digest: str, suffix: str, *ways: tuple[str, str]) -> Section:
    return Section(
        heading="Decide",
        note=f"Run these where your keys are. The digest names exactly what is shown here: {digest}",
        commands=tuple(
            (
                what,
                f"darkroom {group} {verb} {digest}{suffix}"
                + (" --reason '…'" if verb in ("reject", "withhold") else ""),
            )
            for verb, what in ways
        ),
    )


def _value(value: object, *, most: int = MAX_VALUE) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= most:
        return text
    return f"{text[:most]} … ({len(text):,} characters; sha256 {_hash(text.encode())})"


def _hash(data: bytes) -> str:
    return digest_bytes(data).removeprefix("sha256:")


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
