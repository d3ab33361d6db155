"""The content of an envelope, bound to what its sender signs.

SYC signs the prelude and not the content: whoever has the *recipient's* sealing keys could put
other content under a true sender's signature. So the signed prelude names the hash of the
content, and nothing counts that does not fit it.
"""

import hashlib
import hmac
import secrets
from typing import Any


SALT_BYTES = 32  # who sees the hash cannot try guesses at the content


def committed(plaintext: bytes) -> tuple[bytes, str]:
    """What is sealed in the place of a plaintext, and what the prelude says of it."""
    content = secrets.token_bytes(SALT_BYTES) + plaintext
    return content, hashlib.sha256(content).hexdigest()


def redeemed(content: bytes, said: Any) -> bytes | None:
    """The plaintext; None when the signed prelude speaks of another content, or of none."""
    fits = isinstance(said, str) and hmac.compare_digest(
        said.encode(), hashlib.sha256(content).hexdigest().encode()
    )
    return content[SALT_BYTES:] if fits and len(content) >= SALT_BYTES else None
