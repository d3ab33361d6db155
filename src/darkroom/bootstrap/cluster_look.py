"""Questions to a Kubernetes API server that change nothing and fetch no secret."""

import json
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from darkroom import config
from darkroom.adapters.batch.kubeconfig import Access, read_access
from darkroom.errors import DeniedError, UnknownNameError, UnreachableError


SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
IN_CLUSTER = "https://kubernetes.default.svc"
SECONDS = 10.0
MAX_ANSWER = 16 << 20
# The server leaves out all content: of a Secret, that it exists and nothing more.
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


def access(kubeconfig: Path | None) -> Access:
    """What opens the cluster: a pod's service account, else a person's kubeconfig.

    Raises:
        SpecError: neither is there, or it cannot be used.
    """
    if kubeconfig is None and (SERVICE_ACCOUNT / "token").is_file():
        return Access(
            server=IN_CLUSTER,
            namespace=(SERVICE_ACCOUNT / "namespace").read_text(encoding="ascii").strip(),
            token=(SERVICE_ACCOUNT / "token").read_text(encoding="ascii").strip(),
            authority=(SERVICE_ACCOUNT / "ca.crt").read_bytes(),
            certificate=b"",
            key=b"",
        )
    opened = config.open_yaml(kubeconfig or config.kubeconfig())
    with opened.blamed():
        return read_access(opened.content, (kubeconfig or config.kubeconfig()).parent)


class ClusterLook:
    """Reads objects of one cluster.

    Attributes:
        server_time: what the API server's clock said last, Unix seconds; 0.0 before.
    """

    def __init__(self, opened: Access) -> None:
        """Connect when first asked."""
        self.server = opened.server
        self.server_time = 0.0
        headers = {"Authorization": f"Bearer {opened.token}"} if opened.token else {}
        self._http = httpx.Client(
            base_url=opened.server,
            headers=headers,
            verify=opened.context(),
            timeout=SECONDS,
            trust_env=False,
        )

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def get(self, path: str, *, metadata_only: bool = False) -> dict[str, Any]:
        """One object, or one list.

        Raises:
            UnknownNameError: it is not there.
            DeniedError: these rights do not reach so far.
            UnreachableError: no answer, or none of an API server.
        """
        headers = {"Accept": METADATA_ONLY if metadata_only else "application/json"}
        data = bytearray()
        try:
            with self._http.stream("GET", path, headers=headers) as answer:
                for piece in answer.iter_bytes():
                    data += piece
                    if len(data) > MAX_ANSWER:
                        raise _strange(self.server)
        except httpx.HTTPError as error:
            raise UnreachableError(
                f"the API server {self.server} does not answer ({type(error).__name__})",
                next_step="see whether the control plane runs: sudo systemctl status k3s",
            ) from error
        self._learn_time(answer.headers.get("date", ""))
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise UnknownNameError(f"there is no {path}", next_step="install the chart")
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise DeniedError(
                f"these rights do not read {path}",
                next_step="run this with the rights of who installs the chart",
            )
        try:
            found = json.loads(bytes(data))
        except (ValueError, RecursionError):
            found = None
        if answer.is_error or not isinstance(found, dict):
            raise _strange(self.server)
        return found

    def items(self, path: str) -> Iterator[dict[str, Any]]:
        """The objects of a list."""
        found = self.get(path).get("items")
        yield from (item for item in found if isinstance(item, dict)) if found else ()

    def _learn_time(self, date: str) -> None:
        try:
            self.server_time = parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError):
            self.server_time = 0.0


def _strange(server: str) -> UnreachableError:
    return UnreachableError(
        f"{server} answers as no API server does", next_step="check the address in the kubeconfig"
    )
