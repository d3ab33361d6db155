"""Receipts side by side, one in plain words, and where something came from: as tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from darkroom.display import amounts
from darkroom.display.grid import Code, Grid
from darkroom.display.nouns import facts, size, when
from darkroom.display.receipt_page import receipt_words
from darkroom.display.visible import visible
from darkroom.model.lineage import Carried, Origin
from darkroom.model.receipt import Receipt


def receipt_sentence(receipt: Receipt) -> str:
    """A receipt in one breath."""
    asked, body = receipt.asked, receipt.release.body
    kinds = body["outputs"]
    left = ", ".join(
        f"{name} ({kinds[name]['type']}, {size(kinds[name]['bytes'])})" for name in receipt.left
    )
    footage = "generated footage" if asked.tier == "mock" else "private footage"
    return visible(
        f"{asked.submitter} asked to run {asked.name} on {footage} of "
        f"{receipt.domain}/{asked.dataset}. {body['approved_by']} approved the code, "
        f"{body['released_by']} let the outputs go. What left: {left}. "
        f"It cost {amounts.amount(receipt.spent)}."
    )


def receipt_facts(receipt: Receipt, grounds: Mapping[str, str], *, policy_signed: bool) -> Grid:
    """A receipt that holds: all that it says, and why each signature is believed."""
    lines = receipt_words(receipt, grounds, policy_signed=policy_signed)
    return Grid(title=receipt_sentence(receipt), columns=("", ""), rows=lines)


def refused_receipt(source: str, why: str) -> Grid:
    """One that does not."""
    return facts("This receipt does not hold", {"file": source, "why": why})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A receipt among others.

    Attributes:
        source: the name of its file.
        receipt: None where there is none to read.
        why: it does not hold; "" for one that does.
        claimed: whose keys are known from it alone.
    """

    source: str
    receipt: Receipt | None = None
    why: str = ""
    claimed: str = ""


def receipts(rows: Sequence[Row], note: str = "") -> Grid:
    """Receipts side by side."""
    broken = sum(bool(row.why) for row in rows)
    title = f"{len(rows)} receipts, " + (f"{broken} of them DO NOT HOLD" if broken else "all hold")
    return Grid(
        title=title,
        columns=(
            "left (UTC)", "asked by", "job", "footage", "what left", "cost",
            "approved, released", "log entry", "checked",
        ),
        rows=[_receipt_row(row) for row in rows],
        note=note,
    )  # fmt: skip


def _receipt_row(row: Row) -> tuple[object, ...]:
    if row.why:
        said = row.why.removeprefix("the receipt does not hold: ")
        verdict = f"{row.source} DOES NOT HOLD: {said}"
    else:
        verdict = f"holds; keys of {row.claimed} from it alone" if row.claimed else "holds"
    if row.receipt is None:
        return ("", "", "", "", "", "", "", None, verdict)
    receipt, asked, body = row.receipt, row.receipt.asked, row.receipt.release.body
    approved, released = str(body["approved_by"]), str(body["released_by"])
    return (
        when(receipt.proof.tree_head.at), asked.submitter, asked.name,
        f"{receipt.domain}/{asked.dataset}", ", ".join(receipt.left), _cost(receipt),
        approved if approved == released else f"{approved}, {released}",
        receipt.proof.entry.number, verdict,
    )  # fmt: skip


def _cost(receipt: Receipt) -> str:
    return amounts.amount(receipt.spent).removeprefix("1 release, ")  # each is one


# -------------------------------------------------------------------------------- lineage


def lineage(title: str, origins: Sequence[Origin]) -> tuple[Grid, ...]:
    """A model, or what else left, back to footage, code and people: one table a release."""
    order: dict[str, Origin] = {}
    for origin in origins:
        _in_order(origin, order)
    numbers = {digest: number for number, digest in enumerate(order, 1)}
    roots = [f"release {numbers[o.receipt.digest]}" for o in origins]
    first = facts(title, {"left with": ", ".join(dict.fromkeys(roots)) or "no release known here"})
    return first, *(_release(origin, numbers) for origin in order.values())


def _in_order(origin: Origin, order: dict[str, Origin]) -> None:
    if origin.told:
        return
    order.setdefault(origin.receipt.digest, origin)
    for carried in origin.carried:
        for maker in carried.made_by:
            _in_order(maker, order)


def _release(origin: Origin, numbers: Mapping[str, int]) -> Grid:
    receipt, asked, body = origin.receipt, origin.receipt.asked, origin.receipt.release.body
    head = receipt.proof.tree_head
    entry = f"entry {receipt.proof.entry.number} of the log of {receipt.domain}, {when(head.at)}"
    face = "generated" if asked.tier == "mock" else "private"
    cameras = f", cameras {', '.join(asked.cameras)}" if asked.cameras else ""
    rows: list[tuple[object, ...]] = [
        ("footage", f"{face}, {receipt.domain}/{asked.dataset}{cameras}", Code(asked.dataset_version)),
        ("code", f"{asked.name}, asked by {asked.submitter}, project {asked.project}", Code(asked.code_digest)),
        ("environment", asked.environment.name, Code(asked.environment.lock_hash)),
        *(_carried(carried, numbers) for carried in origin.carried),
        *_said_yes(receipt, "approved", "code", str(body["approved_by"])),
        *_said_yes(receipt, "released", "output", str(body["released_by"])),
        ("policy", f"version {receipt.applied.version}", Code(receipt.applied.digest)),
        ("left", entry, Code(receipt.digest)),
        *(("", f"{name}: {body['outputs'][name]['type']}", Code(sha256)) for name, sha256 in receipt.left.items()),
        ("cost", amounts.amount(receipt.spent), ""),
    ]  # fmt: skip
    return Grid(
        title=f"Release {numbers[receipt.digest]}: {asked.name} on {receipt.domain}",
        columns=("", "what", "SHA-256"),
        rows=rows,
    )


def _carried(carried: Carried, numbers: Mapping[str, int]) -> tuple[object, ...]:
    makers = [f"release {numbers[o.receipt.digest]}" for o in carried.made_by]
    origin = (
        f"from {', '.join(makers)}" if makers else "brought along; no release known here made it"
    )
    return ("carried", f"{carried.path}: {origin}", Code(carried.sha256))


def _said_yes(
    receipt: Receipt, label: str, subject: str, said: str
) -> Iterable[tuple[object, ...]]:
    people = [d for d in receipt.decisions if d.subject == subject]
    if not people:
        return [(label, f"by {said} of the policy", "")]
    return [
        (label, f"by {d.by}, {when(d.at)}, with the key on the right", Code(d.fingerprint))
        for d in people
    ]
