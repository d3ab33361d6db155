"""MLflow behind the login does not start with something missing, and says what."""

import pytest

from darkroom.bootstrap.run_log import plan_run_log
from darkroom.errors import SpecError


GIVEN = {
    "DARKROOM_MLFLOW_STATE": "/state",
    "DARKROOM_MLFLOW_ARTIFACTS": "s3://mlflow",
    "DARKROOM_MLFLOW_LISTEN": "0.0.0.0:5000",
    "DARKROOM_MLFLOW_URL": "https://mlflow.example.org",
    "DARKROOM_HUB_URL": "https://hub.example.org",
    "DARKROOM_HUB_API": "http://hub.darkroom-hub.svc:8081/hub/api",
    "DARKROOM_HUB_TOKEN": "t" * 32,
    "MLFLOW_AUTH_ADMIN_PASSWORD": "p" * 20,
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "k" * 32,
}
NEEDED = sorted(GIVEN.keys() - {"DARKROOM_MLFLOW_LISTEN"})


def test_everything_is_closed_that_is_not_opened() -> None:
    weak = {"MLFLOW_BASIC_AUTH_FAIL_CLOSED": "false", "MLFLOW_SERVER_ALLOWED_HOSTS": "*"}
    plan = plan_run_log(GIVEN | weak | {"DARKROOM_MLFLOW_HOSTS": "mlflow.svc:5000, 10.0.0.1:5000"})

    assert "default_permission = NO_PERMISSIONS" in plan.settings
    assert "authorization_function = darkroom.adapters.mlflow_login:authorize" in plan.settings
    assert plan.environment["MLFLOW_BASIC_AUTH_FAIL_CLOSED"] == "true"
    assert plan.environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert plan.environment["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",") == [
        "mlflow.example.org", "mlflow.svc:5000", "10.0.0.1:5000",
    ]  # fmt: skip
    assert plan.argv[plan.argv.index("--app-name") + 1] == "basic-auth"
    assert not any(
        secret in " ".join(plan.argv) + plan.settings for secret in ("t" * 32, "p" * 20, "k" * 32)
    )


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_what_is_missing_is_named(name: str, value: str | None) -> None:
    given = {k: v for k, v in GIVEN.items() if k != name} | ({name: value} if value == "" else {})

    with pytest.raises(SpecError, match=name):
        plan_run_log(given)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DARKROOM_HUB_TOKEN", "short"),
        ("MLFLOW_AUTH_ADMIN_PASSWORD", "password1234"),
        ("MLFLOW_FLASK_SERVER_SECRET_KEY", "short"),
        ("DARKROOM_MLFLOW_URL", "mlflow.example.org"),
        ("DARKROOM_MLFLOW_URL", "https://hub.example.org/services/mlflow"),
        ("DARKROOM_HUB_URL", "javascript:alert(1)"),
        ("DARKROOM_HUB_API", "http://user:secret@hub/hub/api"),
        ("DARKROOM_MLFLOW_LISTEN", "everywhere"),
        ("DARKROOM_MLFLOW_HOSTS", "*"),
        ("DARKROOM_MLFLOW_HOSTS", "10.*"),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SpecError, match=name) as refused:
        plan_run_log(GIVEN | {name: value})

    assert value not in str(refused.value) or name == "DARKROOM_MLFLOW_HOSTS"
