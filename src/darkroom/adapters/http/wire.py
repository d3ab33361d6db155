"""One HTTP exchange with the gateway: bounded, repeated where that helps, one error."""

import random
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from darkroom.adapters.http.answers import error_of, strange_answer
from darkroom.errors import SpecError, UnreachableError
from darkroom.model.address import is_loopback, normal_address
from darkroom.ports import Clock


TIME_HEADER = "x-darkroom-time"
ATTEMPTS = 4
BACKOFF_SECONDS = 0.15
LONGEST_PAUSE = 5.0
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 60.0
MAX_JSON_BYTES = 16 << 20
TRY_AGAIN = {429, 502, 503, 504}
LOGIN_NEEDED = 401
LATEST_TIME = 1e11  # the year 5138


@dataclass(frozen=True, slots=True)
class Ask:
    """One request.

    Every call of the gateway is idempotent, so each may be repeated; only a login, whose
    challenge counts once, is not `repeatable` after silence.
    """

    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    json: dict[str, Any] | None = None
    content: bytes | None = None
    seconds: float = ANSWER_SECONDS
    attempts: int = ATTEMPTS
    repeatable: bool = True
    max_bytes: int = MAX_JSON_BYTES


class RefusedTokenError(Exception):
    """The token is not (any longer) valid; never leaves this package."""


class Wire:
    """Connections to one gateway, kept open. Safe from several threads."""

    def __init__(
        self,
        address: str,
        clock: Clock,
        *,
        ca_file: str | None,
        proxy: str | None,
        allow_plain_http: bool,
        pause: Callable[[float], object],
    ) -> None:
        self.address = normal_address(address)
        secure = self.address.startswith("https:")
        if not (secure or allow_plain_http or is_loopback(self.address)):
            raise SpecError(
                "the gateway's address is plain http to another machine",
                next_step="use https; inside one protected network say so explicitly",
            )
        self._clock = clock
        self._pause = pause
        self._offset = 0.0
        self._client = httpx.Client(
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=4),
            headers={"accept-encoding": "identity", "user-agent": "darkroom"},
            verify=_trust(ca_file) if secure else False,
            proxy=proxy,
            trust_env=False,  # config.py is the only reader of the environment
            follow_redirects=False,
        )
        self._closed = threading.Event()

    @property
    def offset(self) -> float:
        """Gateway time minus ours, from the last answer."""
        return self._offset

    def close(self) -> None:
        """Close all connections."""
        self._closed.set()
        self._client.close()

    def exchange(self, ask: Ask, *, token: str = "") -> bytes:
        """The body of the answer to a request.

        Raises:
            UnreachableError: nobody answered, or not the gateway.
            RefusedTokenError: the token must be renewed.
            DarkroomError: what the gateway said.
        """
        for attempt in range(1, ask.attempts + 1):
            last = attempt == ask.attempts
            try:
                status, headers, body = self._once(ask, token)
            except (httpx.HTTPError, httpx.StreamError, RuntimeError) as error:
                if last or not ask.repeatable or self._closed.is_set():
                    raise self._silence(error) from error
                self._wait(attempt, "")
                continue
            if status < httpx.codes.BAD_REQUEST:
                if status >= httpx.codes.MULTIPLE_CHOICES:
                    raise strange_answer()
                return body
            if status == LOGIN_NEEDED and token:
                raise RefusedTokenError
            retry_after = headers.get("retry-after", "")
            full = status == httpx.codes.TOO_MANY_REQUESTS and not retry_after
            if last or full or status not in TRY_AGAIN:
                raise error_of(status, body)
            self._wait(attempt, retry_after)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, ask: Ask, token: str) -> tuple[int, httpx.Headers, bytes]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        with self._client.stream(
            ask.method,
            self.address + ask.path,
            params=ask.params,
            json=ask.json,
            content=ask.content,
            headers=headers,
            timeout=httpx.Timeout(ask.seconds, connect=CONNECT_SECONDS),
        ) as response:
            self._learn_time(response.headers.get(TIME_HEADER, ""))
            if response.headers.get("content-encoding", "identity") != "identity":
                raise strange_answer()
            body = bytearray()
            for piece in response.iter_raw():
                body += piece
                if len(body) > ask.max_bytes:
                    raise strange_answer()
            return response.status_code, response.headers, bytes(body)

    def _learn_time(self, text: str) -> None:
        try:
            theirs = float(text[:32])
        except ValueError:
            return
        if 0.0 < theirs < LATEST_TIME:  # also no NaN
            self._offset = theirs - self._clock.now()

    def _wait(self, attempt: int, retry_after: str) -> None:
        try:
            asked = float(retry_after[:16])
        except ValueError:
            asked = 0.0
        if not asked >= 0.0:  # also NaN, which nobody can sleep for
            asked = 0.0
        backoff = BACKOFF_SECONDS * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads clients, hides nothing
        self._pause(min(max(asked, backoff), LONGEST_PAUSE))

    def _silence(self, error: Exception) -> UnreachableError:
        return UnreachableError(
            f"the gateway {self.address} did not answer ({type(error).__name__})",
            next_step="check the network and that the gateway runs; nothing is lost,"
            " the same call can be made again",
        )


def _trust(ca_file: str | None) -> ssl.SSLContext:
    """The certificates that an https gateway may show."""
    return ssl.create_default_context(cafile=ca_file)
