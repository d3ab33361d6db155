"""The service identity of a batch: a scientist's home of its own, carried by a Secret.

It is enrolled like a person. On a cluster its keys lie in a Secret that is mounted
read-only; what it remembers (jobs, pins as they move on) lies on a volume beside it.
"""

import base64
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.adapters.pysyft import key_file
from darkroom.bootstrap.keys import open_keys
from darkroom.bootstrap.scientist import KEYS, PINS, PROFILE, read_profile
from darkroom.errors import InputError, StateError, TooLargeError
from darkroom.model.identity import PublicIdentity


PRIVATE = ("d", "seed")  # the names of what is secret in a key file
MAX_FILE = 512 << 10
MAX_SECRET = 1 << 20  # Kubernetes takes no more
KUBERNETES_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceIdentity:
    """Who a batch is.

    Attributes:
        home: `DARKROOM_HOME` of the notebook.
        keys: its key file.
        secrets: no output may hold one of these; every notation of every private key.
    """

    public: PublicIdentity
    home: Path
    keys: Path
    secrets: frozenset[str]


def open_identity(home: Path, keys: Path) -> ServiceIdentity:
    """The identity of an enrolled home.

    Raises:
        InputError: nobody has enrolled from there.
        StateError: keys or profile are damaged, or readable by others.
    """
    read_profile(home)
    public = open_keys(keys).identity
    secrets = frozenset(_notations(key_file.read_private(keys)))
    return ServiceIdentity(public=public, home=home, keys=keys, secrets=secrets)


def lay_out(mounted: Path, home: Path, keys: Path) -> None:
    """Make a home from a mounted Secret; what it remembers from an earlier run stays.

    Keys are taken from the Secret each time: it is where they are exchanged.

    Raises:
        StateError: a file is missing or too large, or there is no room.
    """
    found = {name: _bounded(mounted / name) for name in (KEYS, PROFILE, PINS)}
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(keys, found[KEYS])
    _write(home / PROFILE, found[PROFILE])
    if not (home / PINS).exists():
        _write(home / PINS, found[PINS])


def secret_manifest(home: Path, name: str, namespace: str) -> str:
    """The Secret that carries an enrolled home, as JSON for `kubectl apply -f -`.

    Raises:
        InputError: nobody has enrolled from there, or the name is none for Kubernetes.
        TooLargeError: more pins than a Secret holds.
    """
    for word in (name, namespace):
        if not KUBERNETES_NAME.fullmatch(word):
            raise InputError(
                f"{ascii(word)[:60]} is no name for Kubernetes",
                next_step="use small letters, digits and hyphens",
            )
    open_identity(home, home / KEYS)
    data = {
        KEYS: _bounded(home / KEYS),
        PROFILE: _bounded(home / PROFILE),
        PINS: _snapshot(home / PINS),
    }
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/part-of": "darkroom"},
        },
        "type": "Opaque",
        "immutable": True,
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }
    text = json.dumps(manifest, indent=1)
    if len(text) > MAX_SECRET:
        raise TooLargeError(
            f"the identity at {home} does not fit into a Secret",
            next_step="enrol a service identity of its own, at the domains that it needs",
        )
    return text


def _snapshot(path: Path) -> bytes:
    """A database as one file, whoever writes to it now."""
    try:
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(":memory:")) as copy,
        ):
            source.backup(copy)
            return copy.serialize()
    except sqlite3.Error as error:
        raise StateError(
            f"the pins at {path} cannot be read", next_step="enrol at a domain first"
        ) from error


def _bounded(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise StateError(
            f"the identity has no {path.name}: {error.strerror}",
            next_step="make its Secret with `darkroom batch secret`, and mount all of it",
        ) from error
    if len(data) > MAX_FILE:
        raise StateError(
            f"{path.name} of the identity has more than {MAX_FILE >> 10} KiB",
            next_step="make its Secret anew with `darkroom batch secret`",
        )
    return data


def _write(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        draft.replace(path)
    except OSError as error:
        raise StateError(
            f"{path} could not be written: {error.strerror}",
            next_step="check the owner of the volume, and the room on it",
        ) from error


def _notations(fields: Any, name: str = "") -> Iterator[str]:
    """Every private value of a key file: as it stands there, in hexadecimal, in base64."""
    if isinstance(fields, dict):
        for key, value in fields.items():
            yield from _notations(value, key)
    elif isinstance(fields, list):
        for value in fields:
            yield from _notations(value, name)
    elif name in PRIVATE and isinstance(fields, str):
        yield fields
        raw = (
            bytes.fromhex(fields)
            if name == "seed"
            else base64.urlsafe_b64decode(fields + "=" * (-len(fields) % 4))
        )
        yield raw.hex()
        yield raw.hex().upper()
        yield base64.b64encode(raw).decode().rstrip("=")
        yield base64.urlsafe_b64encode(raw).decode().rstrip("=")
