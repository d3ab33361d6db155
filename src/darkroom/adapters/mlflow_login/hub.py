"""What MLflow asks the Hub: whose token this is, in which projects they are, a login."""

import base64
import hashlib
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from darkroom.errors import UnreachableError


SERVICE = "mlflow"
CLIENT = f"service-{SERVICE}"
# The Hub gives these to people's own tokens and to nobody else's: a token that was made for
# another service of the Hub opens nothing here.
ACCESS = frozenset({"access:services", f"access:services!service={SERVICE}"})
GROUP = "project-"  # the Hub's group `project-plaza` are the members of the project `plaza`
ANSWER_SECONDS = 3.0
REST_SECONDS = 5.0  # how long nobody waits for a Hub that did not answer
TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,256}")
USER = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
MOST_PROJECTS = 100


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the Hub, and the projects that they share with others."""

    name: str
    projects: frozenset[str]


class Hub:
    """The Hub's API, as its service `mlflow`.

    Args:
        api: its address from here, up to `/hub/api`.
        public: its address for browsers.
        token: of the service; also its OAuth secret.
    """

    def __init__(self, *, api: str, public: str, token: str) -> None:
        self._api = api.rstrip("/")
        self._public = public.rstrip("/")
        self._token = token
        self._client = httpx.Client(timeout=ANSWER_SECONDS, follow_redirects=False)
        self._silent_until = 0.0

    def person(self, token: str) -> Person | None:
        """Whose token this is; None where it is nobody's, or not for MLflow.

        Raises:
            UnreachableError: the Hub does not answer.
        """
        if not TOKEN.fullmatch(token):
            return None
        found = self._get("/user", token)
        if found is None or found.get("kind") != "user":
            return None
        name = found.get("name")
        if not isinstance(name, str) or not USER.fullmatch(name):
            return None
        if not ACCESS & set(found.get("scopes") or ()):
            return None
        known = self._get(f"/users/{quote(name, safe='')}", self._token)
        if known is None:
            return None
        return Person(name, _projects(known.get("groups") or []))

    def login(self, *, state: str, verifier: str, back: str) -> str:
        """The address that a browser is sent to."""
        challenge = hashlib.sha256(verifier.encode()).digest()
        question = {
            "client_id": CLIENT,
            "redirect_uri": back,
            "response_type": "code",
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{self._public}/hub/api/oauth2/authorize?{urlencode(question)}"

    def token(self, code: str, *, verifier: str, back: str) -> str | None:
        """What a browser came back with, in exchange for a token; None where it is worthless.

        Raises:
            UnreachableError: the Hub does not answer.
        """
        form = {
            "client_id": CLIENT,
            "client_secret": self._token,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
        }
        answer = self._ask("POST", "/oauth2/token", data=form)
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise _away()
        if answer.status_code != httpx.codes.OK:
            return None
        token = answer.json().get("access_token")
        return token if isinstance(token, str) else None

    def _get(self, path: str, token: str) -> dict[str, Any] | None:
        answer = self._ask("GET", path, headers={"Authorization": f"token {token}"})
        if answer.status_code in {
            httpx.codes.UNAUTHORIZED,
            httpx.codes.FORBIDDEN,
            httpx.codes.NOT_FOUND,
        }:
            return None
        if answer.status_code != httpx.codes.OK:
            raise _away()
        found = answer.json()
        return found if isinstance(found, dict) else None

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401  # httpx's
        # MLflow asks us in its event loop: a Hub that hangs must not stop it for everybody.
        if time.monotonic() < self._silent_until:
            raise _away()
        try:
            return self._client.request(method, f"{self._api}{path}", **more)
        except httpx.HTTPError as error:
            self._silent_until = time.monotonic() + REST_SECONDS
            raise _away() from error


def _projects(groups: list[Any]) -> frozenset[str]:
    names = [g.removeprefix(GROUP) for g in groups if isinstance(g, str) and g.startswith(GROUP)]
    return frozenset(sorted(n for n in names if PROJECT.fullmatch(n))[:MOST_PROJECTS])


def _away() -> UnreachableError:
    return UnreachableError(
        "the Hub, which knows who you are, does not answer",
        next_step="try again; nothing is shown without it",
    )
