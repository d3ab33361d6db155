"""T17, T18: keys change, and somebody who has no right to it, or had it once, makes use of that."""

from dataclasses import replace

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import EnvelopeError, NameTakenError, StateError, TrustError
from darkroom.model.handover import HANDOVER, Handover, follow
from darkroom.model.letter import Letter
from darkroom.post import codec
from darkroom.post.post import Post
from tests.attack.worlds import Credulous, deliver
from tests.gateway.serving import serving
from tests.node.test_rotation import domain_renewed, everything, notices, renewed
from tests.node.village import Village


class CredulousVillage(Village):
    """Its node checks no signature of a hand-over."""

    def parts(self):
        return replace(super().parts(), verifier=Credulous())


@pytest.fixture
def credulous(tmp_path):
    village = CredulousVillage(tmp_path)
    yield village
    village.store.close()


@pytest.fixture(scope="module")
def false_olga() -> SycKeyring:
    return SycKeyring.generate("olga", "owner")


def link(old, new: SycKeyring, *, by_old: SycKeyring, number: int = 1) -> Handover:
    """A hand-over that `by_old` signs in the place of who should."""
    made = Handover(
        old=old.fingerprint, new=new.identity, number=number, at=1, by_old="", by_new=""
    )
    return replace(
        made,
        by_old=by_old.sign(HANDOVER, made.body).signature,
        by_new=new.sign(HANDOVER, made.body).signature,
    )


def sealed(village: Village, keyring: SycKeyring, kind: str, body: dict, to=None) -> bytes:
    """A letter in the name of that keyring, as it seals it."""
    recipient = to or village.keyring.identity
    letter = Letter(
        id=SycKeyring.generate("x", "owner").identity.statement_key[:32], kind=kind,
        sender=keyring.identity.name, recipient=recipient.name, sent_at=village.clock.now(),
        body=body,
    )  # fmt: skip
    return keyring.seal(codec.encode_letter(letter, {}, {}), recipient)


def shows(village: Village, keyring: SycKeyring, *chain: Handover) -> None:
    """The gateway's directory says so."""
    village.exchange.identities[keyring.identity.name] = keyring.identity
    village.exchange.chains[keyring.identity.name] = chain


def policy_of(village: Village, keyring: SycKeyring, version: int = 9) -> dict:
    said = keyring.sign("policy", village.policy(version=version).to_mapping())
    return {"policy": said.to_mapping()}


# ------------------------------------------------------------------- without the controls


@pytest.mark.attack("T17", "T18", control="off")
def test_without_signatures_the_gateway_hands_the_owner_over_to_itself(credulous, false_olga):
    credulous.in_force()
    true = credulous.owner.keyring.identity
    shows(credulous, false_olga, link(true, false_olga, by_old=false_olga))

    body = policy_of(credulous, false_olga)
    deliver(credulous, sealed(credulous, false_olga, "owner.policy", body), sender="olga")
    credulous.settle()

    assert credulous.store.policy().body["version"] == 9


@pytest.mark.attack("T17", control="off")
def test_a_node_that_goes_on_reading_former_keys_takes_letters_of_who_stole_them(
    village, monkeypatch
):
    village.in_force()
    stolen = village.alice.keyring
    request = village.submitted()
    renewed(village, village.alice).say("handover.scientist", {})
    village.settle()
    honest = Post._unseal

    def lenient(self, envelope, pinned, *, first):
        for past in self._pins.former(pinned.name):
            try:
                return past.identity, self._keyring.open(envelope, past.identity)
            except EnvelopeError:
                continue
        return honest(self, envelope, pinned, first=first)

    monkeypatch.setattr(Post, "_unseal", lenient)
    body = {"job_id": request.job_id}
    deliver(village, sealed(village, stolen, "job.cancel", body), sender="alice")
    village.settle()

    assert village.state_of(request.job_id) == "cancelled"


# ------------------------------------------------------------------ forged, swapped, withheld


FORGERIES = {
    "no chain": lambda true, false, later: (),
    "signed by itself": lambda true, false, later: (link(true, false, by_old=false),),
    "a true chain to other keys": lambda true, false, later: later.handovers,
    "a true signature on other keys": lambda true, false, later: (
        replace(later.handovers[0], new=false.identity),
    ),
    "a true step and a false one": lambda true, false, later: (
        *later.handovers,
        link(later.identity, false, by_old=false, number=2),
    ),
    "its own chain": lambda true, false, later: false.rotated(at=1.0).handovers,
}


@pytest.mark.attack("T17", "T18", control="on")
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_gateway_that_swaps_keys_during_a_rotation_sets_no_policy(village, false_olga, forgery):
    """The owner really rotates; the gateway shows its own keys in place of the new ones."""
    village.in_force()
    true = village.owner.keyring
    later = true.rotated(at=1.0)
    shows(village, false_olga, *FORGERIES[forgery](true.identity, false_olga, later))

    body = policy_of(village, false_olga)
    deliver(village, sealed(village, false_olga, "owner.policy", body), sender="olga")
    village.settle()

    assert village.store.policy().body["version"] == 1
    assert village.store.get("olga") == true.identity
    assert len(village.store.quarantined()) == 1
    village.in_force(version=2)  # the true owner is not locked out
    assert village.store.policy().body["version"] == 2


@pytest.mark.attack("T17", control="on")
def test_the_owner_hears_of_keys_without_a_hand_over_and_what_to_do(village):
    false = SycKeyring.generate("alice", "scientist")
    shows(village, false, link(village.alice.keyring.identity, false, by_old=false))
    deliver(village, sealed(village, false, "handover.scientist", {}), sender="alice")
    village.settle()

    assert village.store.get("alice") == village.alice.keyring.identity
    said = notices(village.owner)
    assert false.identity.fingerprint in said
    assert "nothing was changed" in said
    assert "compare fingerprints" in said
    assert "keys-refused" in village.events()


@pytest.mark.attack("T17", control="on")
def test_a_gateway_that_withholds_a_hand_over_changes_nobodys_pin(village):
    before = village.alice.keyring.identity
    later = renewed(village, village.alice)
    village.exchange.chains["alice"] = ()
    later.say("handover.scientist", {})
    village.settle()

    assert village.store.get("alice") == before


@pytest.mark.attack("T17", "T18", control="on")
def test_an_enrolled_scientist_cannot_hand_the_owner_over(village):
    """With a seal that the node opens, and a chain of their own making."""
    village.in_force()
    mine = SycKeyring.generate("olga", "owner")
    true = village.owner.keyring.identity
    shows(village, mine, link(true, mine, by_old=village.bob.keyring))
    deliver(village, sealed(village, mine, "owner.policy", policy_of(village, mine)), sender="olga")
    village.settle()

    assert village.store.policy().body["version"] == 1


@pytest.mark.attack("T17", control="on")
def test_a_hand_over_of_one_name_leads_to_no_other(village):
    bobs = village.bob.keyring.rotated(at=1.0)
    alice = village.alice.keyring.identity

    with pytest.raises(TrustError):
        follow(alice, bobs.handovers, check=SycVerifier().check_statement)
    stolen_name = link(alice, SycKeyring.generate("bob", "scientist"), by_old=village.alice.keyring)
    with pytest.raises(TrustError, match="name or role"):
        follow(alice, (stolen_name,), check=SycVerifier().check_statement)


# ------------------------------------------------------------------ keys that were given up


@pytest.mark.attack("T17", control="on")
def test_who_stole_the_old_keys_says_nothing_after_the_rotation(village):
    village.in_force()
    stolen = village.alice.keyring
    request = village.submitted()
    renewed(village, village.alice).say("handover.scientist", {})
    village.settle()

    body = {"job_id": request.job_id}
    deliver(village, sealed(village, stolen, "job.cancel", body), sender="alice")
    village.settle()

    assert village.state_of(request.job_id) == "screened"
    assert len(village.store.quarantined()) == 1


@pytest.mark.attack("T17", control="on")
@pytest.mark.parametrize("second", [False, True], ids=["old signs again", "old after two"])
def test_who_stole_the_old_keys_hands_nobody_over_any_more(village, second):
    """A second hand-over from the same old keys, to the thief's."""
    stolen = village.alice.keyring
    later = renewed(village, village.alice)
    later.say("handover.scientist", {})
    village.settle()
    if second:
        later = renewed(village, later)
        later.say("handover.scientist", {})
        village.settle()
    thief = SycKeyring.generate("alice", "scientist")
    for number in (1, 2, 3):
        shows(village, thief, link(stolen.identity, thief, by_old=stolen, number=number))
        deliver(village, sealed(village, thief, "handover.scientist", {}), sender="alice")
        village.settle()

    assert village.store.get("alice") == later.keyring.identity


@pytest.mark.attack("T17", control="on")
def test_an_old_hand_over_replayed_changes_nothing(village):
    first = renewed(village, village.alice)
    parcel = sealed(village, first.keyring, "handover.scientist", {})
    deliver(village, parcel, sender="alice")
    village.settle()
    second = renewed(village, first)
    second.say("handover.scientist", {})
    village.settle()

    shows(village, first.keyring, *first.keyring.handovers)
    deliver(village, parcel, sender="alice")
    village.settle()

    assert village.store.get("alice") == second.keyring.identity
    assert village.events().count("keys-handed-over") == 2


@pytest.mark.attack("T18", control="on")
def test_a_stolen_owner_key_decides_nothing_after_the_rotation(village):
    """Alone, and inside a letter that the true owner was made to pass on."""
    village.in_force()
    stolen = village.owner.keyring
    request = village.submitted()
    forged = village.decision(request.job_id, "code", "approve", request.job_digest).to_mapping()
    village.owner = renewed(village, village.owner)
    village.owner.say("handover.owner", {})
    village.settle()

    deliver(village, sealed(village, stolen, "owner.decision", {"decision": forged}), sender="olga")
    village.owner.say("owner.decision", {"decision": forged})
    village.owner.say("owner.policy", policy_of(village, stolen))
    village.settle()

    assert village.state_of(request.job_id) == "screened"
    assert village.sandbox.started == []
    assert village.store.policy().body["version"] == 1


@pytest.mark.attack("T17", control="on")
def test_a_stolen_domain_key_releases_nothing_after_the_rotation(village):
    village.in_force()
    stolen = village.keyring
    domain_renewed(village)
    village.settle()
    everything(village.alice, "handover.domain")
    assert village.alice.pins.get("north") == village.keyring.identity

    ours = village.alice.keyring.identity
    release = stolen.sign("release", {"job_id": "0" * 32}).to_mapping()
    body = {"job_id": "0" * 32, "release": release}
    deliver(village, sealed(village, stolen, "job.result", body, ours), sender="north", to="alice")

    (delivery,) = village.alice.post.receive(wait=0)
    assert delivery.letter is None
    assert delivery.problem


@pytest.mark.attack("T17", control="on")
def test_at_the_gateway_the_name_stays_with_who_was_handed_over_to(tmp_path):
    stolen = SycKeyring.generate("alice", "scientist")
    later = stolen.rotated(at=1.0)
    thief = SycKeyring.generate("alice", "scientist")
    claims = {
        stolen: ((), later.handovers),
        thief: (
            (),
            later.handovers,
            (link(stolen.identity, thief, by_old=stolen),),
            (link(later.identity, thief, by_old=stolen, number=2),),
            (*later.handovers, link(later.identity, thief, by_old=stolen, number=2)),
        ),
    }
    with serving(tmp_path) as gateway, gateway.relay(stolen) as first, gateway.relay(later) as door:
        first.register(stolen.identity)
        door.register(later.identity, later.handovers)
        for keyring, chains in claims.items():
            for chain in chains:
                with gateway.relay(keyring) as relay, pytest.raises((NameTakenError, TrustError)):
                    relay.register(keyring.identity, chain)
        with pytest.raises(StateError):
            first.admitted()
        assert door.identity("alice") == later.identity
