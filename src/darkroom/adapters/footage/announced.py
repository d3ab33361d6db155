"""The `FootageStore` of a Pi whose node is elsewhere: a folder, announced on the exchange.

<footage>/versions/<dataset>/<number>-<version hex>/    as `folder.py` keeps them
"""

import secrets
from collections.abc import Callable
from pathlib import Path

from darkroom.adapters.footage.arrivals import (
    ARRIVALS,
    FORGET,
    HELD,
    ORDERS,
    arrival_bytes,
    names,
    read_arrival,
    read_forgets,
    read_held,
    read_order,
    remove,
    write_whole,
)
from darkroom.adapters.footage.folder import FolderFootage
from darkroom.errors import DarkroomError, UnreachableError
from darkroom.model.dataset import Manifest
from darkroom.model.forget import Forget
from darkroom.model.identity import require_name
from darkroom.policy.forget import without


VERSIONS = "versions"
MOST_ORDERS = 10_000


class AnnouncedFootage:
    """Versions in a folder of this Pi. What is in the folder is announced, and nothing else."""

    def __init__(
        self, footage: Path, exchange: Path, pi: str, *, say: Callable[[str], None]
    ) -> None:
        """Open it.

        Args:
            footage: this Pi's own volume.
            exchange: what the node and all Pis share.
            pi: our name.
            say: tells the operator.
        """
        require_name(pi, "Pi")
        self._folder = FolderFootage(footage / VERSIONS)
        self._root = footage / VERSIONS
        self._exchange = exchange
        self._pi = pi
        self._arrivals = exchange / ARRIVALS / pi
        self._orders = exchange / ORDERS / pi
        self._held: frozenset[str] = frozenset()
        self._forgets: tuple[Forget, ...] = ()
        self._clean: set[str] = set()  # versions that none of them is about
        self._say = say

    def put(self, face: Path, manifest: Manifest) -> None:
        """See `FootageStore.put`."""
        self._folder.put(face, manifest)
        self.announce(manifest)

    def announce(self, manifest: Manifest) -> None:
        """Tell the node that a version lies here.

        Raises:
            StateError: the exchange cannot be written.
        """
        path = self._arrivals / f"{_hex(manifest.version)}.json"
        known = read_arrival(path, self._pi)
        if known is None:
            place = self._place(manifest)
            write_whole(path, arrival_bytes(secrets.token_hex(8), place, manifest))

    def manifest(self, version: str) -> Manifest:
        """See `FootageStore.manifest`."""
        return self._folder.manifest(version)

    def versions(self, dataset: str) -> list[str]:
        """See `FootageStore.versions`."""
        return self._folder.versions(dataset)

    def materialise(self, version: str) -> Path:
        """See `FootageStore.materialise`."""
        return self._folder.materialise(version)

    def erase(self, version: str) -> None:
        """See `FootageStore.erase`. It is taken back before it goes."""
        try:
            remove(self._arrivals / f"{_hex(version)}.json")
        except OSError as error:
            raise UnreachableError(
                f"the exchange cannot be changed: {error.strerror}",
                next_step="check that its volume is mounted; it is tried again",
            ) from error
        self._folder.erase(version)

    def describe(self) -> str:
        """See `FootageStore.describe`."""
        return f"folder {self._root}, announced as {self._pi}"

    # --------------------------------------------------------------------- what the node says

    def held(self) -> frozenset[str]:
        """Versions that jobs need; what was said last, while nobody can be asked."""
        found = read_held(self._orders / HELD)
        if found is not None:
            self._held = found
        return self._held

    def forgets(self) -> tuple[Forget, ...]:
        """The orders to forget; what was said last, while nobody can be asked."""
        found = read_forgets(self._orders / FORGET)
        if found is not None and found != self._forgets:
            self._forgets = found
            self._clean.clear()
        return self._forgets

    def cut(self) -> list[tuple[str, str]]:
        """Cut out of all versions what is to be forgotten; dataset and version of what went.

        First what is left is stored and announced, then the version goes.
        """
        gone = []
        forgets = self.forgets()
        for dataset in self._datasets() if forgets else ():
            for version in self._folder.versions(dataset):
                if version in self._clean:
                    continue
                manifest = self._folder.manifest(version)
                rest = without(manifest, forgets)
                if rest is manifest:
                    self._clean.add(version)
                    continue
                if rest is not None:
                    self.put(self._folder.materialise(version), rest)
                self.erase(version)
                gone.append((dataset, version))
        return gone

    def carry_out(self) -> list[tuple[str, str]]:
        """Erase what the node ordered; dataset and version of what went.

        Announces what is here and is not announced: an exchange that was lost fills again.

        Raises:
            UnreachableError: the exchange cannot be read or changed.
        """
        gone = []
        for name in self._ordered():
            arrival = read_arrival(self._arrivals / name, self._pi)
            if arrival is not None and read_order(self._orders / name) == arrival.mark:
                self.erase(arrival.version)
                gone.append((arrival.manifest.dataset, arrival.version))
        for dataset in self._datasets():
            for version in self._folder.versions(dataset):
                if not (self._arrivals / f"{_hex(version)}.json").exists():
                    try:
                        self.announce(self._folder.manifest(version))
                    except DarkroomError as error:
                        self._say(f"{dataset}: a version cannot be announced: {error.message}")
        return gone

    def _ordered(self) -> list[str]:
        try:
            return names(self._orders, MOST_ORDERS)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UnreachableError(
                f"what the node orders at {self._orders} cannot be read: {error.strerror}",
                next_step="check that the exchange is mounted and that no link lies in place of "
                "a folder there",
            ) from error

    def _datasets(self) -> list[str]:
        return sorted(entry.name for entry in self._root.iterdir() if entry.is_dir())

    def _place(self, manifest: Manifest) -> str:
        hexes = _hex(manifest.version)
        folder = next(
            entry.name
            for entry in sorted((self._root / manifest.dataset).iterdir())
            if entry.name.endswith(f"-{hexes}") and entry.name[:8].isdigit()
        )
        return f"{VERSIONS}/{manifest.dataset}/{folder}"


def _hex(version: str) -> str:
    return version.removeprefix("sha256:")
