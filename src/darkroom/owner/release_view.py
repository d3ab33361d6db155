"""From a checked request for release to the sheet that the owner reads. Pure."""

from darkroom.model.owner_case import Case
from darkroom.owner.background import Background, before_alerts, before_section
from darkroom.owner.case_state import state_words
from darkroom.owner.flags import output_flags
from darkroom.owner.outputs_view import output_sections
from darkroom.owner.requests import ReleaseRequest
from darkroom.owner.sheet import Section, Sheet
from darkroom.owner.view import decide_section, notices_section, together_alert
from darkroom.owner.wording import hash_words, price_rows, time_words, value_words


_FACTS = {"seconds_bucket": "seconds, rounded up", "interpreter": "interpreter of models"}


def release_sheet(
    release: ReleaseRequest,
    case: Case,
    background: Background,
    *,
    domain: str,
    suffix: str = "",
) -> Sheet:
    """Everything a release of outputs binds.

    Args:
        release: the outputs, checked.
        case: as it was kept.
        background: what else is known.
        domain: whose.
        suffix: ends each command line, for instance ` --state owner`.
    """
    total = sum(map(len, release.files.values()))
    request = release.request
    together = background.history.together(case)
    alerts = [
        *together_alert(together, "outputs leave"),
        *(
            f"{name} is a trained model: weights can carry parts of the footage, and no check "
            "finds that for certain"
            for name, kind in release.kinds.items()
            if kind == "model"
        ),
        *before_alerts(request, background),
    ]
    return Sheet(
        title=f"May the outputs of “{request.spec.name}” leave {domain}?",
        lead=f"If you approve, exactly these bytes go to {request.submitter}, signed by the domain. What has "
        "left cannot be called back. The log stays here unless you say so.",
        alerts=tuple(alerts),
        sections=(
            Section(heading="Where they come from", rows=_where(release, case, background)),
            *(
                (notices_section(background.notices, "What the domain said about it"),)
                if background.notices
                else ()
            ),
            Section(
                heading="What it costs",
                note="Reserved before it ran, and spent whether you release it or withhold it; the log costs more.",
                rows=price_rows(release.price),
            ),
            before_section(request, background),
            _flags(release),
            Section(
                heading="Outputs",
                note=f"{total:,} bytes in all, the log included; hashes recomputed here.",
                columns=("output", "type", "bytes", "sha256"),
                rows=tuple(
                    (name, release.kinds[name], f"{len(data):,}", hash_words(data))
                    for name, data in sorted(release.files.items())
                ),
            ),
            *output_sections(release, background.tensors or {}),
            *(
                ()
                if case.verdict
                else (
                    decide_section(
                        "release",
                        case,
                        suffix,
                        (
                            "approve",
                            "Release the outputs without the log (add --with-log to include it)",
                        ),
                        ("withhold", "Keep them here; the reason goes to the scientist"),
                        together=together,
                    ),
                )
            ),
        ),
    )


def _where(
    release: ReleaseRequest, case: Case, background: Background
) -> tuple[tuple[str, ...], ...]:
    request = release.request
    rows: list[tuple[str, ...]] = [
        ("job", request.spec.name),
        ("goes to", f"{request.submitter} ({request.submitter_fingerprint})"),
        ("project", request.project),
        ("dataset", f"{request.dataset} at version {request.dataset_version}"),
        ("job id", release.job_id),
        ("job digest", release.job_digest),
        ("output digest", release.digest),
        ("asked", time_words(case.received_at)),
        ("state", state_words(case, now=background.now, ran=True)),
        *((("your reason", case.reason),) if case.reason else ()),
        *(
            (_FACTS.get(name, name)[:80], value_words(value, most=300))
            for name, value in sorted(release.facts.items())
        ),
    ]
    return tuple(rows)


def _flags(release: ReleaseRequest) -> Section:
    declared = release.request.spec.outputs
    flags = [
        flag
        for name in sorted(release.files)
        for flag in output_flags(name, release.kinds[name], release.files[name], declared.get(name))
    ]
    return Section(
        heading="What deserves a look",
        note="Hints, not walls: what is packed well looks like honest numbers, and the price above "
        "bounds what it can be." + ("" if flags else " Nothing was found."),
        columns=("hint",) if flags else (),
        rows=tuple((flag,) for flag in flags),
    )
