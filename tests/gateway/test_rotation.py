"""A name goes over to other keys along hand-overs from those that hold it, and only so."""

import sqlite3
from dataclasses import replace

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.gateway.database import SCHEMA_VERSION, VERSION_1, Database
from darkroom.bootstrap.gateway import forget_identity
from darkroom.errors import NameTakenError, SpecError, StateError, TrustError
from darkroom.model.handover import HANDOVER, MAX_LINKS, Handover
from tests.gateway.raw import Raw
from tests.gateway.serving import serving


@pytest.fixture
def alice(gateway, request):
    """Registered keys, under a name of this test's own."""
    keyring = SycKeyring.generate(f"alice{abs(hash(request.node.name))}", "scientist")
    with gateway.relay(keyring) as relay:
        relay.register(keyring.identity)
    return keyring


@pytest.fixture
def reader(gateway):
    with gateway.join(f"reader{SycKeyring.generate('x', 'owner').identity.statement_key[:8]}") as r:
        yield r


def registered(gateway, keyring):
    with gateway.relay(keyring) as relay:
        relay.register(keyring.identity, keyring.handovers)


def test_the_name_goes_over_to_the_keys_that_the_old_ones_signed_for(gateway, alice, reader):
    later = alice.rotated(at=1.0)
    registered(gateway, later)

    assert reader.identity(alice.identity.name) == later.identity
    assert reader.handovers(alice.identity.name) == later.handovers


def test_who_was_never_handed_over_to_gets_nothing(gateway, alice, reader):
    thief = SycKeyring.generate(alice.identity.name, "scientist")
    chain = alice.rotated(at=1.0).handovers

    for claim in (thief, thief.rotated(at=1.0), thief.having(handovers=())):
        with pytest.raises(NameTakenError):
            registered(gateway, claim)
    with gateway.relay(thief) as relay, pytest.raises(TrustError):
        relay.register(thief.identity, chain)  # somebody else's hand-over
    assert reader.identity(alice.identity.name) == alice.identity
    assert reader.handovers(alice.identity.name) == ()


def test_the_old_keys_open_no_session_afterwards_and_their_sessions_end(gateway, alice):
    with gateway.relay(alice) as old:
        assert old.admitted() == []
        registered(gateway, alice.rotated(at=1.0))

        with pytest.raises(StateError, match="other keys") as caught:
            old.admitted()
    assert "start this program" in caught.value.next_step
    with pytest.raises(NameTakenError):
        registered(gateway, alice)


def test_several_steps_that_the_gateway_missed_are_taken_at_once(gateway, alice, reader):
    later = alice.rotated(at=1.0).rotated(at=2.0).rotated(at=3.0)
    registered(gateway, later)

    assert reader.identity(alice.identity.name) == later.identity


def test_a_client_whose_rotation_was_cut_off_registers_by_itself(gateway, alice, reader):
    """It never called `register`: the first thing that it wants of the gateway does."""
    later = alice.rotated(at=1.0)
    with gateway.relay(later) as relay:
        assert relay.admitted() == []

    assert reader.identity(alice.identity.name) == later.identity


def test_what_was_admitted_and_what_waits_stays(gateway, pair):
    with gateway.relay(SycKeyring.generate(f"{pair.names.alice}-x", "scientist")) as relay:
        keyring = relay._keyring
        relay.register(keyring.identity)
        pair.north.admit(keyring.identity.name)
        relay.send(pair.names.north, "0" * 32, b"before", expires_in=60)
    later = keyring.rotated(at=1.0)
    with gateway.relay(later) as relay:
        relay.register(later.identity, later.handovers)
        relay.send(pair.names.north, "1" * 32, b"after", expires_in=60)

    assert [parcel.envelope for parcel in pair.north.receive(wait=0)] == [b"before", b"after"]


def test_registering_again_changes_nothing(gateway, alice, reader):
    later = alice.rotated(at=1.0)
    registered(gateway, later)
    registered(gateway, later)

    assert reader.handovers(alice.identity.name) == later.handovers


def test_rotated_keys_that_register_for_the_first_time_bring_their_history(gateway, reader):
    later = SycKeyring.generate(f"moved{id(reader)}", "scientist").rotated(at=1.0)
    registered(gateway, later)

    assert reader.handovers(later.identity.name) == later.handovers


def test_an_operator_who_frees_a_name_frees_its_history(tmp_path):
    with serving(tmp_path) as gateway:
        later = SycKeyring.generate("alice", "scientist").rotated(at=1.0)
        registered(gateway, later)
    assert forget_identity(tmp_path, "alice")
    with serving(tmp_path) as gateway, gateway.join("bob") as bob:
        assert bob.handovers("alice") == ()


@pytest.mark.parametrize("chain", ["x", [7], [{}], [{"old": "x"}], {}, [[]] * 17])
def test_a_malformed_chain_is_refused(gateway, alice, chain):
    later = alice.rotated(at=1.0)
    with Raw(gateway.address) as raw:
        nonce = raw("POST", "/v1/challenge", json={}).json()["nonce"]
        said = {"gateway": gateway.address, "name": later.identity.name, "nonce": nonce}
        answer = raw(
            "POST",
            "/v1/register",
            json={
                "identity": later.identity.to_mapping(),
                "statement": later.sign("login", said).to_mapping(),
                "handovers": chain,
            },
        )

    assert answer.status_code == 422, answer.text


def signed(new, old, *, number=1, by=None):
    """A link to `new`, signed by both or by whom is named in the place of the old keys."""
    made = Handover(
        old=old.identity.fingerprint, new=new.identity, number=number, at=1, by_old="", by_new=""
    )
    return replace(
        made,
        by_old=(by or old).sign(HANDOVER, made.body).signature,
        by_new=new.sign(HANDOVER, made.body).signature,
    )


def junk_chains(first, second, third):
    """Chains to the keys `third` whose last link is true; what lies before it is not."""
    true = (signed(second, first), signed(third, second, number=2))
    other = SycKeyring.generate("somebody", "scientist")
    domain = SycKeyring.generate(first.identity.name, "domain")
    return {
        "unsigned by the new keys": (replace(true[0], by_new=""), true[1]),
        "unsigned by the old keys": (true[0], replace(true[1], by_old="")),
        "signed by others": (true[0], signed(third, second, number=2, by=first)),
        "another name": (signed(other, first), signed(third, other, number=2)),
        "another role": (signed(domain, first), signed(third, domain, number=2)),
        "another number": (true[0], signed(third, second, number=7)),
        "a step left out": (signed(other, first), true[1]),
        "a circle": (signed(second, third), true[1]),
        "twice the same": (true[0], true[0], true[1]),
        "one unsigned link": (replace(true[1], by_new="00" * 64),),
        "what rides along": (
            replace(true[0], new=replace(second.identity, bundle={"x": "A" * 3_000})),
            true[1],
        ),
    }


JUNK = tuple(junk_chains(*(SycKeyring.generate("alice", "scientist") for _ in range(3))))


@pytest.mark.attack("T17", control="on")
@pytest.mark.parametrize("held", [False, True], ids=["a free name", "a name that is held"])
@pytest.mark.parametrize("junk", JUNK)
def test_nothing_is_kept_as_a_history_that_is_none(gateway, reader, junk, held):
    """Neither by who comes first, nor behind a link that is followed."""
    name = f"alice{SycKeyring.generate('x', 'owner').identity.statement_key[:12]}"
    first, second, third = (SycKeyring.generate(name, "scientist") for _ in range(3))
    chain = junk_chains(first, second, third)[junk]
    if held:
        registered(gateway, second)
    with gateway.relay(third) as relay, pytest.raises(TrustError):
        relay.register(third.identity, chain)

    assert reader.handovers(name) == () if held else True
    with gateway.relay(third) as relay:  # the same keys with what is true
        relay.register(third.identity, (signed(second, first), signed(third, second, number=2)))
    assert [link.number for link in reader.handovers(name)] == [1, 2]


@pytest.mark.attack("T17", control="on")
@pytest.mark.parametrize("large", [{"bundle": {"x": "A" * 14_000}}, {"certificate": "00" * 999}])
def test_a_chain_larger_than_any_is_refused_before_its_signatures_are_looked_at(
    gateway, alice, large
):
    later = alice.rotated(at=1.0)
    (link,) = later.handovers
    chain = (*[replace(link, new=replace(link.new, **large))] * 15, link)

    with gateway.relay(later) as relay, pytest.raises(SpecError, match="larger"):
        relay.register(later.identity, chain)


def test_the_longest_history_that_is_written_is_taken(gateway, reader):
    later = SycKeyring.generate(f"old{id(reader)}", "scientist")
    for _ in range(MAX_LINKS + 2):
        later = later.rotated(at=1.0)
    registered(gateway, later)

    assert reader.handovers(later.identity.name) == later.handovers


def test_a_chain_that_is_none_is_an_error_of_the_reader_and_not_of_the_mailbox(reader, monkeypatch):
    monkeypatch.setattr(type(reader), "_json", lambda self, ask: {"handovers": [7]})

    with pytest.raises(SpecError):
        reader.handovers("alice")


def test_a_gateway_of_the_first_schema_is_brought_up_to_date(tmp_path):
    path = tmp_path / "gateway.db"
    with sqlite3.connect(path) as database:
        database.executescript(f"BEGIN;{VERSION_1}PRAGMA user_version=1;COMMIT;")
        database.execute("INSERT INTO identities VALUES ('alice', 'sha256:1', 'owner', '{}', 1.0)")
    database.close()
    opened = Database(path)
    with opened.reading() as run:
        assert run.execute("SELECT name FROM identities").fetchall() == [("alice",)]
        assert run.execute("SELECT count(*) FROM handovers").fetchone() == (0,)
        assert run.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    opened.close()
