"""What a node believes of announcements, and what it asks of the Pis."""

import json
import os
import secrets
from pathlib import Path

import pytest

from darkroom.adapters.footage import placed
from darkroom.adapters.footage.announced import AnnouncedFootage
from darkroom.adapters.footage.arrivals import read_arrival
from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.footage.placed import PlacedFootage
from darkroom.errors import StateError, UnknownNameError, UnreachableError
from darkroom.model.canonical import canonical
from tests.footage.faces import make_face


@pytest.fixture
def pi(tmp_path):
    for name in ("exchange", "pi-b"):
        (tmp_path / name).mkdir()
    return AnnouncedFootage(tmp_path / "pi-b", tmp_path / "exchange", "pi-b", say=print)


@pytest.fixture
def node(tmp_path, pi):
    said = []
    made = PlacedFootage(
        FolderFootage(tmp_path / "own"), exchange=tmp_path / "exchange",
        footage=Path("/footage"), say=said.append,
    )  # fmt: skip
    made.said = said
    return made


@pytest.fixture
def version(tmp_path, pi):
    manifest = make_face(tmp_path / "face")
    pi.put(tmp_path / "face", manifest)
    return manifest.version


@pytest.fixture
def announcement(tmp_path, version):
    return tmp_path / "exchange" / "arrivals" / "pi-b" / f"{version[7:]}.json"


def changed(path, **fields):
    value = json.loads(path.read_bytes()) | fields
    path.write_bytes(canonical(value))


def other_manifest(value):
    value["manifest"]["source"] = "another"
    return value


HOSTILE = {
    "noise": lambda data: b"\xff\x00" * 50,
    "nested": lambda data: b"[" * 100_000,
    "a list": lambda data: b"[]",
    "another manifest": lambda data: canonical(other_manifest(json.loads(data))),
    "a place outside": lambda data: data.replace(b"versions/plaza/", b"versions/../../"),
    "a place of another dataset": lambda data: data.replace(b"versions/plaza/", b"versions/yard/"),
    "a mark that is a path": lambda data: canonical(json.loads(data) | {"mark": "../../x"}),
    "a newer form": lambda data: canonical(json.loads(data) | {"schema": 2}),
    "one key more": lambda data: canonical(json.loads(data) | {"more": 1}),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_an_announcement_that_is_not_sound_is_none(node, announcement, version, how):
    announcement.write_bytes(HOSTILE[how](announcement.read_bytes()))

    assert [] == node.versions("plaza")
    with pytest.raises(UnknownNameError):
        node.materialise(version)
    assert 1 == len(node.said)
    node.versions("plaza")
    assert 1 == len(node.said)  # said once


@pytest.mark.parametrize("what", ["link", "pipe", "folder", "huge"])
def test_what_is_no_file_of_sound_size_is_not_read(node, announcement, tmp_path, what):
    content = announcement.read_bytes()
    announcement.unlink()
    match what:
        case "link":
            (tmp_path / "elsewhere").write_bytes(content)
            announcement.symlink_to(tmp_path / "elsewhere")
        case "pipe":
            os.mkfifo(announcement)
        case "folder":
            announcement.mkdir()
        case "huge":
            with announcement.open("wb") as file:
                file.truncate(1 << 40)

    assert [] == node.versions("plaza")
    assert read_arrival(announcement, "pi-b") is None


def test_a_pi_that_is_a_link_is_none(node, version, tmp_path):
    arrivals = tmp_path / "exchange" / "arrivals"
    (arrivals / "pi-c").symlink_to(arrivals / "pi-b")
    (arrivals / "Not A Name").mkdir()

    assert [version] == node.versions("plaza")
    assert str(node.materialise(version)).startswith("/footage/pi-b/versions/plaza/")


def test_an_order_is_carried_out_for_the_arrival_that_it_is_about(node, pi, version, tmp_path):
    order = tmp_path / "exchange" / "orders" / "pi-b" / f"{version[7:]}.json"
    node.erase(version)
    assert [] == node.versions("plaza")
    assert [version] == pi.versions("plaza")  # until its ingest looks

    changed(order, mark="0" * 16)  # about another arrival of it
    assert [] == pi.carry_out()
    order.unlink()
    node.erase(version)
    assert [("plaza", version)] == pi.carry_out()
    assert [] == pi.versions("plaza")
    assert [] == node.versions("plaza")
    assert not order.exists()  # done


def test_the_pis_are_told_which_versions_jobs_need(node, pi, version, tmp_path):
    assert frozenset() == pi.held()
    node.hold([version])
    assert frozenset([version]) == pi.held()

    (tmp_path / "exchange" / "orders" / "pi-b" / "held.json").write_bytes(b"{")
    assert frozenset([version]) == pi.held()  # what was said last
    node.hold([])
    assert frozenset() == pi.held()


def test_an_exchange_that_was_lost_fills_again(node, pi, version, announcement):
    announcement.unlink()
    assert [] == node.versions("plaza")
    pi.carry_out()
    assert [version] == node.versions("plaza")


def test_an_exchange_that_is_full_or_away_is_said(pi, tmp_path):
    (tmp_path / "exchange" / "arrivals").write_bytes(b"no folder")
    manifest = make_face(tmp_path / "face", seed=2)
    with pytest.raises(StateError, match="cannot be written"):
        pi.put(tmp_path / "face", manifest)


@pytest.mark.parametrize("where", ["orders", "orders/pi-b"])
def test_orders_behind_a_link_are_not_followed_and_the_cure_is_said(pi, version, tmp_path, where):
    elsewhere, link = tmp_path / "elsewhere" / "pi-b", tmp_path / "exchange" / where
    elsewhere.mkdir(parents=True)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(elsewhere if where.endswith("pi-b") else elsewhere.parent)

    with pytest.raises(UnreachableError, match="cannot be read") as told:
        pi.carry_out()

    assert "no link" in told.value.next_step
    assert [version] == pi.versions("plaza")


# ------------------------------------------------------------------- links in place of our own


@pytest.fixture
def ledger(tmp_path):
    """A file of the node that no Pi may reach."""
    path = tmp_path / "state" / "node.db"
    path.parent.mkdir()
    path.write_bytes(b"LEDGER")
    path.chmod(0o600)
    return path


def untouched(ledger):
    mode = ledger.stat().st_mode & 0o777
    return (ledger.read_bytes(), mode, [ledger]) == (b"LEDGER", 0o600, [*ledger.parent.iterdir()])


def test_no_link_that_a_pi_plants_leads_the_node_to_its_own_files(
    node, version, ledger, tmp_path, monkeypatch
):
    """Under the old name, under the next name, and under the name that is written to."""
    orders = tmp_path / "exchange" / "orders" / "pi-b"
    orders.mkdir(parents=True)
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * 2 * size)
    names = (".held.json.part", "held.json", "." + "0" * 16 + ".part")
    for name in names[:2]:
        (orders / name).symlink_to(ledger)

    node.hold([version])
    assert untouched(ledger)
    assert not (orders / "held.json").is_symlink()

    (orders / names[2]).symlink_to(ledger)  # as if its name had been guessed
    with pytest.raises(StateError, match="cannot be written"):
        node.hold([])
    assert untouched(ledger)


@pytest.mark.parametrize("link", ["orders", "orders/pi-b"])
def test_orders_that_are_a_link_are_refused_and_other_pis_are_told(
    node, pi, version, ledger, tmp_path, link
):
    exchange = tmp_path / "exchange"
    (exchange / "arrivals" / "pi-z").mkdir()
    elsewhere = ledger.parent / "pi-b" / f"{'1' * 64}.json"  # an order that would be tidied away
    if link == "orders/pi-b":
        (exchange / "orders").mkdir()
        elsewhere = ledger.parent / elsewhere.name
    elsewhere.parent.mkdir(exist_ok=True)
    elsewhere.write_bytes(b"{}")
    (exchange / link).symlink_to(ledger.parent)
    before = sorted(ledger.parent.rglob("*"))

    assert [version] == node.versions("plaza")
    for order in (lambda: node.hold([version]), lambda: node.erase(version)):
        with pytest.raises(StateError, match="cannot be written"):
            order()
    assert before == sorted(ledger.parent.rglob("*"))
    assert b"LEDGER" == ledger.read_bytes()
    assert (exchange / "orders" / "pi-z" / "held.json").exists() == (link == "orders/pi-b")
    assert frozenset() == pi.held()


def test_arrivals_that_are_a_link_are_refused(node, pi, version, tmp_path):
    arrivals = tmp_path / "exchange" / "arrivals"
    arrivals.rename(tmp_path / "elsewhere")
    arrivals.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UnreachableError, match="no link"):
        node.versions("plaza")
    with pytest.raises(UnreachableError):
        pi.erase(version)
    assert (tmp_path / "elsewhere" / "pi-b" / f"{version[7:]}.json").exists()


def test_of_a_folder_without_end_a_bounded_part_is_looked_at(
    node, version, announcement, tmp_path, monkeypatch
):
    looked = []
    monkeypatch.setattr(placed, "MOST_ARRIVALS", 5)
    monkeypatch.setattr(placed, "read_arrival", lambda path, pi: looked.append(path))
    for number in range(40):
        (announcement.parent / f"{number:064x}.json").write_bytes(b"{}")
    node.versions("plaza")
    assert len(looked) == 5

    orders = tmp_path / "exchange" / "orders" / "pi-b"
    orders.mkdir(parents=True)
    with (orders / "held.json").open("wb") as file:
        file.truncate(1 << 40)
    node.hold([version])  # its size is looked at before it is read
    assert (orders / "held.json").stat().st_size < 200
