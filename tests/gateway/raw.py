"""Requests that no well-behaved client makes."""

import socket
from typing import Self

import httpx


class Raw:
    """Plain HTTP to a gateway, with or without the token of a relay client."""

    def __init__(self, address: str, relay=None) -> None:
        token = relay._current_token() if relay else ""
        self._client = httpx.Client(
            base_url=address,
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=20,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def __call__(self, method: str, path: str, **more) -> httpx.Response:
        return self._client.request(method, path, **more)


def send_bytes(address: str, data: bytes, *, half_close: bool = True) -> bytes:
    """Write bytes to a gateway's socket; what comes back until it closes.

    Without `half_close` the gateway must be the one that hangs up.
    """
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer
