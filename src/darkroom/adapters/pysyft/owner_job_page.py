"""A job as its owner reads it in a notebook: who asks, what starts, and every file. Pure.

All of it was written by somebody else, so nothing of it becomes markup. What starts comes
first; `run.sh`, which nothing runs, comes last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from darkroom.adapters.pysyft.submitted_folder import CONFIG, LAUNCHER


_FACTS = ("job_digest", "dataset", "dataset_version", "tier", "environment", "outputs", "limits")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """What is on the page.

    Attributes:
        name, submitter, status, reason: of the job.
        facts: what Darkroom knows of it.
        entrypoint: path of the file that starts; "" if none of these does.
        texts: path -> text of every file.
    """

    name: str
    submitter: str
    status: str
    reason: str
    facts: Mapping[str, Any]
    entrypoint: str
    texts: Mapping[str, str]


def page_line(page: JobPage) -> str:
    """For a prompt."""
    starts = page.entrypoint or "nothing that is shown here"
    return (
        f"{page.name} ({page.status}) of {page.submitter}: starts {starts}, "
        f"{len(page.texts)} files, {page.facts.get('job_digest', 'no digest')}"
    )


def page_html(page: JobPage) -> str:
    """For a notebook."""
    rows = {"name": page.name, "submitted by": page.submitter, "status": page.status}
    rows |= {"reason": page.reason} if page.reason else {}
    rows["entry point"] = page.entrypoint or "none of these files; see darkroom review show"
    rows |= {name.replace("_", " "): _said(page.facts.get(name)) for name in _FACTS}
    rows["files"] = ", ".join(_in_order(page))
    table = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(value)}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table>{table}</table>" + "".join(
        f"<details{' open' if path != CONFIG else ''}><summary>{escape(_title(page, path))}"
        f"</summary><pre>{escape(page.texts[path])}</pre></details>"
        for path in _in_order(page)
    )


def _in_order(page: JobPage) -> list[str]:
    last = (LAUNCHER, CONFIG)
    return sorted(page.texts, key=lambda path: (path in last, path != page.entrypoint, path))


def _title(page: JobPage, path: str) -> str:
    if path == page.entrypoint:
        return f"{path} (this is what starts)"
    return f"{path} (nothing runs it)" if path == LAUNCHER else path


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_said(inner)}" for name, inner in value.items())
    return "" if value is None else str(value)
