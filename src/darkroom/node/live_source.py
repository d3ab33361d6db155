"""Where live frames come from: the contract. `adapters.video` keeps it."""

from collections.abc import Iterator
from typing import Protocol

from darkroom.model.live_frame import LiveFrame


class LiveSource(Protocol):
    """A camera. One thread takes its frames."""

    def frames(self) -> Iterator[LiveFrame]:
        """Open it and give its frames until it ends; called again, it is opened anew.

        Raises:
            DarkroomError: it cannot be opened or decoded, in words without its password.
        """
        ...

    def interrupt(self) -> None:
        """End `frames` at once and for good; from any thread."""
        ...

    def recorded(self, until: float) -> None:
        """All frames up to then are on disk: the source may forget them; from any thread."""
        ...
