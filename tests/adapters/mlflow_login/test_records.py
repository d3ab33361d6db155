"""What `session.record` writes behind the login: in one's own name, or in a shared project."""

import secrets

import pytest

from darkroom.adapters.mlflow import MlflowRunLog
from darkroom.run_log import RunRecord
from tests.adapters.mlflow_login.conftest import RunLog


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),  # MLflow starts in half a minute
    # MLflow 3.17 and what it brings along still use what SQLAlchemy and pydantic retire.
    pytest.mark.filterwarnings("default::Warning"),
]


def experiment_of(run_log: RunLog, token: str, address: str) -> str:
    number = address.split("/experiments/")[1].split("/", maxsplit=1)[0]
    found = run_log.api(token, "GET", "experiments/get", experiment_id=number)
    return found.json()["experiment"]["name"]


def test_a_project_is_ones_own_until_it_is_shared(
    run_log: RunLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = RunRecord(
        key="key", name="count", description="", experiment="harbour",
        tags={"privacy": "nothing private"}, files={"tables/a.json": b"{}"},
    )  # fmt: skip
    written = {}
    for user, groups in {"olaf": [], "pia": [], "quin": ["project-harbour"]}.items():
        token = run_log.hub.knows(secrets.token_hex(16), user)
        run_log.hub.groups[user] = groups
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
        log = MlflowRunLog(run_log.address)
        first, again = log.write(record), log.write(record)
        assert first == again, "the same key again changes nothing"
        written[user] = experiment_of(run_log, token, first)

    assert written == {"olaf": "olaf/harbour", "pia": "pia/harbour", "quin": "harbour"}
