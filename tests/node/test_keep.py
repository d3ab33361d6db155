"""The letter box on disk: a policy that the owner left as a file."""

import json

import pytest

from darkroom.errors import StateError
from darkroom.node.keep import TIDY_EVERY
from darkroom.node.letter_box import MAX_FILE


def leave(village, policy, signer=None):
    said = (signer or village.owner).keyring.sign("policy", policy.to_mapping()).to_mapping()
    file = village.state / "policy.signed.json"
    file.write_text(json.dumps({"policy": said, "identities": []}))


def test_a_signed_policy_beside_the_database_comes_in_force(village):
    leave(village, village.policy(1))
    village.settle()
    assert village.store.policy().body["version"] == 1

    village.restart()
    village.settle()
    assert not any("not put in force" in line for line in village.said)


def test_an_unsigned_one_does_not(village):
    leave(village, village.policy(1), signer=village.alice)
    village.settle()

    assert village.store.policy() is None
    assert any("not put in force" in line for line in village.said)


@pytest.mark.parametrize("said", ["{", "[" * 100_000, b"\xff"], ids=["cut", "deep", "bytes"])
def test_what_is_no_policy_is_left_alone_and_said(village, said):
    file = village.state / "policy.signed.json"
    file.write_bytes(said if isinstance(said, bytes) else said.encode())
    for _ in range(3):
        village.settle()

    assert village.store.policy() is None
    assert len([line for line in village.said if "cannot be read" in line]) == 1


def test_what_names_no_policy_is_not_put_in_force(village):
    (village.state / "policy.signed.json").write_text("[]")
    village.settle()

    assert village.store.policy() is None
    assert any("not put in force" in line for line in village.said)


def test_a_file_too_large_for_a_policy_is_not_even_read(village):
    leave(village, village.policy(1))
    with (village.state / "policy.signed.json").open("a") as file:
        file.write(" " * MAX_FILE)
    village.settle()

    assert village.store.policy() is None


def test_a_policy_that_the_disk_had_no_room_for_is_looked_at_again(village, monkeypatch):
    leave(village, village.policy(1))

    def full(*_):
        raise StateError("database or disk is full", next_step="make room")

    with monkeypatch.context() as patch:
        patch.setattr(type(village.store), "put_policy", full)
        with pytest.raises(StateError):
            village.poll()
    assert village.store.policy() is None
    village.settle()

    assert village.store.policy().body["version"] == 1


def test_it_is_tidied_now_and_then_and_not_at_every_poll(village):
    code = village.state / "code"
    left = code / ".draft-0"
    village.poll()
    left.mkdir()
    village.poll()
    assert left.exists()
    village.clock.forward(TIDY_EVERY)
    village.poll()

    assert not left.exists()
