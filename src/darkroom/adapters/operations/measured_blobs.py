"""The `BlobStore` port with a counter of failures."""

from collections.abc import Callable
from typing import TypeVar

from darkroom.errors import DarkroomError, UnknownNameError
from darkroom.model.metrics import gateway
from darkroom.model.metrics.metric import Meter
from darkroom.ports import BlobStore


T = TypeVar("T")


class MeasuredBlobs:
    """Counts calls that failed, by operation. A key that is not there is no failure."""

    def __init__(self, blobs: BlobStore, meter: Meter) -> None:
        """Put in front of a blob store."""
        self._blobs = blobs
        self._meter = meter

    def _counted(self, operation: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except UnknownNameError:
            raise
        except DarkroomError:
            self._meter.add(gateway.BLOB_ERRORS, operation=operation)
            raise

    def put(self, key: str, data: bytes) -> None:
        """See `BlobStore.put`."""
        self._counted("put", lambda: self._blobs.put(key, data))

    def get(self, key: str) -> bytes:
        """See `BlobStore.get`."""
        return self._counted("get", lambda: self._blobs.get(key))

    def delete(self, key: str) -> None:
        """See `BlobStore.delete`."""
        self._counted("delete", lambda: self._blobs.delete(key))

    def keys(self, prefix: str) -> list[str]:
        """See `BlobStore.keys`."""
        return self._counted("keys", lambda: self._blobs.keys(prefix))

    def describe(self) -> str:
        """See `BlobStore.describe`."""
        return self._blobs.describe()
