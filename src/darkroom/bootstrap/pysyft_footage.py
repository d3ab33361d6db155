"""What `create_dataset` of PySyft's client registers: footage where it lies, ingested in place."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from darkroom.bootstrap.node import DATABASE
from darkroom.errors import DataError, InputError, StateError
from darkroom.model.domain_config import DatasetConfig, DomainConfig
from darkroom.model.identity import NAME
from darkroom.node.footage_source import PICTURES, RECIPES
from darkroom.node.ingest import IngestProgress


class DomainFootage:
    """The datasets of one domain, as far as this machine can make them."""

    def __init__(
        self,
        *,
        domain: str,
        config: DomainConfig | None,
        folder: Path | None,
        node_state: Path | None,
        granted: Callable[[], Sequence[str]],
        require_owner: Callable[[], object],
        tell: Callable[[str], object],
    ) -> None:
        """Put together by `darkroom.bootstrap.pysyft_owner`.

        Args:
            domain: its name.
            config: its `domain.yaml`, if that is here.
            folder: where that lies.
            node_state: the node's state folder, if it is said to be here.
            granted: datasets that the policy names.
            require_owner: raises for a reviewer.
            tell: where a sentence for a person goes.
        """
        self._domain = domain
        self._config = config
        self._folder = folder
        self._node_state = node_state
        self._granted = granted
        self._require_owner = require_owner
        self._tell = tell

    def names(self) -> list[str]:
        """Datasets that the domain is known to have."""
        listed = [d.name for d in self._config.datasets] if self._config else []
        return sorted({*listed, *self._granted()})

    def check(self, dataset: str, path: Path) -> None:
        """Whether `register` can be done on this machine.

        Raises:
            DeniedError: a reviewer registers nothing.
            DataError: there is nothing at the path.
            StateError: the node is elsewhere; with the command to run there.
            UnknownNameError: `domain.yaml` names no such dataset.
        """
        self._require_owner()
        if not path.exists():
            raise DataError(f"there is nothing at {path}", next_step="check private_path")
        if self._config is None or self._node_state is None or not self._is_node(self._node_state):
            raise StateError(
                f"the node of {self._domain} is not on this machine, or login_do was not told "
                "where (node_state=, domain=)",
                next_step=f"run this where it is: {self.command(dataset, path)}",
            )
        if self._config.domain != self._domain:
            raise InputError(
                f"domain= is the folder of {self._config.domain}, and you own {self._domain}",
                next_step=f"name the folder of {self._domain}",
            )
        self._sources(self._config.dataset(dataset), path)

    def register(self, dataset: str, path: Path, summary: str) -> str:
        """Ingest footage from where it lies; the version of the dataset.

        Raises:
            DarkroomError: it cannot be read, or not contained here.
        """
        from darkroom.bootstrap.ingest import Request, ingest

        self.check(dataset, path)
        assert self._config is not None
        assert self._node_state is not None
        chosen = self._config.dataset(dataset)
        sources, cameras = self._sources(chosen, path)
        if summary and not chosen.description:
            chosen = replace(chosen, description=" ".join(summary.split())[:500])
        try:
            _, card = ingest(
                Request(dataset=chosen, sources=sources, cameras=cameras),
                domain=self._config,
                state=self._node_state,
                progress=_Lines(self._tell),
            )
        except PermissionError as error:
            raise StateError(
                "the node's state belongs to another user of this machine",
                next_step=f"run this as that user: {self.command(dataset, path)}",
            ) from error
        return card.version

    def command(self, dataset: str, path: Path) -> str:
        """What to type where the node is."""
        cameras: tuple[str, ...] = ()
        sources: tuple[Path, ...] = (path,)
        if self._config is not None and path.exists():
            sources, cameras = self._sources(self._config.dataset(dataset), path)
        return shlex.join(
            [
                "darkroom", "ingest", *map(str, sources),
                *(word for camera in cameras for word in ("--camera", camera)),
                "--dataset", dataset,
                "--domain", str(self._folder or f"domains/{self._domain}"),
                "--state", str(self._node_state or "NODE_STATE"),
            ]
        )  # fmt: skip

    @staticmethod
    def _is_node(state: Path) -> bool:
        try:
            return (state / DATABASE).is_file()
        except OSError:
            return False

    def _sources(
        self, dataset: DatasetConfig, path: Path
    ) -> tuple[tuple[Path, ...], tuple[str, ...]]:
        """(sources, their cameras): a recipe, one camera, or a folder with one entry for each."""
        if path.suffix.lower() in RECIPES and path.is_file():
            return (path,), ()
        known = list(self._config.cameras_of(dataset)) if self._config else []
        entries = _entries(path) if path.is_dir() else []
        pictures = [e for e in entries if e.suffix.lower() in PICTURES]
        if entries and not pictures:
            cameras = tuple(e.stem if e.is_file() else e.name for e in entries)
            if all(c in known if known else NAME.fullmatch(c) for c in cameras):
                return tuple(entries), cameras
            raise InputError(
                f"the entries of {path} are not named after cameras of {dataset.name}",
                next_step=f"name each video or folder of pictures like its camera: "
                f"{', '.join(known) or 'cam-1.mp4'}",
            )
        if path.stem in known or len(known) != 1:
            camera = path.stem if not known or path.stem in known else ""
        else:
            camera = known[0]
        if not NAME.fullmatch(camera):
            raise InputError(
                f"{path.name} does not say which camera it is from",
                next_step=f"name it like a camera of {dataset.name}: {', '.join(known) or 'cam-1'}",
            )
        return (path,), (camera,)


def _entries(folder: Path) -> list[Path]:
    return sorted(e for e in folder.iterdir() if not e.name.startswith("."))


class _Lines:
    """Progress as one line per camera."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._said: set[str] = set()

    def __call__(self, now: IngestProgress) -> None:
        if now.camera not in self._said:
            self._said.add(now.camera)
            self._tell(f"reading {now.camera} in the sandbox")
