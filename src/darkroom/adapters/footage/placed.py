"""The `FootageStore` of a domain of several Pis: what the node has, and what other Pis have.

A version of another Pi is not fetched: `materialise` gives the path under which jobs find it,
and who starts them mounts it there. Its hashes are checked where it is read.
"""

import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from darkroom.adapters.footage.arrivals import (
    ARRIVALS,
    FORGET,
    HELD,
    MOST_HELD,
    ORDERS,
    Arrival,
    forgets_bytes,
    names,
    pis,
    read_arrival,
    read_bounded,
    read_order,
    remove,
    write_whole,
)
from darkroom.errors import StateError, UnknownNameError, UnreachableError
from darkroom.model.canonical import canonical
from darkroom.model.dataset import Manifest
from darkroom.model.forget import Forget
from darkroom.policy.retention import last_frame
from darkroom.ports import FootageStore


MOST_ARRIVALS = 10_000  # of one Pi


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is remembered of an arrival; its manifest is read again when it is asked for."""

    pi: str
    version: str
    dataset: str
    place: str
    mark: str
    last: float


class PlacedFootage:
    """Local versions first; then those that Pis announced."""

    def __init__(
        self,
        local: FootageStore,
        *,
        exchange: Path,
        footage: Path,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Compose.

        Args:
            local: the node's own store.
            exchange: what the node and all Pis share.
            footage: below it jobs find each Pi's footage, `/footage/<pi>`.
            say: tells the operator of announcements that are none.
        """
        self._local = local
        self._exchange = exchange
        self._footage = footage
        self._say = say
        self._seen: dict[tuple[str, str], tuple[tuple[int, int, int], _Known | None]] = {}

    def put(self, face: Path, manifest: Manifest) -> None:
        """See `FootageStore.put`. What the node is given lies with the node."""
        self._local.put(face, manifest)

    def manifest(self, version: str) -> Manifest:
        """See `FootageStore.manifest`."""
        with contextlib.suppress(UnknownNameError):
            return self._local.manifest(version)
        return self._arrival(version).manifest

    def versions(self, dataset: str) -> list[str]:
        """See `FootageStore.versions`."""
        local = self._local.versions(dataset)
        remote = [known for known in self._known() if known.dataset == dataset]
        remote.sort(key=lambda known: (known.last, known.place))
        return [*dict.fromkeys([*local, *(known.version for known in remote)])]

    def materialise(self, version: str) -> Path:
        """See `FootageStore.materialise`. Of another Pi: where jobs find it."""
        with contextlib.suppress(UnknownNameError):
            return self._local.materialise(version)
        arrival = self._arrival(version)
        return self._footage / arrival.pi / arrival.place

    def erase(self, version: str) -> None:
        """See `FootageStore.erase`. Of another Pi: its ingest is told to."""
        self._local.erase(version)
        for known in self._known():
            if known.version == version:
                order = self._exchange / ORDERS / known.pi / f"{_hex(version)}.json"
                write_whole(order, canonical({"mark": known.mark}))

    def describe(self) -> str:
        """See `FootageStore.describe`."""
        try:
            found = pis(self._exchange)
        except OSError:
            found = []
        return f"{self._local.describe()}, and on {', '.join(found) or 'no Pi yet'}"

    def hold(self, versions: Collection[str]) -> None:
        """Tell every Pi which versions jobs need. One that cannot be told keeps nobody else waiting.

        Raises:
            StateError: the exchange cannot be written.
        """
        self._tell(HELD, canonical({"held": sorted(versions)[:MOST_HELD]}))

    def lies_elsewhere(self, version: str) -> bool:
        """Whether a version is on another Pi and not here."""
        try:
            self._local.manifest(version)
        except UnknownNameError:
            return any(known.version == version for known in self._known())
        return False

    def tell_to_forget(self, forgets: Collection[Forget]) -> None:
        """Tell every Pi all orders to forget. One that cannot be told keeps nobody else waiting.

        Raises:
            StateError: the exchange cannot be written.
        """
        self._tell(FORGET, forgets_bytes(forgets))

    def _tell(self, name: str, said: bytes) -> None:
        untold: StateError | None = None
        for pi in self._pis():
            path = self._exchange / ORDERS / pi / name
            try:
                same = read_bounded(path, len(said)) == said
            except (OSError, ValueError):
                same = False
            try:
                if not same:
                    write_whole(path, said)
            except StateError as error:
                untold = error
        if untold is not None:
            raise untold

    # --------------------------------------------------------------------------- arrivals

    def _pis(self) -> list[str]:
        try:
            return pis(self._exchange)
        except OSError as error:
            raise UnreachableError(
                f"the exchange cannot be read: {error.strerror}",
                next_step=f"check that its volume is mounted, and that {ARRIVALS} is no link",
            ) from error

    def _known(self) -> list[_Known]:
        """All that is announced, and not ordered to be erased."""
        found: list[_Known] = []
        still: set[tuple[str, str]] = set()
        for pi in self._pis():
            folder = self._exchange / ARRIVALS / pi
            try:
                files = names(folder, MOST_ARRIVALS)
            except OSError:
                continue
            for file in files:
                name = Path(file).stem
                still.add((pi, name))
                known = self._look(pi, name, folder / file)
                if known is not None and not self._is_ordered(known):
                    found.append(known)
            self._tidy(pi)
        for gone in self._seen.keys() - still:
            del self._seen[gone]
        return found

    def _look(self, pi: str, name: str, path: Path) -> _Known | None:
        """An arrival as it was read, or reads now."""
        try:
            facts = path.lstat()
        except OSError:
            return None
        mark = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
        seen = self._seen.get((pi, name))
        if seen is not None and seen[0] == mark:
            return seen[1]
        arrival = read_arrival(path, pi)
        if arrival is None:
            self._say(f"{pi} announced footage in a way that makes no sense: {name[:12]}…; ignored")
        known = None if arrival is None else _known(arrival)
        self._seen[pi, name] = (mark, known)
        return known

    def _is_ordered(self, known: _Known) -> bool:
        order = self._exchange / ORDERS / known.pi / f"{_hex(known.version)}.json"
        return read_order(order) == known.mark

    def _tidy(self, pi: str) -> None:
        """An order is done when what it is about is gone."""
        orders = self._exchange / ORDERS / pi
        with contextlib.suppress(OSError):
            for name in names(orders, MOST_ARRIVALS):
                try:
                    (self._exchange / ARRIVALS / pi / name).lstat()
                except FileNotFoundError:
                    remove(orders / name)

    def _arrival(self, version: str) -> Arrival:
        for known in self._known():
            if known.version == version:
                path = self._exchange / ARRIVALS / known.pi / f"{_hex(version)}.json"
                arrival = read_arrival(path, known.pi)
                if arrival is None:
                    raise StateError(
                        f"what {known.pi} said of {version[:19]}… was changed",
                        next_step=f"look at the ingest of {known.pi}; it announces it again",
                    )
                return arrival
        raise UnknownNameError(
            f"this domain has no dataset version {ascii(version)[:80]}",
            next_step="ask for a version that `darkroom node status` lists",
        )


def _known(arrival: Arrival) -> _Known:
    return _Known(
        pi=arrival.pi,
        version=arrival.version,
        dataset=arrival.manifest.dataset,
        place=arrival.place,
        mark=arrival.mark,
        last=last_frame(arrival.manifest),
    )


def _hex(version: str) -> str:
    return version.removeprefix("sha256:")
