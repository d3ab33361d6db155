"""How each noun looks: as a `Grid`, which becomes HTML or text."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from darkroom.display import amounts
from darkroom.display.grid import Code, Grid
from darkroom.errors import DarkroomError
from darkroom.model.amount import UNITS, Amount
from darkroom.model.dataset import DatasetCard
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.message import Message
from darkroom.model.output import Histogram, Model, Output, Scalars, Table
from darkroom.model.quote import Balance
from darkroom.model.site_policy import SitePolicy
from darkroom.model.submitted import JobRow, SubmissionRow


def short(digest: str) -> Code:
    """A digest as a person names it."""
    return Code(digest.removeprefix("sha256:")[:12])


def when(seconds: float) -> str:
    """A time for people, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M") if seconds else ""


def day(seconds: float) -> str:
    """A date for people, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:  # noqa: PLR2004 - the binary step
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def facts(title: str, pairs: Mapping[str, object], note: str = "") -> Grid:
    """A list of named facts."""
    return Grid(title=title, columns=("", ""), rows=[*pairs.items()], note=note)


def domains(
    rows: Sequence[tuple[str, str, str, Mapping[str, tuple[str, str]], int, str]],
    problems: Mapping[str, Sequence[str]],
) -> Grid:
    """Domains: name, title, owner, environments, workers, fingerprint."""
    return Grid(
        title="Domains",
        columns=("domain", "what it is", "owner", "environments", "workers", "fingerprint"),
        rows=[
            (name, title, owner, environments_of(offers), workers, short(fingerprint))
            for name, title, owner, offers, workers, fingerprint in rows
        ],
        note="\n".join(f"left out: {p}" for ps in problems.values() for p in ps),
    )


def environments_of(offers: Mapping[str, tuple[str, str]]) -> str:
    """`tflite (litert), tensorflow`."""
    return ", ".join(f"{n} ({i})" if i else n for n, (_, i) in offers.items())


def cards(items: Sequence[DatasetCard]) -> Grid:
    """Datasets in a list."""
    return Grid(
        title="Datasets",
        columns=("dataset", "description", "cameras", "frames", "classes", "boxes by", "version"),
        rows=[
            (
                f"{c.domain}/{c.name}", c.description, len(c.cameras), c.frames,
                ", ".join(c.classes), c.annotations, short(c.version),
            )
            for c in items
        ],
    )  # fmt: skip


def card(item: DatasetCard) -> Grid:
    """One dataset card: everything that is public about a dataset."""
    split = ", ".join(f"{count:,} {name}" for name, count in item.split_frames.items())
    look = ", ".join(f"{k}: {v}" for k, v in item.look.items())
    return Grid(
        title=f"{item.domain}/{item.name}",
        columns=("camera", "pixels", "frames a second", "frames", "masked"),
        rows=[(c.id, f"{c.width} × {c.height}", c.fps, c.frames, c.masked) for c in item.cameras],
        note="\n".join(
            filter(
                None,
                [
                    item.description,
                    f"classes: {', '.join(item.classes) or 'none'}; boxes by: {item.annotations}",
                    f"frames: {split}; from {when(item.start)} UTC" + (f"; {look}" if look else ""),
                    f"version {item.version}",
                ],
            )
        ),
    )


def identity(item: PublicIdentity, gateway: str = "") -> Grid:
    """Who somebody is: what two people compare over the telephone."""
    return facts(
        f"{item.name} ({item.role})",
        {
            "fingerprint": Code(item.fingerprint),
            "keys": "hosted on the Hub" if item.hosted else "on their owner's machine",
            **({"gateway": gateway} if gateway else {}),
        },
    )


def policy(item: SitePolicy) -> Grid:
    """The rules of a domain, as a scientist needs them."""
    automatic = [rule.name for rule in item.rules if rule.tier or rule.release == "auto"]
    budgets = [
        f"{b.name}: every {b.period_days} days, each {b.per}, "
        + amounts.units({u: cap for u in UNITS if (cap := b.cap(u)) is not None})
        for b in item.budgets
    ]
    return Grid(
        title=f"Policy {item.version} of {item.domain}",
        columns=("scientist", "datasets", "tiers", "projects"),
        rows=[
            (
                g.scientist, ", ".join(g.datasets), ", ".join(g.tiers),
                ", ".join(g.projects) or "any",
            )
            for g in item.grants
        ],
        note="\n".join(
            (
                f"runs without review: {', '.join(r.name for r in item.rules) or 'nothing'}",
                f"leaves without a person: {', '.join(automatic) or 'nothing'}",
                f"budgets: {'; '.join(budgets) or 'none'}",
            )
        ),
    )  # fmt: skip


def declared(output: Output) -> str:
    """What an output may be, in a few words."""
    match output:
        case Table():
            columns = ", ".join(f"{n}: {t}" for n, t in output.columns.items())
            return f"table ({columns}), at most {output.max_rows:,} rows"
        case Scalars():
            return f"numbers {', '.join(output.names)}"
        case Histogram():
            return f"histogram of {len(output.edges) - 1} bins"
        case Model():
            return f"{output.format} model, at most {size(output.max_bytes)}"


def request(item: JobRequest) -> Grid:
    """What is asked for."""
    spec = item.spec
    return facts(
        f"{spec.name} for {item.audience}/{item.dataset}",
        {
            "job digest": Code(item.job_digest),
            "code digest": Code(spec.code_digest),
            "asked by": f"{item.submitter} ({short(item.submitter_fingerprint)})",
            "project": item.project,
            "environment": spec.environment.name,
            "parameters": ", ".join(f"{k} = {v}" for k, v in item.parameters.items()) or "none",
            "files": ", ".join(spec.files),
            "may return": "\n".join(f"{n}: {declared(o)}" for n, o in spec.outputs.items()),
        },
    )


def submission(
    row: SubmissionRow, headlines: Mapping[str, str], advice: Sequence[str], now: float
) -> Grid:
    """A submission with the state of each job."""
    return Grid(
        title=f"{row.name} · submission {row.id}",
        columns=("domain", "dataset", "state", "for", "job digest", "code digest"),
        rows=[
            (
                job.label, job.request.dataset, headlines[job.label],
                age(_since(job, now)), short(job.request.job_digest),
                short(job.request.spec.code_digest),
            )
            for job in row.jobs
        ],
        note="\n".join(advice),
    )  # fmt: skip


def submissions(rows: Sequence[SubmissionRow], headlines: Mapping[str, Mapping[str, str]]) -> Grid:
    """All submissions of this machine."""
    return Grid(
        title="Submissions",
        columns=("id", "job", "project", "made", "domains"),
        rows=[
            (
                Code(row.id), row.name, row.project, when(row.created_at),
                ", ".join(f"{d}: {h}" for d, h in headlines[row.id].items()),
            )
            for row in rows
        ],
        note="session.job('<id>') opens one, in any notebook of this machine",
    )  # fmt: skip


def questions(rows: Sequence[tuple[str, Message]], waiting: Sequence[str]) -> Grid:
    """What reviewers asked and what was answered: (domain, message)."""
    return Grid(
        title="Questions and answers" if rows else "Nobody asked",
        columns=("domain", "when", "who", "words"),
        rows=[(label, when(m.at), f"{m.by} ({m.side})", m.text) for label, m in rows],
        note="\n".join(
            f"{label} waits for you: submission.answer('…', domain='{label}')" for label in waiting
        ),
    )


def results(
    rows: Sequence[tuple[str, str, str, str, int, Mapping[str, Any]]], waiting: str
) -> Grid:
    """Results: domain, outputs, approved by, released by, bytes, facts."""
    return Grid(
        title="Results",
        columns=("domain", "outputs", "frames", "interpreter", "approved by", "released by", "bytes out"),
        rows=[
            (
                label, outputs, info.get("frames"), info.get("interpreter") or "",
                approved, released, count,
            )
            for label, outputs, approved, released, count, info in rows
        ],
        note=waiting,
    )  # fmt: skip


def cost(
    job: str,
    project: str,
    rows: Sequence[tuple[str, Amount | None, Sequence[Balance], str]],
    note: str,
) -> Grid:
    """What a job costs: dataset, price, accounts, verdict; one line for each account."""
    lines: list[tuple[object, ...]] = []
    for dataset, price, accounts, verdict in rows:
        shown = amounts.amount(price) if price else "not known"
        about = (dataset, shown, verdict)
        for account in accounts:
            whose = f"{account.budget} of {account.per} {account.holder}"
            lines.append((*about[:2], whose, _left(account, price), day(account.ends), about[2]))
            about = ("", "", "")
        if not accounts:
            lines.append((dataset, shown, "", "", "", verdict))
    return Grid(
        title=f"Cost of {job} · project {project}",
        columns=("dataset", "price", "draws on", "left", "until", "verdict"),
        rows=lines,
        note=note,
    )


def _left(account: Balance, price: Amount | None) -> str:
    lacking = account.lacks(price) if price else ()
    return amounts.units(account.left) + (f": not enough {', '.join(lacking)}" if lacking else "")


def outputs(title: str, values: Mapping[str, str], note: str = "") -> Grid:
    """The outputs of one run, each in a few words."""
    return facts(title, values, note)


def error(item: DarkroomError) -> Grid:
    """What went wrong, and the next step."""
    return facts(item.message, {"next": item.next_step})


def age(seconds: float) -> str:
    """A duration for people."""
    whole = int(max(seconds, 0))
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole} s"
    if whole < 3600:  # noqa: PLR2004 - an hour
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _since(job: JobRow, now: float) -> float:
    end = job.changed_at if job.collected or job.state in ("rejected", "failed") else now
    return end - job.submitted_at
