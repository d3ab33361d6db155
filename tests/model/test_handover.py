"""The law of hand-overs: each link is signed by the keys before it, in order, for the same party."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.errors import SpecError, TrustError
from darkroom.model.handover import (
    HANDOVER,
    MAX_LINKS,
    Former,
    Handover,
    check_chain,
    follow,
    known_as,
    read_chain,
    signer_of,
)
from tests.model.shapes import JSON


CHECK = SycVerifier().check_statement


def generations(keyring: SycKeyring, count: int) -> list[SycKeyring]:
    """The same identity under its first keys and `count` later ones."""
    found = [keyring]
    for number in range(count):
        found.append(found[-1].rotated(at=1_000 + number))
    return found


ALICE = generations(SycKeyring.generate("alice", "scientist"), 4)
CHAIN = ALICE[-1].handovers
MALLORY = SycKeyring.generate("alice", "scientist")  # the name, not the keys


def signed(old: SycKeyring, new: SycKeyring, **changes) -> Handover:
    """A hand-over as a program without our checks would write it."""
    link = Handover(
        old=old.identity.fingerprint, new=new.identity, number=1, at=5, by_old="", by_new=""
    )
    link = replace(link, **changes)
    return replace(
        link,
        by_old=old.sign(HANDOVER, link.body).signature,
        by_new=new.sign(HANDOVER, link.body).signature,
    )


# -------------------------------------------------------------------------------- the law


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_chain_is_followed_exactly_if_every_link_after_the_pin_stands_in_its_place(data):
    pin = data.draw(st.integers(0, 4), label="pinned generation")
    order = data.draw(st.lists(st.integers(0, 3), max_size=5), label="links shown")
    chain = tuple(CHAIN[number] for number in order)
    after = order[order.index(pin) :] if pin in order else []
    whole = bool(after) and after == list(range(pin, pin + len(after)))
    at_its_end = not after and bool(order) and order[-1] + 1 == pin

    try:
        links = follow(ALICE[pin].identity, chain, check=CHECK)
    except TrustError:
        assert not whole
        assert not at_its_end
    else:
        assert whole or at_its_end
        assert [link.number for link in links] == [number + 1 for number in after]


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_change_of_a_signed_link_is_followed(data):
    field = data.draw(st.sampled_from(["old", "new", "number", "at", "by_old", "by_new"]))
    other = {
        "old": MALLORY.identity.fingerprint,
        "new": MALLORY.identity,
        "number": 2,
        "at": CHAIN[0].at + 1,
        "by_old": CHAIN[0].by_new,
        "by_new": CHAIN[0].by_old,
    }[field]

    with pytest.raises(TrustError):
        follow(ALICE[0].identity, (replace(CHAIN[0], **{field: other}),), check=CHECK)


def test_a_chain_that_ends_at_the_pin_leads_nowhere_and_is_no_error():
    assert follow(ALICE[4].identity, CHAIN, check=CHECK) == ()


def test_no_chain_at_all_is_refused_with_what_a_person_does():
    with pytest.raises(TrustError, match="does not begin") as caught:
        follow(ALICE[0].identity, (), check=CHECK)
    assert "compare fingerprints" in caught.value.next_step


def test_nothing_leads_backwards():
    """Even signed by the keys in force: keys that were given up may be in other hands."""
    back = signed(ALICE[1], ALICE[0], number=2)

    with pytest.raises(TrustError, match="given up"):
        follow(ALICE[0].identity, (CHAIN[0], back), check=CHECK)
    past = Former(identity=ALICE[0].identity, until=1.0, handover=CHAIN[0])
    with pytest.raises(TrustError, match="given up"):
        follow(ALICE[1].identity, (back,), check=CHECK, former=[past])


@pytest.mark.parametrize("number", [1, 3, 7])
def test_a_number_that_is_not_the_next_one_is_refused(number):
    past = Former(identity=ALICE[0].identity, until=1.0, handover=CHAIN[0])
    link = signed(ALICE[1], MALLORY, number=number)

    with pytest.raises(TrustError, match="number"):
        follow(ALICE[1].identity, (link,), check=CHECK, former=[past])


def test_after_a_person_pinned_other_keys_the_count_begins_anew():
    past = Former(identity=MALLORY.identity, until=1.0, handover=signed(MALLORY, ALICE[4]))

    assert follow(ALICE[0].identity, CHAIN[:1], check=CHECK, former=[past])


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (SycKeyring.generate("bob", "scientist"), "name or role"),
        (SycKeyring.generate("alice", "owner"), "name or role"),
        (SycKeyring.generate("alice", "scientist", hosted=True), "Hub"),
    ],
    ids=["name", "role", "hosted"],
)
def test_a_hand_over_is_for_the_same_name_role_and_place(other, why):
    with pytest.raises(TrustError, match=why):
        follow(ALICE[0].identity, (signed(ALICE[0], other),), check=CHECK)


def test_half_new_keys_are_refused():
    half = SycKeyring(
        name="alice", role="scientist", hosted=False, jwks=ALICE[0]._jwks,
        statement_keys=MALLORY._statement_keys,
    )  # fmt: skip

    with pytest.raises(TrustError, match="keeps one"):
        follow(ALICE[0].identity, (signed(ALICE[0], half),), check=CHECK)


# -------------------------------------------------------------------------- what was before


def test_a_former_key_counts_for_what_was_taken_in_before_and_for_nothing_since():
    past = [Former(identity=ALICE[0].identity, until=100.0, handover=CHAIN[0])]
    now, old = ALICE[1].identity, ALICE[0].identity

    assert signer_of(now, past, old.statement_key, 99.0) == old
    assert signer_of(now, past, old.statement_key, 100.0) == old
    assert signer_of(now, past, old.statement_key, 100.5) == now
    assert signer_of(now, past, now.statement_key, 99.0) == now


def test_a_party_is_known_under_its_former_fingerprint_and_no_other():
    past = [Former(identity=ALICE[0].identity, until=100.0, handover=CHAIN[0])]
    now = ALICE[1].identity

    assert known_as(now, past, ALICE[0].identity.fingerprint) == ALICE[0].identity
    assert known_as(now, past, MALLORY.identity.fingerprint) == now


# -------------------------------------------------------------------------------- the form


def test_a_chain_reads_back():
    assert read_chain([link.to_mapping() for link in CHAIN]) == CHAIN


@given(JSON)
def test_anything_else_is_no_hand_over(value):
    with pytest.raises(SpecError):
        Handover.from_mapping(value)
    with pytest.raises(SpecError):
        read_chain([value])


@pytest.mark.parametrize(
    "change",
    [
        {"old": "x"}, {"old": 7}, {"new": {}}, {"new": None}, {"number": 0}, {"number": True},
        {"number": 1 << 40}, {"number": 1.0}, {"at": -1}, {"at": 1.5}, {"at": 1 << 60},
        {"by_old": None}, {"by_new": "0" * 257}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_malformed_hand_over_is_refused(change):
    with pytest.raises(SpecError):
        Handover.from_mapping({**CHAIN[0].to_mapping(), **change})


def test_a_bundle_without_a_canonical_form_is_refused():
    new = {**ALICE[1].identity.to_mapping(), "bundle": {"x": float("nan")}}

    with pytest.raises(SpecError):
        Handover.from_mapping({**CHAIN[0].to_mapping(), "new": new})


def test_a_chain_is_bounded():
    with pytest.raises(SpecError):
        read_chain([CHAIN[0].to_mapping()] * (MAX_LINKS + 1))


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_without_a_pin_a_chain_holds_exactly_if_its_links_are_in_order_and_none_is_missing(data):
    links = data.draw(st.lists(st.sampled_from(CHAIN), min_size=1, max_size=5), label="links")
    first = CHAIN.index(links[0])

    if tuple(links) == CHAIN[first : first + len(links)]:
        check_chain(links, check=CHECK)
    else:
        with pytest.raises(TrustError):
            check_chain(links, check=CHECK)


def test_without_a_pin_every_signature_counts_but_the_first_of_the_old_keys():
    unsigned = [replace(CHAIN[0], by_old=""), *CHAIN[1:]]
    check_chain(unsigned, check=CHECK)  # nobody here knows those keys

    for place, link in enumerate(CHAIN):
        for side in ("by_old", "by_new"):
            forged = [*CHAIN[:place], replace(link, **{side: "00" * 64}), *CHAIN[place + 1 :]]
            if (place, side) != (0, "by_old"):
                with pytest.raises(TrustError):
                    check_chain(forged, check=CHECK)
