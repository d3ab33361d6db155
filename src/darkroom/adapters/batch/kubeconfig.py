"""How a person reaches their cluster: the current context of a kubeconfig.

Of what kubectl knows the part that k3s and MicroK8s write: a client certificate, or a token.
A program that makes credentials (`exec`) is not run.
"""

import base64
import binascii
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkroom.errors import SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the API server is, and what opens it.

    Attributes:
        namespace: of the context, or "".
        token: bearer token, or "" with a client certificate.
    """

    server: str
    namespace: str
    token: str = field(repr=False)
    authority: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)

    def context(self) -> ssl.SSLContext:
        """TLS that believes this cluster's authority alone.

        Raises:
            SpecError: a certificate or key that is none.
        """
        try:
            context = ssl.create_default_context(cadata=self.authority.decode("ascii") or None)
            if self.certificate:
                # OpenSSL takes these from files alone; the folder is ours and goes at once.
                with tempfile.TemporaryDirectory(prefix="darkroom-kubeconfig-") as folder:
                    certificate, key = Path(folder, "tls.crt"), Path(folder, "tls.key")
                    certificate.write_bytes(self.certificate)
                    key.touch(mode=0o600)
                    key.write_bytes(self.key)
                    context.load_cert_chain(certificate, key)
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise SpecError(
                "a certificate or key of the kubeconfig cannot be used",
                next_step="write the kubeconfig anew, for instance `microk8s config`",
            ) from error
        return context


def read_access(content: Mapping[str, Any], folder: Path) -> Access:
    """The current context of a kubeconfig.

    Args:
        content: the file, read strictly.
        folder: where it lies; paths in it count from there.

    Raises:
        SpecError: a part is missing, or a way to log in that we do not have.
    """
    chosen = _text(content, "current-context", "current-context")
    context = _named(content, "contexts", chosen, "context")
    cluster = _named(content, "clusters", _text(context, "cluster", "context"), "cluster")
    user = _named(content, "users", _text(context, "user", "context"), "user")
    if cluster.get("insecure-skip-tls-verify"):
        raise _refused("insecure-skip-tls-verify", "name the cluster's certificate-authority")
    for other in ("exec", "auth-provider", "username"):
        if other in user:
            raise _refused(f"a user with `{other}`", "put a token there: `kubectl create token …`")
    token = str(user.get("token", ""))
    if not token and "tokenFile" in user:
        token = _file(folder / str(user["tokenFile"])).decode("ascii", "replace").strip()
    access = Access(
        server=_text(cluster, "server", "cluster").rstrip("/"),
        namespace=str(context.get("namespace", "")),
        token=token,
        authority=_bytes(cluster, "certificate-authority", folder),
        certificate=_bytes(user, "client-certificate", folder),
        key=_bytes(user, "client-key", folder),
    )
    if not access.server.startswith("https://"):
        raise _refused("a server without https://", "use the address that kubectl uses")
    if not access.token and not (access.certificate and access.key):
        raise _refused("a user without token and certificate", "log in with kubectl first")
    return access


def _named(content: Mapping[str, Any], where: str, name: str, kind: str) -> Mapping[str, Any]:
    rows = content.get(where)
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("name") == name and isinstance(row.get(kind), dict):
            return row[kind]
    raise SpecError(
        f"the kubeconfig has no {kind} {ascii(name)[:60]}",
        next_step="choose another: kubectl config use-context …",
        where=(where,),
    )


def _text(content: Mapping[str, Any], name: str, of: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value:
        raise SpecError(
            f"the kubeconfig has no {name} in its {of}",
            next_step="choose one: kubectl config use-context …",
            where=(name,),
        )
    return value


def _bytes(content: Mapping[str, Any], name: str, folder: Path) -> bytes:
    data = content.get(f"{name}-data")
    if isinstance(data, str):
        try:
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise _refused(f"{name}-data that is no base64", "write the file anew") from error
    path = content.get(name)
    return _file(folder / path) if isinstance(path, str) else b""


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64 << 10)
    except OSError as error:
        raise _refused(f"{path}, which cannot be read", "check the path") from error


def _refused(what: str, cure: str) -> SpecError:
    return SpecError(f"the kubeconfig has {what}", next_step=cure)
