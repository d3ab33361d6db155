"""`GET /metrics`, `/healthz` and `/readyz` on the operator's port, and nothing else.

Without a framework: a request line, a bounded head, one answer, the end. A client that
trickles or stays is cut off; a ninth one at the same time is sent away.
"""

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from darkroom.errors import InputError, StateError


MAX_HEAD = 4096  # bytes
SECONDS = 2.0  # for a whole request
AT_ONCE = 8
STACK = 256 << 10
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
           500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip
PLAIN = "text/plain; charset=utf-8"
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What is behind the three paths.

    Attributes:
        metrics: the text for Prometheus.
        health, readiness: "" for yes, else why not, in words without private values.
    """

    metrics: Callable[[], bytes]
    health: Callable[[], str]
    readiness: Callable[[], str]


def place_of(text: str) -> Place:
    """Read `HOST:PORT`; HOST is an address, or `localhost`; IPv6 in brackets.

    Raises:
        InputError: it is something else.
    """
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    with contextlib.suppress(ValueError):
        address = "127.0.0.1" if bare == "localhost" else str(ipaddress.ip_address(bare))
        bracketed = host == f"[{bare}]"
        if bracketed == (":" in bare) and port.isdecimal() and int(port) < 1 << 16:
            return Place(address, int(port))
    raise InputError(
        f"{ascii(text)[:80]} is no place to listen at",
        next_step="write --operations ADDRESS:PORT, such as 127.0.0.1:9464 or 0.0.0.0:9464",
    )


class OperationsServer:
    """Listens from the first moment, answers once it is started."""

    def __init__(self, place: Place, answers: Answers) -> None:
        """Take the port.

        Raises:
            StateError: it is taken, or not ours.
        """
        self._answers = answers
        self._free = threading.BoundedSemaphore(AT_ONCE)
        family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((place.host, place.port))
            self._listener.listen(32)
        except OSError as error:
            self._listener.close()
            raise StateError(
                f"the operations port {place.host}:{place.port} cannot be used: {error.strerror}",
                next_step="choose another --operations, or stop what listens there",
            ) from error
        self._thread = threading.Thread(target=self._accept, name="operations", daemon=True)

    @property
    def port(self) -> int:
        """The port that was taken."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def close(self) -> None:
        """Give the port back."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        if self._thread.is_alive():
            self._thread.join(SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except ConnectionAbortedError:
                continue
            except OSError:
                return  # closed
            if not self._free.acquire(blocking=False):
                connection.close()
                continue
            try:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            except RuntimeError:  # no room for a thread
                self._free.release()
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                line = _request_line(connection)
                status, kind, body = self._answer(line)
                head = (
                    f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}\r\n"
                    f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n"
                    "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
                )
                connection.settimeout(SECONDS)
                connection.sendall(head.encode() + (b"" if line.startswith("HEAD ") else body))
        finally:
            self._free.release()

    def _answer(self, line: str) -> tuple[int, str, bytes]:
        method, _, rest = line.partition(" ")
        path, _, version = rest.partition(" ")
        if not version.startswith("HTTP/1."):
            return 400, PLAIN, b"this is no request\n"
        if method not in {"GET", "HEAD"}:
            return 405, PLAIN, b"only GET and HEAD\n"
        try:
            match path.partition("?")[0]:
                case "/metrics":
                    return 200, EXPOSITION, self._answers.metrics()
                case "/healthz":
                    return _verdict("alive", self._answers.health())
                case "/readyz":
                    return _verdict("ready", self._answers.readiness())
        except Exception as error:  # noqa: BLE001 - a probe must hear no instead of nothing
            return 500, PLAIN, f"{type(error).__name__}\n".encode()
        return 404, PLAIN, b"there is /metrics, /healthz and /readyz\n"


def _verdict(yes: str, why_not: str) -> tuple[int, str, bytes]:
    return (503, PLAIN, f"{why_not}\n".encode()) if why_not else (200, PLAIN, f"{yes}\n".encode())


def _request_line(connection: socket.socket) -> str:
    """The first line, once the whole head is there; "" when it does not come in time."""
    head = b""
    deadline = time.monotonic() + SECONDS
    while b"\r\n\r\n" not in head and b"\n\n" not in head:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            piece = connection.recv(MAX_HEAD - len(head))
        except TimeoutError:
            return ""
        if not piece:
            return ""
        head += piece
        if len(head) >= MAX_HEAD:
            return ""
    return head.split(b"\n", 1)[0].strip().decode("ascii", "replace")
