"""Every route of MLflow, as nobody and as somebody else: bob learns and changes nothing."""

import json
import secrets
from collections.abc import Iterator

import pytest

from darkroom.adapters.mlflow_login.rules import OPEN
from tests.adapters.mlflow_login.conftest import ALICE, BOB, KNOWN, MODEL, SECRET, RunLog, filled


pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # MLflow starts in half a minute
PUBLIC = {"health", "get_server_info", "_get_server_info", "serve_static_file"}
PAGES = {"serve", "version", "static"}
ROUTES, ROUTES_THAT_TELL = 400, 20  # at least, so that the walk means something
UNKNOWN, FORBIDDEN = 401, 403


def everything_of_alice(things: RunLog) -> dict[str, object]:
    """Whatever a route may ask for, pointing at what is hers."""
    ids = [things.experiment]
    return {
        "experiment_id": things.experiment, "experiment_ids": ids, "run_id": things.run,
        "run_uuid": things.run, "run_ids": [things.run], "model_id": things.model,
        "experiment_name": f"alice/{KNOWN}", "name": MODEL, "version": "1",
        "path": "tables/x.txt", "metric_key": KNOWN, "key": "tag", "value": "bob",
        "artifact_file_path": "tables/x.txt", "artifact_directory_path": "tables",
        "locations": [{"type": "MLFLOW_EXPERIMENT",
                       "mlflow_experiment": {"experiment_id": things.experiment}}],
        "max_results": 100, "filter": "", "source": f"runs:/{things.run}/tables",
        "username": "alice", "new_name": "bob/taken",
    }  # fmt: skip


def walk(
    things: RunLog, token: str, routes: list[list[str]] | None = None
) -> Iterator[tuple[str, str, str, int, str]]:
    """Name, method, path, status and text of every answer."""
    given = everything_of_alice(things)
    shown = {name: value for name, value in given.items() if name != "locations"}
    for path, method, name, kind in routes or things.routes:
        more = {"params": shown} if method == "GET" else {"params": {"path": given["path"]}}
        if method != "GET":
            more["json"] = given
        answer = things.ask(token, method, filled(path, things), **more)
        yield name, method, f"{kind} {path}", answer.status_code, answer.text


def test_nobody_gets_nothing_but_a_login(run_log: RunLog) -> None:
    wrong = []
    for name, method, path, status, text in walk(run_log, ""):
        if name in PUBLIC:
            right = SECRET not in text
        elif name in PAGES and method == "GET":
            right = status == 302
        else:
            right = status == UNKNOWN
        if not right:
            wrong.append((method, path, status))

    assert wrong == []
    assert len(run_log.routes) > ROUTES


def test_somebody_else_learns_nothing(run_log: RunLog) -> None:
    before = hers(run_log)
    asked = [row for row in run_log.routes if row[1] == "GET" or row[0].endswith("/search")]
    told_alice = [path for _, _, path, _, text in walk(run_log, ALICE, asked) if SECRET in text]
    told, open_ = [], []
    for name, method, path, status, text in walk(run_log, BOB):
        if SECRET in text:
            told.append((method, path, status, text[:120]))
        # FastAPI serves files under other names than Flask.
        if name not in OPEN | PUBLIC and "mlflow-artifacts" not in path and status != FORBIDDEN:
            open_.append((method, path, status))

    assert (told, open_) == ([], [])
    assert hers(run_log) == before
    assert before["file"] == SECRET
    assert len(told_alice) > ROUTES_THAT_TELL, "the questions are such that alice is answered"


def hers(things: RunLog) -> dict[str, object]:
    """What alice sees of her own things, as it was before bob came."""
    run = things.api(ALICE, "GET", "runs/get", run_id=things.run).json()["run"]
    experiment = things.api(ALICE, "GET", "experiments/get", experiment_id=things.experiment)
    file = things.ask(
        ALICE, "GET", "/get-artifact", params={"run_id": things.run, "path": "tables/x.txt"}
    )
    versions = things.api(ALICE, "GET", "model-versions/search", filter=f"name='{MODEL}'")
    return {
        "run": run,
        "experiment": experiment.json(),
        "file": file.text,
        "versions": versions.json(),
        "permissions": things.ask(ALICE, "GET", "/api/3.0/mlflow/users/current/permissions").json(),
    }


GRAPHQL = [
    'query {{ mlflowGetRun(input: {{runId: "{run}"}}) {{ run {{ info {{ runName }} }} }} }}',
    'query {{ mlflowGetExperiment(input: {{experimentId: "{experiment}"}}) '
    "{{ experiment {{ name tags {{ value }} }} }} }}",
    'query {{ mlflowSearchRuns(input: {{experimentIds: ["{experiment}"]}}) '
    "{{ runs {{ info {{ runName }} }} }} }}",
    'query {{ mlflowListArtifacts(input: {{runId: "{run}"}}) {{ files {{ path }} }} }}',
    'query {{ a: mlflowGetRun(input: {{runUuid: "{run}"}}) {{ run {{ data {{ '
    "tags {{ value }} }} }} }} }}",
    "query {{ mlflowSearchModelVersions(input: {{}}) {{ modelVersions {{ name tags {{ value }} }} }} }}",
]


@pytest.mark.parametrize("question", GRAPHQL, ids=range(len(GRAPHQL)))
def test_graphql_answers_only_whose_it_is(run_log: RunLog, question: str) -> None:
    asked = {"query": question.format(run=run_log.run, experiment=run_log.experiment)}
    hers = run_log.ask(ALICE, "POST", "/graphql", json=asked)
    his = run_log.ask(BOB, "POST", "/graphql", json=asked)

    assert hers.status_code == 200
    assert hers.json()["errors"] is None
    assert SECRET in hers.text or "tables" in hers.text
    assert SECRET not in his.text
    assert "tables" not in his.text


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow-artifacts/artifacts/{0}/{1}/artifacts/tables/x.txt",
        "/api/2.0/mlflow-artifacts/artifacts/./{0}/{1}/artifacts/tables/x.txt",
        "/api/2.0/mlflow-artifacts/artifacts/%2e/{0}/{1}/artifacts/tables/x.txt",
        "/api/2.0/mlflow-artifacts/artifacts/{2}/%2e%2e/{0}/{1}/artifacts/tables/x.txt",
        "/api/2.0/mlflow-artifacts/artifacts/{2}%2f..%2f{0}%2f{1}/artifacts/tables/x.txt",
        "/api/2.0/mlflow-artifacts/artifacts//{0}/{1}/artifacts/tables/x.txt",
        "/ajax-api/2.0/mlflow-artifacts/artifacts/workspaces/default/{0}/{1}/artifacts/tables/x.txt",
        "/api/2.0/mlflow-artifacts/artifacts?path={0}/{1}/artifacts/tables",
        "/api/2.0/mlflow-artifacts/artifacts?path=",
        "/api/2.0/mlflow-artifacts/artifacts",
        "/health/../api/2.0/mlflow-artifacts/artifacts/{0}/{1}/artifacts/tables/x.txt",
        "/static/../get-artifact?run_id={1}&path=tables/x.txt",
    ],
)  # fmt: skip
def test_no_way_of_writing_a_path_leads_to_her_files(run_log: RunLog, path: str) -> None:
    own = run_log.api(BOB, "GET", "experiments/get-by-name", experiment_name="bob/own")
    mine = (
        own.json().get("experiment", {}).get("experiment_id")
        or run_log.api(BOB, "POST", "experiments/create", name="bob/own").json()["experiment_id"]
    )
    written = path.format(run_log.experiment, run_log.run, mine)

    read = run_log.ask(BOB, "GET", written)
    put = run_log.ask(BOB, "PUT", written, content=b"bob was here")
    gone = run_log.ask(BOB, "DELETE", written)

    assert SECRET not in read.text
    assert f"{run_log.run}" not in read.text or read.status_code >= 400
    assert not {put.status_code, gone.status_code} & {200, 201, 204}
    assert hers(run_log)["file"] == SECRET


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("experiments/create", {"name": "alice/x"}),
        ("experiments/create", {"name": "x"}),
        ("experiments/create", {"name": "bob/"}),
        ("experiments/create", {"name": "bob/x", "artifact_location": "file:///etc"}),
        ("experiments/create", {"name": "bob/x", "artifact_location": "mlflow-artifacts:/1"}),
        ("experiments/create", {"name": "bob/x", "artifactLocation": "s3://mlflow/1"}),
        ("registered-models/create", {"name": "model"}),
        ("registered-models/create", {"name": "alice~x"}),
        ("registered-models/create", {"name": "bob~"}),
        ("registered-models/create", {"name": "bob.b~x"}),
        ("registered-models/rename", {"name": "bob~model", "new_name": "alice~x"}),
        ("registered-models/rename", {"name": "bob~model", "newName": "model"}),
        ("model-versions/create", {"name": "bob~model", "source": "s3://mlflow/1"}),
        ("model-versions/create", {"name": "bob~model", "source": "file:///etc"}),
        ("model-versions/create", {"name": "bob~model", "source": "RUNS:/1"}),
    ],
)
def test_names_and_places_are_not_for_the_asking(
    run_log: RunLog, path: str, values: dict[str, str]
) -> None:
    run_log.api(BOB, "POST", "registered-models/create", name="bob~model")
    double = run_log.ask(BOB, "POST", f"/api/2.0/mlflow/{path}", json=json.dumps(values))

    assert run_log.api(BOB, "POST", path, **values).status_code == 403
    assert double.status_code == 403, "written twice as JSON, as old clients do"


def test_an_experiment_keeps_its_owners_name(run_log: RunLog) -> None:
    made = run_log.api(BOB, "POST", "experiments/create", name="bob/first").json()
    rename = {"experiment_id": made["experiment_id"]}

    taken = run_log.api(BOB, "POST", "experiments/update", **rename, new_name="alice/second")
    fine = run_log.api(BOB, "POST", "experiments/update", **rename, new_name="bob/second")

    assert (taken.status_code, fine.status_code) == (403, 200)


def test_a_registered_model_is_renamed_within_its_owners_names(run_log: RunLog) -> None:
    made = run_log.api(BOB, "POST", "registered-models/create", name="bob~first")
    names = {"name": "bob~first", "new_name": "bob~second"}

    renamed = run_log.api(BOB, "POST", "registered-models/rename", **names)

    assert (made.status_code, renamed.status_code) == (200, 200)


@pytest.fixture
def shared(run_log: RunLog) -> str:
    """An experiment of a project that bob is a member of."""
    token = run_log.hub.knows(secrets.token_hex(16), "bob")
    run_log.hub.groups["bob"] = ["project-arcade"]
    found = run_log.api(token, "GET", "experiments/get-by-name", experiment_name="arcade")
    return found.json()["experiment"]["experiment_id"]


SEIZURES: dict[str, dict[str, object]] = {
    "experiments/update": {"new_name": "bob/seized"},
    "experiments/set-experiment-tag": {"key": "mlflow.note.content", "value": "bob's"},
    "experiments/delete-experiment-tag": {"key": "mlflow.experimentKind"},
    "experiments/delete": {},
    "experiments/restore": {},
}
BY_MLFLOW = {"experiments/delete", "experiments/restore"}  # they take MANAGE; a member has EDIT


@pytest.mark.parametrize("path", SEIZURES)
def test_a_member_cannot_carry_a_shared_experiment_off(
    run_log: RunLog, shared: str, path: str
) -> None:
    values = {"experiment_id": shared, **SEIZURES[path]}
    before = run_log.api(BOB, "GET", "experiments/get", experiment_id=shared).json()

    tried = run_log.api(BOB, "POST", path, **values)
    double = run_log.ask(BOB, "POST", f"/ajax-api/2.0/mlflow/{path}", json=json.dumps(values))
    nowhere = run_log.api(BOB, "POST", path, **{**values, "experiment_id": "987654321"})

    assert (tried.status_code, nowhere.status_code) == (403, 403)
    assert double.status_code in {400, 403}, "MLflow reads it twice, or not at all"
    assert tried.text == nowhere.text, "nobody learns which experiments there are"
    assert before["experiment"]["name"] == "arcade"
    assert run_log.api(BOB, "GET", "experiments/get", experiment_id=shared).json() == before
    by_us = tried.text.startswith("only an experiment of yours")
    assert by_us == (path not in BY_MLFLOW)


def test_ones_own_experiment_takes_tags(run_log: RunLog) -> None:
    made = run_log.api(BOB, "POST", "experiments/create", name="bob/tagged").json()
    tag = {"experiment_id": made["experiment_id"], "key": "note"}

    tagged = run_log.api(BOB, "POST", "experiments/set-experiment-tag", **tag, value="mine")
    untagged = run_log.api(BOB, "POST", "experiments/delete-experiment-tag", **tag)

    assert (tagged.status_code, untagged.status_code) == (200, 200)
