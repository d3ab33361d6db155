"""Whom a job waits for, and what that person does next, in words one can pass on."""

import re
from collections.abc import Sequence

from darkroom.model.submitted import QUEUED, SENT, JobRow
from darkroom.policy.transitions import FINAL


# The domain's own words (`policy.ledger`, `policy.screening`, `policy.owner_word`).
_SPENT = re.compile(r"\bbudget .{1,400} left until (\d{4}-\d\d-\d\d)\b")
_PENDING = re.compile(r"\byour jobs wait for review here already\b")
_NO_BUDGET = re.compile(r"\bhas no budget for dataset\b")
_CHANGES = re.compile(r"^changes requested\b")
_VOID = re.compile(r"\bthe approval (has expired|is void|was withdrawn)\b")
_DECLARED = re.compile(r"^output \S+ (may have at most|needs labels|needs counts|is a )")
BEFOREHAND = "session.cost(job, datasets) says beforehand what a domain would say"


def after_rejection(reasons: Sequence[str]) -> str:
    """What somebody whose job was rejected does next."""
    spent = [day for reason in reasons for day in _SPENT.findall(reason)]
    if spent:
        return (
            f"the budget is whole again on {max(spent)}; until then declare smaller outputs, or "
            "ask its owner for more: session.cost(job, datasets) shows price and remainder"
        )

    def any_is(pattern: re.Pattern[str]) -> bool:
        return any(map(pattern.search, reasons))

    if any_is(_CHANGES):
        return "change it as they say and send it with submission.revise(job)"
    if any_is(_VOID):
        return "submit it again, and somebody decides anew"
    if any_is(_PENDING):
        return "wait for your other jobs there, or cancel some: session.jobs"
    if any_is(_NO_BUDGET):
        return "ask its owner to put a budget for the dataset into the policy"
    if any_is(_DECLARED):
        return f"declare the outputs as the reasons say; {BEFOREHAND}"
    return f"change what the reasons name, or talk to its owner; {BEFOREHAND}"


def is_finished(row: JobRow) -> bool:
    """Whether nothing more is to come for a job."""
    if row.state == "released":
        return row.collected or bool(row.problem)
    return row.state in FINAL


def advice(row: JobRow, owner: str) -> str:
    """One sentence on what happens next; "" when the job is on its way by itself."""
    domain, job_id = row.request.audience, row.request.job_id
    digest = short(row.request.job_digest)
    match row.state:
        case "screened":
            return (
                f"{domain} waits for its owner ({owner}), who reads the code and decides:  "
                f"darkroom review show {digest}   then   darkroom review approve {digest}"
            )
        case "produced":
            return (
                f"{domain} is done and waits for its owner ({owner}), who looks at the outputs "
                f"and releases them:  darkroom release show {job_id}   then   "
                f"darkroom release approve {job_id}"
            )
        case "queued":
            return f"the gateway does not answer: the job for {domain} is kept here and sent later"
        case "sent" | "released" | "running" | "received" | "approved":
            return ""
        case "rejected" | "withheld" | "failed":
            return f"{domain}: {'; '.join(row.reasons) or row.state}"
        case _:
            return ""


def headline(row: JobRow) -> str:
    """The state in a few words."""
    if row.problem:
        return "result refused"
    words = {
        QUEUED: "kept here",
        SENT: "sent",
        "received": "received",
        "screened": "waits for review",
        "approved": "approved",
        "running": "running",
        "produced": "waits for release",
        "released": "released" if row.collected else "on its way",
    }
    text = words.get(row.state, row.state)
    if row.state == "rejected" and any(map(_VOID.search, row.reasons)):
        text = "approval void"
    if row.state == "rejected" and any(map(_CHANGES.search, row.reasons)):
        text = "changes requested"
    if row.state == "running" and row.shards[1] > 1:
        text += f" {row.shards[0]}/{row.shards[1]}"
    return text


def short(digest: str) -> str:
    """The first twelve digits of a digest: enough for a person to name one."""
    return digest.removeprefix("sha256:")[:12]
