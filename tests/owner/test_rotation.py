"""The owner follows the domain to new keys, and signs with keys of their own that are new."""

import pytest

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import TrustError
from darkroom.model.statement import Statement
from tests.owner.test_rules import policy
from tests.owner.town import Town
from tests.post.test_succession import rotated


@pytest.fixture
def town(tmp_path):
    town = Town(tmp_path)
    yield town
    town.store.close()


def owner_rotated(town) -> None:
    """The owner's next process."""
    town.owner = rotated(town.owner)
    town.restart()


def test_a_request_under_the_domains_new_keys_is_shown(town):
    town.ask_review()
    town.north = rotated(town.north)
    town.north.post.send(town.north.post.write("handover.node", "north-owner", {}))
    town.ask_review(job_id="cd" * 16)
    town.mailroom.sync(wait=0)

    assert len(town.store.cases("code", waiting=True)) == 2
    assert town.owner.pins.get("north") == town.north.identity
    assert any("north has new keys" in line for line in town.owner.said)


def test_a_decision_that_waited_over_a_rotation_is_signed_anew(town):
    town.ask_review()
    town.mailroom.sync(wait=0)
    (case,) = town.store.cases("code", waiting=True)
    town.gateway.away = True
    body = {"job_id": case.job_id, "digest": case.digest}
    with town.store.transaction():
        said = town.owner.keyring.sign("decision", body).to_mapping()
        town.mailroom.queue("owner.decision", {"decision": said})
    town.gateway.away = False
    owner_rotated(town)
    town.mailroom.flush()

    (letter,) = town.heard()
    statement = Statement.from_mapping(letter.body["decision"])
    assert statement.key != said["key"]
    assert SycVerifier().check_statement(statement, "decision", town.owner.identity) == body
    assert town.north.pins.get("north-owner") == town.owner.identity


def test_a_statement_of_another_kind_is_never_signed_anew(town):
    said = town.owner.keyring.sign("release", {"job_id": "x"}).to_mapping()
    with town.store.transaction():
        town.mailroom.queue("owner.decision", {"decision": said})
    owner_rotated(town)

    with pytest.raises(TrustError, match="another statement"):
        town.mailroom.flush()
    assert town.heard() == []


def test_the_policy_that_was_signed_before_may_be_sent_again(town):
    signed = town.rules.sign_policy(policy(), send=False)
    owner_rotated(town)
    again = town.rules.sign_policy(policy(), send=False)

    assert again["policy"]["body"] == signed["policy"]["body"]
    assert again["policy"]["key"] == town.owner.identity.statement_key


def test_an_invitation_names_the_domains_keys_of_today(town):
    before = town.rules.invite("alice", days=1).domain_fingerprint
    town.north = rotated(town.north)

    assert town.rules.invite("bob", days=1).domain_fingerprint == town.north.identity.fingerprint
    assert before != town.north.identity.fingerprint


def test_an_invitation_while_the_gateway_is_away_names_the_keys_that_we_know(town):
    town.gateway.away = True

    invited = town.rules.invite("alice", days=1)
    assert invited.domain_fingerprint == town.north.identity.fingerprint
