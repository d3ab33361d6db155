"""Domains and their datasets as a scientist sees them: cards and mocks, never frames."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.model.airlock import Airlock
from darkroom.model.dataset import DatasetCard
from darkroom.model.identity import PublicIdentity
from darkroom.scientist.named import Named
from darkroom.scientist.profile import Profile
from darkroom.scientist.shown import Renderer, Shown


if TYPE_CHECKING:
    from darkroom.scientist.session import Session


class RemoteDataset(Shown):
    """A dataset at a domain.

    Attributes:
        card: what everybody may know, signed by the domain.
        session: the session it was found in.
        airlock: what the owner of its domain demands of every output.
    """

    def __init__(
        self,
        card: DatasetCard,
        *,
        session: "Session",
        renderer: Renderer,
        airlock: Airlock | None = None,
    ) -> None:
        self.card = card
        self.session = session
        self.airlock = airlock or Airlock()
        self._renderer = renderer

    @property
    def name(self) -> str:
        """Its name at the domain."""
        return self.card.name

    @property
    def domain(self) -> str:
        """The name of the domain that holds it."""
        return self.card.domain

    @property
    def version(self) -> str:
        """`sha256:…` of the private face's manifest."""
        return self.card.version

    @property
    def address(self) -> str:
        """`domain/dataset`, for people."""
        return f"{self.domain}/{self.name}"

    def mock(self) -> Any:  # noqa: ANN401  # darkroom.runtime.Dataset, which this zone does not import
        """The mock face: generated from the card, never from pixels.

        Returns:
            A `darkroom.Dataset`; it behaves exactly as the private one does in a job.
        """
        return self.session.open_mock(self.card)

    def mock_face(self) -> Path:
        """The folder of the mock face."""
        return self.session.mock_face(self.card)


class Datasets(Shown, Named[RemoteDataset]):
    """The datasets of one domain, or of several."""

    def __init__(self, items: dict[str, RemoteDataset], *, renderer: Renderer) -> None:
        super().__init__("dataset", items, empty="the domain has published no dataset card yet")
        self._renderer = renderer


class Domain(Shown):
    """A data owner's cluster.

    Attributes:
        name: as it is pinned.
        profile: what it says about itself, signed.
        identity: the pinned identity.
    """

    def __init__(
        self,
        *,
        identity: PublicIdentity,
        profile: Profile,
        datasets: Callable[[], Datasets],
        renderer: Renderer,
    ) -> None:
        self.name = identity.name
        self.identity = identity
        self.profile = profile
        self._find = datasets
        self._datasets: Datasets | None = None
        self._renderer = renderer

    @property
    def datasets(self) -> Datasets:
        """Its datasets by name."""
        if self._datasets is None:
            self._datasets = self._find()
        return self._datasets


class Domains(Shown, Named[Domain]):
    """The domains that this scientist is enrolled at.

    Attributes:
        problems: domain -> what was left out and why.
    """

    def __init__(
        self, items: dict[str, Domain], *, problems: dict[str, list[str]], renderer: Renderer
    ) -> None:
        super().__init__(
            "domain",
            items,
            empty="enrol first: ask a data owner for an invitation, then `darkroom enrol …`",
        )
        self.problems = {name: list(why) for name, why in problems.items() if why}
        self._renderer = renderer
