"""A11: whoever runs the relay rewrites a mock, or the card that it is made from."""

import hashlib
import json
from dataclasses import replace

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.scientist.mock import mock_face
from tests.attack.pysyft.notebook import EAST, NORTH, Notebook
from tests.attack.pysyft.stock import town as stock
from tests.scientist.conftest import a_card


MOCK = "public/syft_datasets/plaza"


@pytest.mark.attack("A11", control="off")
def test_stock_a_mock_is_what_the_relay_says(town):
    """Plaintext, unsigned, and the hash in its name is compared with nothing."""
    (key,) = [k for k in town.relay.keys(f"u/{stock.NORTH}/coll/") if k.endswith("/mock.txt")]
    town.relay.put(key, b"rewritten")
    alice = town.box(stock.ALICE)
    (alice / stock.NORTH / MOCK / "mock.txt").unlink()  # as on a new machine

    town[stock.ALICE].sync()

    assert (alice / stock.NORTH / MOCK / "mock.txt").read_text() == "rewritten"


def shown(notebook: Notebook, owner: str) -> dict[str, str]:
    """Name -> hash of the files of a mock that the stock client has."""
    folder = notebook.box / owner / MOCK
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file() and p.name != "dataset.yaml"
    }


@pytest.mark.attack("A11", control="on")
def test_a_mock_is_rendered_here_from_the_signed_card(notebook, tmp_path):
    """No byte of it travels: the same card gives the same files on every machine."""
    notebook.client.sync()

    face = mock_face(a_card("north"), tmp_path / "elsewhere")
    assert shown(notebook, NORTH) == {
        p.relative_to(face).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in face.rglob("*")
        if p.is_file()
    }
    manifest = json.loads((notebook.box / NORTH / MOCK / "manifest.json").read_text())
    assert manifest["face"] == "mock"


@pytest.fixture(scope="module")
def gateway() -> SycKeyring:
    """Keys that the gateway makes, under the name of the domain."""
    return SycKeyring.generate("north", "domain")


@pytest.mark.attack("A11", control="on")
@pytest.mark.parametrize("way", ["changed", "signed by the gateway", "of another domain", "junk"])
def test_a_card_that_was_rewritten_on_the_way_shows_nothing(notebook, gateway, way):
    """On a first look, and after the true one was seen; the other domain is not touched."""
    exchange = notebook.bench.exchange
    (true,) = exchange.cards["north"]
    other = a_card("north", version="sha256:" + "7" * 64, description="rewritten").to_mapping()
    forged = {
        "changed": replace(true, body=true.body | {"description": "rewritten"}),
        "signed by the gateway": gateway.sign("card", other),
        "of another domain": notebook.bench.domains["east"].keyring.sign("card", other),
        "junk": replace(true, body={"name": "plaza"}),
    }[way]
    exchange.cards["north"] = [forged]

    notebook.client.sync()
    assert shown(notebook, NORTH) == {}
    assert shown(notebook, EAST)
    assert notebook.bench.session.catalogue.problems["north"]

    exchange.cards["north"] = [true]
    notebook.bench.clock.time += 60
    notebook.client.sync()
    seen = shown(notebook, NORTH)
    assert seen

    exchange.cards["north"] = [forged]
    notebook.bench.clock.time += 60
    notebook.client.sync()
    assert shown(notebook, NORTH) in ({}, seen)
    assert b"rewritten" not in b"".join(
        p.read_bytes() for p in (notebook.box / NORTH).rglob("*") if p.is_file()
    )


@pytest.mark.attack("A11", control="on")
def test_nothing_that_the_relay_keeps_becomes_a_file_of_a_mock(notebook):
    """Its blobs are sealed letters' attachments; no collection is ever fetched from it."""
    notebook.bench.exchange.blobs["north", "sha256:" + "0" * 64] = b"rewritten"
    asked = []
    relay = notebook.bench.session.post._relay
    relay.get_blob = lambda owner, address: asked.append(address) or b""

    notebook.client.sync()

    assert shown(notebook, NORTH)
    assert asked == []
