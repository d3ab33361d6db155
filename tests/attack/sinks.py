"""Listeners of this machine on everything that a job could try to reach."""

import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Self


UNIX = ("abstract", "abstract datagram", "path", "path datagram")


class Sinks:
    """Open sockets, and what arrived at them.

    Attributes:
        addresses: name -> where a job would connect, as JSON holds it.
    """

    def __init__(self, folder: Path) -> None:
        hidden = secrets.token_hex(6)
        stream, packets = socket.SOCK_STREAM, socket.SOCK_DGRAM
        self._sockets: dict[str, socket.socket] = {}
        self.addresses: dict[str, Any] = {}
        for name, family, kind, address in [
            ("tcp", socket.AF_INET, stream, ("127.0.0.1", 0)),
            ("udp", socket.AF_INET, packets, ("127.0.0.1", 0)),
            ("any", socket.AF_INET, packets, ("0.0.0.0", 0)),
            ("tcp6", socket.AF_INET6, stream, ("::1", 0)),
            ("udp6", socket.AF_INET6, packets, ("::1", 0)),
            ("abstract", socket.AF_UNIX, stream, f"\0a{hidden}"),
            ("abstract datagram", socket.AF_UNIX, packets, f"\0b{hidden}"),
            ("path", socket.AF_UNIX, stream, str(folder / "s")),
            ("path datagram", socket.AF_UNIX, packets, str(folder / "d")),
        ]:
            with suppress(OSError):  # this host has no IPv6
                self._listen(name, family, kind, address)
        for name in ("s", "d"):
            (folder / name).chmod(0o777)

    def _listen(self, name: str, family: int, kind: int, address: Any) -> None:
        sink = socket.socket(family, kind)
        self._sockets[name] = sink
        sink.bind(address)
        if kind == socket.SOCK_STREAM:
            sink.listen()
        sink.setblocking(False)
        bound = sink.getsockname()
        if isinstance(bound, tuple):
            bound = list(bound)[:2]
        self.addresses[name] = bound.decode() if isinstance(bound, bytes) else bound

    def received(self) -> dict[str, bytes]:
        """Name -> bytes of each sink that something reached since the last look."""
        reached: dict[str, bytes] = {}
        for name, sink in self._sockets.items():
            with suppress(OSError):
                while True:  # until nothing waits any more
                    if sink.type == socket.SOCK_STREAM:
                        with sink.accept()[0] as one:
                            one.settimeout(0.2)
                            data = one.recv(4096)
                    else:
                        data = sink.recv(4096)
                    reached[name] = reached.get(name, b"") + data
        return reached

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sink in self._sockets.values():
            sink.close()
