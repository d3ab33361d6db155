"""A stand-in for JupyterHub's API, so that a test can take it away or have it lie.

tests/hub/ has the real one; here are the answers that a healthy Hub does not give.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


SERVICE_TOKEN = "token-of-the-service-mlflow-" + "0" * 16
ACCESS = ["access:services!service=mlflow"]


class HubStandIn:
    """Answers `/hub/api/user`, `/hub/api/users/<name>` and `/hub/api/oauth2/token`."""

    def __init__(self) -> None:
        self.tokens: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, list[str]] = {}
        self.codes: dict[str, str] = {}  # code -> token
        self.exchanged: list[dict[str, list[str]]] = []
        self.asked = 0
        self.away = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def knows(self, token: str, name: str, said: dict[str, Any] | None = None) -> str:
        """A token of a user; `said` to have the Hub say something else of it."""
        self.tokens[token] = {"kind": "user", "name": name, "scopes": ACCESS, **(said or {})}
        self.groups.setdefault(name, [])
        return token

    def answer(self, path: str, token: str) -> tuple[int, dict[str, Any]]:
        if self.away:
            return 503, {}
        if path == "/hub/api/user":
            self.asked += 1
            found = self.tokens.get(token)
            return (200, found) if found else (403, {})
        name = path.removeprefix("/hub/api/users/")
        if token == SERVICE_TOKEN and name in self.groups:
            return 200, {"kind": "user", "name": name, "groups": self.groups[name]}
        return 404, {}

    def exchange(self, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        if self.away:
            return 503, {}
        self.exchanged.append(form)
        token = self.codes.pop(form["code"][0], None)
        right = form["client_secret"] == [SERVICE_TOKEN]
        return (200, {"access_token": token}) if token and right else (400, {})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                token = self.headers.get("Authorization", "").removeprefix("token ")
                self._send(*hub.answer(self.path, token))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._send(*hub.exchange(parse_qs(body)))

            def _send(self, status: int, values: dict[str, Any]) -> None:
                data = json.dumps(values).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
