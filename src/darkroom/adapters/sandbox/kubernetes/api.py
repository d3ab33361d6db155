"""The API server of the cluster, by the few calls that the node's Role allows.

Plain HTTP and JSON: a client of the whole API would cost more memory than the node itself.
Every answer is bounded. What the server says goes into messages made plain; it holds names
of ours only.
"""

import json
import ssl
from pathlib import Path
from typing import Any

import httpx

from darkroom.adapters.sandbox.kubernetes.pods import plain
from darkroom.adapters.sandbox.kubernetes.room import NoRoomError
from darkroom.errors import IsolationError, UnreachableError


MAX_ANSWER = 4 << 20
SECONDS = 10.0
_GONE, _CONFLICT, _FORBIDDEN, _UNKNOWN, _INVALID = 404, 409, 403, 401, 422
_BUSY = (408, 429, 500, 502, 503, 504)


class TakenError(Exception):
    """An object of that name is there, or still on its way out."""


class Api:
    """Jobs and pods of one namespace.

    Args:
        server: `https://…` of the API server.
        token: file with the service account's token; read again each time, for it is renewed.
        ca: file with the authority that signed the server's certificate.
        namespace: of the jobs.

    Raises:
        IsolationError: the files are not there.
    """

    def __init__(self, *, server: str, token: Path, ca: Path, namespace: str) -> None:
        self._token, self._namespace = token, namespace
        try:
            trust = ssl.create_default_context(cafile=str(ca))
        except (OSError, ssl.SSLError) as error:
            raise IsolationError(
                f"the cluster's certificate {ca} cannot be read",
                next_step="run the node in a pod with its service account's token projected",
            ) from error
        self._client = httpx.Client(
            base_url=server, verify=trust, timeout=SECONDS, trust_env=False, follow_redirects=False
        )

    def create(self, job: dict[str, Any]) -> dict[str, Any]:
        """Make a Job.

        Raises:
            TakenError: one of that name is there.
            IsolationError: the cluster refuses it; the message says which rule.
            UnreachableError: no answer.
        """
        return self._ask("POST", self._jobs(), job)

    def job(self, name: str) -> dict[str, Any] | None:
        """A Job, or None."""
        return self._find(self._jobs(name))

    def pods(self, selector: str) -> list[dict[str, Any]]:
        """Pods with a label."""
        path = f"/api/v1/namespaces/{self._namespace}/pods"
        found = self._ask("GET", path, query={"labelSelector": selector})
        items = found.get("items") or []
        return [item for item in items if isinstance(item, dict)]

    def delete(self, name: str) -> None:
        """Have a Job and its pods removed; no error when it is not there."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        try:
            self._ask("DELETE", self._jobs(name), options)
        except _NotThereError:
            return

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _jobs(self, name: str = "") -> str:
        path = f"/apis/batch/v1/namespaces/{self._namespace}/jobs"
        return f"{path}/{name}" if name else path

    def _find(self, path: str) -> dict[str, Any] | None:
        try:
            return self._ask("GET", path)
        except _NotThereError:
            return None

    def _ask(
        self,
        method: str,
        path: str,
        content: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            token = self._token.read_text().strip()
        except OSError as error:
            raise IsolationError(
                f"the node's service-account token {self._token} cannot be read",
                next_step="run the node in a pod with its token projected there",
            ) from error
        try:
            with self._client.stream(
                method,
                path,
                json=content,
                params=query,
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            ) as answer:
                data = bytearray()
                for chunk in answer.iter_bytes():
                    data += chunk
                    if len(data) > MAX_ANSWER:
                        raise UnreachableError(
                            "the cluster's API server answers with more than 4 MiB",
                            next_step="check its address in sandbox.yaml",
                        )
        except (httpx.HTTPError, ssl.SSLError) as error:
            raise UnreachableError(
                f"the cluster's API server {self._client.base_url} did not answer "
                f"({type(error).__name__})",
                next_step="see whether the control plane is up (`kubectl get --raw /readyz`)",
            ) from error
        try:
            value = json.loads(bytes(data))
        except (ValueError, RecursionError):
            value = {}
        value = value if isinstance(value, dict) else {}
        if answer.is_success:
            return value
        raise self._refusal(method, answer.status_code, plain(value.get("message") or "", 600))

    def _refusal(self, method: str, status: int, said: str) -> Exception:
        creating, low = method == "POST", said.lower()
        space = self._namespace
        if status == _GONE and creating:
            return IsolationError(
                f"the cluster has no namespace {space}",
                next_step="install the domain's chart; it makes the jobs' namespace",
            )
        if status == _GONE:
            return _NotThereError()
        if status == _CONFLICT and creating:
            return TakenError()
        if status == _UNKNOWN:
            return IsolationError(
                "the cluster does not accept the node's service-account token",
                next_step="restart the node's pod; if it stays so, run helm upgrade",
            )
        if status in _BUSY:
            return UnreachableError(
                f"the cluster's API server is busy or ill (HTTP {status}: {said})",
                next_step="see whether the control plane has memory and disk left",
            )
        if "exceeded quota" in low:
            return NoRoomError(
                f"the quota of {space} is used up: {said}",
                next_step="wait for other jobs, or lower `jobs.memoryMiB`, or give the domain another Pi",
            )
        if "admission" in low or "denied request" in low or "podsecurity" in low:
            return IsolationError(
                f"a rule of the cluster refuses the job's Job: {said}",
                next_step="install the chart and the images of one version; the rule names the "
                "field",
            )
        if status == _FORBIDDEN:
            return IsolationError(
                f"the node may not {_verb(method)} in {space}: {said}",
                next_step=f"restore the node's Role and RoleBinding in {space} (helm upgrade)",
            )
        return IsolationError(
            f"the cluster does not take the job's Job (HTTP {status}: {said})",
            next_step="render the job template with helm/domain of this version again",
        )


class _NotThereError(Exception):
    """There is no such object."""


def _verb(method: str) -> str:
    return {"POST": "create Jobs", "DELETE": "delete Jobs"}.get(method, "read Jobs and Pods")
