"""A user of the Hub without a browser: logs in, has a server, runs a cell as the Lab does."""

import json
import re
import time
import uuid
from types import TracebackType
from typing import Self

import httpx
import websocket


SERVER_SECONDS = 180
CELL_SECONDS = 120


class Person:
    """One login at a Hub; use it in a `with`."""

    def __init__(self, hub: str, name: str) -> None:
        self.hub, self.name = hub, name
        self.client = httpx.Client(base_url=hub, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.client.close()

    def log_in(self, password: str) -> int:
        """The status of the login form's answer."""
        page = self.client.get("/hub/login").text
        found = re.search(r'name="_xsrf" value="([^"]+)"', page)
        assert found
        form = {"username": self.name, "password": password, "_xsrf": found.group(1)}
        return self.client.post("/hub/login", data=form).status_code

    def server(self) -> httpx.Response:
        """The Lab's page, once the server is there."""
        self.client.get("/hub/spawn", follow_redirects=True)
        end = time.monotonic() + SERVER_SECONDS
        while time.monotonic() < end:
            page = self.client.get(f"/user/{self.name}/", follow_redirects=True)
            if page.url.path.startswith(f"/user/{self.name}/lab"):
                return page
            time.sleep(0.3)
        raise AssertionError(f"no server: {page.url}")

    def run_cell(self, code: str) -> str:
        """A kernel, a socket, messages until it is idle; what the cell printed."""
        base = f"/user/{self.name}/"
        headers = {"X-XSRFToken": self.client.cookies.get("_xsrf", path=base) or ""}
        kernel = self.client.post(f"{base}api/kernels", headers=headers).json()["id"]
        request = httpx.Request("GET", f"{self.hub}{base}")
        self.client.cookies.set_cookie_header(request)
        connection = websocket.create_connection(
            f"{self.hub.replace('http', 'ws')}{base}api/kernels/{kernel}/channels",
            cookie=request.headers["cookie"], origin=self.hub, timeout=CELL_SECONDS,
        )  # fmt: skip
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "s"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": {"code": code}}
        connection.send(json.dumps({**message, "channel": "shell"}))
        printed = ""
        try:
            while True:
                answer = json.loads(connection.recv())
                if answer["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                kind, content = answer["msg_type"], answer["content"]
                if kind in {"stream", "error"}:
                    printed += content.get("text") or str(content)
                if kind == "status" and content["execution_state"] == "idle":
                    return printed
        finally:
            connection.close()
            self.client.delete(f"{base}api/kernels/{kernel}", headers=headers)
