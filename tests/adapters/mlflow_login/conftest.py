"""A real MLflow behind our door, with alice's run in it, and a stand-in for the Hub."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.adapters.mlflow_login.hub_stand_in import SERVICE_TOKEN, HubStandIn


PASSWORD = "a-generated-password-of-the-operator"
KEY = "a-key-that-seals-cookies-" + "1" * 16
ALICE, BOB = "token-of-alice-0000000000", "token-of-bob-000000000000"
SECRET = "alices-canary-4711"  # in her runs and files; nobody else ever writes it
KNOWN = "alices-thing"  # what anybody may guess: names that are asked for
MODEL = f"alice~{KNOWN}"  # registered


@dataclass(frozen=True, slots=True)
class RunLog:
    """MLflow, the Hub it asks, and what alice put into it.

    Attributes:
        routes: path, method, name and kind of every route that the server has.
    """

    address: str
    hub: HubStandIn
    log: Path
    routes: list[list[str]]
    client: httpx.Client
    experiment: str
    run: str
    model: str

    def ask(self, token: str, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        self.client.cookies.clear()  # a token, or nothing
        return self.client.request(method, self.address + path, headers=headers, **more)

    def api(self, token: str, method: str, path: str, **values: Any) -> httpx.Response:
        given = {"params": values} if method == "GET" else {"json": values}
        return self.ask(token, method, f"/api/2.0/mlflow/{path}", **given)


@pytest.fixture(scope="session")
def run_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunLog]:
    folder = tmp_path_factory.mktemp("run-log")
    hub = HubStandIn()
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        "DARKROOM_MLFLOW_STATE": str(folder / "state"),
        "DARKROOM_MLFLOW_ARTIFACTS": str(folder / "artifacts"),
        "DARKROOM_MLFLOW_LISTEN": f"127.0.0.1:{port}",
        "DARKROOM_MLFLOW_URL": address,
        "DARKROOM_HUB_URL": "http://hub.test",
        "DARKROOM_HUB_API": f"{hub.address}/hub/api",
        "DARKROOM_HUB_TOKEN": SERVICE_TOKEN,
        "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": KEY,
    }
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "darkroom.bootstrap.run_log"],
            env=environment, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        listed = _routes(folder, environment)  # while the server starts
        _wait(process, f"{address}/health", log)
        hub.knows(ALICE, "alice")
        hub.knows(BOB, "bob")
        with httpx.Client(timeout=30) as client:
            yield RunLog(address, hub, log, listed, client, *_alices_things(client, address))
    finally:
        _stop(process)
        hub.close()


def _routes(folder: Path, environment: dict[str, str]) -> list[list[str]]:
    settings = folder / "routes.ini"
    settings.write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\nadmin_username = operator\n"
        f"database_uri = sqlite:///{folder / 'routes.db'}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "tests.adapters.mlflow_login.routes"],
        env={**environment, "MLFLOW_AUTH_CONFIG_PATH": str(settings)},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + 100
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    pytest.fail(log.read_text()[-2000:])


def _alices_things(client: httpx.Client, address: str) -> tuple[str, str, str]:
    """An experiment, a run with a file, a logged and a registered model; SECRET in each."""

    def ask(path: str, **values: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {ALICE}"}
        answer = client.post(f"{address}/api/2.0/mlflow/{path}", json=values, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    secret = [{"key": "tag", "value": SECRET}]
    made = ask("experiments/create", name=f"alice/{KNOWN}", tags=secret)["experiment_id"]
    run = ask("runs/create", experiment_id=made, run_name=SECRET, tags=secret)["run"]["info"]
    run_id = run["run_id"]
    ask("runs/log-metric", run_id=run_id, key=KNOWN, value=0.5, timestamp=1, step=0)
    ask("runs/log-parameter", run_id=run_id, key="param", value=SECRET)
    put = client.put(
        f"{address}/api/2.0/mlflow-artifacts/artifacts/{made}/{run_id}/artifacts/tables/x.txt",
        content=SECRET, headers={"Authorization": f"Bearer {ALICE}"},
    )  # fmt: skip
    assert put.status_code == 200, put.text
    model = ask("logged-models", experiment_id=made, name=KNOWN, source_run_id=run_id, tags=secret)[
        "model"
    ]
    ask("registered-models/create", name=MODEL, tags=secret)
    source = f"runs:/{run_id}/tables"
    ask("model-versions/create", name=MODEL, source=source, run_id=run_id, tags=secret)
    return made, run_id, model["info"]["model_id"]


def _stop(process: subprocess.Popen[bytes]) -> None:
    import psutil

    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        member.kill()
    psutil.wait_procs(family, timeout=10)
    process.wait()


def filled(path: str, things: RunLog) -> str:
    """A route with alice's own ids in its holes."""
    holes = {
        "model_id": things.model,
        "artifact_path": f"{things.experiment}/{things.run}/artifacts/tables/x.txt",
        "path": "index.html",
        "filename": "index.html",
        "name": MODEL,
    }
    return re.sub(r"<([^>]+)>", lambda hole: holes.get(hole[1], "1"), path)
