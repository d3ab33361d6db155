"""A cut link drops what is open and refuses what is new, and works again afterwards."""

import socket
import threading
from contextlib import closing

import pytest

from darkroom.bootstrap.local_stack import LOOPBACK
from tests.soak.link import Link, Loop


@pytest.fixture
def echo():
    """A server that says back what it hears; its port."""
    server = socket.create_server((LOOPBACK, 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with closing(connection):
                while data := connection.recv(1024):
                    connection.sendall(data)

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def test_a_link_is_cut_and_restored(echo):
    loop = Loop()
    link = Link(loop, echo)

    def dial():
        return closing(socket.create_connection((LOOPBACK, link.port), timeout=10))

    try:
        with dial() as way:
            way.sendall(b"hello")
            assert way.recv(5) == b"hello"
            link.cut()
            assert way.recv(5) == b""
            with pytest.raises(ConnectionRefusedError):
                dial()
        link.restore()
        with dial() as way:
            way.sendall(b"again")
            assert way.recv(5) == b"again"
    finally:
        link.cut()
        loop.close()
