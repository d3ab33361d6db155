"""Is a log the one that its signed heads vouch for? The first entry that is not, in words. Pure.

Each entry is compared with its own leaf, which tells edits by who does not know the tree; the
tree is compared with every head, which tells those by who computes all hashes anew. Signatures
of heads are checked before they come here.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from darkroom.model.audit_entry import (
    EPOCH_OPENED,
    ERASED,
    LASTING,
    AuditEntry,
    detail_digest,
    entry_leaf,
)
from darkroom.model.merkle import Growing
from darkroom.model.tree_head import FIRST_EPOCH, TreeHead, contradiction


MAX_NOTES = 16  # of one kind
NO_CHAIN = bytes(32).hex()  # of an empty ledger


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not hold.

    Attributes:
        entry: number of the first entry in doubt, of the log or of the ledger.
        what: in words.
    """

    entry: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check found.

    Attributes:
        entries: how many there are.
        heads: how many heads the log was compared with.
        vouched: how many entries the longest head that fits vouches for.
        root: hex hash over all entries up to the first damaged one.
        epoch: at the end of the log.
        findings: what does not hold, the first entry first; () for a log that is whole.
        notes: what a reader must know although nothing is wrong.
    """

    entries: int
    heads: int
    vouched: int
    root: str
    epoch: int
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Walk:
    """How far a walk over the entries came."""

    generations: Mapping[TreeHead, int] | None = None
    tree: Growing = field(default_factory=Growing)
    epoch: int = FIRST_EPOCH
    opened: dict[int, int] = field(default_factory=dict)  # epoch -> entry that opened it
    gone: set[int] = field(default_factory=set)  # entries without detail
    told: dict[int, int] = field(
        default_factory=dict
    )  # entry -> the first erasure that tells of it
    silenced: set[int] = field(default_factory=set)  # of them, those that nobody may erase
    fit: list[TreeHead] = field(default_factory=list)
    unfit: list[tuple[int, TreeHead]] = field(default_factory=list)  # with the first in doubt

    def vouches(self, head: TreeHead) -> bool:
        """Whether a head that fits says anything for the log."""
        return self.generations is None or head in self.generations

    def is_later(self, one: TreeHead, other: TreeHead) -> bool:
        """Whether the keys of one took over from those of the other."""
        if self.generations is None or one not in self.generations:
            return False
        return other not in self.generations or self.generations[one] > self.generations[other]


def check(
    entries: Iterable[tuple[AuditEntry, bytes]],
    heads: Sequence[TreeHead],
    *,
    chain: Callable[[int], str | None],
    generations: Mapping[TreeHead, int] | None = None,
) -> Verdict:
    """Compare a log with the heads that are known of it.

    Args:
        entries: in the order in which they lie, each with the leaf that lies with it.
        heads: of this domain, their signatures checked, from wherever they are known.
        chain: number of an entry of the ledger -> its hex hash, None when there is none.
        generations: head -> a number that is higher for keys that took over from others. A head
            that is not in it was signed with keys that were given up: it shows what contradicts
            it and vouches for nothing. None: all were signed with the same keys.
    """
    by_size = sorted(set(heads), key=lambda head: head.size)
    walk, damage = _Walk(generations=generations), None
    waiting = iter(by_size)
    head = _compare(walk, next(waiting, None), waiting)  # heads of an empty log
    for entry, leaf in entries:
        damage = _step(walk, entry, leaf)
        if damage is not None:
            break
        head = _compare(walk, head, waiting)
    left = [] if head is None else [head, *waiting]
    found = [damage] if damage is not None else []
    notes: list[str] = []
    if damage is None:
        found += _tail(walk, left, notes)
        untold = walk.gone - walk.told.keys()
        found += [_gone(walk, n) for n in sorted(untold | walk.silenced)[:1]]
    # A head that does not fit says less than the damaged entry itself, if that comes first.
    found += [_unfit(walk, first, head) for first, head in walk.unfit]
    found += _forks(by_size)
    found.sort(key=lambda finding: finding.entry)
    found += _ledger(walk.fit, chain)
    vouched = max((head.size for head in walk.fit), default=0)
    notes += [
        f"what entry {n} said was erased, and entry {by}, which tells so, nobody vouches for yet"
        for n, by in sorted(walk.told.items())
        if n in walk.gone and n <= vouched < by
    ][:MAX_NOTES]
    return Verdict(
        entries=walk.tree.size,
        heads=len(by_size),
        vouched=vouched,
        root=walk.tree.root.hex(),
        epoch=walk.epoch,
        findings=tuple(found),
        notes=tuple(notes),
    )


def _step(walk: _Walk, entry: AuditEntry, kept: bytes) -> Finding | None:
    """Take one entry in, or say why it is none."""
    expected = walk.tree.size + 1
    if entry.number != expected:
        if entry.number > expected:
            return Finding(
                expected, f"entry {expected} is missing: {entry.number} lies in its place"
            )
        return Finding(expected, f"entry {entry.number} lies in the place of entry {expected}")
    leaf = entry_leaf(expected, entry.at, entry.event, entry.job_id, entry.digest)
    if leaf != kept:
        return Finding(expected, f"entry {expected} was changed: it does not fit its hash")
    if entry.detail is None or entry.salt is None:
        walk.gone.add(expected)
        if entry.event in LASTING:
            walk.silenced.add(expected)
    elif detail_digest(bytes.fromhex(entry.salt), entry.detail).hex() != entry.digest:
        return Finding(
            expected, f"entry {expected} was changed: its detail does not fit its digest"
        )
    elif entry.event in (ERASED, EPOCH_OPENED):
        _heed(walk, entry)
    walk.tree.push(leaf)
    return None


def _gone(walk: _Walk, number: int) -> Finding:
    if number in walk.silenced:
        why = "it told of an erasure or a restore, and such an entry is never erased"
    else:
        why = "no entry tells of an erasure"
    return Finding(number, f"what entry {number} said is gone, and {why}")


def _heed(walk: _Walk, entry: AuditEntry) -> None:
    try:
        detail = json.loads(entry.detail or "")
        if entry.event == ERASED:
            for number in detail["numbers"]:
                if number < entry.number:
                    walk.told.setdefault(number, entry.number)
        elif type(detail["epoch"]) is int and detail["epoch"] > walk.epoch:
            walk.epoch = detail["epoch"]
            walk.opened[walk.epoch] = entry.number
    except (ValueError, KeyError, TypeError, RecursionError):
        return  # it tells of nothing; what it should have told of shows


def _compare(walk: _Walk, head: TreeHead | None, waiting: Iterator[TreeHead]) -> TreeHead | None:
    """Compare the heads of the size that was reached; the next one."""
    if head is None or head.size > walk.tree.size:
        return head
    root = walk.tree.root.hex()
    while head is not None and head.size == walk.tree.size:
        if head.root == root and head.epoch == walk.epoch:
            walk.fit += [head] if walk.vouches(head) else []
        else:
            last = max((fit.size for fit in walk.fit if fit.size < head.size), default=0)
            walk.unfit.append((last + 1, head))
        head = next(waiting, None)
    return head


def _lost(walk: _Walk, head: TreeHead) -> int:
    """The entry from which on a head tells of what a restore gave up; 0 for none.

    The entry that opened the later epoch must be vouched for itself: anybody can write one. And
    with later keys, as a restore always makes new ones: those before may have been stolen.
    """
    later = [
        number
        for epoch, number in walk.opened.items()
        if epoch > head.epoch
        and number <= head.size
        and any(
            fit.epoch >= epoch and fit.size >= number and walk.is_later(fit, head)
            for fit in walk.fit
        )
    ]
    return min(later, default=0)


def _tail(walk: _Walk, left: list[TreeHead], notes: list[str]) -> list[Finding]:
    """Heads of more entries than there are."""
    given_up: dict[int, tuple[int, int]] = {}
    kept = []
    for first, head in walk.unfit:
        if lost := _lost(walk, head):
            given_up[head.epoch] = (lost, max(head.size, given_up.get(head.epoch, (0, 0))[1]))
        else:
            kept.append((first, head))
    walk.unfit = kept
    missing = []
    for head in left:
        if lost := _lost(walk, head):
            given_up[head.epoch] = (lost, max(head.size, given_up.get(head.epoch, (0, 0))[1]))
        else:
            missing.append(head)
    notes += [
        f"entries {first} to {last} of epoch {epoch} were lost when a backup was restored"
        for epoch, (first, last) in sorted(given_up.items())
    ]
    first_missing = walk.tree.size + 1
    return [
        Finding(
            first_missing,
            f"entry {first_missing} is missing: a signed head vouches for {head.size} entries",
        )
        for head in missing[-1:]
    ]


def _unfit(walk: _Walk, first: int, head: TreeHead) -> Finding:
    last = head.size
    which = f"entry {first} is" if first == last else f"entries {first} to {last} are"
    what = f"{which} not what the signed head of size {last} vouches for: the first in doubt is {first}"
    after = [fit for fit in walk.fit if fit.size > last and fit.epoch == head.epoch]
    if after:
        what = (
            f"fork: the heads of size {last} (root {head.root[:16]}) and {after[0].size} "
            f"(root {after[0].root[:16]}) are both signed, and one log cannot have had both; "
            f"the first entry in doubt is {first}"
        )
    return Finding(max(1, first), what)


def _forks(by_size: Sequence[TreeHead]) -> list[Finding]:
    """Heads that contradict one another, whatever the log says."""
    found = []
    in_order = sorted(by_size, key=lambda head: (head.epoch, head.size, head.ledger.number))
    for one, other in itertools.pairwise(in_order):
        if why := contradiction(one, other):
            found.append(
                Finding(
                    max(1, min(one.size, other.size)),
                    f"fork: {why}; both are signed: root {one.root[:16]} at {one.at:.0f}, "
                    f"root {other.root[:16]} at {other.at:.0f}",
                )
            )
    return found[:1]


def _ledger(fit: Iterable[TreeHead], chain: Callable[[int], str | None]) -> list[Finding]:
    """The first mark of the ledger that does not hold."""
    for head in sorted(fit, key=lambda head: (head.ledger.number, head.size)):
        number = head.ledger.number
        found = chain(number) if number else NO_CHAIN
        if found is None:
            return [
                Finding(number, f"entry {number} of the ledger is missing: a signed head has it")
            ]
        if found != head.ledger.chain:
            what = f"the ledger up to entry {number} is not what a signed head vouches for"
            return [Finding(number, what)]
    return []
