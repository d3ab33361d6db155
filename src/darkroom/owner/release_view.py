"""From a checked request for release to the sheet that the owner reads. Pure."""

from darkroom.model.owner_case import Case
from darkroom.owner.background import Background, before_alerts, before_section
from darkroom.owner.case_state import state_words
from darkroom.owner.flags import output_flags
from darkroom.owner.outputs_view import ASKED, output_sections
from darkroom.owner.requests import ReleaseRequest
from darkroom.owner.sheet import Section, Sheet
from darkroom.owner.signing import Signing
from darkroom.owner.view import (
    decide_section,
    messages_section,
    notices_section,
    together_alert,
)
from darkroom.owner.wording import hash_words, price_rows, time_words, value_words


_FACTS = {"seconds_bucket": "seconds, rounded up", "interpreter": "interpreter of models"}
LOG = "log"


def release_sheet(
    release: ReleaseRequest,
    case: Case,
    background: Background,
    *,
    domain: str,
    suffix: str = "",
    signing: Signing | None = None,
) -> Sheet:
    """Everything a release of outputs binds.

    Args:
        release: the outputs, checked.
        case: as it was kept.
        background: what else is known.
        domain: whose.
        suffix: ends each command line, for instance ` --state owner`.
        signing: the release is signed now; without it the sheet asks.
    """
    request = release.request
    together = background.history.together(case) if signing is None else 1
    title, lead = _heading(release, domain, signing)
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
        title=title,
        lead=lead,
        alerts=tuple(alerts),
        sections=(
            Section(
                heading="Where they come from", rows=_where(release, case, background, signing)
            ),
            *(
                (notices_section(background.notices, "What the domain said about it"),)
                if background.notices
                else ()
            ),
            *messages_section(background.messages),
            Section(
                heading="What it costs",
                note="Reserved before it ran, and spent whether you release it or withhold it; the log costs more.",
                rows=price_rows(release.price),
            ),
            before_section(request, background),
            _flags(release),
            _outputs(release, signing),
            *output_sections(
                release, background.tensors or {}, log=_log_words(signing) if signing else ASKED
            ),
            *(
                ()
                if case.verdict or signing
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


def _heading(release: ReleaseRequest, domain: str, signing: Signing | None) -> tuple[str, str]:
    """Title and lead."""
    request = release.request
    if signing is None:
        return (
            f"May the outputs of “{request.spec.name}” leave {domain}?",
            f"If you approve, exactly these bytes go to {request.submitter}, signed by the domain. "
            "What has left cannot be called back. The log stays here unless you say so.",
        )
    log = f" The log {_log_words(signing)}." if LOG in release.files else ""
    return (
        f"The outputs of “{signing.name}” leave {domain}: this is signed by you now",
        f"Exactly these bytes go to {request.submitter}, signed by the domain. What has left "
        f"cannot be called back.{log}",
    )


def _log_words(signing: Signing) -> str:
    return "leaves with them" if signing.with_log else "stays here"


def _outputs(release: ReleaseRequest, signing: Signing | None) -> Section:
    stays = {LOG} if signing and not signing.with_log else set()
    leaving = {name: data for name, data in release.files.items() if name not in stays}
    total = f"{sum(map(len, leaving.values())):,} bytes "
    total += "leave" if signing else "in all, the log included"
    return Section(
        heading="Outputs",
        note=f"{total}; hashes recomputed here.",
        columns=("output", "type", "bytes", "sha256"),
        rows=tuple(
            (name, release.kinds[name], f"{len(data):,}", hash_words(data))
            for name, data in sorted(leaving.items())
        ),
    )


def _where(
    release: ReleaseRequest, case: Case, background: Background, signing: Signing | None
) -> tuple[tuple[str, ...], ...]:
    request = release.request
    state = state_words(case, now=background.now, ran=True)
    rows: list[tuple[str, ...]] = [
        ("job", signing.name if signing else request.spec.name),
        *((("its code", request.spec.name),) if signing else ()),
        ("goes to", f"{request.submitter} ({request.submitter_fingerprint})"),
        ("project", request.project),
        ("dataset", f"{request.dataset} at version {request.dataset_version}"),
        ("job id", release.job_id),
        ("job digest", release.job_digest),
        ("output digest", release.digest),
        ("asked", time_words(case.received_at)),
        *(() if signing else (("state", state),)),
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
