"""How much of a hostile model is read, and the word for what is too much."""

from collections.abc import Callable
from typing import Any


MAX_TABLES = 20_000  # tensors and operators
MAX_LINKS = 400_000  # tensors that operators name, entries of shapes and of scales


class RefusedModelError(Exception):
    """The model may not leave.

    Attributes:
        what: why, from a closed list of words: it goes to the submitter.
        detail: which part; for the author's own log on mock.
    """

    def __init__(self, what: str, detail: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.detail = detail


def require(condition: bool, what: str, detail: str = "") -> None:
    """Refuse the model unless the condition holds."""
    if not condition:
        raise RefusedModelError(what, detail)


class Budget:
    """What may still be read of one file, however often its parts point to one place."""

    def __init__(self) -> None:
        self._tables = MAX_TABLES
        self._links = MAX_LINKS

    def tables(self, count: int) -> int:
        """Take so many tables.

        Raises:
            RefusedModelError: there are too many.
        """
        self._tables -= count
        require(self._tables >= 0, "has too many tensors and operators")
        return count

    def numbers(self, count: int, read: Callable[[], Any]) -> list[Any]:
        """Take a vector, and read it.

        Raises:
            RefusedModelError: it is too long.
        """
        self._links -= count
        require(self._links >= 0, "has too many connections")
        return list(read().tolist()) if count else []
