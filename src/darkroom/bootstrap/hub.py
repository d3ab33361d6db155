"""Start a real JupyterHub in front of a local stack."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from darkroom.bootstrap.local_stack import LocalStack
from darkroom.config import REPOSITORY
from darkroom.errors import StateError


PROXY = Path("node_modules", "configurable-http-proxy", "bin", "configurable-http-proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubPlan:
    """What the Hub needs.

    Attributes:
        root: the folder with the Hub's state and its users' homes.
        users: who may log in; each is a scientist of the stack.
        projects: project -> members, who share its runs in MLflow.
    """

    root: Path
    users: tuple[str, ...]
    projects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def users_folder(self) -> Path:
        """Where the users' homes lie; each is also the scientist's `DARKROOM_HOME`."""
        return self.root / "users"


def start_hub(stack: LocalStack, plan: HubPlan, passwords: dict[str, str]) -> str:
    """Start the Hub and wait for its login page.

    Args:
        stack: the running system; its scientists are the Hub's users.
        plan: folders and users.
        passwords: generated ones; only their hashes are written.

    Returns:
        The address for a browser.

    Raises:
        StateError: the proxy is not installed.
        UnreachableError: the Hub did not come up.
    """
    # Imported here: only this function needs JupyterHub installed.
    from darkroom.adapters import jupyterhub_config

    proxy = REPOSITORY / "build" / PROXY
    if not proxy.exists():
        raise StateError(
            "JupyterHub's proxy is not installed",
            next_step="run `make setup` where npm reaches its registry",
        )
    plan.root.mkdir(parents=True, exist_ok=True)
    plan.root.chmod(0o700)
    password_file = plan.root / "passwords.json"
    jupyterhub_config.write_passwords(password_file, passwords)
    environment = {
        **stack.environment(),
        "DARKROOM_HUB_STATE": str(plan.root),
        "DARKROOM_HUB_USERS": str(plan.users_folder),
        "DARKROOM_HUB_PASSWORDS": str(password_file),
        "DARKROOM_HUB_PROJECTS": json.dumps(dict(plan.projects)),
        "DARKROOM_HUB_NOTEBOOKS": str(REPOSITORY / "notebooks"),
        "DARKROOM_HUB_PROXY": str(proxy),
        "DARKROOM_HUB_PORT": str(stack.port("hub")),
        "DARKROOM_HUB_API_PORT": str(stack.port("hub-api")),
        "DARKROOM_HUB_PROXY_PORT": str(stack.port("hub-proxy")),
        "DARKROOM_HUB_TOKEN": stack.hub_token,
        "MLFLOW_TRACKING_URI": stack.mlflow,
    }
    process = stack.processes.start(
        "hub",
        [sys.executable, "-m", "jupyterhub", "-f", str(jupyterhub_config.__file__)],
        environment=environment,
        cwd=plan.root,
    )
    address = stack.hub

    def answers() -> bool:
        try:
            return httpx.get(f"{address}/hub/login", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    stack.processes.wait(process, answers, seconds=180, hint="is the port free?")
    apart = "each user's server has a user of its own" if os.geteuid() == 0 else (
        "all servers run as you: for people who trust each other (root would separate them)"
    )  # fmt: skip
    stack.say(f"JupyterHub on {address}; {apart}")
    return address
