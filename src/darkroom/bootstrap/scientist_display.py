"""Which display function shows which object: the one place that knows both sides."""

import sys
import traceback
from collections.abc import Callable
from typing import Any

from darkroom.display import amounts, nouns
from darkroom.display.grid import Code, Grid, Link, to_html, to_text, visible, words
from darkroom.errors import DarkroomError
from darkroom.model.dataset import DatasetCard
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.receipt import Receipt
from darkroom.model.site_policy import SitePolicy
from darkroom.ports import Clock
from darkroom.scientist.advice import headline
from darkroom.scientist.conversation import Questions
from darkroom.scientist.cost import Cost, DomainCost
from darkroom.scientist.domain import Datasets, Domain, Domains, RemoteDataset
from darkroom.scientist.mock_run import MockResult
from darkroom.scientist.outputs import ReleasedModel
from darkroom.scientist.record import Recorded
from darkroom.scientist.results import DomainResult, Results
from darkroom.scientist.session import Session
from darkroom.scientist.submission import Submission, Submissions


class ScientistRenderer:
    """The `Renderer` of the SDK's objects and of the nouns."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._grids: dict[type, Callable[[Any], Grid]] = {
            Session: _session,
            Domains: _domains,
            Domain: _domain,
            Datasets: lambda d: nouns.cards([v.card for v in d.values()]),
            RemoteDataset: lambda d: nouns.card(d.card),
            MockResult: _mock_result,
            Results: _results,
            DomainResult: _domain_result,
            Cost: _cost,
            Submission: self._submission,
            Submissions: _submissions,
            Questions: _questions,
            ReleasedModel: _model,
            Recorded: _recorded,
            DatasetCard: nouns.card,
            PublicIdentity: nouns.identity,
            JobRequest: nouns.request,
            SitePolicy: nouns.policy,
        }

    @property
    def kinds(self) -> list[type]:
        """The types it can show."""
        return list(self._grids)

    def grid(self, item: Any) -> Grid:  # noqa: ANN401  # one of `kinds`
        """The table of an object."""
        return self._grids[type(item)](item)

    def html(self, item: Any) -> str:  # noqa: ANN401
        """HTML with everything foreign escaped."""
        return to_html(self.grid(item))

    def text(self, item: Any) -> str:  # noqa: ANN401
        """Plain text with control characters made visible."""
        return to_text(self.grid(item))

    def _submission(self, item: Submission) -> Grid:
        row = item.row
        headlines = {job.label: headline(job) for job in row.jobs}
        return nouns.submission(row, headlines, item.advice(), self._clock.now())


def register_with_notebook(renderer: ScientistRenderer) -> None:
    """Teach a running notebook kernel or IPython how the nouns and mock frames look."""
    shell = prepared_notebook()
    if shell is None:
        return
    html = shell.display_formatter.formatters["text/html"]
    text = shell.display_formatter.formatters["text/plain"]
    for kind in renderer.kinds:
        html.for_type(kind, renderer.html)
        text.for_type(kind, lambda item, printer, _: printer.text(renderer.text(item)))
    from darkroom.display import pictures
    from darkroom.runtime import Dataset, Frame

    html.for_type(Frame, pictures.frame_html)
    html.for_type(Dataset, _mock_html)


def prepared_notebook() -> Any:  # noqa: ANN401  # IPython's shell
    """The running kernel or IPython with figures and calm errors; None where there is none."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    from darkroom.display import plots

    shell = get_ipython()
    if shell is not None:
        calm_errors(shell)
        png = shell.display_formatter.formatters["image/png"]
        png.for_type_by_name("matplotlib.figure", "Figure", plots.figure_png)
    return shell


def calm_errors(shell: Any) -> None:  # noqa: ANN401  # IPython's shell
    """Our own errors in a few lines: what happened, at which line of the cell, what next."""

    def show(shell: Any, kind: type, error: DarkroomError, trace: Any, **_: Any) -> list[str]:  # noqa: ANN401
        lines = [f"\x1b[31m{kind.__name__}\x1b[0m: {visible(error.message, 6000)}"]
        lines += [
            f"  in this cell, line {frame.lineno}: {frame.line}"
            for frame in traceback.extract_tb(trace)
            if "ipykernel" in frame.filename or frame.filename.startswith("<ipython")
        ]
        lines.append(f"  \x1b[1mNext:\x1b[0m {visible(error.next_step)}")
        shell._showtraceback(kind, error, lines)  # noqa: SLF001  # IPython has no public way
        return lines

    shell.set_custom_exc((DarkroomError,), show)


def _mock_html(data: Any) -> str:  # noqa: ANN401  # darkroom.runtime.Dataset
    from darkroom.display.pictures import sheet_html

    frames = []
    for camera in data.cameras:
        middle = max(1, data.count(camera=camera.id) // 2)
        frames += list(data.frames(camera=camera.id, every=middle))[1:2]
    return sheet_html(frames, data.classes, f"{data.name} · {data.face} face")


def _session(item: Session) -> Grid:
    return nouns.identity(item.identity, item.gateway)


def _domains(item: Domains) -> Grid:
    rows = [
        (
            d.name, d.profile.title, d.profile.owner, d.profile.environments,
            d.profile.workers, d.identity.fingerprint,
        )
        for d in item.values()
    ]  # fmt: skip
    return nouns.domains(rows, item.problems)


def _domain(item: Domain) -> Grid:
    profile = item.profile
    limits = profile.limits
    return nouns.facts(
        f"{item.name}: {profile.title}",
        {
            "owner": profile.owner,
            "fingerprint": Code(item.identity.fingerprint),
            "environments": nouns.environments_of(profile.environments),
            "workers": profile.workers,
            **(
                {
                    "one worker may use": f"{limits.memory_mib:,} MiB memory, "
                    f"{limits.wall_seconds:,} s, {limits.output_mib} MiB output"
                }
                if limits
                else {}
            ),
            "datasets": ", ".join(item.datasets) or "none yet",
            **({"runs no jobs now": profile.unfit} if profile.unfit else {}),
        },
    )


def _mock_result(item: MockResult) -> Grid:
    values = {n: _in_words(v) for n, v in item.items()}
    return nouns.outputs(
        f"on the mock of {item.dataset}: {item.frames:,} frames in {item.seconds:.1f} s",
        values,
        "result['<output>'] gives a table, numbers or a model",
    )


def _cost(item: Cost) -> Grid:
    rows = [(f"{e.domain}/{e.dataset}", e.price, e.accounts, _verdict(e)) for e in item.values()]
    said: dict[str, list[str]] = {}  # the same words of several domains once
    for entry in item.values():
        for reason in entry.reasons if entry.verdict in ("deny", "review") else ():
            said.setdefault(reason, []).append(entry.domain)
        if entry.verdict == "unknown" and entry.price is not None:
            why = "the price follows from its published airlock; what is left is not known"
            said.setdefault(why, []).append(entry.domain)
    notes = [f"{', '.join(dict.fromkeys(who))}: {reason}" for reason, who in said.items()]
    notes += [f"not enough for all of it together: {which}" for which in item.short_together]
    return nouns.cost(item.job, item.project, rows, "\n".join(notes))


def _verdict(entry: DomainCost) -> str:
    match entry.verdict:
        case "approve":
            return f"approved by rule {entry.rule}" if entry.rule else "approved by a rule"
        case "review":
            return f"waits for {entry.owner}"
        case "deny":
            return "would be rejected"
        case "unknown":
            return entry.problem


def _results(item: Results) -> Grid:
    rows = [
        (label, ", ".join(r), r.approved_by, r.released_by, r.bytes_out, r.facts)
        for label, r in item.items()
    ]
    notes = [f"STALE: {label}: {r.stale}; see .again()" for label, r in item.items() if r.stale]
    notes += [f"{label}: {text}" for label, text in item.missing().items()]
    return nouns.results(rows, "\n".join(notes))


def _domain_result(item: DomainResult) -> Grid:
    body = item.release["body"]
    told = {"seconds_bucket": "at most {} s", "frames": "{} frames", "workers": "{} worker(s)"}
    facts = ", ".join(
        told.get(name, "{}").format(words(value)) for name, value in item.facts.items() if value
    )
    return nouns.outputs(
        f"{item.domain} released",
        {
            **({"STALE": f"{item.stale}; see submission.again()"} if item.stale else {}),
            **{n: _in_words(v) for n, v in item.items()},
            "approved by": item.approved_by,
            "released by": item.released_by,
            **({"price": amounts.amount(item.price)} if item.price else {}),
            "facts": facts,
            "job digest": Code(body["job_digest"]),
            **({"receipt": _receipt(item.receipt)} if item.receipt else {}),
        },
    )


def _receipt(item: Receipt) -> str:
    entry, head = item.proof.entry.number, item.proof.tree_head
    return f"{item.digest}, entry {entry} of the audit log of {head.domain}"


def _in_words(value: Any) -> str:  # noqa: ANN401  # an output
    if isinstance(value, ReleasedModel):
        return f"{value.format} model, {nouns.size(len(value.data))}"
    if isinstance(value, dict):
        return ", ".join(f"{k} = {v:,.6g}" for k, v in value.items())
    return f"table of {len(value):,} rows: {', '.join(value.columns)}"


def _submissions(item: Submissions) -> Grid:
    return nouns.submissions(
        item.rows,
        {row.id: {job.label: headline(job) for job in row.jobs} for row in item.rows},
    )


def _questions(item: Questions) -> Grid:
    return nouns.questions([(n, m) for n, said in item.said.items() for m in said], [*item.open])


def _recorded(item: Recorded) -> Grid:
    where = Link(item.address) if item.address else "kept here until the run log answers"
    return nouns.facts(
        "In the run log" if item.address else "Not in the run log yet",
        {"run": where, "privacy": item.privacy},
    )


def _model(item: ReleasedModel) -> Grid:
    return nouns.facts(
        f"model {item.name} from {item.domain}",
        {"format": item.format, "size": nouns.size(len(item.data)), "digest": Code(item.digest)},
        "model.save('path') writes it to a file",
    )
