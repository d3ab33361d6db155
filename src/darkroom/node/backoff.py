"""How long to rest before something is tried again."""

from dataclasses import dataclass


FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0


@dataclass(kw_only=True)
class Backoff:
    """Pauses that double, up to a minute."""

    pause: float = 0.0

    def next(self) -> float:
        """The next pause in seconds."""
        self.pause = min(LONGEST_PAUSE, self.pause * 2) or FIRST_PAUSE
        return self.pause

    def reset(self) -> None:
        """It worked."""
        self.pause = 0.0
