"""Who stands at MLflow's door: a notebook with a token, a browser, the operator, nobody."""

import hashlib
import secrets
import threading
from html import escape
from http import HTTPStatus
from urllib.parse import urlsplit

from cachetools import TTLCache
from flask import Request, Response
from mlflow.exceptions import MlflowException
from werkzeug.datastructures import Authorization

from darkroom.adapters.mlflow_login import rules
from darkroom.adapters.mlflow_login.hub import Hub, Person
from darkroom.adapters.mlflow_login.people import admit, operator_holds
from darkroom.adapters.mlflow_login.sealing import Seal
from darkroom.errors import UnreachableError


CALLBACK = "/oauth_callback"
LOGIN_SECONDS = 600
SESSION_SECONDS = 12 * 3600
KNOWN_SECONDS, UNKNOWN_SECONDS = 60, 10  # how long an answer of the Hub holds
REMEMBERED = 2000
MOST_CHARACTERS = 2000  # of a code, and of the page that somebody wanted


class Door:
    """Answers a request, or says whose it is.

    Args:
        address: of MLflow as a browser opens it, without a path.
    """

    def __init__(self, hub: Hub, seal: Seal, *, address: str) -> None:
        self._hub, self._seal = hub, seal
        self._address = address.rstrip("/")
        self._secure = urlsplit(address).scheme == "https"
        host = "__Host-" if self._secure else ""
        self._session, self._login = f"{host}darkroom-session", f"{host}darkroom-login"
        self._known: TTLCache[bytes, Person] = TTLCache(REMEMBERED, KNOWN_SECONDS)
        self._unknown: TTLCache[bytes, bool] = TTLCache(REMEMBERED, UNKNOWN_SECONDS)
        self._lock, self._checking = threading.Lock(), threading.Lock()

    def answer(self, request: Request) -> Authorization | Response:
        """The sender, or what they get instead."""
        try:
            if request.path == CALLBACK:
                return self._come_back(request)
            given = request.headers.get("Authorization")
            if given is not None:
                return self._by_header(request, given)
            return self._by_cookie(request)
        except UnreachableError as error:
            return _text(HTTPStatus.SERVICE_UNAVAILABLE, f"{error.message}: {error.next_step}")
        except MlflowException as error:  # what it cannot read, it cannot check
            return _text(HTTPStatus.BAD_REQUEST, error.message)

    def _by_header(self, request: Request, given: str) -> Authorization | Response:
        scheme, _, value = given.partition(" ")
        if scheme.lower() == "basic":
            login = request.authorization
            name, password = (login.username, login.password) if login else (None, None)
            if not name or not password:
                return _nobody()
            return self._operator(name, password)
        person = self._person(value.strip()) if scheme.lower() in {"bearer", "token"} else None
        return self._let_in(request, person) if person else _nobody()

    def _operator(self, name: str, password: str) -> Authorization | Response:
        # A check of a password is slow on purpose: one at a time, so that guessing slows
        # nobody else down.
        if not self._checking.acquire(blocking=False):
            return _text(HTTPStatus.TOO_MANY_REQUESTS, "another password is being checked: again")
        try:
            holds = operator_holds(name, password)
        finally:
            self._checking.release()
        return Authorization("basic", {"username": name}) if holds else _nobody()

    def _by_cookie(self, request: Request) -> Authorization | Response:
        sealed = request.cookies.get(self._session, "")
        session = self._seal.open("session", sealed, seconds=SESSION_SECONDS) if sealed else None
        if session is not None and rules.cross_site(request, self._address):
            return _text(HTTPStatus.FORBIDDEN, "a page of another address asked for this")
        person = self._person(session["token"]) if session else None
        if person is not None:
            return self._let_in(request, person)
        wants_page = request.method == "GET" and request.endpoint in rules.PAGES
        return self._send_to_hub(request) if wants_page else _nobody()

    def _let_in(self, request: Request, person: Person) -> Authorization | Response:
        refusal = rules.refusal(request, person)
        if refusal:
            return _text(HTTPStatus.FORBIDDEN, refusal)
        return Authorization("bearer", {"username": person.name})

    def _person(self, token: str) -> Person | None:
        key = hashlib.sha256(token.encode()).digest()  # no token lies about in a cache
        with self._lock:
            if key in self._unknown:
                return None
            known = self._known.get(key)
        if known is not None:
            return known
        person = self._hub.person(token)
        if person is not None and not admit(person):
            person = None
        with self._lock:
            if person is None:
                self._unknown[key] = True
            else:
                self._known[key] = person
        return person

    # ------------------------------------------------------------------- through the Hub

    def _send_to_hub(self, request: Request) -> Response:
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        question = request.query_string.decode(errors="replace")
        wanted = f"{request.path}?{question}" if question else request.path
        if (
            len(wanted) > MOST_CHARACTERS
            or not wanted.startswith("/")
            or wanted[1:2] in {"/", "\\"}
        ):
            wanted = "/"
        sent = {"state": state, "verifier": verifier, "wanted": wanted}
        answer = _redirect(
            self._hub.login(state=state, verifier=verifier, back=self._address + CALLBACK)
        )
        self._keep(answer, self._login, self._seal.close("login", sent), LOGIN_SECONDS)
        return answer

    def _come_back(self, request: Request) -> Response:
        sent = self._seal.open("login", request.cookies.get(self._login, ""), seconds=LOGIN_SECONDS)
        state, code = request.args.get("state", ""), request.args.get("code", "")
        if (
            sent is None
            or not secrets.compare_digest(state.encode(), sent["state"].encode())
            or not 0 < len(code) <= MOST_CHARACTERS
        ):
            return _again("this login was not begun here, or too long ago")
        back = self._address + CALLBACK
        token = self._hub.token(code, verifier=sent["verifier"], back=back)
        if token is None or self._person(token) is None:
            return _again("the Hub did not confirm this login")
        answer = _redirect(sent["wanted"])
        # One cookie an answer: MLflow's middleware keeps the last. The other one expires.
        self._keep(
            answer, self._session, self._seal.close("session", {"token": token}), SESSION_SECONDS
        )
        return answer

    def _keep(self, answer: Response, name: str, value: str, seconds: int) -> None:
        # Lax: the Hub's redirect and a link from a notebook bring the cookies along.
        answer.set_cookie(
            name, value, max_age=seconds, path="/", secure=self._secure, httponly=True,
            samesite="Lax",
        )  # fmt: skip


def _text(status: HTTPStatus, words: str) -> Response:
    answer = Response(f"{words}\n", status, mimetype="text/plain")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _nobody() -> Response:
    answer = _text(
        HTTPStatus.UNAUTHORIZED,
        "log in: open this address in a browser, or set MLFLOW_TRACKING_TOKEN to a token of the Hub",
    )
    answer.headers["WWW-Authenticate"] = 'Bearer realm="mlflow"'
    return answer


def _redirect(place: str) -> Response:
    answer = _text(HTTPStatus.FOUND, "")
    answer.headers["Location"] = place
    return answer


def _again(words: str) -> Response:
    page = f"<!doctype html><title>MLflow</title><p>{escape(words)}. <a href='/'>Log in again</a>."
    answer = Response(page, HTTPStatus.FORBIDDEN, mimetype="text/html")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Content-Security-Policy"] = "default-src 'none'"
    return answer
