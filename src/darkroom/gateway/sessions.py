"""Challenges and tokens, both on the gateway's own monotonic clock.

A nonce is stateless until it is used, so that strangers cannot fill memory; a token is 32
random bytes of which only the hash is kept, in memory: a restart ends all sessions, and
clients log in again by themselves (docs/decisions/gateway-tokens.md).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from darkroom.errors import TrustError
from darkroom.gateway.answers import LoginNeededError
from darkroom.ports import Clock


TOKENS_PER_NAME = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who a token stands for: a name *and* the keys it was proven with."""

    name: str
    fingerprint: str
    ends: float


class Sessions:
    """Used from the event loop only."""

    def __init__(self, clock: Clock, *, token_seconds: float, nonce_seconds: float) -> None:
        self._clock = clock
        self.token_seconds = token_seconds
        self.nonce_seconds = nonce_seconds
        self._secret = secrets.token_bytes(32)
        self._used: dict[str, float] = {}
        self._tokens: dict[bytes, Session] = {}

    # ----------------------------------------------------------------------- challenges

    def challenge(self) -> str:
        """A fresh nonce to sign."""
        ends = self._clock.monotonic() + self.nonce_seconds
        body = f"{ends * 1000:.0f}.{secrets.token_hex(16)}"
        return f"{body}.{self._mac(body)}"

    def require_open(self, nonce: str) -> None:
        """The nonce is ours, not used and not too old. Cheap: it comes first.

        Raises:
            TrustError: otherwise.
        """
        body, _, mac = nonce.rpartition(".")
        ours = nonce.isascii() and hmac.compare_digest(mac, self._mac(body))
        if not ours or nonce in self._used or self._end(nonce) <= self._clock.monotonic():
            raise TrustError(
                "this challenge is not open: used, too old, or not of this gateway",
                next_step="ask for a new challenge and sign that one",
            )

    def use(self, nonce: str) -> None:
        """Take an open nonce out of the game.

        Raises:
            TrustError: somebody was faster.
        """
        self.require_open(nonce)
        now = self._clock.monotonic()
        self._used = {n: end for n, end in self._used.items() if end > now}
        self._used[nonce] = self._end(nonce)

    def _mac(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), hashlib.sha256).hexdigest()

    @staticmethod
    def _end(nonce: str) -> float:
        return int(nonce.partition(".")[0]) / 1000

    # --------------------------------------------------------------------------- tokens

    def open(self, name: str, fingerprint: str) -> str:
        """A token for an identity that has just proven its key."""
        now = self._clock.monotonic()
        self._tokens = {h: s for h, s in self._tokens.items() if s.ends > now}
        own = [h for h, s in self._tokens.items() if s.name == name]
        for oldest in own[: max(0, len(own) - TOKENS_PER_NAME + 1)]:
            del self._tokens[oldest]
        token = secrets.token_urlsafe(32)
        self._tokens[self._hash(token)] = Session(
            name=name, fingerprint=fingerprint, ends=now + self.token_seconds
        )
        return token

    def session(self, token: str) -> Session:
        """Whose token this is.

        Raises:
            LoginNeededError: unknown, or over.
        """
        session = self._tokens.get(self._hash(token))
        if session is None or session.ends <= self._clock.monotonic():
            raise LoginNeededError
        return session

    @staticmethod
    def _hash(token: str) -> bytes:
        return hashlib.sha256(token.encode(errors="replace")).digest()
