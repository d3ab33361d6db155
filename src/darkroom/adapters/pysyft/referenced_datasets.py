"""PySyft's dataset manager for an owner whose private files stay where they are.

The stock one copies private files into the SyftBox folder, which every sync then reads into
memory. Here the box holds a link to a folder beside it, and that folder links to the files.
The engine's walks do not follow links to folders. No mock is kept either: a mock is
rendered from the card that the domain signs.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

from syft_datasets.dataset_manager import SHARE_WITH_ANY, SyftDatasetManager
from syft_datasets.dataset_ref import DatasetRef
from syft_datasets.migrations.registry import DATASET_PROTOCOL_VERSION
from syft_datasets.models import Dataset, PrivateDatasetConfig

from darkroom.adapters.pysyft.address import name_of
from darkroom.adapters.pysyft.owner_desk import Footage, Scientists
from darkroom.errors import DeniedError, InputError
from darkroom.model.identity import require_name


MAX_LINKS = 1_000  # of a folder with more files than that, the folder itself is linked


@dataclass(slots=True)
class _Waiting:
    """A dataset that was described and is registered at the next sync."""

    path: Path
    summary: str
    shared_with: list[Sequence[str] | None]


class ReferencedDatasets(SyftDatasetManager):
    """Datasets by reference."""

    def __init__(
        self,
        *,
        syftbox_folder: Path,
        email: str,
        held: Path,
        footage: Footage,
        scientists: Scientists,
        tell: Callable[[str], object],
    ) -> None:
        """Put together by `owner_client`.

        Args:
            syftbox_folder, email: of the client.
            held: folder beside the box, for links to private files.
            footage: the domain's datasets.
            scientists: who may use them.
            tell: where a sentence for a person goes.
        """
        super().__init__(syftbox_folder, email)
        self._held = held
        self._footage = footage
        self._scientists = scientists
        self._tell = tell
        self._waiting: dict[str, _Waiting] = {}
        self._told_of_mocks = False

    def list_known(self) -> None:
        """Have an entry for every dataset that the domain is known to have."""
        for place in self._held.iterdir() if self._held.is_dir() else ():
            if not any(entry.is_symlink() for entry in place.iterdir()):
                self._forget(place.name)  # described, and the process ended before the sync
        for name in self._footage.names():
            if not self.storage.metadata_path(self._ref(name)).is_file():
                self._describe(name, None, "", None, [])

    # ------------------------------------------------------------------------------- create

    def create(
        self,
        name: str,
        mock_path: str | Path | None,
        private_path: str | Path,
        summary: str | None = None,
        readme_path: Path | None = None,
        location: str | None = None,
        tags: list[str] | None = None,
        users: list[str] | str | None = None,
        protocol_versions: list[str] | None = None,
    ) -> Dataset:
        """Describe a dataset; the sync that follows has the domain read its footage in place.

        Args:
            name: a dataset of the domain's `domain.yaml`.
            mock_path: not used; may be None.
            private_path: footage, as `darkroom ingest` takes it.
            summary: what the dataset's card says where `domain.yaml` says nothing.
            readme_path, location, tags, protocol_versions: as in PySyft; kept here only.
            users: addresses, or "any".

        Raises:
            DarkroomError: the domain has no such dataset, or this is not its machine.
        """
        del readme_path, protocol_versions
        require_name(name, "dataset")
        path = Path(private_path).expanduser().resolve()
        if path.is_relative_to(self.syftbox_config.syftbox_folder.resolve()):
            raise InputError(
                "private files do not belong into the SyftBox folder",
                next_step="move them elsewhere and name them there",
            )
        if name in self._waiting or self._reference(name).exists():
            raise InputError(
                f"dataset {name} is registered already",
                next_step="read new footage in with `darkroom ingest`, or delete it first",
            )
        self._footage.check(name, path)
        if isinstance(users, str) and users != SHARE_WITH_ANY:
            users = [users]
        if users:
            names = None if users == SHARE_WITH_ANY else [name_of(user) for user in users]
            self._scientists.check(name, names)
        if mock_path is not None and not self._told_of_mocks:
            self._told_of_mocks = True
            self._tell(
                "mock_path is not used: the mock is rendered from the card that the domain signs"
            )
        dataset = self._describe(name, path, summary or "", location, tags or [])
        self._waiting[name] = _Waiting(path, summary or "", [])
        return dataset

    def register_waiting(self) -> None:
        """Have the domain read what was described; called at every sync.

        Raises:
            DarkroomError: it cannot be read; it is not listed any more.
        """
        for name in list(self._waiting):
            try:
                waiting = self._waiting[name]
                version = self._footage.register(name, waiting.path, waiting.summary)
                self._link(name, waiting.path)
                for names in waiting.shared_with:
                    self._scientists.share(name, names)
            except BaseException:
                del self._waiting[name]
                self._forget(name)
                raise
            del self._waiting[name]
            self._tell(f"{name} is registered by reference: {version}")

    def share(self, name: str, names: Sequence[str] | None) -> None:
        """Let these (None: everybody accepted) use a dataset, once it is registered."""
        if name in self._waiting:
            self._scientists.check(name, names)
            self._waiting[name].shared_with.append(names)
        else:
            self._scientists.share(name, names)

    # ------------------------------------------------------------------------------- delete

    def delete(
        self, name: str, datasite: str | None = None, require_confirmation: bool = True
    ) -> None:
        """Take a dataset out of every grant and out of the list; its files stay where they are.

        What the domain has read in is erased by its retention, or by its operator.

        Raises:
            DeniedError: it is another datasite's.
            DarkroomError: the policy would not hold without it.
        """
        if datasite not in (None, self.syftbox_config.email):
            raise DeniedError("it is not yours to delete", next_step="leave datasite out")
        require_name(name, "dataset")
        self.get(name)
        if self._waiting.pop(name, None) is None:
            if require_confirmation:
                answer = input(
                    f"Nobody may use {name} any more: the next policy is signed without it. "
                    "Its files stay where they are. (yes/no): "
                )
                if answer.strip().lower() != "yes":
                    self._tell("nothing was changed")
                    return
            self._scientists.unshare(name)
        self._forget(name)

    def migrate(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: it would copy files."""
        raise DeniedError("datasets by reference are not migrated", next_step="leave it")

    def get_private_dataset_files(self, name: str) -> NoReturn:
        """Refused: it is what `share_private_dataset` would send."""
        raise DeniedError(
            f"the private files of {name} are sent to nobody",
            next_step="let jobs come to the data: client.share_dataset(name, [...])",
        )

    # ------------------------------------------------------------------------------ details

    def _ref(self, name: str) -> DatasetRef:
        return DatasetRef(
            owner=self.syftbox_config.email, name=name, protocol_version=DATASET_PROTOCOL_VERSION
        )

    def _reference(self, name: str) -> Path:
        return self._held / name

    def _describe(
        self, name: str, path: Path | None, summary: str, location: str | None, tags: list[str]
    ) -> Dataset:
        ref = self._ref(name)
        public, private = self.storage.public_dataset_dir(ref), self._private(name)
        _erase(public)
        _erase(private)
        dataset = Dataset(
            uid=uuid4(),
            name=name,
            mock_url=self._url(public),
            private_url=self._url(private),
            summary=summary or None,
            location=location,
            tags=tags,
        )
        dataset._syftbox_config, dataset._ref = self.syftbox_config, ref  # noqa: SLF001
        self.storage.write_dataset_metadata(ref, dataset)
        if path is None:
            private.mkdir(parents=True, exist_ok=True)
            return dataset
        self._reference(name).mkdir(mode=0o700, parents=True, exist_ok=True)
        private.parent.mkdir(parents=True, exist_ok=True)
        private.symlink_to(self._reference(name), target_is_directory=True)
        self.storage.write_private_config(ref, PrivateDatasetConfig(uid=dataset.uid, data_dir=path))
        return dataset

    def _link(self, name: str, path: Path) -> None:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in files if len(files) <= MAX_LINKS else [path]:
            link = self._reference(name) / file.name
            if not link.exists():  # PySyft's own file there keeps its name
                link.symlink_to(file)

    def _url(self, place: Path) -> str:
        # An address without a dot is no host of a `syft://` URL; `.` is the box itself.
        return f"syft://./{place.relative_to(self.syftbox_config.syftbox_folder).as_posix()}"

    def _private(self, name: str) -> Path:
        place: Path = self.storage.private_dataset_dir(self._ref(name))
        return place

    def _forget(self, name: str) -> None:
        _erase(self._private(name))
        _erase(self._reference(name))
        _erase(self.storage.public_dataset_dir(self._ref(name)))


def _erase(path: Path) -> None:
    """A link, or a folder with links; what they lead to stays."""
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
