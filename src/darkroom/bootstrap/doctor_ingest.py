"""Cameras that should record: sources, credentials, room, and what masks are drawn."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from darkroom.adapters.footage.arrivals import ARRIVALS
from darkroom.bootstrap import doctor_machine as machine
from darkroom.bootstrap.doctor import Check, Finding, fail, ok, warn
from darkroom.config import domain_config
from darkroom.model.camera_config import CameraConfig
from darkroom.model.identity import require_name


RTSP_PORT = 554
SECONDS = 5.0


class IngestDoctor:
    """Looks at the cameras that domain.yaml names, without taking a picture."""

    def __init__(
        self,
        domain: Path,
        footage: Path | None,
        exchange: Path | None,
        credentials: Path | None,
        *,
        pi: str,
    ) -> None:
        """Take what `ingest live` takes."""
        self._domain = domain
        self._credentials = credentials
        written = None if exchange is None else _announced_in(exchange, require_name(pi, "Pi"))
        self._folders = [folder for folder in (footage, written) if folder is not None]

    def checks(self) -> list[tuple[str, Check]]:
        """In order."""
        checks: list[tuple[str, Check]] = [("cameras", self._cameras)]
        for folder in self._folders:
            checks.append(("folder", lambda folder=folder: _writable(folder)))  # type: ignore[misc]
            checks.append(("disk", lambda folder=folder: machine.disk(folder)))  # type: ignore[misc]
        return [*checks, ("memory", machine.memory), ("time", machine.time_sync)]

    def _cameras(self) -> Iterator[Finding]:
        config = domain_config(self._domain)
        live = [c for c in config.cameras if c.url or c.device or c.folder]
        if not live:
            yield warn(
                "cameras",
                f"no camera of {config.domain} is live",
                "give cameras a url, device or folder in domain.yaml",
            )
        for camera in live:
            yield from self._camera(camera)
            if not camera.masks:
                yield warn(
                    "mask",
                    f"camera {camera.id} has no mask: everything in its picture is recorded",
                    "draw masks in domain.yaml where it sees what nobody agreed to",
                )

    def _camera(self, camera: CameraConfig) -> Iterator[Finding]:
        name = f"camera {camera.id}"
        if camera.device:
            yield _device(name, Path(camera.device))
        elif camera.folder:
            there = os.access(camera.folder, os.R_OK | os.W_OK | os.X_OK)
            yield (
                ok(name, f"takes clips from {camera.folder}")
                if there
                else fail(name, f"{camera.folder} cannot be used", "make it, writable for ingest")
            )
        else:
            yield _stream(name, camera)
        if camera.credentials:
            yield self._credential(name, camera.credentials)

    def _credential(self, name: str, file: str) -> Finding:
        if self._credentials is None:
            return warn(name, "its credentials were not looked at", "name --credentials FOLDER")
        path = self._credentials / file
        if not os.access(path, os.R_OK):
            cure = "put name:password there; on Kubernetes: the Secret of the cameras"
            return fail(name, f"there are no credentials at {path}", cure)
        return ok(name, "its credentials can be read")


def _stream(name: str, camera: CameraConfig) -> Finding:
    parts = urlsplit(camera.url)
    host, port = parts.hostname or "", parts.port or RTSP_PORT
    try:
        socket.create_connection((host, port), SECONDS).close()
    except OSError as error:
        why = error.strerror or type(error).__name__
        return fail(name, f"{host}:{port} does not answer: {why}", "check power, network and url")
    return ok(name, f"{host}:{port} answers")


def _device(name: str, path: Path) -> Finding:
    try:
        known = stat.S_ISCHR(path.stat().st_mode)
    except OSError:
        known = False
    if not known:
        return fail(name, f"there is no device {path}", "plug it in; on Kubernetes: device plugin")
    if not os.access(path, os.R_OK | os.W_OK):
        return fail(name, f"{path} is not ours to use", "add the group video to this user")
    return ok(name, f"{path} is there")


def _announced_in(exchange: Path, pi: str) -> Path:
    """What ingest writes to: in its pod `arrivals/<pi>` alone; all of it before a first start."""
    own = exchange / ARRIVALS / pi
    return next((path for path in (own, own.parent) if path.is_dir()), exchange)


def _writable(folder: Path) -> Iterator[Finding]:
    if os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield ok("folder", f"{folder} can be written")
    else:
        cure = "check the volume, its fsGroup (64000) and that it is mounted"
        yield fail("folder", f"{folder} cannot be written by user {os.geteuid()}", cure)
