"""From the login page to a running cell, through the real proxy, Hub and kernel."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import websocket

from darkroom.adapters.jupyterhub_config import password_holds, write_passwords


ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "src/darkroom/adapters/jupyterhub_config.py"
PROXY = ROOT / "build/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
PASSWORDS = {"alice": "a-generated-one", "bob": "another"}

pytestmark = [pytest.mark.hub, pytest.mark.slow]


def free_ports(count: int) -> list[str]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Hub of its own and yield its address; afterwards nothing of it is left."""
    if not PROXY.is_file():
        pytest.skip("the proxy is not in build/ (make setup puts it there where npm answers)")
    folder = tmp_path_factory.mktemp("hub")
    notebooks = folder / "originals"
    notebooks.mkdir()
    (notebooks / "00.ipynb").write_text(
        '{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}'
    )
    write_passwords(folder / "passwords.json", PASSWORDS)
    port, api, control = free_ports(3)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "DARKROOM_HUB_STATE": str(folder / "state"),
        "DARKROOM_HUB_PASSWORDS": str(folder / "passwords.json"),
        "DARKROOM_HUB_NOTEBOOKS": str(notebooks),
        "DARKROOM_HUB_PROXY": str(PROXY),
        "DARKROOM_HUB_PORT": port,
        "DARKROOM_HUB_API_PORT": api,
        "DARKROOM_HUB_PROXY_PORT": control,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "NOT_FOR_USERS": "a secret of the operator",
    }
    with (folder / "hub.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(CONFIG)],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(300):
                assert process.poll() is None, (folder / "hub.log").read_text()
                try:
                    if httpx.get(f"{address}/hub/health").status_code == 200:
                        break
                except httpx.HTTPError:
                    pass
                time.sleep(0.2)
            else:
                pytest.fail((folder / "hub.log").read_text())
            yield address
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def client(hub: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hub, timeout=30) as client:
        yield client


def log_in(client: httpx.Client, user: str, password: str) -> int:
    page = client.get("/hub/login").text
    found = re.search(r'name="_xsrf" value="([^"]+)"', page)
    assert found
    form = {"username": user, "password": password, "_xsrf": found.group(1)}
    return client.post("/hub/login", data=form).status_code


def run_cell(hub: str, client: httpx.Client, user: str, code: str) -> str:
    """Run one cell as the Lab does: a kernel, a socket, messages until it is idle."""
    base = f"/user/{user}/"
    token = client.cookies.get("_xsrf", path=base)
    headers = {"X-XSRFToken": token or ""}
    kernel = client.post(f"{base}api/kernels", headers=headers).json()["id"]
    request = httpx.Request("GET", f"{hub}{base}")
    client.cookies.set_cookie_header(request)
    connection = websocket.create_connection(
        f"{hub.replace('http', 'ws')}{base}api/kernels/{kernel}/channels",
        cookie=request.headers["cookie"],
        origin=hub,
        timeout=60,
    )
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "s"}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": {"code": code}}
    connection.send(json.dumps({**message, "channel": "shell"}))
    printed = ""
    try:
        while True:
            answer = json.loads(connection.recv())
            if answer["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            if answer["msg_type"] in {"stream", "error"}:
                printed += answer["content"].get("text") or str(answer["content"])
            if answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
                return printed
    finally:
        connection.close()
        client.delete(f"{base}api/kernels/{kernel}", headers=headers)


@pytest.mark.parametrize(
    ("user", "password"),
    [("alice", "wrong"), ("alice", PASSWORDS["bob"]), ("mallory", "wrong"), ("alice", "")],
    ids=["wrong", "another user's", "unknown user", "empty"],
)
def test_login_is_refused(client: httpx.Client, user: str, password: str) -> None:
    assert log_in(client, user, password) == 403


def test_from_login_to_a_cell(hub: str, client: httpx.Client) -> None:
    assert log_in(client, "alice", PASSWORDS["alice"]) == 302
    client.follow_redirects = True
    client.get("/hub/spawn")
    for _ in range(200):
        page = client.get("/user/alice/")
        if page.url.path.startswith("/user/alice/lab"):
            break
        time.sleep(0.3)

    files = [item["name"] for item in client.get("/user/alice/api/contents").json()["content"]]
    printed = run_cell(
        hub,
        client,
        "alice",
        "import os, sys, darkroom\n"
        "for name in ('DARKROOM_HOME', 'MLFLOW_TRACKING_URI', 'NOT_FOR_USERS'):\n"
        "    print(os.environ.get(name))\n"
        "print(sys.prefix)\n",
    )
    home, run_log, secret, prefix = printed.split()

    assert page.url.path.startswith("/user/alice/lab")
    assert files == ["00.ipynb"]
    assert home.endswith("/state/users/alice")
    assert (run_log, secret, prefix) == ("http://127.0.0.1:9", "None", sys.prefix)
    client.follow_redirects = False
    assert client.get("/user/bob/api/contents").status_code in {302, 403}


def test_password_file(tmp_path: Path) -> None:
    path = tmp_path / "passwords.json"
    write_passwords(path, PASSWORDS)
    write_passwords(path, PASSWORDS)  # again is fine: new salts

    assert path.stat().st_mode & 0o777 == 0o600
    assert not any(password in path.read_text() for password in PASSWORDS.values())
    assert password_holds(path, "alice", PASSWORDS["alice"])
    assert not password_holds(path, "alice", PASSWORDS["bob"])
    assert not password_holds(path, "nobody", PASSWORDS["alice"])
    assert not password_holds(path, "nobody", "")
