"""Peers and datasets in PySyft's client are grants of the policy that the owner signs."""

import time
from pathlib import Path

import cv2
import pytest
import yaml
from syft_datasets.models import Dataset

from darkroom.bootstrap.node import open_store
from darkroom.config import domain_config, policy_proposal
from darkroom.errors import DarkroomError, DataError, DeniedError, InputError, SpecError, StateError
from darkroom.model.site_policy import SitePolicy
from tests.ingest.clips import picture
from tests.owner.datasite import ALICE, POLICY, log_in, office_of


BOB = "bob@darkroom"
BIG = 50 << 20


def enrol(town, name="bob", **more):
    body = {
        "level": "info",
        "text": f"{name} is enrolled",
        "enrolled": {"name": name, "fingerprint": "sha256:" + "1" * 64, **more},
    }
    town.north.post.send(town.north.post.write("owner.notice", "north-owner", body))


def policies(town):
    return [
        SitePolicy.from_mapping(letter.body["policy"]["body"])
        for letter in town.heard()
        if letter.kind == "owner.policy"
    ]


def states(datasite):
    return {peer.email: peer.state.value for peer in datasite.client.peers}


@pytest.fixture
def datasite(town, tmp_path):
    town.rules.sign_policy(POLICY, send=False)
    return log_in(office_of(town), tmp_path, now=town.gateway.clock.now)


# ---------------------------------------------------------------------------------------- peers


def test_who_has_a_grant_is_a_peer_and_who_enrolled_asks_to_be_one(town, datasite):
    enrol(town)
    enrol(town, "alice")

    assert {ALICE: "accepted", BOB: "requested_by_peer"} == states(datasite)


@pytest.mark.parametrize("name", ["../x", "bob carol", "", "x" * 65, 7])
def test_a_name_that_is_none_enrols_nobody(town, datasite, name):
    enrol(town, name)
    enrol(town, "carol", more="fields")

    assert {ALICE: "accepted"} == states(datasite)


def test_an_approved_peer_gets_what_was_meant_for_them(town, datasite, tmp_path):
    enrol(town)
    datasite.client.sync()
    datasite.client.share_dataset("plaza", [BOB])
    assert [] == policies(town)
    assert datasite.heard("bob may use plaza once you have approved them")

    datasite.client.approve_peer_request(BOB)

    (signed,) = policies(town)
    assert 2 == signed.version
    assert (("plaza",), ("mock", "reviewed")) == (
        signed.grant_of("bob").datasets, signed.grant_of("bob").tiers,
    )  # fmt: skip
    assert POLICY.grant_of("alice") == signed.grant_of("alice")
    assert POLICY.budgets == signed.budgets
    assert {ALICE: "accepted", BOB: "accepted"} == states(datasite)
    assert datasite.heard("bob")  # the difference, in words
    assert datasite.heard("Your policy.yaml is behind")
    assert signed == policy_proposal(tmp_path / "signed-policy.yaml")


def test_a_peer_who_is_approved_for_nothing_gets_datasets_later(town, datasite):
    enrol(town)
    datasite.client.sync()
    datasite.client.approve_peer_request(BOB)
    assert [] == policies(town)
    assert datasite.heard('client.share_dataset("DATASET", ["bob@darkroom"])')
    assert "accepted" == states(datasite)[BOB]

    datasite.client.share_dataset("plaza", "any")

    (signed,) = policies(town)
    assert ("plaza",) == signed.grant_of("bob").datasets


def test_any_is_everybody_accepted_now_and_later(town, datasite):
    datasite.client.share_dataset("plaza", "any")
    assert [] == policies(town)  # alice has it
    enrol(town)
    datasite.client.sync()

    datasite.client.approve_peer_request(BOB)

    assert ("plaza",) == policies(town)[0].grant_of("bob").datasets


def test_the_same_again_signs_nothing(town, datasite):
    for _ in range(2):
        datasite.client.share_dataset("plaza", [ALICE])
        datasite.client.approve_peer_request(ALICE)

    assert [] == policies(town)


def test_a_peer_who_is_turned_down_has_no_grant_and_may_be_approved_later(town, datasite):
    enrol(town)
    datasite.client.sync()
    datasite.client.share_dataset("plaza", [BOB])

    datasite.client.reject_peer_request(BOB)

    assert {ALICE: "accepted"} == states(datasite)
    datasite.client.approve_peer_request(BOB, peer_must_exist=False)
    assert ("plaza",) == policies(town)[0].grant_of("bob").datasets
    assert {ALICE: "accepted", BOB: "accepted"} == states(datasite)


def test_nobody_is_approved_who_is_not_enrolled(town, datasite):
    with pytest.raises(InputError, match="not enrolled") as error:
        datasite.client.add_peer("carol@darkroom")

    assert "darkroom owner invite carol" in error.value.next_step
    with pytest.raises(SpecError):
        datasite.client.add_peer("../carol")
    assert [] == policies(town)


def test_a_grant_that_no_budget_caps_is_not_signed(town, datasite):
    town.rules.sign_policy(
        SitePolicy(version=2, domain="north"), send=False
    )  # nobody, nothing, no budget
    enrol(town)
    datasite.client.sync()

    datasite.client.share_dataset("plaza", "any")  # nobody has it yet
    with pytest.raises(SpecError, match="without end"):
        datasite.client.approve_peer_request(BOB)

    assert [] == policies(town)
    assert {BOB: "requested_by_peer"} == states(datasite)


def test_without_a_policy_there_is_nothing_to_add_a_grant_to(town, tmp_path):
    datasite = log_in(office_of(town), tmp_path, now=town.gateway.clock.now)
    enrol(town)
    datasite.client.sync()

    with pytest.raises(SpecError, match="no policy"):
        datasite.client.approve_peer_request(BOB)


def test_a_scientist_whom_a_later_policy_leaves_out_is_no_peer(town, datasite):
    enrol(town, "alice")
    assert {ALICE: "accepted"} == states(datasite)

    town.rules.sign_policy(SitePolicy(version=2, domain="north"), send=False)

    assert {ALICE: "requested_by_peer"} == states(datasite)


# ------------------------------------------------------------------------------------- datasets


@pytest.fixture
def site(town, tmp_path):
    """The owner on the machine of the node: (datasite, folder of footage, node's state)."""
    town.rules.sign_policy(POLICY, send=False)
    domain = tmp_path / "north"
    domain.mkdir()
    (domain / "domain.yaml").write_text(
        yaml.safe_dump(
            {
                "domain": "north",
                "title": "North",
                "environments": {"tflite": "litert"},
                "cameras": [{"id": "gate"}],
                "datasets": [{"name": "yard"}, {"name": "plaza"}],
            }
        )
    )
    state = tmp_path / "node"
    state.mkdir(mode=0o700)
    open_store(state).close()
    footage = tmp_path / "footage"
    footage.mkdir()
    for number in range(4):
        cv2.imwrite(str(footage / f"frame-{number}.png"), picture(number))
    more = {"config": domain_config(domain), "domain_folder": domain, "node_state": state}
    home = tmp_path / "owner"
    home.mkdir()
    return log_in(office_of(town), home, now=town.gateway.clock.now, **more), footage, state


def bytes_in(*folders: Path) -> int:
    return sum(
        p.stat().st_size
        for folder in folders
        for p in folder.rglob("*")
        if p.is_file() and not p.is_symlink()
    )


def test_a_dataset_is_registered_by_reference_and_shared(town, site):
    datasite, footage, state = site

    dataset = datasite.client.create_dataset(
        "yard", "mock", footage, summary="A yard.", users=[ALICE]
    )

    assert isinstance(dataset, Dataset)
    assert {p.resolve() for p in dataset.private_files} == set(footage.iterdir())
    assert footage == dataset.private_config.data_dir
    assert [] == dataset.mock_files
    nouns = open_store(state)
    (card,) = nouns.datasets().values()
    nouns.close()
    assert ("yard", "A yard.", 4) == (card.name, card.description, card.frames)
    (signed,) = policies(town)
    assert ("plaza", "yard") == signed.grant_of("alice").datasets
    assert {"plaza", "yard"} == {d.name for d in datasite.client.datasets}
    assert 1 == sum("mock_path is not used" in text for text in datasite.said)
    assert not any(datasite.box.rglob("*.png"))


def test_private_files_cost_no_sync_anything(town, site):
    datasite, footage, _ = site
    datasite.client.create_dataset("yard", None, footage)
    datasite.client.sync()
    size = bytes_in(datasite.box, datasite.folder / "box-events", datasite.folder / "box-held")
    (footage / "raw.bin").write_bytes(b"\x07" * BIG)
    (datasite.folder / "box-held" / "datasets" / "yard" / "raw.bin").symlink_to(footage / "raw.bin")
    assert BIG == max(p.stat().st_size for p in datasite.client.datasets["yard"].private_files)
    connection = datasite.client.sync_engine.datasite_owner_syncer.event_cache.file_connection
    began = time.monotonic()
    datasite.client.sync()
    took = time.monotonic() - began
    read = [content for _, content in connection.get_items()]

    assert took < 0.3
    assert max(map(len, read)) < 1 << 16
    after = bytes_in(datasite.box, datasite.folder / "box-events", datasite.folder / "box-held")
    assert after - size < 1 << 16


def test_private_files_are_never_uploaded(town, site):
    datasite, footage, state = site

    with pytest.raises(DeniedError, match="never uploaded"):
        datasite.client.create_dataset("yard", None, footage, users=[ALICE], upload_private=True)

    assert "yard" not in {d.name for d in datasite.client.datasets}
    nouns = open_store(state)
    assert {} == nouns.datasets()
    nouns.close()
    assert [] == policies(town)
    assert 4 == len(list(footage.iterdir()))


def test_away_from_the_node_the_command_is_said(town, datasite, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"x")

    with pytest.raises(StateError, match="not on this machine") as error:
        datasite.client.create_dataset("yard", None, tmp_path / "clip.mp4")

    assert f"darkroom ingest {tmp_path / 'clip.mp4'}" in error.value.next_step
    assert "--dataset yard --domain domains/north --state NODE_STATE" in error.value.next_step


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("other", "footage", "configures no dataset"),
        ("../yard", "footage", "not a valid name"),
        ("yard", "nowhere", "nothing at"),
        ("yard", "owner/box", "do not belong into the SyftBox"),
    ],
)
def test_what_cannot_be_registered_leaves_nothing_behind(town, site, tmp_path, name, path, said):
    datasite, *_ = site
    before = datasite.files()

    with pytest.raises(DarkroomError, match=said):
        datasite.client.create_dataset(name, None, tmp_path / path)

    assert before == datasite.files()
    datasite.client.sync()


def test_footage_that_cannot_be_read_is_no_dataset_and_stops_no_later_sync(town, site, tmp_path):
    datasite, *_ = site
    (tmp_path / "gate.mp4").write_bytes(b"no video")

    with pytest.raises(DataError):
        datasite.client.create_dataset("yard", None, tmp_path / "gate.mp4", users="any")

    datasite.client.sync()
    assert "yard" not in {d.name for d in datasite.client.datasets}
    assert [] == policies(town)


def test_entries_of_a_folder_are_cameras(town, site, tmp_path):
    datasite, footage, state = site
    many = tmp_path / "many"
    many.mkdir()
    footage.rename(many / "gate")

    datasite.client.create_dataset("yard", None, many)

    nouns = open_store(state)
    (card,) = nouns.datasets().values()
    nouns.close()
    assert ["gate"] == [camera.id for camera in card.cameras]
    (many / "unknown").mkdir()
    with pytest.raises(InputError, match="not named after cameras"):
        datasite.client.create_dataset("plaza", None, many)


def test_a_dataset_is_registered_once(town, site):
    datasite, footage, _ = site
    datasite.client.create_dataset("yard", None, footage, sync=False)
    with pytest.raises(InputError, match="registered already"):
        datasite.client.create_dataset("yard", None, footage)


def test_deleting_a_dataset_takes_it_from_everybody_and_leaves_its_files(town, site, monkeypatch):
    datasite, footage, state = site
    datasite.client.create_dataset("yard", None, footage, users="any")
    town.heard()
    monkeypatch.setattr("builtins.input", lambda _: "no")
    datasite.client.delete_dataset("yard")
    assert [] == policies(town)

    datasite.client.delete_dataset("yard", require_confirmation=False)

    (signed,) = policies(town)
    assert ("plaza",) == signed.grant_of("alice").datasets
    assert "yard" not in {d.name for d in datasite.client.datasets}
    assert 4 == len(list(footage.iterdir()))
    assert any((state / "footage").rglob("*"))
    with pytest.raises(DeniedError, match="not yours"):
        datasite.client.delete_dataset("plaza", datasite=ALICE)


def test_a_dataset_by_reference_is_not_copied_into_another_layout(town, site):
    datasite, *_ = site
    with pytest.raises(DeniedError, match="not migrated"):
        datasite.client.dataset_manager.migrate("plaza", "0")
