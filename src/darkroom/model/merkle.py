"""The hash tree of the audit log: RFC 9162 §2.1 (the same tree as RFC 6962). Pure.

Leaf `i` of a tree has index `i` from 0. A subtree that is complete never changes again; it is
named by its level and place: `(level, i)` holds the leaves from `i * 2**level` on, and
`(0, i)` is the leaf itself. All that a proof needs is made of complete ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256


EMPTY = sha256().digest()  # the root of a tree without leaves
HASH_BYTES = 32
MAX_PROOF = 64  # hashes: enough for 2**63 leaves

# (level, place) -> hash of that complete subtree
Subtree = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\0" + data).digest()


def branch_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return sha256(b"\1" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """All of a tree that is needed to let it grow and to know its root.

    Attributes:
        size: number of leaves.
        peaks: hashes of its largest complete subtrees, from left to right.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> tuple["Frontier", tuple[bytes, ...]]:
        """The frontier with one leaf more, and the subtrees that it completes.

        Args:
            leaf: the hash of the leaf.

        Returns:
            the next frontier; hashes of the subtrees of level 0, 1, 2 … that end there.
        """
        peaks, done, below = self.peaks, [leaf], self.size
        while below & 1:
            leaf = branch_hash(peaks[-1], leaf)
            done.append(leaf)
            peaks, below = peaks[:-1], below >> 1
        return Frontier(self.size + 1, (*peaks, leaf)), tuple(done)

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        return _root(self.peaks)

    def to_bytes(self) -> bytes:
        """The peaks one after the other; the size tells how many there are."""
        return b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, size: int, peaks: bytes) -> "Frontier":
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: a tree of that size has another number of peaks.
        """
        if size < 0 or len(peaks) != HASH_BYTES * size.bit_count():
            raise ValueError("the peaks do not fit the size")
        starts = range(0, len(peaks), HASH_BYTES)
        return cls(size, tuple(peaks[at : at + HASH_BYTES] for at in starts))


class Growing:
    """A tree that many leaves are put into, one after the other; in place, as that is faster.

    Attributes:
        size: number of leaves so far.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def push(self, leaf: bytes) -> None:
        """Put the hash of the next leaf in."""
        peaks, below = self._peaks, self.size
        while below & 1:
            leaf, below = sha256(b"\1" + peaks.pop() + leaf).digest(), below >> 1
        peaks.append(leaf)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root of the tree so far."""
        return _root(self._peaks)


def root_at(size: int, subtree: Subtree) -> bytes:
    """The root that a tree had when it had that many leaves."""
    return _over(0, size, subtree) if size else EMPTY


def inclusion_proof(index: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """What shows that the leaf is in the tree of that size (RFC 9162 §2.1.3.1).

    Raises:
        ValueError: that tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    proof, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_over(middle, end, subtree))
            end = middle
        else:
            proof.append(_over(start, middle, subtree))
            start = middle
    return tuple(reversed(proof))


def consistency_proof(first: int, second: int, subtree: Subtree) -> tuple[bytes, ...]:
    """What shows that the tree of `first` leaves is the beginning of that of `second`.

    RFC 9162 §2.1.4.1; nothing needs to be shown of an empty tree or of the same one.

    Raises:
        ValueError: `first` is not between 0 and `second`.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {first} is no beginning of one of {second}")
    if first in (0, second):
        return ()
    proof, start, end, known = [], 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            proof.append(_over(middle, end, subtree))
            end = middle
        else:
            proof.append(_over(start, middle, subtree))
            start, known = middle, False
    if not known:
        proof.append(_over(start, end, subtree))
    return tuple(reversed(proof))


def includes(leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that a leaf is in a tree (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size or len(proof) > MAX_PROOF:
        return False
    place, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = branch_hash(step, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = branch_hash(found, step)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def is_beginning(
    first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a proof shows that a tree only grew (RFC 9162 §2.1.4.2)."""
    if not 0 <= first <= second or len(proof) > MAX_PROOF:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY
    steps = list(proof)
    if first & (first - 1) == 0:
        steps.insert(0, first_root)
    if not steps:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = branch_hash(step, before), branch_hash(step, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = branch_hash(after, step)
        place, last = place >> 1, last >> 1
    return last == 0 and before == first_root and after == second_root


def _root(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return EMPTY
    *left, root = peaks
    for peak in reversed(left):
        root = branch_hash(peak, root)
    return root


def _split(size: int) -> int:
    """The largest power of two below `size`: how many leaves are on the left."""
    return 1 << (size - 1).bit_length() - 1


def _over(start: int, end: int, subtree: Subtree) -> bytes:
    """The hash over the leaves from `start` to before `end`, as the tree splits them."""
    size = end - start
    if size & (size - 1) == 0:  # the tree never splits into a power of two that is not aligned
        level = size.bit_length() - 1
        return subtree(level, start >> level)
    middle = start + _split(size)
    return branch_hash(_over(start, middle, subtree), _over(middle, end, subtree))
