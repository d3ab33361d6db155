"""A receipt and a lineage in plain words, with nothing in them that a terminal would obey."""

from collections.abc import Mapping, Sequence

from rich.text import Text
from rich.tree import Tree

from darkroom.display import amounts
from darkroom.display.nouns import size, when
from darkroom.display.visible import visible
from darkroom.model.lineage import Carried, Origin
from darkroom.model.receipt import Receipt


GROUNDS = {
    "known": "keys known here",
    "former": "keys pinned here before they were handed over",
    "chain": "keys that hand-overs lead to from those known here",
    "claimed": "keys known from this receipt alone: compare the fingerprint, or give --identity",
}


def receipt_words(
    receipt: Receipt, grounds: Mapping[str, str], *, policy_signed: bool
) -> list[tuple[str, str]]:
    """Who asked, who allowed it, on what, what left and what it cost: label and words.

    Args:
        receipt: one that holds, or is only shown.
        grounds: name -> why their signature is believed, a key of `GROUNDS`; {} when only shown.
        policy_signed: whether a signature on the policy that was applied was checked; whose it
            is, and why that is believed, is said with it.
    """
    asked, body, head = receipt.asked, receipt.release.body, receipt.proof.tree_head
    lines = [
        ("receipt", receipt.digest),
        ("domain", _signer(receipt.domain, grounds)),
        ("asked", f"{asked.submitter} ({asked.submitter_fingerprint}), project {asked.project}"),
        ("job", f"{asked.name}, tier {asked.tier}, {asked.job_id}"),
        ("code", asked.code_digest),
        ("run", f"{asked.job_digest}, parameters {asked.parameters}"),
        ("environment", f"{asked.environment.name}@{asked.environment.lock_hash}"),
        ("on", _footage(receipt)),
        *_allowed(receipt, "approved", "code", str(body["approved_by"]), grounds),
        *_allowed(receipt, "released", "output", str(body["released_by"]), grounds),
        ("policy", _policy(receipt, grounds, signed=policy_signed)),
    ]
    kinds = body["outputs"]
    for name, sha256 in receipt.left.items():
        entry = kinds[name]
        lines.append(("left", f"{name}: {entry['type']}, {size(entry['bytes'])}, {sha256}"))
    lines += [
        ("cost", amounts.amount(receipt.spent)),
        (
            "audit log",
            f"entry {receipt.proof.entry.number} of {head.size}, epoch {head.epoch}, root "
            f"{head.root}, {when(head.at)}",
        ),
        ("ledger", f"entry {head.ledger.number}, {head.ledger.chain}"),
    ]
    return [(label, visible(words)) for label, words in lines]


def _footage(receipt: Receipt) -> str:
    asked = receipt.asked
    face = "generated footage of" if asked.tier == "mock" else "private footage of"
    cameras = f", cameras {', '.join(asked.cameras)}" if asked.cameras else ""
    return f"{face} {receipt.domain}/{asked.dataset}, version {asked.dataset_version}{cameras}"


def _allowed(
    receipt: Receipt, label: str, subject: str, said: str, grounds: Mapping[str, str]
) -> list[tuple[str, str]]:
    people = [d for d in receipt.decisions if d.subject == subject]
    if not people:
        return [(label, f"by {said} of the policy")]
    return [
        (
            label,
            f"by {_signer(d.by, grounds)}, {d.fingerprint}, {when(d.at)}",
        )
        for d in people
    ]


def _signer(name: str, grounds: Mapping[str, str]) -> str:
    return f"{name} ({GROUNDS[grounds[name]]})" if name in grounds else name


def _policy(receipt: Receipt, grounds: Mapping[str, str], *, signed: bool) -> str:
    applied, in_force = receipt.applied, receipt.in_force
    later = f", then {in_force.version}" if in_force.version != applied.version else ""
    words = f"version {applied.version}{later}, {applied.digest}"
    owners = [i for i in receipt.identities if i.statement_key == applied.key]
    if not signed or not owners:
        return f"{words} (not at hand here: give --policy to check it)"
    by = owners[0]
    return f"{words} (signature checked) by {_signer(by.name, grounds)}, {by.fingerprint}"


# -------------------------------------------------------------------------------- lineage


def lineage_tree(title: str, origins: Sequence[Origin]) -> Tree:
    """Origins as a tree for a rich console."""
    root = Tree(Text(visible(title), style="bold"))
    for origin in origins:
        _grow(root, origin)
    return root


def _grow(tree: Tree, origin: Origin) -> None:
    receipt, asked = origin.receipt, origin.receipt.asked
    named = f"released by {receipt.domain}: receipt {receipt.digest}"
    if origin.told:
        tree.add(Text(visible(f"{named} (told above)"), style="dim"))
        return
    head = receipt.proof.tree_head
    at = tree.add(Text(visible(f"{named}, {when(head.at)}")))
    job = at.add(Text(visible(f"job {asked.name}, asked by {asked.submitter}, {asked.job_id}")))
    for words in (
        f"code {asked.code_digest}",
        f"environment {asked.environment.name}@{asked.environment.lock_hash}",
        _footage(receipt),
    ):
        job.add(Text(visible(words)))
    for label, subject, field in (
        ("approved", "code", "approved_by"),
        ("released", "output", "released_by"),
    ):
        for _, words in _allowed(receipt, label, subject, str(receipt.release.body[field]), {}):
            job.add(Text(visible(f"{label} {words}")))
    job.add(
        Text(visible(f"policy {receipt.applied.version}, cost {amounts.amount(receipt.spent)}"))
    )
    for carried in origin.carried:
        _grow_carried(job, carried)


def _grow_carried(tree: Tree, carried: Carried) -> None:
    words = f"carried {carried.path} {carried.sha256}"
    if not carried.made_by:
        tree.add(Text(visible(f"{words}: no release known here made it"), style="yellow"))
        return
    at = tree.add(Text(visible(words)))
    for origin in carried.made_by:
        _grow(at, origin)
