"""JupyterHub's half of Darkroom: who logs in, what MLflow may ask, what a notebook is given.

zero-to-jupyterhub runs this file after its own settings, with `c` in scope. It stands on what
the Hub's image has, and on three mounted folders: settings (a ConfigMap), passwords and
MLflow's token (Secrets).
"""

import hmac
import json
import secrets
import sys
from pathlib import Path
from typing import Any, NoReturn

from jupyterhub.auth import Authenticator


SETTINGS = Path("/usr/local/etc/jupyterhub/jupyterhub_config.d/settings.json")
SECRETS = Path("/etc/darkroom")
SHORTEST = 12
PROJECT = "project-"  # what MLflow looks for: other groups of the Hub share nothing there
# They let everybody in, or ask the Hub's own container who somebody is.
OPEN_DOORS = ("dummy", "null", "pam", "local", "default", "shared-password", "tmp")


class PasswordFolder(Authenticator):
    """One file per user, named after them, with their generated password.

    A Secret holds what a person must be able to read once, so hashing it here would hide
    nothing; a password of 24 random characters is not guessed. Read at every login: what is
    changed in the Secret counts within a minute, without a restart.
    """

    folder = SECRETS / "passwords"

    async def authenticate(self, handler: object, data: dict[str, str]) -> str | None:  # noqa: ARG002 - JupyterHub's signature
        """Name the user, or None."""
        user, given = str(data["username"]), str(data["password"]).encode()
        kept = self.password(user)
        expected = kept or secrets.token_bytes(24)
        return user if hmac.compare_digest(given, expected) and kept else None

    def password(self, user: str) -> bytes | None:
        """The password, or None where there is none that may be used."""
        path = self.folder / user
        if "/" in user or user.startswith(".") or not path.is_file():
            return None
        kept = path.read_bytes().strip()
        if len(kept) < SHORTEST:
            self.log.error(
                "the password of %s has fewer than %d characters and is not accepted; put a"
                " longer one into the Secret hub-passwords",
                user,
                SHORTEST,
            )
            return None
        return kept


def refuse(what: str, cure: str) -> NoReturn:
    """End the Hub before it serves anybody."""
    sys.exit(f"FATAL: {what}\n  Next: {cure}")


def configure(c: Any, settings: dict[str, Any], held: Path = SECRETS) -> None:
    """Fill in JupyterHub's configuration."""
    if settings["login"] == "passwords":
        PasswordFolder.folder = held / "passwords"
        c.JupyterHub.authenticator_class = PasswordFolder
        c.Authenticator.allow_all = True  # who has a password; nobody else gets this far
    else:
        chosen = str(c.JupyterHub.get("authenticator_class", "null")).lower()
        name = chosen.rpartition(".")[2].removesuffix("authenticator").rstrip("-_") or "null"
        if name in OPEN_DOORS:
            refuse(
                f"hub.login is oidc, and JupyterHub would log people in by {name!a}",
                "set jupyterhub.hub.config.JupyterHub.authenticator_class: generic-oauth"
                " and configure jupyterhub.hub.config.GenericOAuthenticator",
            )

    c.JupyterHub.public_url = settings["hub_url"] + "/"
    c.JupyterHub.load_groups = {
        PROJECT + name: {"users": members} for name, members in settings["groups"].items()
    }

    reach = "access:services!service=mlflow"
    c.JupyterHub.services.append(
        {
            "name": "mlflow",
            "api_token": (held / "mlflow" / "token").read_text().strip(),
            "oauth_client_id": "service-mlflow",
            "oauth_redirect_uri": settings["mlflow_url"] + "/oauth_callback",
            # One organisation: nobody is asked whether MLflow may know who they are.
            "oauth_no_confirm": True,
        }
    )
    c.JupyterHub.load_roles += [
        {
            "name": "mlflow",
            "scopes": ["read:users:name", "read:users:groups"],
            "services": ["mlflow"],
        },
        {"name": "user", "scopes": ["self", reach]},
        {"name": "server", "scopes": ["users:activity!user", "access:servers!server", reach]},
    ]

    pods = c.KubeSpawner
    pods.image = settings["image"]
    pods.image_pull_secrets = settings["pull_secrets"]
    # On KubeSpawner, not on Spawner: the chart has set it there, and the nearer one wins.
    pods.environment.update(
        {
            "MLFLOW_TRACKING_URI": settings["mlflow_url"],
            "MLFLOW_TRACKING_TOKEN": lambda spawner: spawner.api_token,
        }
    )


if "c" in globals():
    configure(globals()["c"], json.loads(SETTINGS.read_text()))
