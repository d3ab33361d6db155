"""The datasets that a scientist sees in PySyft: mocks of the cards, and registered models.

Rendered and hashed once for each version; looking again costs a comparison.
"""

from collections.abc import Callable

from darkroom.adapters.pysyft.address import address_of
from darkroom.adapters.pysyft.lab import Lab
from darkroom.adapters.pysyft.mock_collection import (
    Collection,
    mock_collection,
    model_collection,
    require_renderable,
)
from darkroom.errors import DarkroomError


MAX_DATASETS = 64  # of one domain


class Mocks:
    """Collections of all domains."""

    def __init__(self, lab: Lab, local_model: Callable[[str], bytes | None]) -> None:
        """Nothing is rendered yet.

        Args:
            lab: the session.
            local_model: the bytes with a `sha256:…` that are known on this machine.
        """
        self._lab = lab
        self.local_model = local_model
        # What a dataset was made from -> the dataset, or None where that went wrong.
        self._made: dict[tuple[str, str, str], Collection | None] = {}

    def all(self) -> list[Collection]:
        """Everything there is now. What cannot be shown is said once and left out."""
        found = []
        for domain in self._lab.domains():
            found += self._of(domain)[:MAX_DATASETS]
        return found

    def _of(self, domain: str) -> list[Collection]:
        owner = address_of(domain)
        wanted: dict[tuple[str, str, str], Callable[[], Collection | None]] = {}
        profile = self._lab.profile(domain)
        for name, card in sorted((self._lab.cards(domain) or {}).items()):

            def mock(card=card) -> Collection:  # type: ignore[no-untyped-def]  # noqa: ANN001
                require_renderable(card)
                return mock_collection(card, self._lab.face(card), owner)

            # A card is replaced as a whole: its version is that of the footage alone.
            wanted[owner, name, repr(card)] = mock
        for name, (sha256, _) in sorted(profile.models.items()) if profile else ():

            def model(name=name, sha256=sha256) -> Collection | None:  # type: ignore[no-untyped-def]  # noqa: ANN001
                data = self.local_model(sha256)
                return model_collection(name, sha256, data, owner) if data is not None else None

            wanted[owner, name, sha256] = model
        made = [self._once(key, make) for key, make in list(wanted.items())[: 2 * MAX_DATASETS]]
        for key in [k for k in self._made if k[0] == owner and k not in wanted]:
            del self._made[key]
        by_tag = {c.tag: c for c in reversed(made) if c is not None}  # the first of a name counts
        return [by_tag[tag] for tag in sorted(by_tag)]

    def _once(
        self, key: tuple[str, str, str], make: Callable[[], Collection | None]
    ) -> Collection | None:
        if key not in self._made:
            try:
                self._made[key] = make()
            except Exception as error:  # noqa: BLE001 - one card must not stop the sync of others
                self._made[key] = None
                said = error.message if isinstance(error, DarkroomError) else "it is malformed"
                self._lab.say(f"{key[0]}: the dataset {key[1]} is not shown: {said}")
        return self._made[key]
