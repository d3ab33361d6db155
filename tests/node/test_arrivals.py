"""A node offers what its Pis announce, and nothing that went."""

import pytest

from darkroom.adapters.footage.announced import AnnouncedFootage
from darkroom.adapters.footage.placed import PlacedFootage
from darkroom.model.domain_config import DatasetConfig
from darkroom.model.recording import Recording
from darkroom.node.arrivals import Arrivals
from darkroom.node.journal import Journal
from darkroom.node.retention import LAST_FRAME, Retention
from tests.footage.faces import make_face


@pytest.fixture
def pi(tmp_path):
    for name in ("exchange", "pi-b"):
        (tmp_path / name).mkdir()
    return AnnouncedFootage(tmp_path / "pi-b", tmp_path / "exchange", "pi-b", say=print)


@pytest.fixture
def arrivals(village, pi, tmp_path):
    placed = PlacedFootage(
        village.footage, exchange=tmp_path / "exchange", footage=tmp_path / "footage"
    )
    return Arrivals(
        domain="north",
        datasets=[
            DatasetConfig(name="street", description="A street", record=Recording()),
            DatasetConfig(name="quiet"),
        ],
        store=village.store,
        journal=journal(village),
        footage=placed,
        offer=village.store.register_dataset,
        hold=placed.hold,
        say=village.said.append,
    )


def journal(village):
    return Journal(
        store=village.store, clock=village.clock, domain="north", owner="olga",
        close=lambda record: None,
    )  # fmt: skip


def holds(village, version):
    kept = Retention(
        days={}, store=village.store, journal=journal(village), footage=village.footage,
        clock=village.clock, say=village.said.append,
    )  # fmt: skip
    return kept.holds("street", version)


def test_what_arrives_is_offered_once_and_what_went_is_not(village, pi, arrivals, tmp_path):
    manifest = make_face(tmp_path / "face", dataset="street")
    pi.put(tmp_path / "face", manifest)
    for _ in range(2):
        arrivals.look()

    card = village.store.datasets()["street"]
    assert (manifest.version, "A street") == (card.version, card.description)
    assert 1 == village.events().count("footage-arrived")
    assert village.store.fact(LAST_FRAME.format(manifest.version)) is not None
    assert holds(village, manifest.version)

    pi.erase(manifest.version)  # its Pi needed the room
    for _ in range(2):
        arrivals.look()
    assert not holds(village, manifest.version)
    assert 1 == village.events().count("footage-erased")

    pi.put(tmp_path / "face", manifest)
    arrivals.look()
    assert holds(village, manifest.version)


def test_a_dataset_that_is_not_recorded_is_not_looked_for(village, pi, arrivals, tmp_path):
    manifest = make_face(tmp_path / "face", dataset="quiet")
    pi.put(tmp_path / "face", manifest)

    arrivals.look()

    assert "quiet" not in village.store.datasets()


def test_an_exchange_that_is_away_takes_nothing_back_and_is_said_once(
    village, pi, arrivals, tmp_path
):
    manifest = make_face(tmp_path / "face", dataset="street")
    pi.put(tmp_path / "face", manifest)
    arrivals.look()
    (tmp_path / "exchange" / "arrivals").rename(tmp_path / "away")
    (tmp_path / "exchange" / "arrivals").write_bytes(b"")
    said = len(village.said)

    for _ in range(2):
        arrivals.look()

    assert said + 1 == len(village.said)
    assert "exchange" in village.said[-1]
    assert holds(village, manifest.version)
