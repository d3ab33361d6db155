"""Where a domain's dataset versions lie: one answer for the node and for `darkroom ingest`."""

import threading
from collections.abc import Callable
from pathlib import Path

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.footage.placed import PlacedFootage
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.config import s3_endpoint, s3_keys
from darkroom.model.dataset import Manifest
from darkroom.model.domain_config import DomainConfig
from darkroom.node.arrivals import Arrivals
from darkroom.node.journal import Journal
from darkroom.ports import FootageStore


CACHE_MIB = 16 << 10
PI_FOOTAGE = Path("/footage")  # below it a job finds the footage of each Pi


def open_footage(state: Path, domain: DomainConfig, *, beside: Path | None = None) -> FootageStore:
    """The store that `footage:` in domain.yaml names: `folder` or `s3://<bucket>`.

    Nothing is read before the first use, so that a node starts (and stays small) while the
    object store is away.

    Args:
        state: the node's folder; the key to sealed footage stays in it.
        domain: whose footage.
        beside: where the files that jobs read are kept; None: in the state.
    """
    return LateFootage(state, domain.footage.removeprefix("s3://"), (beside or state) / "footage")


def placed_footage(
    state: Path, domain: DomainConfig, exchange: Path, say: Callable[[str], None]
) -> PlacedFootage:
    """The node's own store, and what Pis announce on the volume that they share."""
    local = open_footage(state, domain, beside=exchange)  # pods see nothing of the state
    return PlacedFootage(local, exchange=exchange, footage=PI_FOOTAGE, say=say)


def arrivals_of(
    placed: PlacedFootage, domain: DomainConfig, footage: FootageStore, say: Callable[[str], None]
) -> Callable[[SqliteNodeStore, Journal], Callable[[], None]]:
    """What makes the node look for versions of its Pis; an argument of `assemble`.

    Args:
        placed: the store that Pis announce to.
        domain: whose datasets are looked for.
        footage: the same store, as the node uses it.
        say: tells the operator.
    """
    return lambda store, journal: (
        Arrivals(
            domain=domain.domain,
            datasets=domain.datasets,
            store=store,
            journal=journal,
            footage=footage,
            offer=store.register_dataset,
            hold=placed.hold,
            say=say,
        ).look
    )


class LateFootage:
    """The `FootageStore` port, opened when it is first needed."""

    def __init__(self, state: Path, bucket: str, files: Path) -> None:
        self._state = state
        self._files = files
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
            return f"folder {self._files}"
        return f"s3 bucket {self._bucket}, sealed"

    def _store(self) -> FootageStore:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> FootageStore:
        if self._bucket == "folder":
            from darkroom.adapters.footage.folder import FolderFootage

            return FolderFootage(self._files)
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
            cache=self._files,
            cache_mib=CACHE_MIB,
            clock=SystemClock(),
        )
