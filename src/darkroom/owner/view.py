"""Sheets that reviews and releases share: lists, refusals, notices, what to type. Pure.

The terminal, the page and the notebook draw the same sheet.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from darkroom.model.job import Limits
from darkroom.model.message import Message
from darkroom.model.owner_case import Case, Notice
from darkroom.owner.sheet import Section, Sheet
from darkroom.owner.wording import time_words


WITH_REASON = ("reject", "request-changes", "withhold", "withdraw")
_LIMITS = {
    "memory_mib": "memory (MiB)",
    "cpu_seconds": "processor (seconds)",
    "wall_seconds": "wall clock (seconds)",
    "files": "open files",
    "output_mib": "outputs (MiB)",
}


def refused_sheet(case: Case, *, suffix: str = "") -> Sheet:
    """A request that cannot be shown, because it is not what it says."""
    word, no = ("review", "reject") if case.subject == "code" else ("release", "withhold")
    return Sheet(
        title=f"A {word} request that does not hold",
        lead="It was refused as it came and can only be turned down.",
        alerts=(case.problem,) if case.problem else (),
        sections=(
            Section(
                heading="What is known",
                rows=(("job id", case.job_id), ("asked", time_words(case.received_at))),
                commands=(("Turn it down", f"darkroom {word} {no} job:{case.job_id}{suffix}"),),
            ),
        ),
    )


def list_sheet(
    word: str, rows: Sequence[tuple[Case, str, str, str]], *, everything: bool, suffix: str = ""
) -> Sheet:
    """`ls`: (case, what, who, state) per line."""
    if not rows:
        return Sheet(title=f"No {word} was asked for" if everything else f"No {word} waits for you")
    listed = Section(
        heading="Requests",
        note=f"`darkroom {word} show DIGEST{suffix}` tells more; 12 digits of it are enough.",
        columns=("asked", "digest", "what", "who", "state"),
        rows=tuple(
            (
                time_words(case.received_at),
                case.digest.removeprefix("sha256:")[:16] or f"job:{case.job_id}",
                what,
                who,
                state,
            )
            for case, what, who, state in rows
        ),
    )
    counted = Counter(case.digest for case, *_ in rows if case.digest and not case.verdict)
    shared = [case for case, *_ in rows if not case.verdict and counted[case.digest] > 1]
    more = Section(
        heading="Several requests under one digest",
        note="Your word on the digest covers all of them; `job:…` in its place decides one.",
        commands=tuple(
            (
                f"asked {time_words(case.received_at)}, {case.digest.removeprefix('sha256:')[:16]}",
                f"darkroom {word} show job:{case.job_id}{suffix}",
            )
            for case in shared
        ),
    )
    return Sheet(
        title=f"{len(rows)} {word}{'s' if len(rows) > 1 else ''}"
        + ("" if everything else f" wait{'' if len(rows) > 1 else 's'} for you"),
        sections=(listed, more) if shared else (listed,),
    )


def notices_section(notices: Sequence[Notice], heading: str = "Notices of the domain") -> Section:
    """What the domain said of itself."""
    return Section(
        heading=heading,
        rows=tuple((time_words(n.at), f"{n.level}: {n.text}") for n in notices),
    )


def messages_section(messages: Sequence[Message]) -> tuple[Section, ...]:
    """Questions and answers about a job; nothing where there are none."""
    if not messages:
        return ()
    return (
        Section(
            heading="Questions and answers",
            note="What a reviewer writes leaves the domain; what a scientist writes is a claim.",
            columns=("when", "who", "words"),
            rows=tuple((time_words(m.at), f"{m.by} ({m.side})", m.text) for m in messages),
        ),
    )


def limit_rows(limits: Limits) -> tuple[tuple[str, str], ...]:
    """The limits with their units."""
    return tuple((_LIMITS.get(name, name), f"{v:,}") for name, v in asdict(limits).items())


def decide_section(
    group: str, case: Case, suffix: str, *ways: tuple[str, str], together: int = 1
) -> Section:
    """What to type.

    Args:
        group: `review` or `release`.
        case: to decide on.
        suffix: ends each command line.
        ways: (verb, what it does).
        together: how many requests wait under this digest.
    """
    keys = [(case.digest, "")]
    if together > 1:
        keys = [
            (case.digest, f" (all {together} requests)"),
            (f"job:{case.job_id}", " (this one only)"),
        ]
    return Section(
        heading="Decide",
        note="Run these where your keys are. The digest names exactly what is shown here: "
        f"{case.digest}",
        commands=tuple(
            (
                f"{what}{which}",
                f"darkroom {group} {verb} {key}{suffix}"
                + (" --reason '…'" if verb in WITH_REASON else ""),
            )
            for verb, what in ways
            for key, which in keys
        ),
    )


def together_alert(together: int, what: str) -> tuple[str, ...]:
    """Said first when a word on one digest is a word on several requests."""
    if together <= 1:
        return ()
    return (
        f"{together} requests wait under this one digest: your yes to it covers all {together}, "
        f"and {what} {together} times. To decide one, name it as job:JOB",
    )
