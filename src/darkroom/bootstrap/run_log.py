"""MLflow behind the Hub's login: `python -m darkroom.bootstrap.run_log`.

Checks the environment (docs/hub.md has the table), writes MLflow's `auth.ini`, and becomes the
server. On one machine `local_stack` starts it, on a cluster the chart.
"""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from darkroom.errors import DarkroomError, SpecError


OPERATOR = "operator"
SECRETS = {  # name -> the fewest characters
    "DARKROOM_HUB_TOKEN": 32,
    "MLFLOW_AUTH_ADMIN_PASSWORD": 20,
    "MLFLOW_FLASK_SERVER_SECRET_KEY": 32,
}
ADDRESSES = ("DARKROOM_MLFLOW_URL", "DARKROOM_HUB_URL", "DARKROOM_HUB_API")
LISTEN = re.compile(r"([0-9.]+|\[[0-9a-f:]+\]):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class RunLogPlan:
    """How MLflow is started."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    state: Path
    settings: str


def plan_run_log(given: Mapping[str, str]) -> RunLogPlan:
    """Work out the command from the environment.

    Raises:
        SpecError: something is missing or too weak; it names the variable.
    """
    for name in ("DARKROOM_MLFLOW_STATE", "DARKROOM_MLFLOW_ARTIFACTS", *ADDRESSES, *SECRETS):
        if not given.get(name):
            raise SpecError(f"{name} is not set", next_step="docs/hub.md says what it holds")
    for name, fewest in SECRETS.items():
        if len(given[name]) < fewest:
            raise SpecError(
                f"{name} has fewer than {fewest} characters", next_step="generate a longer one"
            )
    for name in ADDRESSES:
        parts = urlsplit(given[name])
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise SpecError(f"{name} is no http address", next_step="write http(s)://host[:port]")
    if urlsplit(given["DARKROOM_MLFLOW_URL"]).path not in {"", "/"}:
        raise SpecError(
            "DARKROOM_MLFLOW_URL has a path",
            next_step="give MLflow a host name of its own: cookies and links count on it",
        )
    listen = LISTEN.fullmatch(given.get("DARKROOM_MLFLOW_LISTEN", "127.0.0.1:5000"))
    if listen is None:
        raise SpecError(
            "DARKROOM_MLFLOW_LISTEN is no address and port", next_step="for example 0.0.0.0:5000"
        )
    state = Path(given["DARKROOM_MLFLOW_STATE"]).resolve()
    return RunLogPlan(
        argv=(
            sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth",
            "--workers", "1",
            "--host", listen[1].strip("[]"), "--port", listen[2],
            "--artifacts-destination", given["DARKROOM_MLFLOW_ARTIFACTS"],
        ),
        environment={
            **given,
            # Not an argument: the address of a database has its password in it.
            "MLFLOW_BACKEND_STORE_URI": given.get("DARKROOM_MLFLOW_DATABASE")
            or f"sqlite:///{state / 'mlflow.db'}",
            "MLFLOW_AUTH_CONFIG_PATH": str(state / "auth.ini"),
            # A route that no rule covers is closed, and nothing runs beside the server.
            "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
            "MLFLOW_SERVER_ENABLE_GRAPHQL_AUTH": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "false",
            "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(_hosts(given)),
        },
        state=state,
        settings=(
            "[mlflow]\n"
            "default_permission = NO_PERMISSIONS\n"
            f"database_uri = sqlite:///{str(state / 'auth.db').replace('%', '%%')}\n"
            f"admin_username = {OPERATOR}\n"
            "authorization_function = darkroom.adapters.mlflow_login:authorize\n"
        ),
    )  # fmt: skip


def _hosts(given: Mapping[str, str]) -> list[str]:
    """The `Host` headers that are answered; MLflow's default answers every private address."""
    own = urlsplit(given["DARKROOM_MLFLOW_URL"]).netloc
    more = [host.strip() for host in given.get("DARKROOM_MLFLOW_HOSTS", "").split(",")]
    if any("*" in host for host in more):
        raise SpecError(
            "DARKROOM_MLFLOW_HOSTS has a wildcard", next_step="write the hosts out, by comma"
        )
    return [own, *filter(None, more)]


def main() -> None:
    """Become MLflow."""
    os.umask(0o077)
    try:
        plan = plan_run_log(os.environ)
    except DarkroomError as error:
        sys.exit(f"{error.message}: {error.next_step}")
    plan.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    (plan.state / "auth.ini").write_text(plan.settings, encoding="utf-8")
    os.chdir(plan.state)
    os.execve(sys.executable, plan.argv, dict(plan.environment))  # noqa: S606  # no shell wanted


if __name__ == "__main__":
    main()
