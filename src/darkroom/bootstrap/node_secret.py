"""A node's keys on Kubernetes: written down as a Secret once, and taken from it at every start.

A Secret is mounted for a group to read and cannot be written, and a key file is for one user
alone and changes (former keys are forgotten). So each start copies it to a place in memory.
"""

import base64
import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkroom.adapters.pysyft.key_file import MAX_KEY_FILE
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.bootstrap.node import KEYS
from darkroom.errors import StateError


KEEP = {"helm.sh/resource-policy": "keep"}
PART_OF = {"app.kubernetes.io/part-of": "darkroom"}
MAKE = "darkroom node secret --domain domains/{0} --public {0}.json | kubectl create -f -"


def namespace_manifest(namespace: str) -> dict[str, Any]:
    """The namespace of a domain, in which every pod is held to Pod Security `restricted`."""
    walls = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": PART_OF | walls},
    }


def keys_manifest(keyring: SycKeyring, namespace: str) -> dict[str, Any]:
    """The Secret `<id>-keys` that helm/domain mounts."""
    name = f"{keyring.identity.name}-keys"
    return _secret(name, namespace, {KEYS: keyring.content()})


def store_manifest(domain: str, namespace: str) -> dict[str, Any]:
    """The Secret `<id>-store`: a fresh key of the edge object store."""
    fresh = {"access-key": secrets.token_hex(10), "secret-key": secrets.token_urlsafe(32)}
    return _secret(f"{domain}-store", namespace, {k: v.encode() for k, v in fresh.items()})


def written_down(
    domain: str, namespace: str, keys: Path | None
) -> tuple[SycKeyring, list[dict[str, Any]]]:
    """New keys with namespace and Secret; or the Secret of a key file that is there.

    Raises:
        StateError: the key file is damaged, others can read it, or it is another domain's.
    """
    if keys is None:
        fresh = SycKeyring.generate(domain, "domain")
        return fresh, [namespace_manifest(namespace), keys_manifest(fresh, namespace)]
    held = SycKeyring.load(keys)
    if (held.identity.name, held.identity.role) != (domain, "domain"):
        raise StateError(
            f"the keys at {keys} are those of {held.identity.name} ({held.identity.role})",
            next_step=f"choose the keys of the domain {domain}",
        )
    return held, [keys_manifest(held, namespace)]


def _secret(name: str, namespace: str, data: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": PART_OF,
            "annotations": KEEP,
        },
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def as_documents(manifests: list[dict[str, Any]]) -> str:
    """As `kubectl create -f -` reads them; JSON is YAML."""
    return "".join(f"---\n{json.dumps(manifest, indent=1)}\n" for manifest in manifests)


def take_keys(secret: Path, keys: Path, *, domain: str, state: Path) -> None:
    """Copy the keys from a mounted Secret to `keys`, for this user alone.

    `darkroom identity rotate` leaves new keys in the state folder. They are never given up
    for older ones in the Secret, and go once the Secret has them.

    Args:
        secret: the mounted file.
        keys: where the node reads them: in memory, or in the state folder to rotate them.
        domain: whose keys they have to be.
        state: the node's state folder.

    Raises:
        StateError: no Secret, no keys in it, or older ones than those in the state folder.
    """
    keys.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = keys.with_name(f".{keys.name}.secret")
    draft.unlink(missing_ok=True)  # of a start that was cut off
    try:
        _copy(secret, draft, domain)
        given = _given(draft, domain)
        kept = state / KEYS
        if kept.exists():
            held = SycKeyring.load(kept)
            if _follows(held, given):
                if keys == kept:
                    return  # a rotation that the Secret does not know yet
                raise StateError(
                    f"the Secret {domain}-keys holds keys from before a rotation",
                    next_step="put the new ones into it: docs/helm-domain.md, New keys",
                )
            if held.identity.fingerprint != given.identity.fingerprint and not _follows(
                given, held
            ):
                raise StateError(
                    f"the Secret {domain}-keys holds other keys than {kept}",
                    next_step="restore the Secret of this domain, or choose a new state volume",
                )
        draft.rename(keys)
        if keys != kept:
            kept.unlink(missing_ok=True)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def _follows(later: SycKeyring, earlier: SycKeyring) -> bool:
    return earlier.identity.fingerprint in {step.old for step in later.handovers}


def _given(draft: Path, domain: str) -> SycKeyring:
    try:
        return SycKeyring.load(draft)
    except StateError:
        raise StateError(
            f"{KEYS} in the Secret {domain}-keys is damaged, or of a newer version",
            next_step="restore the Secret from a copy, or with `darkroom identity recover`",
        ) from None


def _copy(secret: Path, draft: Path, domain: str) -> None:
    try:
        with secret.open("rb") as file:  # kubelet mounts links, so they are followed
            data = file.read(MAX_KEY_FILE + 1)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except FileNotFoundError:
        raise StateError(
            f"the Secret {domain}-keys is missing, or has no {KEYS}",
            next_step=f"make it once: {MAKE.format(domain)}",
        ) from None
    except OSError as error:
        raise StateError(
            f"the keys of {domain} cannot be copied to {draft.parent}: {error.strerror}",
            next_step="look at the mounts of the pod",
        ) from error
