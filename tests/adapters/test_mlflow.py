"""The run log: what is written, what is never lost, and that writing twice changes nothing."""

import base64
import json
import socket
import subprocess
import sys
import threading
import time
import zlib
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from darkroom.adapters.mlflow import MlflowRunLog
from darkroom.errors import StateError, UnreachableError
from darkroom.run_log import RunRecord
from darkroom.scientist.record import decode_record, encode_record


pytestmark = [
    pytest.mark.slow,
    # MLflow 3.17 and what it brings along still use what SQLAlchemy and pydantic retire.
    pytest.mark.filterwarnings("default::Warning"),
]
VERSION = "sha256:" + "1" * 64
# y = x + x on float32 [1, 4]; made with tf.lite.TFLiteConverter, 656 bytes, deflated.
TINY_TFLITE = (
    "eNplUctKw1AQPWljLTTUgkW66KJI18HW+gGhrRDoA2oRF4UqJIsskkKNoiB+g7h26dJPcOFC/AoXfoRr47k3k1B0"
    "4JDJuXfOzJnbBDA/Hh3W0UITDdRRg0WuDJM5yKWIibYB9IhRASgiDaboESbxmSSJKfku0Z9OToezE3c6WY6Hc2fg"
    "zB3qWlq7jFQjuxsG0XJ9FcVB6C+v/fVlsIqwRf6FeCaeiDu5/yh9zomazFFGNddVXFuzJc2VpE6FlXs0tc/79WK/"
    "/e02i+LF1FVA1+527IP/Gkq7Yx+lRxKvP0nyRrwTO/wfj9xZq7+K6CP2PRtcmd4lOGPWXWlWhVf7XYgfT/qEF0Gk"
    "KjZr67q/hYrUiveKJfmAezGkprAxn7GB7M3OpM8Ha9RRTTTUWYN4IK926Xo+HyW+zeqMfJd72gvETRrbZNOWmZ4h"
    "3y+Z7eaPjqHfTuWm/v8FNVdKNw=="
)


def a_record(**changed) -> RunRecord:
    child = RunRecord(
        key="key-north",
        name="count · north",
        description="on north",
        experiment="tests",
        tags={"privacy": "none, released by olga", "job_digest": "sha256:" + "2" * 64},
        params={"threshold": "0.3"},
        inputs={"north/plaza": (VERSION, "north/private")},
        metrics={"ap50": (0.7,), "train_loss": (3.0, 2.0, 1.0)},
        files={
            "tables/counts.json": b'{"columns": ["camera"], "data": [["cam1"]]}',
            "released/counts.json": b"{}",
        },
    )
    record = RunRecord(
        key="key",
        name="count · north",
        description="**two** domains",
        experiment="tests",
        tags={"privacy": "none, released by olga (north)", "submitter": "alice"},
        files={"plots/a.png": b"\x89PNG"},
        children=(child,),
    )
    return replace(record, **changed)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> str:
    """A local SQLite store: everything but the server."""
    folder = tmp_path_factory.mktemp("mlflow")
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture(scope="module")
def client(store):
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=store)


@pytest.fixture
def artifacts(tmp_path, client, monkeypatch):
    """An experiment of its own for each test, with its artifacts in the test's folder."""
    monkeypatch.chdir(tmp_path)
    name = f"experiment-{tmp_path.name}"
    client.create_experiment(name, artifact_location=(tmp_path / "artifacts").as_uri())
    return name


def runs_of(client, name):
    experiment = client.get_experiment_by_name(name)
    return client.search_runs([experiment.experiment_id])


def test_a_parent_with_a_child_for_each_domain(store, client, artifacts):
    address = MlflowRunLog(store).write(a_record(experiment=artifacts))

    runs = {r.data.tags["darkroom.key"]: r for r in runs_of(client, artifacts)}
    parent, child = runs["key"], runs["key-north"]
    assert parent.info.run_id in address
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.info.run_name == "count · north"
    assert parent.data.tags["mlflow.note.content"] == "**two** domains"
    assert parent.data.tags["mlflow.user"] == "alice"
    assert child.data.params == {"threshold": "0.3"}
    assert child.data.metrics["ap50"] == 0.7
    history = client.get_metric_history(child.info.run_id, "train_loss")
    assert [(m.step, m.value) for m in history] == [(0, 3.0), (1, 2.0), (2, 1.0)]
    (given,) = child.inputs.dataset_inputs
    assert given.dataset.name == "north/plaza"
    assert VERSION.removeprefix("sha256:").startswith(given.dataset.digest)
    assert json.loads(given.dataset.source)["version"] == VERSION
    assert {t.key: t.value for t in given.tags} == {"mlflow.data.context": "north/private"}
    assert [f.path for f in client.list_artifacts(parent.info.run_id, "plots")] == ["plots/a.png"]
    shown = json.loads(child.data.tags["mlflow.loggedArtifacts"])
    assert shown == [{"path": "tables/counts.json", "type": "table"}]
    assert all(r.data.tags["privacy"] for r in runs.values())
    assert all(r.info.status == "FINISHED" for r in runs.values())


def test_the_same_key_again_changes_nothing(store, client, artifacts):
    log = MlflowRunLog(store)
    first = log.write(a_record(experiment=artifacts))
    again = log.write(a_record(experiment=artifacts, description="another"))

    assert first == again
    assert len(runs_of(client, artifacts)) == 2


def test_a_record_that_was_cut_off_is_finished_not_doubled(store, client, artifacts, monkeypatch):
    log = MlflowRunLog(store)
    original = MlflowRunLog._log_inputs
    monkeypatch.setattr(MlflowRunLog, "_log_inputs", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        log.write(a_record(experiment=artifacts))
    monkeypatch.setattr(MlflowRunLog, "_log_inputs", original)

    log.write(a_record(experiment=artifacts))

    runs = runs_of(client, artifacts)
    assert sorted(r.data.tags["darkroom.key"] for r in runs) == ["key", "key-north"]
    assert all(r.data.tags["darkroom.complete"] == "true" for r in runs)


def test_privacy_is_never_blank(store, artifacts):
    with pytest.raises(StateError, match="privacy"):
        MlflowRunLog(store).write(a_record(experiment=artifacts, tags={"privacy": ""}))


def test_an_artifact_stays_in_its_folder(store, artifacts):
    with pytest.raises(StateError, match="outside"):
        MlflowRunLog(store).write(a_record(experiment=artifacts, files={"../../x": b""}))


def test_a_model_is_logged_with_a_signature_and_runs_again(store, client, artifacts):
    data = zlib.decompress(base64.b64decode(TINY_TFLITE))
    model = {
        "name": "detector", "domain": "south", "format": "tflite",
        "digest": "sha256:" + "3" * 64, "data": data, "input_shape": None,
    }  # fmt: skip
    MlflowRunLog(store).write(a_record(experiment=artifacts, model=model))

    experiment = client.get_experiment_by_name(artifacts)
    (logged,) = client.search_logged_models([experiment.experiment_id])
    assert logged.tags["domain"] == "south"
    import mlflow
    import numpy as np

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store)
    try:
        loaded = mlflow.pyfunc.load_model(f"models:/{logged.model_id}")
        schema = loaded.metadata.signature.inputs.to_dict()
        shape = tuple(schema[0]["tensor-spec"]["shape"])
        answer = loaded.predict(np.ones((2, *shape[1:]), np.float32))
    finally:
        mlflow.set_tracking_uri(before)
    assert schema[0]["tensor-spec"]["dtype"] == "float32"
    assert all(len(values) == 2 for values in answer.values())


def test_a_registered_version_says_which_receipt_it_comes_from_and_is_made_once(
    store, client, artifacts, tmp_path
):
    data = zlib.decompress(base64.b64decode(TINY_TFLITE))
    model = {
        "name": "detector", "domain": "south", "format": "tflite",
        "digest": "sha256:" + "3" * 64, "data": data, "input_shape": None,
        "register": "people", "tags": {"receipt": "sha256:" + "4" * 64, "receipt.head_size": "12"},
        "files": {"receipt.json": b"{}"},
    }  # fmt: skip
    record = a_record(experiment=artifacts, model=model)
    address = MlflowRunLog(store).write(decode_record(encode_record(record)))
    parent = next(r for r in runs_of(client, artifacts) if r.info.run_id in address)
    client.set_tag(parent.info.run_id, "darkroom.complete", "false")  # cut off at the end
    MlflowRunLog(store).write(record)

    (version,) = client.search_model_versions("name = 'people'")
    assert MlflowRunLog(store).registered(record.key, "people") == str(version.version) == "1"
    assert MlflowRunLog(store).registered("another", "people") == ""
    experiment = client.get_experiment_by_name(artifacts)
    (logged,) = client.search_logged_models([experiment.experiment_id])
    for tags in (version.tags, logged.tags):
        assert tags["receipt"] == "sha256:" + "4" * 64
        assert (tags["receipt.head_size"], tags["domain"]) == ("12", "south")
    assert version.run_id == parent.info.run_id
    (receipt,) = tmp_path.rglob("receipt.json")  # beside the weights
    assert receipt.read_bytes() == b"{}"


def test_a_file_that_is_no_model_is_refused_and_kept(store, artifacts):
    from darkroom.errors import ModelRefusedError

    model = {
        "name": "detector", "domain": "south", "format": "tflite", "digest": "sha256:" + "3" * 64,
        "data": b"\0\0\0\0TFL3 not a model", "input_shape": None,
    }  # fmt: skip
    with pytest.raises(ModelRefusedError):
        MlflowRunLog(store).write(a_record(experiment=artifacts, model=model))


# ------------------------------------------------------------------------------- outages


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_is_away_is_said_at_once():
    began = time.monotonic()
    uri = f"http://user:secret@127.0.0.1:{free_port()}"

    with pytest.raises(UnreachableError, match="does not answer") as away:
        MlflowRunLog(uri).write(a_record())

    assert time.monotonic() - began < 5
    assert "secret" not in str(away.value)


def test_a_server_that_answers_with_an_error_is_no_server():
    class Broken(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(502)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Broken)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with pytest.raises(UnreachableError):
            MlflowRunLog(f"http://127.0.0.1:{server.server_port}").write(a_record())
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_record_survives_the_spool():
    record = a_record(model={"data": b"\x00\xff", "name": "m", "input_shape": [1, 2]})

    assert decode_record(encode_record(record)) == record


def tags_what_is_stale(uri, client, experiment_name):
    """The run, its parent, the logged model, and each version of it by whomever registered."""
    data = zlib.decompress(base64.b64decode(TINY_TFLITE))
    digest, other = "sha256:" + "5" * 64, "sha256:" + "6" * 64
    log = MlflowRunLog(uri)
    for key, sha256, name in (("bad", digest, "crowd"), ("good", other, "lone")):
        model = {
            "name": "detector", "domain": "south", "format": "tflite", "digest": sha256,
            "data": data, "input_shape": None, "register": name,
        }  # fmt: skip
        children = (
            replace(a_record().children[0], key=f"{key}-south", experiment=experiment_name),
        )
        log.write(a_record(key=key, experiment=experiment_name, model=model, children=children))
    here = [client.get_experiment_by_name(experiment_name).experiment_id]
    (made,) = client.search_logged_models(here, filter_string=f"tags.digest = '{digest}'")
    client.create_registered_model("theirs")  # somebody else builds on it
    client.create_model_version(
        "theirs",
        made.artifact_location,
        tags={"digest": digest},
        model_id=made.model_id if uri.startswith("http") else None,  # a server wants to know it
    )

    tags = {"stale": "true", "stale.reason": "footage was forgotten"}
    for _ in range(2):
        log.mark_stale(["bad", "bad-south", "never-written"], models=[digest], tags=tags)

    runs = {r.data.tags["darkroom.key"]: r.data.tags for r in runs_of(client, experiment_name)}
    for key in ("bad", "bad-south"):
        assert {name: runs[key][name] for name in tags} == tags
    for key in ("good", "good-south"):
        assert "stale" not in runs[key]
    for name, marked in (("crowd", True), ("theirs", True), ("lone", False)):
        (version,) = client.search_model_versions(f"name = '{name}'")
        assert ("stale" in version.tags) is marked
    logged = client.search_logged_models(here)
    assert {m.tags["digest"]: "stale" in m.tags for m in logged} == {digest: True, other: False}


# --------------------------------------------------------------------------- a real server


@pytest.fixture(scope="session")
def server_plan(tmp_path_factory) -> tuple[Path, int]:
    return tmp_path_factory.mktemp("server"), free_port()


def start_server(folder: Path, port: int) -> subprocess.Popen:
    log = (folder / "log").open("ab")
    with log:
        return subprocess.Popen(
            [
                sys.executable, "-m", "mlflow", "server", "--workers", "1",
                "--host", "127.0.0.1", "--port", str(port),
                "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
                "--artifacts-destination", str(folder / "artifacts"),
            ],
            stdout=log,
            stderr=log,
            env={"PATH": "/usr/bin:/bin", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            start_new_session=True,
        )  # fmt: skip


def wait_for(port: int, process: subprocess.Popen, folder: Path) -> None:
    import httpx

    end = time.monotonic() + 100
    while time.monotonic() < end:
        assert process.poll() is None, (folder / "log").read_text()[-2000:]
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            threading.Event().wait(0.3)
    raise AssertionError((folder / "log").read_text()[-2000:])


def stop(process: subprocess.Popen) -> None:
    import psutil

    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        member.kill()
    psutil.wait_procs(family, timeout=10)
    process.wait()


def test_a_real_server_that_is_down_and_then_up(server_plan):
    """The outage of the issue: refused while it is down, the whole record once it is up."""
    folder, port = server_plan
    uri = f"http://127.0.0.1:{port}"
    with pytest.raises(UnreachableError):
        MlflowRunLog(uri).write(a_record())
    process = start_server(folder, port)
    try:
        wait_for(port, process, folder)

        address = MlflowRunLog(uri).write(a_record())

        assert address.startswith(f"{uri}/#/experiments/")
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=uri)
        runs = runs_of(client, "tests")
        assert len(runs) == 2
        child = next(r for r in runs if r.data.tags["darkroom.key"] == "key-north")
        paths = [f.path for f in client.list_artifacts(child.info.run_id, "tables")]
        assert paths == ["tables/counts.json"]
        assert MlflowRunLog(uri).write(a_record()) == address
        tags_what_is_stale(uri, client, "forgotten")
    finally:
        stop(process)


# --------------------------------------------------------------------------------- forgotten


def test_what_came_from_forgotten_footage_is_tagged_and_nothing_else(store, client, artifacts):
    tags_what_is_stale(store, client, artifacts)


def test_a_server_that_is_away_is_told_later():
    uri = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(UnreachableError):
        MlflowRunLog(uri).mark_stale(["key"], models=[], tags={"stale": "true"})
