"""The flag: 2,048 random bits, and the one way to write them down."""

import base64
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from darkroom.errors import StateError


FLAG_BYTES = 256
FLAG_BITS = 8 * FLAG_BYTES


@dataclass(frozen=True, slots=True)
class Flag:
    """What is to be captured.

    Attributes:
        secret: 256 bytes of the system's randomness.
    """

    secret: bytes = field(repr=False)

    @classmethod
    def draw(cls) -> "Flag":
        """A new one."""
        return cls(secrets.token_bytes(FLAG_BYTES))

    @property
    def text(self) -> str:
        """As a player hands it in: `flag{` base 32 without padding `}`."""
        return f"flag{{{base64.b32encode(self.secret).decode().rstrip('=').lower()}}}"

    def is_(self, text: str) -> bool:
        """Whether that is the flag, to the last character, in a time that does not tell."""
        return hmac.compare_digest(text.encode(), self.text.encode())

    def save(self, path: Path) -> None:
        """Keep it for the scorer, for nobody else to read; never over another one."""
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            json.dump({"secret": self.secret.hex()}, file)

    @classmethod
    def load(cls, path: Path) -> "Flag":
        """The flag of a game.

        Raises:
            StateError: there is no game in that folder.
        """
        try:
            return cls(bytes.fromhex(json.loads(path.read_text())["secret"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateError(
                f"there is no game in {path.parent}", next_step="start one: make ctf"
            ) from error
