"""What another policy would have decided, as a sheet and for programs. Pure."""

from dataclasses import dataclass
from typing import Any

from darkroom.model.site_policy import SitePolicy
from darkroom.owner.sheet import Section, Sheet
from darkroom.owner.wording import plural, time_words
from darkroom.policy.replay import UNKNOWN, Replayed, Turn, counts


_TURNS: dict[Turn, str] = {
    "same": "the same way",
    "stricter": "stricter: less would have passed by itself, or at all",
    "looser": "looser: more would have passed",
    "open": "open: people would have to say more",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """All that came out of it.

    Attributes:
        policy: the other one.
        rows: every job, oldest first.
        source: where the jobs were read, in words.
        unknown: what cannot be known from there, a sentence each.
    """

    policy: SitePolicy
    rows: tuple[Replayed, ...]
    source: str
    unknown: tuple[str, ...] = UNKNOWN


def replay_sheet(replay: Replay, *, everything: bool = False) -> Sheet:
    """Then, now and why; only what would have gone another way, unless `everything`."""
    shown = [row for row in replay.rows if everything or row.turn != "same"]
    found = counts(replay.rows)
    policy = replay.policy
    return Sheet(
        title=f"{plural(len(replay.rows), 'job')} under policy {policy.version} of "
        f"{policy.domain}: {len(replay.rows) - found['same']} would have gone another way",
        lead=f"From {replay.source}. Nothing was changed.",
        sections=(
            Section(
                heading="How many",
                rows=tuple((_TURNS[turn], f"{number:,}") for turn, number in found.items()),
            ),
            Section(
                heading="All jobs" if everything else "What would have gone another way",
                note="" if shown else "None.",
                columns=("came", "job", "what", "then", "now", "why") if shown else (),
                rows=tuple(map(_row, shown)),
            ),
            Section(
                heading="What cannot be known", rows=tuple(("", text) for text in replay.unknown)
            ),
        ),
    )


def _row(row: Replayed) -> tuple[str, ...]:
    request = row.past.request
    return (
        time_words(row.past.at),
        request.job_id[:12],
        f"{request.spec.name} of {request.submitter} on {request.dataset}",
        row.then,
        row.now,
        "; ".join(row.why),
    )


def replay_mapping(replay: Replay) -> dict[str, Any]:
    """The same as JSON values, every job."""
    return {
        "domain": replay.policy.domain,
        "policy_version": replay.policy.version,
        "source": replay.source,
        "counts": counts(replay.rows),
        "unknown": list(replay.unknown),
        "jobs": [
            {
                "job_id": row.past.request.job_id,
                "at": row.past.at,
                "scientist": row.past.request.submitter,
                "dataset": row.past.request.dataset,
                "name": row.past.request.spec.name,
                "then": row.then,
                "now": row.now,
                "turn": row.turn,
                "why": list(row.why),
            }
            for row in replay.rows
        ],
    }
