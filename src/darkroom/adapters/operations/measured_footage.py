"""The `FootageStore` port with a counter of failures."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from darkroom.errors import DarkroomError
from darkroom.model.dataset import Manifest
from darkroom.model.metrics import node
from darkroom.model.metrics.metric import Meter
from darkroom.ports import FootageStore


T = TypeVar("T")


class MeasuredFootage:
    """Counts calls that failed, by class of error; not of which dataset."""

    def __init__(self, footage: FootageStore, meter: Meter) -> None:
        """Put in front of a footage store."""
        self._footage = footage
        self._meter = meter

    def _counted(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except DarkroomError as error:
            self._meter.add(node.FOOTAGE_ERRORS, error=error.code)
            raise

    def put(self, face: Path, manifest: Manifest) -> None:
        """See `FootageStore.put`."""
        self._counted(lambda: self._footage.put(face, manifest))

    def manifest(self, version: str) -> Manifest:
        """See `FootageStore.manifest`."""
        return self._counted(lambda: self._footage.manifest(version))

    def versions(self, dataset: str) -> list[str]:
        """See `FootageStore.versions`."""
        return self._counted(lambda: self._footage.versions(dataset))

    def materialise(self, version: str) -> Path:
        """See `FootageStore.materialise`."""
        return self._counted(lambda: self._footage.materialise(version))

    def erase(self, version: str) -> None:
        """See `FootageStore.erase`."""
        self._counted(lambda: self._footage.erase(version))

    def describe(self) -> str:
        """See `FootageStore.describe`."""
        return self._footage.describe()
