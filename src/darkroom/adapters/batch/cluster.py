"""The few words that a batch says to a Kubernetes API server, in one namespace.

Plain httpx: eight requests need no generated client of 30 MB that the scientist's image
would carry, and what is asked of the cluster can be read here (see docs/batch.md for the
role). Everything that comes back is bounded and foreign.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from darkroom.adapters.batch.kubeconfig import Access
from darkroom.errors import (
    DarkroomError,
    DeniedError,
    InputError,
    NameTakenError,
    QuotaError,
    UnreachableError,
)


SECONDS = 15.0
INSTANCE = "app.kubernetes.io/instance"  # the label with the name of the Job
QUIET_SECONDS = 60.0  # a pod that says nothing for so long is asked for its state
MAX_ANSWER = 4 << 20
MAX_LINE = 4096
MAX_WORDS = 300


class Cluster:
    """One namespace of a cluster, with a person's rights."""

    def __init__(self, access: Access, namespace: str) -> None:
        self.namespace = namespace
        headers = {"Authorization": f"Bearer {access.token}"} if access.token else {}
        self._http = httpx.Client(
            base_url=access.server,
            headers=headers,
            verify=access.context(),
            timeout=SECONDS,
            trust_env=False,  # a proxy of the environment is none for a cluster
        )

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def create_job(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Make a Job; as it was stored."""
        return self._ask("POST", self._path("batch/v1", "jobs"), json=manifest)

    def create_config_map(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Make a ConfigMap."""
        return self._ask("POST", self._path("v1", "configmaps"), json=manifest)

    def job(self, name: str) -> dict[str, Any]:
        """A Job with its status."""
        return self._ask("GET", self._path("batch/v1", "jobs", name))

    def pod_of(self, job: str) -> dict[str, Any] | None:
        """The pod of a Job that never starts a second one, or None while there is none."""
        asked = {"labelSelector": f"{INSTANCE}={job}", "limit": 1}
        found = self._ask("GET", self._path("v1", "pods"), params=asked)
        items = found.get("items") or []
        return items[0] if items and isinstance(items[0], dict) else None

    def delete_job(self, name: str) -> None:
        """Remove a Job; its pod and its ConfigMap go with it. Again changes nothing."""
        try:
            self._ask(
                "DELETE",
                self._path("batch/v1", "jobs", name),
                params={"propagationPolicy": "Background"},
            )
        except InputError as error:
            if "not found" not in error.message:
                raise

    def log(self, pod: str, *, since: str) -> Iterator[tuple[str, str]]:
        """What a pod prints, as (time, line), until it ends or is quiet for long.

        Args:
            since: a time of the log; what is of that second may be told again.
        """
        params = {"follow": "true", "timestamps": "true", **({"sinceTime": since} if since else {})}
        timeout = httpx.Timeout(SECONDS, read=QUIET_SECONDS)
        path = self._path("v1", "pods", pod) + "/log"
        try:
            with self._http.stream("GET", path, params=params, timeout=timeout) as answer:
                if answer.is_error:
                    answer.read()
                    raise _refusal(answer, "read the pod's log")
                for line in _lines(answer):
                    stamp, _, text = line.partition(" ")
                    yield stamp, text
        except httpx.ReadTimeout:
            return
        except httpx.HTTPError as error:
            raise _silent(self._http.base_url.host) from error

    def _path(self, version: str, kind: str, name: str = "") -> str:
        root = "/api/v1" if version == "v1" else f"/apis/{version}"
        return f"{root}/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            with self._http.stream(method, path, **more) as answer:
                data = bytearray()
                for piece in answer.iter_bytes():
                    data += piece
                    if len(data) > MAX_ANSWER:
                        raise UnreachableError(
                            "the API server answers with more than is read",
                            next_step="is that the address of a Kubernetes API server?",
                        )
                found = _json(bytes(data))
                if answer.is_error:
                    raise _refused(
                        answer.status_code, found, f"{method} {path.rsplit('/', maxsplit=1)[-1]}"
                    )
                return found
        except httpx.HTTPError as error:
            raise _silent(self._http.base_url.host) from error


def _lines(answer: httpx.Response) -> Iterator[str]:
    """Lines of at most `MAX_LINE` bytes; what is longer is cut, never kept."""
    rest = b""
    for piece in answer.iter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line[:MAX_LINE].decode(errors="replace") for line in lines)
        rest = rest[:MAX_LINE]
    if rest:
        yield rest.decode(errors="replace")


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(answer: httpx.Response, what: str) -> DarkroomError:
    return _refused(answer.status_code, _json(answer.content[:MAX_ANSWER]), what)


def _refused(status: int, found: Mapping[str, Any], what: str) -> DarkroomError:
    words = ascii(str(found.get("message") or f"HTTP {status}"))[1:-1][:MAX_WORDS]
    if status == httpx.codes.UNAUTHORIZED:
        return DeniedError(
            "the cluster does not know who you are", next_step="log in with kubectl, then again"
        )
    if status == httpx.codes.FORBIDDEN and "exceeded quota" in words:
        return QuotaError(
            f"the cluster refuses: {words}", next_step="wait, or ask for less: --memory, --cpu"
        )
    if status == httpx.codes.FORBIDDEN:
        return DeniedError(
            f"the cluster refuses to {what}: {words}",
            next_step="ask its operator for the role of docs/batch.md in that namespace",
        )
    if status == httpx.codes.CONFLICT:
        return NameTakenError(f"the cluster refuses: {words}", next_step="run it again")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
        return UnreachableError(
            f"the API server cannot answer now: {words}", next_step="try again later"
        )
    return InputError(f"the cluster refuses: {words}", next_step="check namespace and names")


def _silent(host: str) -> UnreachableError:
    return UnreachableError(
        f"the API server at {host} does not answer",
        next_step="check the network, and the context: kubectl config current-context",
    )
