"""Trees of the audit log, whole, as no code of ours ever needs them."""

from collections.abc import Iterable

from darkroom.model.merkle import Growing


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over hashes of leaves."""
    tree = Growing()
    for leaf in leaves:
        tree.push(leaf)
    return tree.root
