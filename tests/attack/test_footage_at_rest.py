"""T22, T24, T28: footage where it lies: behind masks, in a bucket, and not in its mock."""

import json
from pathlib import Path

import pytest

from darkroom.adapters.blobs.folder import FolderBlobStore
from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.footage.sealed import SealedFootage
from darkroom.errors import DarkroomError
from darkroom.node.dataset_card import card_of
from darkroom.node.footage_source import footage_source
from darkroom.node.ingest import Ingest, IngestPlan
from darkroom.scientist.mock import mock_face
from tests.attack.canaries import HEIGHT, PIXELS, WIDTH, search, word
from tests.attack.canary_footage import canary_face
from tests.attack.test_hostile_footage import film
from tests.node.outside import HandClock
from tests.sandbox.workshop import Workshop
from tests.scientist.conftest import a_card


def found_below(folder: Path) -> set[str]:
    """Canaries in the names and bytes of all files of a folder."""
    return {
        finding.planted
        for path in folder.rglob("*")
        if path.is_file()
        for finding in search(path.name.encode() + b"\n" + path.read_bytes())
    }


# ----------------------------------------------------------------------------------- masks

EVERYTHING = ((0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT))


def ingested(shop: Workshop, masks: tuple) -> set[str]:
    """What lies on disk after an ingest, the recording itself left out."""
    folder = shop.folder("ingest")
    (folder / "recorder").mkdir()
    clip = film(folder / "recorder" / "clip.avi")
    state = folder / "state"
    state.mkdir()
    source = footage_source(clip, camera="cam-1", start=0.0, masks=masks)
    ingest = Ingest(
        sandbox=shop.sandbox(), runtime=shop.runtime, state=state,
        store=FolderFootage(state / "footage"),
    )  # fmt: skip
    ingest.run(IngestPlan(dataset="yard", sources=(source,), classes=("person",), labels={}))
    for path in state.rglob("*"):
        if path.is_file() and path.stat().st_ino == clip.stat().st_ino:
            path.unlink()  # the recording under a second name: no copy of it
    return found_below(state)


@pytest.mark.attack("T22", control="off")
def test_without_a_mask_the_picture_lies_on_disk(workshop: Workshop) -> None:
    assert ingested(workshop, ()) == {PIXELS}


@pytest.mark.attack("T22", control="on")
def test_behind_a_mask_it_lies_nowhere(workshop: Workshop) -> None:
    mask = [list(point) for point in EVERYTHING]

    assert ingested(workshop, (mask,)) == set()


# --------------------------------------------------------------------------- a stolen bucket


@pytest.mark.attack("T28", control="off")
def test_a_store_that_does_not_seal_shows_footage_to_who_takes_it(tmp_path):
    FolderFootage(tmp_path / "store").put(tmp_path / "face", canary_face(tmp_path / "face"))

    assert PIXELS in found_below(tmp_path / "store")


@pytest.mark.attack("T28", control="on")
def test_a_bucket_that_was_taken_shows_nothing(tmp_path):
    blobs = FolderBlobStore(tmp_path / "bucket")
    manifest = canary_face(tmp_path / "face")
    store = SealedFootage(
        blobs=blobs, key=b"k" * 32, cache=tmp_path / "cache", cache_mib=16, clock=HandClock()
    )
    store.put(tmp_path / "face", manifest)

    assert blobs.keys("")
    assert found_below(tmp_path / "bucket") == set()
    thief = SealedFootage(
        blobs=blobs, key=b"t" * 32, cache=tmp_path / "thief", cache_mib=16, clock=HandClock()
    )
    with pytest.raises(DarkroomError):
        thief.materialise(manifest.version)
    assert found_below(tmp_path / "thief") == set()


# --------------------------------------------------------------------------------- the mock


@pytest.mark.attack("T24", control="off")
def test_a_mock_that_were_made_from_pixels_would_be_found_out(tmp_path):
    canary_face(tmp_path / "mock")

    assert found_below(tmp_path / "mock") == {PIXELS}


@pytest.mark.attack("T24", control="on")
def test_a_mock_of_canary_footage_holds_none(tmp_path):
    manifest = canary_face(tmp_path / "private")
    card = card_of(manifest, domain="north", description="a square", look={})

    mock = mock_face(card, tmp_path / "mocks")

    assert any(path.suffix == ".zip" for path in mock.rglob("*"))
    assert found_below(mock) == set()
    assert search(json.dumps(card.to_mapping()).encode()) == []


@pytest.mark.attack("T24", "T13", control="off")
def test_a_client_that_checks_no_signature_takes_the_gateways_card(
    bench,
    keys,
    monkeypatch,
):
    from tests.attack.worlds import Credulous

    bench.session.catalogue._verifier = Credulous()
    swap(bench, keys)

    assert bench.dataset().card.description == word("secret")


@pytest.mark.attack("T24", "T13", control="on")
@pytest.mark.parametrize("how", ["other keys", "one byte"])
def test_a_card_that_was_swapped_on_the_way_is_left_out(bench, keys, how):
    from dataclasses import replace

    if how == "other keys":
        swap(bench, keys)
    else:
        (said,) = bench.exchange.cards["north"]
        body = {**said.body, "description": said.body["description"] + "."}
        bench.exchange.cards["north"] = [replace(said, body=body)]

    assert list(bench.session.domains["north"].datasets) == []
    assert bench.session.catalogue.problems["north"]


def swap(bench, keys) -> None:
    card = a_card("north", description=word("secret"))
    bench.exchange.cards["north"] = [keys["mallory"].sign("card", card.to_mapping())]
