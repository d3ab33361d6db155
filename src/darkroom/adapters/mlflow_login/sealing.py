"""What a browser keeps for MLflow: sealed, dated, of use for one purpose."""

import base64
import json

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


MOST_BYTES = 4096  # what a browser keeps of a cookie


class Seal:
    """Seals small texts with keys that are made from one secret, a key for each purpose."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def close(self, purpose: str, values: dict[str, str]) -> str:
        """Seal values; nobody else can read or make them."""
        return self._box(purpose).encrypt(json.dumps(values).encode()).decode()

    def open(self, purpose: str, sealed: str, *, seconds: int) -> dict[str, str] | None:
        """What was sealed for that purpose in the last `seconds`, or None."""
        if len(sealed) > MOST_BYTES or not sealed.isascii():
            return None
        try:
            values = json.loads(self._box(purpose).decrypt(sealed.encode(), ttl=seconds))
        except InvalidToken:
            return None
        return {str(name): str(value) for name, value in values.items()}

    def _box(self, purpose: str) -> Fernet:
        key = HKDF(SHA256(), 32, salt=None, info=f"darkroom mlflow {purpose}".encode())
        return Fernet(base64.urlsafe_b64encode(key.derive(self._secret)))
