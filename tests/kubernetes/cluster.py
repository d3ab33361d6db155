"""A FAKE of a Kubernetes API server with the few controllers that a Job passes through.

It is no Kubernetes: a store of JSON objects over HTTPS with, as far as the node's sandbox can
see it, the behaviour of kube-apiserver (RBAC from the Roles it was given, Pod Security
`restricted`, ResourceQuota, 404/409/403 bodies), of the job, garbage-collection and
taint-eviction controllers, and of the scheduler (memory, node affinity of volumes).
`api_server.py` starts the real ones, where their programs are there, for the same suites.
"""

import json
import re
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.kubernetes.certificates import write_certificate
from tests.kubernetes.controllers import Controllers
from tests.kubernetes.restricted import violations


Object = dict[str, Any]
PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>[a-z0-9.]+)/v1)"
    r"(?:/namespaces/(?P<space>[a-z0-9-]+)(?=/))?"
    r"/(?P<kind>[a-z]+)(?:/(?P<name>[a-zA-Z0-9.-]+))?(?:/(?P<part>status|binding))?"
)
VERBS = {"POST": "create", "DELETE": "delete", "PATCH": "patch", "PUT": "update"}


class RefusedError(Exception):
    """An answer that is no success, as the API server words it."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.answer = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": reason,
            "message": message,
            "code": code,
        }


class FakeCluster:
    """The fake, serving on a port of loopback.

    Args:
        folder: for its certificate.
        tokens: token -> user; "system:masters" may do everything.

    Attributes:
        down: set this, and every call is answered with 503.
        lost_after: seconds without a lease until a machine counts as lost.
    """

    def __init__(self, folder: Path, tokens: dict[str, str]) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.changed = threading.Condition(threading.RLock())
        self.down = False
        self.calls: list[tuple[str, str, str]] = []
        self._tokens = tokens
        self._version = 0
        self.ca, key = write_certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        cluster = self

        class Handler(_Handler):
            api = cluster

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self._controllers = Controllers(self)
        self._controllers.start()

    def close(self) -> None:
        """Stop serving."""
        self._controllers.stop()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ------------------------------------------------------------------------ the objects

    def all(self, kind: str, space: str | None = None) -> list[Object]:
        """All objects of a kind; hold `changed`."""
        return [
            found
            for (k, s, _), found in sorted(self.objects.items())
            if k == kind and space in (None, s)
        ]

    def touch(self, found: Object) -> Object:
        """Count a change of an object."""
        self._version += 1
        found["metadata"]["resourceVersion"] = str(self._version)
        self.changed.notify_all()
        return found

    def add(self, kind: str, space: str, found: Object) -> Object:
        """Put an object, as an API call does: with a uid, and only when it may be there."""
        meta = found.setdefault("metadata", {})
        name = meta.get("name") or f"{meta['generateName']}{uuid.uuid4().hex[:5]}"
        if space and space != "default" and ("namespaces", "", space) not in self.objects:
            raise RefusedError(404, "NotFound", f'namespaces "{space}" not found')
        if (kind, space, name) in self.objects:
            raise RefusedError(409, "AlreadyExists", f'{kind} "{name}" already exists')
        self._admit(kind, space, name, found)
        meta |= {"name": name, "uid": str(uuid.uuid4()), "creationTimestamp": now()}
        if space:
            meta["namespace"] = space
        found.setdefault("status", {})
        if kind == "pods":
            found["status"] = {"phase": "Pending", "conditions": []}
        self.objects[kind, space, name] = found
        return self.touch(found)

    def remove(self, kind: str, space: str, name: str) -> None:
        """Forget an object."""
        if self.objects.pop((kind, space, name), None) is not None:
            self._version += 1
            self.changed.notify_all()

    def _admit(self, kind: str, space: str, name: str, found: Object) -> None:
        labels = self.objects.get(("namespaces", "", space), {}).get("metadata", {})
        level = labels.get("labels", {}).get("pod-security.kubernetes.io/enforce")
        if kind == "pods" and level == "restricted":
            against = violations(found["spec"])
            if against:
                words = f'violates PodSecurity "restricted:latest": {", ".join(against)}'
                raise RefusedError(403, "Forbidden", f'pods "{name}" is forbidden: {words}')
        for quota in self.all("resourcequotas", space):
            self._count(quota, kind, space, name)

    def _count(self, quota: Object, kind: str, space: str, name: str) -> None:
        hard = quota["spec"]["hard"]
        for key, counted in (("count/jobs.batch", "jobs"), ("pods", "pods")):
            if kind != counted or key not in hard:
                continue
            used = sum(
                (found.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
                for found in self.all(kind, space)
            )
            if used >= int(hard[key]):
                raise RefusedError(
                    403,
                    "Forbidden",
                    f'{kind} "{name}" is forbidden: exceeded quota: {quota["metadata"]["name"]}, '
                    f"requested: {key}=1, used: {key}={used}, limited: {key}={hard[key]}",
                )

    # -------------------------------------------------------------------------- the calls

    def answer(self, method: str, target: str, token: str, body: Object) -> tuple[int, Object]:
        """One call."""
        user = self._tokens.get(token)
        if self.down:
            raise RefusedError(503, "ServiceUnavailable", "the server is currently unable")
        if user is None:
            raise RefusedError(401, "Unauthorized", "Unauthorized")
        url = urlsplit(target)
        where = PATH.fullmatch(url.path)
        if where is None:
            raise RefusedError(404, "NotFound", "the server could not find the resource")
        group, space, kind = where["group"] or "", where["space"] or "", where["kind"]
        name, query = where["name"] or "", {k: v[0] for k, v in parse_qs(url.query).items()}
        verb = VERBS.get(method, "get" if name else "list")
        with self.changed:
            self.calls.append((user, verb, kind))
            self._allow(user, verb, group, kind, space)
            if method == "POST" and where["part"] is None:
                return 201, self.add(kind, space, body)
            if not name:
                return 200, self._list(kind, where["space"], query)
            found = self.objects.get((kind, space, name))
            if found is None:
                full = f"{kind}.{group}" if group else kind
                raise RefusedError(404, "NotFound", f'{full} "{name}" not found')
            if method == "GET":
                return 200, found
            if method == "DELETE":
                self._delete(kind, space, name, found, body)
                return 200, {"kind": "Status", "status": "Success"}
            merge(found, body)
            return 200, self.touch(found)

    def _allow(self, user: str, verb: str, group: str, kind: str, space: str) -> None:
        if user == "system:masters":
            return
        for binding in self.all("rolebindings", space):
            if user not in [subject["name"] for subject in binding["subjects"]]:
                continue
            role = self.objects["roles", space, binding["roleRef"]["name"]]
            for rule in role["rules"]:
                if (
                    group in rule["apiGroups"]
                    and kind in rule["resources"]
                    and verb in rule["verbs"]
                ):
                    return
        full = f"{kind}.{group}" if group else kind
        raise RefusedError(
            403,
            "Forbidden",
            f'{full} is forbidden: User "{user}" cannot {verb} resource "{kind}" in API group '
            f'"{group}" in the namespace "{space}"',
        )

    def _list(self, kind: str, space: str | None, query: dict[str, str]) -> Object:
        items = [
            found
            for found in self.all(kind, space)
            if _selected(found["metadata"].get("labels", {}), query.get("labelSelector", ""))
            and _chosen(found, query.get("fieldSelector", ""))
        ]
        return {"kind": "List", "apiVersion": "v1", "items": items}

    def _delete(self, kind: str, space: str, name: str, found: Object, body: Object) -> None:
        if kind == "pods":
            self.end_pod(found, force=body.get("gracePeriodSeconds") == 0)
        else:
            self.remove(kind, space, name)

    def end_pod(self, pod: Object, *, force: bool = False) -> None:
        """Delete a pod: at once when nothing of it runs, else its kubelet has to."""
        meta = pod["metadata"]
        terminal = pod["status"].get("phase") in ("Succeeded", "Failed")
        if force or terminal or not pod["spec"].get("nodeName"):
            self.remove("pods", meta["namespace"], meta["name"])
        elif "deletionTimestamp" not in meta:
            meta["deletionTimestamp"] = now()
            self.touch(pod)


class _Handler(BaseHTTPRequestHandler):
    api: FakeCluster
    protocol_version = "HTTP/1.1"

    def _do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        try:
            code, value = self.api.answer(self.command, self.path, token, body)
            with self.api.changed:
                data = json.dumps(value).encode()
        except RefusedError as refused:
            code, data = refused.answer["code"], json.dumps(refused.answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _do  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def now() -> str:
    """A timestamp as Kubernetes writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def merge(into: Object, change: Object) -> None:
    """A JSON merge patch."""
    for key, value in change.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def _selected(labels: dict[str, str], selector: str) -> bool:
    return all(labels.get(k) == v for k, v in _pairs(selector))


def _chosen(found: Object, selector: str) -> bool:
    return all(
        str(found.get("spec", {}).get(key.removeprefix("spec."))) == value
        for key, value in _pairs(selector)
    )


def _pairs(selector: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, selector.split(",")):
        key, _, value = part.partition("=")
        yield key, value
