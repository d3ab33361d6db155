"""A dataset's mock, or a registered model, as the collection of files that PySyft syncs.

In PySyft's flat layout: `public/syft_datasets/<name>/dataset.yaml` with the files beside it.
The engine compares the hash of the files at the top only; `manifest.json` is one of them
and names all others by their hashes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml
from syft.sync.file_utils import compute_file_hashes
from syft_datasets.config import is_protocol_dir_name
from syft_datasets.models import Dataset
from syft_rds.config import COLLECTION_SUBPATH

from darkroom.adapters.pysyft.job_files import shown
from darkroom.errors import InputError
from darkroom.model.dataset import DatasetCard


METADATA = "dataset.yaml"
MANIFEST = "manifest.json"
MAX_FILES = 4096
# What is rendered without being asked for; a card is signed, and may still be absurd.
MOST_PIXELS = 4 << 30
MOST_FRAMES = 60  # of a camera in a mock
MOST_CAMERAS = 64
SLOWEST, FASTEST = 0.01, 240.0  # frames a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Files of one dataset.

    Attributes:
        owner: address of the datasite.
        tag: name of the dataset.
        files: name below its folder -> the file, or its bytes.
        content_hash: as the engine computes it for what lies on disk.
    """

    owner: str
    tag: str
    files: Mapping[str, Path | bytes]
    content_hash: str

    def read(self, name: str) -> bytes:
        """The bytes of one file."""
        file = self.files[name]
        return file if isinstance(file, bytes) else file.read_bytes()


def require_renderable(card: DatasetCard) -> None:
    """Refuse a card whose mock is too much to be rendered unasked.

    Raises:
        InputError: saying how to see it nevertheless.
    """
    pixels = sum(c.width * c.height * min(c.frames, MOST_FRAMES) for c in card.cameras)
    usual = all(SLOWEST <= c.fps <= FASTEST for c in card.cameras)
    if pixels > MOST_PIXELS or len(card.cameras) > MOST_CAMERAS or not usual:
        raise InputError(
            f"the mock of {card.domain}/{card.name} is too large to be rendered unasked",
            next_step=f"session.domains[{card.domain!r}].datasets[{card.name!r}].mock()",
        )


def mock_collection(card: DatasetCard, face: Path, owner: str) -> Collection:
    """The mock of a dataset.

    Args:
        card: verified.
        face: the folder that was rendered from it.
        owner: address of its domain.

    Raises:
        InputError: it has more files than are synced.
    """
    inner = sorted(p.relative_to(face).as_posix() for p in face.rglob("*") if p.is_file())
    if len(inner) > MAX_FILES:
        raise InputError(
            f"the mock of {card.domain}/{card.name} has more than {MAX_FILES} files",
            next_step="open it with the session: .mock()",
        )
    inner.sort(key=lambda name: name != MANIFEST)  # the first file is what a job resolves
    return _collection(
        owner,
        card.name,
        {name: face / name for name in inner},
        summary=card.description,
        tags=["mock", *card.classes],
        made=datetime.fromtimestamp(card.start, UTC),
        version=card.version,
    )


def model_collection(name: str, sha256: str, data: bytes, owner: str) -> Collection:
    """A registered model, under its stem."""
    return _collection(
        owner,
        name.rpartition(".")[0],
        {name: data},
        summary=f"a model that {owner} has registered: {sha256}",
        tags=["model"],
        made=datetime.fromtimestamp(0, UTC),
        version=sha256,
    )


def _collection(
    owner: str,
    tag: str,
    files: dict[str, Path | bytes],
    *,
    summary: str,
    tags: list[str],
    made: datetime,
    version: str,
) -> Collection:
    if is_protocol_dir_name(tag):
        raise InputError(
            f"PySyft keeps the name {tag} for itself", next_step="ask the domain to rename it"
        )
    # An address without a dot is no host of a `syft://` URL; `.` is the box itself.
    place = f"syft://./{owner}/{COLLECTION_SUBPATH.as_posix()}/{tag}"
    facts = Dataset(
        uid=uuid5(NAMESPACE_URL, f"{place}/{version}"),
        created_at=made,
        updated_at=made,
        name=tag,
        summary=shown(summary),
        tags=[shown(text) for text in tags],
        mock_url=place,
        private_url=place.replace("/public/", "/private/"),
        mock_files_urls=[f"{place}/{name}" for name in files],
    )
    metadata: dict[str, Any] = facts.disk_dict()
    files = {METADATA: yaml.safe_dump(metadata, sort_keys=False).encode(), **files}
    top = {
        n: f if isinstance(f, bytes) else f.read_bytes() for n, f in files.items() if "/" not in n
    }
    return Collection(owner=owner, tag=tag, files=files, content_hash=compute_file_hashes(top))
