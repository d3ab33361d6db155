"""What an event may write on the scientist's machine: the files announced for it, no others.

The engine writes whatever path an event names, below the box (attacks A17 to A17c). Here a
path is admitted when the connection itself has announced it, and only in a review folder of
ours at a datasite: never below our own address, at another owner's job, or as a permission
file.
"""

from collections.abc import Iterable

from darkroom.adapters.pysyft.submitted_folder import LAYOUT


REVIEW = ("app_data", "job", "review")
PERMISSIONS = "syft.pub.yaml"


def review_folder(datasite: str, submitter: str, job_name: str) -> str:
    """Where the state and the outputs of a job lie, below the box."""
    return "/".join((datasite, *REVIEW, submitter, LAYOUT, job_name))


class WriteFilter:
    """The engine's `pre_write_filter` of one client."""

    def __init__(self, address: str) -> None:
        """Nothing is announced yet.

        Args:
            address: our own.
        """
        self._address = address
        self._announced: frozenset[str] = frozenset()

    def announce(self, datasite: str, job_name: str, names: Iterable[str]) -> None:
        """Let these files of a job be written, beside what is announced already."""
        folder = review_folder(datasite, self._address, job_name)
        self._announced |= {f"{folder}/{name}" for name in names}

    def clear(self) -> None:
        """Announce nothing any more."""
        self._announced = frozenset()

    def __call__(self, path: str, is_delete: bool) -> bool:
        """Whether an event may touch that path, relative to the box."""
        parts = path.split("/")
        return (
            not is_delete
            and path in self._announced
            and parts[0] != self._address
            and tuple(parts[1:4]) == REVIEW
            and parts[4:6] == [self._address, LAYOUT]
            and not {"", ".", "..", PERMISSIONS} & set(parts)
        )
