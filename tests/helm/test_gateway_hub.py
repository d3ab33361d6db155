"""What the Hub runs of ours: who logs in, what MLflow and notebooks are given."""

import asyncio
import json
import re

import pytest
import yaml
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from darkroom.adapters.mlflow_login.hub import GROUP
from darkroom.bootstrap.run_log import plan_run_log
from tests.helm.chart import REPOSITORY, of_kind
from tests.helm.gateway_chart import CHART, objects


PASSWORD = "a" * 24


@pytest.fixture
def files():
    """The files that the Hub finds, as the chart makes them."""
    return of_kind(objects(), "ConfigMap")["darkroom-hub/hub-config"]["data"]


@pytest.fixture
def module(files):
    found = {"__name__": "darkroom"}
    exec(compile(files["darkroom.py"], "darkroom.py", "exec"), found)  # as JupyterHub's chart does
    return found


@pytest.fixture
def held(tmp_path):
    for name, text in {
        "mlflow/token": "t" * 48 + "\n",
        "passwords/alice": PASSWORD,
        "passwords/bob": "short",
        "passwords/.hidden": PASSWORD,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def configured(module, files, held):
    """The Hub's configuration after ours; JupyterHub's chart has made these before."""
    c = Config()
    c.JupyterHub.services, c.JupyterHub.load_roles = [], []
    c.KubeSpawner.environment = {"DARKROOM_HOME": "/home/jovyan/.darkroom"}
    module["configure"](c, json.loads(files["settings.json"]), held)
    return c


@pytest.mark.parametrize(
    ("user", "password", "who"),
    [
        ("alice", PASSWORD, "alice"),
        ("alice", PASSWORD + "a", None),
        ("alice", "", None),
        ("alice", "ä" * 24, None),
        ("bob", "short", None),  # too short to be accepted from a Secret of one's own
        ("carol", PASSWORD, None),
        (".hidden", PASSWORD, None),
        ("../passwords/alice", PASSWORD, None),
        ("", PASSWORD, None),
    ],
)
def test_who_has_a_password_in_the_secret_logs_in(configured, user, password, who):
    door = configured.JupyterHub.authenticator_class(config=configured)
    given = {"username": user, "password": password}

    found = asyncio.run(door.get_authenticated_user(None, given))

    assert who == (found and found["name"])


def test_a_changed_password_counts_at_once(configured, held):
    door = configured.JupyterHub.authenticator_class(config=configured)
    (held / "passwords/alice").write_text("b" * 24)

    assert None is asyncio.run(door.authenticate(None, {"username": "alice", "password": PASSWORD}))


@pytest.mark.parametrize("door", ["null", "dummy", "jupyterhub.auth.DummyAuthenticator", "pam", ""])
def test_the_hub_does_not_start_with_a_door_that_asks_nobody(module, files, held, door):
    c = Config()
    if door:
        c.JupyterHub.authenticator_class = door
    settings = {**json.loads(files["settings.json"]), "login": "oidc"}

    with pytest.raises(SystemExit, match="generic-oauth"):
        module["configure"](c, settings, held)


def test_jupyterhub_takes_the_configuration_and_mlflow_may_only_ask_who_somebody_is(configured):
    app = JupyterHub(config=configured)
    app.init_services_list = app.services

    (mlflow,) = app.services
    assert "https://mlflow.example.org/oauth_callback" == mlflow["oauth_redirect_uri"]
    # A group by the name that MLflow takes for the project's.
    assert {f"{GROUP}plaza": {"users": ["alice", "bob"]}} == app.load_groups
    roles = {role["name"]: role for role in app.load_roles}
    assert ["read:users:name", "read:users:groups"] == roles["mlflow"]["scopes"]
    assert ["mlflow"] == roles["mlflow"]["services"]
    assert {"mlflow", "user", "server"} == set(roles)


def test_a_notebook_is_given_its_image_and_its_own_token_for_mlflow(configured):
    pods = configured.KubeSpawner

    assert re.search(r"darkroom-singleuser@sha256:3{64}$", pods.image)
    assert "/home/jovyan/.darkroom" == pods.environment["DARKROOM_HOME"]
    assert "https://mlflow.example.org" == pods.environment["MLFLOW_TRACKING_URI"]

    class Spawner:
        api_token = "this user's"

    assert "this user's" == pods.environment["MLFLOW_TRACKING_TOKEN"](Spawner())


@pytest.mark.parametrize("lock", ["singleuser", "mlflow"])
def test_images_have_the_jupyterhub_package_of_the_chart(lock):
    text = (REPOSITORY / "requirements" / f"{lock}.txt").read_text()
    locked = re.search(r"^jupyterhub==(\S+)", text, re.MULTILINE)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["annotations"]["darkroom/jupyterhub-version"] == (locked and locked[1])


def environment(*sets: str) -> dict[str, str]:
    """MLflow's, with something in place of each value that comes from a Secret."""
    mlflow = of_kind(objects(*sets), "Deployment")["darkroom-mlflow/mlflow"]
    (container,) = mlflow["spec"]["template"]["spec"]["containers"]
    assert ["python", "-m", "darkroom.bootstrap.run_log"] == container["command"]
    return {each["name"]: each.get("value", "s" * 48) for each in container["env"]}


def test_mlflow_starts_from_what_the_chart_gives_it():
    plan = plan_run_log(environment())

    assert "s3://mlflow" == plan.argv[plan.argv.index("--artifacts-destination") + 1]
    hosts = plan.environment["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert ["mlflow.example.org", "mlflow.darkroom-mlflow.svc:5000"] == hosts


def test_mlflow_keeps_its_runs_in_the_database_of_the_secret():
    sets = ("mlflow.databaseSecret=pg", "mlflow.databaseCidrs={10.0.0.5/32}")

    plan = plan_run_log(environment(*sets))

    assert plan.environment["MLFLOW_BACKEND_STORE_URI"] == "s" * 48
    assert not any("s" * 48 in each for each in plan.argv)
