"""Policies rise, invitations are the owner's, and both reach the domain signed and sealed."""

from dataclasses import replace

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import InputError, SpecError
from darkroom.model.budget import Budget
from darkroom.model.identity import PublicIdentity
from darkroom.model.reviews import Reviewer, Reviews
from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.model.statement import Statement
from darkroom.post import Invitation


WEEK = Budget(name="week", per="dataset", period_days=7, releases=9)
CAROL = SycKeyring.generate("carol", "owner").identity


def policy(version=1, domain="north", **more):
    grant = Grant(scientist="alice", datasets=("plaza",), tiers=("reviewed",))
    fields = {"grants": (grant,), "budgets": (WEEK,), **more}
    return SitePolicy(version=version, domain=domain, **fields)


def reviewed_by(*identities, **more):
    reviewers = tuple(Reviewer(name=i.name, fingerprint=i.fingerprint) for i in identities)
    return Reviews(reviewers=reviewers, **more)


def heard(town, kind, field):
    (letter,) = town.heard()
    assert f"owner.{kind}" == letter.kind
    statement = Statement.from_mapping(letter.body[field])
    return SycVerifier().check_statement(statement, kind, town.owner.identity)


def test_a_policy_reaches_the_domain_signed(town):
    town.rules.sign_policy(policy(), send=True)

    assert policy() == SitePolicy.from_mapping(heard(town, "policy", "policy"))


def test_a_policy_for_a_file_is_not_sent(town):
    body = town.rules.sign_policy(policy(), send=False)

    assert Statement.from_mapping(body["policy"]) == town.rules.signed_policy()
    assert [] == body["identities"]
    assert [] == town.heard()


@pytest.mark.parametrize("version", [1, 2])
def test_a_changed_policy_must_have_a_higher_version(town, version):
    town.rules.sign_policy(policy(2), send=False)

    with pytest.raises(SpecError, match="does not rise") as caught:
        town.rules.sign_policy(policy(version, hosted_identities=True), send=True)
    assert "version: 3" in caught.value.next_step
    assert [] == town.heard()


def test_the_same_policy_again_is_the_same_statement(town):
    first = town.rules.sign_policy(policy(), send=True)

    assert first == town.rules.sign_policy(policy(), send=True)


@pytest.mark.parametrize(
    ("proposal", "said"),
    [
        (policy(domain="east"), "for east"),
        (policy(budgets=()), "without end"),
        (policy(reviews=reviewed_by(CAROL)), "identity of the reviewer carol is not known"),
    ],
)
def test_what_does_not_hold_is_not_signed(town, proposal, said):
    with pytest.raises(SpecError, match=said) as caught:
        town.rules.sign_policy(proposal, send=True)

    assert caught.value.next_step
    assert town.rules.signed_policy() is None
    assert [] == town.heard()


# -------------------------------------------------------------------------------- reviewers


def test_reviewers_travel_with_the_policy_that_names_them(town):
    named = policy(reviews=reviewed_by(CAROL, code=2))

    body = town.rules.sign_policy(named, send=True, identities=[CAROL])

    (letter,) = town.heard()
    assert body == letter.body
    assert [CAROL] == [PublicIdentity.from_mapping(i) for i in letter.body["identities"]]


def test_a_reviewer_who_was_named_before_is_remembered(town):
    town.rules.sign_policy(policy(reviews=reviewed_by(CAROL)), send=False, identities=[CAROL])
    assert [] == town.rules.sign_policy(policy(2), send=False)["identities"]
    town.restart()

    body = town.rules.sign_policy(policy(3, reviews=reviewed_by(CAROL)), send=False)

    assert [CAROL.to_mapping()] == body["identities"]


OTHER_CAROL = SycKeyring.generate("carol", "owner").identity
SCIENTIST = SycKeyring.generate("carol", "scientist").identity


@pytest.mark.parametrize(
    ("named", "given"),
    [
        ((), CAROL),  # the policy names nobody
        ((CAROL,), OTHER_CAROL),  # the same name, another key
        ((SCIENTIST,), SCIENTIST),  # not a data owner's identity
        ((replace(CAROL, name="dan"),), CAROL),  # the same keys, another name
    ],
)
@pytest.mark.attack
def test_an_identity_that_the_policy_does_not_name_is_refused(town, named, given):
    with pytest.raises(SpecError, match="names no reviewer carol"):
        town.rules.sign_policy(policy(reviews=reviewed_by(*named)), send=True, identities=[given])

    assert [] == town.heard()


def test_the_owner_is_no_reviewer_beside_themselves(town):
    for identity in (town.owner.identity, town.north.identity):
        with pytest.raises(SpecError, match="you or your domain"):
            town.rules.sign_policy(
                policy(reviews=reviewed_by(identity)), send=False, identities=[identity]
            )


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
