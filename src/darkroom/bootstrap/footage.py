"""Where a domain's dataset versions lie: one answer for the node and for `darkroom ingest`."""

import threading
from pathlib import Path

from darkroom.adapters.clock import SystemClock
from darkroom.config import s3_endpoint, s3_keys
from darkroom.model.dataset import Manifest
from darkroom.model.domain_config import DomainConfig
from darkroom.ports import FootageStore


CACHE_MIB = 16 << 10


def open_footage(state: Path, domain: DomainConfig) -> FootageStore:
    """The store that `footage:` in domain.yaml names: `folder` or `s3://<bucket>`.

    Nothing is read before the first use, so that a node starts (and stays small) while the
    object store is away.
    """
    return LateFootage(state, domain.footage.removeprefix("s3://"))


class LateFootage:
    """The `FootageStore` port, opened when it is first needed."""

    def __init__(self, state: Path, bucket: str) -> None:
        self._state = state
        self._bucket = bucket
        self._lock = threading.Lock()
        self._opened: FootageStore | None = None

    def put(self, face: Path, manifest: Manifest) -> None:
        """See `FootageStore.put`."""
        self._store().put(face, manifest)

    def manifest(self, version: str) -> Manifest:
        """See `FootageStore.manifest`."""
        return self._store().manifest(version)

    def versions(self, dataset: str) -> list[str]:
        """See `FootageStore.versions`."""
        return self._store().versions(dataset)

    def materialise(self, version: str) -> Path:
        """See `FootageStore.materialise`."""
        return self._store().materialise(version)

    def erase(self, version: str) -> None:
        """See `FootageStore.erase`."""
        self._store().erase(version)

    def describe(self) -> str:
        """See `FootageStore.describe`."""
        if self._bucket == "folder":
            return f"folder {self._state / 'footage'}"
        return f"s3 bucket {self._bucket}, sealed"

    def _store(self) -> FootageStore:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> FootageStore:
        if self._bucket == "folder":
            from darkroom.adapters.footage.folder import FolderFootage

            return FolderFootage(self._state / "footage")
        from darkroom.adapters.blobs.s3 import S3BlobStore
        from darkroom.adapters.footage.sealed import SealedFootage, footage_key

        access_key, secret_key = s3_keys()
        return SealedFootage(
            blobs=S3BlobStore(
                endpoint=s3_endpoint(),
                bucket=self._bucket,
                access_key=access_key,
                secret_key=secret_key,
            ),
            key=footage_key(self._state / "footage.key"),
            cache=self._state / "footage",
            cache_mib=CACHE_MIB,
            clock=SystemClock(),
        )
