"""Policies rise, invitations are the owner's, and both reach the domain signed and sealed."""

import pytest

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.display.review_text import plain_text
from darkroom.errors import InputError, SpecError
from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.model.statement import Statement
from darkroom.owner.policy_view import policy_sheet
from darkroom.post import Invitation


def policy(version=1, domain="north", **more):
    grant = Grant(scientist="alice", datasets=("plaza",), tiers=("reviewed",))
    return SitePolicy(version=version, domain=domain, grants=(grant,), **more)


def heard(town, kind, field):
    (letter,) = town.heard()
    assert f"owner.{kind}" == letter.kind
    statement = Statement.from_mapping(letter.body[field])
    return SycVerifier().check_statement(statement, kind, town.owner.identity)


def test_a_policy_reaches_the_domain_signed(town):
    town.rules.sign_policy(policy(), send=True)

    assert policy() == SitePolicy.from_mapping(heard(town, "policy", "policy"))


def test_a_policy_for_a_file_is_not_sent(town):
    statement = town.rules.sign_policy(policy(), send=False)

    assert statement == town.rules.signed_policy()
    assert [] == town.heard()


@pytest.mark.parametrize("version", [1, 2])
def test_a_changed_policy_must_have_a_higher_version(town, version):
    town.rules.sign_policy(policy(2), send=False)

    with pytest.raises(SpecError, match="does not rise") as caught:
        town.rules.sign_policy(policy(version, release="auto"), send=True)
    assert "version: 3" in caught.value.next_step
    assert [] == town.heard()


def test_the_same_policy_again_is_the_same_statement(town):
    first = town.rules.sign_policy(policy(), send=True)

    assert first == town.rules.sign_policy(policy(), send=True)


def test_a_policy_of_another_domain_is_not_signed(town):
    with pytest.raises(SpecError, match="for east"):
        town.rules.sign_policy(policy(domain="east"), send=True)


def test_what_a_policy_allows_is_said_in_plain_words():
    text = plain_text(
        policy_sheet(
            policy(approve=("sha256:" + "ab" * 32,), release="auto", hosted_identities=True)
        )
    )

    assert "without anybody looking" in text
    assert "lie on the Hub" in text
    assert "alice" in text
    assert "It allows nothing" in plain_text(policy_sheet(SitePolicy(version=1, domain="north")))


def test_an_invitation_goes_to_the_domain_sealed_and_to_the_scientist_as_a_line(town):
    line = town.rules.invite("alice", days=7).encode()

    stored = b"".join(p.envelope for p in town.gateway.mailboxes["north"])
    body = heard(town, "invitation", "invitation")
    invitation = Invitation.decode(line)
    assert invitation == Invitation.from_body(body, town.north.identity.fingerprint)
    assert invitation.secret.encode() not in stored
    assert town.gateway.clock.now() + 7 * 86_400 == invitation.expires_at


@pytest.mark.parametrize("days", [0, -1, 31, float("nan")])
def test_an_invitation_does_not_live_for_ever(town, days):
    with pytest.raises(InputError):
        town.rules.invite("alice", days=days)
