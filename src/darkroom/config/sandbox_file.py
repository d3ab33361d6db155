"""`sandbox.yaml` and the job template beside it, read strictly: where jobs run on a cluster."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.config.yaml_file import YamlFile, open_yaml
from darkroom.errors import SpecError


# A label of DNS, as Kubernetes names namespaces and claims.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_CLAIM = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._:/\-]{0,300}@sha256:[0-9a-f]{64}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?")
_INTERPRETERS = ("litert", "tflite-runtime", "")
MOST = 64
MAX_CANARIES = 8
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SERVER = "https://kubernetes.default.svc"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxImage:
    """An environment of the domain: its image by digest, and its interpreter."""

    image: str
    interpreter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxMount:
    """A volume: where the node sees it, and the claim in the jobs' namespace."""

    path: Path
    claim: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxFile:
    """What sandbox.yaml says.

    Attributes:
        template: the locked job template, as its file has it.
        canaries: (host, port) that no job may reach.
        exchange: the volume that node and jobs share, as the node sees it.
        server, token, ca: how the node reaches the API server.
    """

    namespace: str
    template: YamlFile
    environments: dict[str, SandboxImage]
    mounts: tuple[SandboxMount, ...]
    canaries: tuple[tuple[str, int], ...]
    exchange: Path
    server: str
    token: Path
    ca: Path


def sandbox_file(path: Path) -> SandboxFile:
    """Read sandbox.yaml and the template that it names.

    Raises:
        SpecError: naming file and line.
    """
    file = open_yaml(path)
    with file.blamed():
        content = _keys(
            file.content,
            (),
            needed={"namespace", "template", "environments", "mounts", "canaries", "exchange"},
            allowed={"api"},
        )
        api = _keys(content.get("api", {}), ("api",), allowed={"server", "token", "ca"})
        server = _text(api, "server", ("api",), default=SERVER)
        if not server.startswith("https://"):
            raise _wrong(("api", "server"), "must start with https://")
        template = _path(content, "template", ())
        found = SandboxFile(
            namespace=_match(_LABEL, content["namespace"], ("namespace",), "a namespace"),
            template=open_yaml(template if template.is_absolute() else path.parent / template),
            environments=_environments(content["environments"]),
            mounts=_mounts(content["mounts"]),
            canaries=_canaries(content["canaries"]),
            exchange=_absolute(content, "exchange", ()),
            server=server,
            token=_absolute(api, "token", ("api",), SERVICE_ACCOUNT / "token"),
            ca=_absolute(api, "ca", ("api",), SERVICE_ACCOUNT / "ca.crt"),
        )
        if not any(found.exchange.is_relative_to(mount.path) for mount in found.mounts):
            raise _wrong(("exchange",), "must lie below a path of mounts")
    return found


def _environments(value: object) -> dict[str, SandboxImage]:
    where = ("environments",)
    if not isinstance(value, dict) or not 0 < len(value) <= MOST:
        raise _wrong(where, "must name at least one environment with its image")
    found = {}
    for name, entry in value.items():
        here = (*where, name)
        _match(_LABEL, name, here, "a name of lower-case letters, digits and '-'")
        keys = _keys(entry, here, needed={"image"}, allowed={"interpreter"})
        interpreter = _text(keys, "interpreter", here, default="")
        if interpreter not in _INTERPRETERS:
            raise _wrong((*here, "interpreter"), 'must be litert, tflite-runtime or ""')
        image = _match(_IMAGE, keys["image"], (*here, "image"), "an image by digest (…@sha256:…)")
        found[name] = SandboxImage(image=image, interpreter=interpreter)
    return found


def _mounts(value: object) -> tuple[SandboxMount, ...]:
    found = []
    for number, entry in enumerate(_list(value, ("mounts",))):
        where = ("mounts", number)
        keys = _keys(entry, where, needed={"path", "claim"})
        claim = _match(_CLAIM, keys["claim"], (*where, "claim"), "the name of a claim")
        found.append(SandboxMount(path=_absolute(keys, "path", where), claim=claim))
    return tuple(found)


def _canaries(value: object) -> tuple[tuple[str, int], ...]:
    found = []
    for number, entry in enumerate(_list(value, ("canaries",), MAX_CANARIES)):
        where = ("canaries", number)
        host, _, port = entry.rpartition(":") if isinstance(entry, str) else ("", "", "")
        host = host.removeprefix("[").removesuffix("]")
        if not port.isdecimal() or not 0 < int(port[:6]) < 1 << 16 or not _is_host(host):
            raise _wrong(where, 'must be "host:port"')
        found.append((host, int(port)))
    return tuple(found)


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _HOST.fullmatch(text) is not None
    return True


def _wrong(where: tuple[str | int, ...], words: str) -> SpecError:
    name = ".".join(map(str, where)) or "sandbox.yaml"
    return SpecError(f"{name} {words}", next_step="render it with helm/domain again", where=where)


def _keys(
    value: object,
    where: tuple[str | int, ...],
    *,
    needed: frozenset[str] | set[str] = frozenset(),
    allowed: frozenset[str] | set[str] = frozenset(),
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(where, "must be a mapping")
    for key in sorted(value.keys() - needed - allowed):
        raise _wrong((*where, key), "is not known")
    for key in sorted(needed - value.keys()):
        raise _wrong((*where, key), "is missing")
    return value


def _list(value: object, where: tuple[str | int, ...], most: int = MOST) -> list[Any]:
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise _wrong(where, f"must be a list of 1 to {most}")
    return value


def _text(
    keys: dict[str, Any], key: str, where: tuple[str | int, ...], default: str | None = None
) -> str:
    value = keys.get(key, default)
    if not isinstance(value, str) or "\0" in value:
        raise _wrong((*where, key), "must be a text")
    return value


def _match(pattern: re.Pattern[str], value: object, where: tuple[str | int, ...], what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _wrong(where, f"must be {what}")
    return value


def _path(keys: dict[str, Any], key: str, where: tuple[str | int, ...]) -> Path:
    text = _text(keys, key, where)
    if not text or ".." in Path(text).parts:
        raise _wrong((*where, key), "must be a path without ..")
    return Path(text)


def _absolute(
    keys: dict[str, Any], key: str, where: tuple[str | int, ...], default: Path | None = None
) -> Path:
    if default is not None and key not in keys:
        return default
    path = _path(keys, key, where)
    if not path.is_absolute():
        raise _wrong((*where, key), "must be an absolute path")
    return path
