"""An epoch of a domain's state: the first, and one more after each restore from a backup."""

from dataclasses import dataclass

from darkroom.model.tree_head import FIRST_EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One epoch of a domain.

    Attributes:
        number: 1, and higher after each restore.
        opened_at: when it was opened, Unix seconds of the ledger's time. What was charged
            after the backup and before this moment is not known here.
        believed: whether the owner signed that nothing ran between the backup and the restore
            that opened it.
    """

    number: int
    opened_at: float
    believed: bool

    def closes(self, begins: float, ends: float) -> bool:
        """Whether something unknown may have been charged in a period that still runs.

        Periods that ended before `opened_at` are not asked about: the ledger's time is past
        them.
        """
        return not self.believed and begins <= self.opened_at < ends


FIRST = Epoch(number=FIRST_EPOCH, opened_at=0.0, believed=True)
