"""From the login page to a running cell, through the real proxy, Hub and kernel."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from darkroom.adapters.jupyterhub_config import password_holds, write_passwords
from darkroom.bootstrap.as_owner import OWN, make_home
from tests.hub.person import Person


ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "src/darkroom/adapters/jupyterhub_config.py"
PASSWORDS = {"alice": "a-generated-one", "bob": "another"}

pytestmark = [pytest.mark.hub, pytest.mark.slow, pytest.mark.timeout(400)]


def free_ports(count: int) -> list[str]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


@pytest.fixture(scope="module")
def hub(proxy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Hub of its own and yield its address; afterwards nothing of it is left."""
    folder = tmp_path_factory.mktemp("hub")
    write_passwords(folder / "passwords.json", PASSWORDS)
    for user in PASSWORDS:
        make_home(folder / "users", user)
    port, api, control = free_ports(3)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "DARKROOM_HUB_STATE": str(folder / "state"),
        "DARKROOM_HUB_USERS": str(folder / "users"),
        "DARKROOM_HUB_PASSWORDS": str(folder / "passwords.json"),
        "DARKROOM_HUB_NOTEBOOKS": str(ROOT / "notebooks"),
        "DARKROOM_HUB_PROXY": str(proxy),
        "DARKROOM_HUB_PORT": port,
        "DARKROOM_HUB_API_PORT": api,
        "DARKROOM_HUB_PROXY_PORT": control,
        "DARKROOM_HUB_TOKEN": "0" * 32,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "NOT_FOR_USERS": "a secret of the operator",
    }
    with (folder / "hub.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(CONFIG)],
            env=environment, cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
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


@pytest.mark.parametrize(
    ("user", "password"),
    [("alice", "wrong"), ("alice", PASSWORDS["bob"]), ("mallory", "wrong"), ("alice", "")],
    ids=["wrong", "another user's", "unknown user", "empty"],
)
def test_login_is_refused(hub: str, user: str, password: str) -> None:
    with Person(hub, user) as person:
        assert person.log_in(password) == 403


def test_from_login_to_a_cell(hub: str) -> None:
    with Person(hub, "alice") as alice:
        assert alice.log_in(PASSWORDS["alice"]) == 302
        alice.server()
        listed = alice.client.get("/user/alice/api/contents").json()["content"]
        said = json.loads(
            alice.run_cell(
                "import json, os, sys, darkroom\n"
                "from pathlib import Path\n"
                "names = ('DARKROOM_HOME', 'MLFLOW_TRACKING_URI', 'NOT_FOR_USERS', 'HOME')\n"
                "said = {name: os.environ.get(name) for name in names}\n"
                "said['same'] = os.environ['MLFLOW_TRACKING_TOKEN'] == "
                "os.environ['JUPYTERHUB_API_TOKEN']\n"
                "said['ids'] = [*os.getresuid(), *os.getresgid(), *os.getgroups()]\n"
                "said['mode'] = oct(os.stat(os.environ['DARKROOM_HOME']).st_mode)\n"
                "said['status'] = Path('/proc/self/status').read_text()\n"
                "said['prefix'] = sys.prefix\n"
                "print(json.dumps(said))\n"
            )
        )
        others = alice.client.get("/user/bob/api/contents")

    assert "00_start_here.ipynb" in [item["name"] for item in listed]
    assert said["DARKROOM_HOME"].endswith("/users/alice")
    assert said["HOME"] == f"{said['DARKROOM_HOME']}/home"
    assert said["mode"] == "0o40700"
    assert (said["MLFLOW_TRACKING_URI"], said["NOT_FOR_USERS"]) == ("http://127.0.0.1:9", None)
    assert said["same"]
    assert said["prefix"] == sys.prefix
    assert others.status_code in {302, 403}
    if os.geteuid() == 0:
        assert set(said["ids"]) == {said["ids"][0]}
        assert said["ids"][0] in OWN
        assert "NoNewPrivs:\t1" in said["status"]
        assert "CapEff:\t0000000000000000" in said["status"]


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
