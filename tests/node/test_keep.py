"""The letter box on disk: a policy that the owner left as a file."""

import json


def leave(village, policy, signer=None):
    said = (signer or village.owner).keyring.sign("policy", policy.to_mapping()).to_mapping()
    file = village.state / "policy.signed.json"
    file.write_text(json.dumps(said))


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


def test_what_is_no_policy_is_left_alone_and_said(village):
    (village.state / "policy.signed.json").write_text("{")
    for _ in range(3):
        village.settle()

    assert village.store.policy() is None
    assert len([line for line in village.said if "cannot be read" in line]) == 1
