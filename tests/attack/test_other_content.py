"""T17: who stole *our* sealing keys writes to us in the name of others; the relay helps.

A captured envelope keeps its true signature; its content is another one. Former keys open for
days after a rotation, which is just when somebody else has them.
"""

import secrets

import pytest

from darkroom.adapters.pysyft import keyring as module
from darkroom.adapters.pysyft.commitment import SALT_BYTES
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.errors import EnvelopeError
from darkroom.model.letter import Letter
from darkroom.post import codec
from tests.attack.other_content import replaced
from tests.attack.worlds import deliver
from tests.node.test_rotation import domain_renewed, everything, renewed
from tests.node.village import FILES, Village


LATER = 10 * 86_400.0  # seconds after the rotation


@pytest.fixture
def unbound(monkeypatch):
    """Without the control: the signature covers the prelude, and nobody asks for more."""
    monkeypatch.setattr(module, "redeemed", lambda content, _said: content[SALT_BYTES:])


@pytest.fixture
def captured(village, monkeypatch):
    """What the relay keeps: recipient -> envelopes."""
    kept: dict[str, list[bytes]] = {}
    relay = type(village.exchange.client("alice"))
    send = relay.send

    def tap(self, to, number, envelope, **more):
        kept.setdefault(to, []).append(envelope)
        return send(self, to, number, envelope, **more)

    monkeypatch.setattr(relay, "send", tap)
    village.in_force()
    kept.clear()
    return kept


def other_letter(village: Village, sender: str, to: str, kind: str, body: dict, files=None):
    """A change of content: another letter, of the length of the first; the salt stays."""
    letter = Letter(
        id=secrets.token_hex(16), kind=kind, sender=sender, recipient=to,
        sent_at=village.clock.now(), body=body, attachments=files or {},
    )  # fmt: skip
    new = codec.encode_letter(letter, letter.attachments, {})
    return lambda content: content[:SALT_BYTES] + new


def cancelled(village: Village, captured) -> str:
    """A job of alice that she never cancelled, after somebody who has north's former keys did."""
    stolen = village.keyring
    request = village.submitted()
    village.alice.say("job.cancel", {"job_id": "0" * 32})  # any letter of hers of that length
    village.settle()
    domain_renewed(village)
    village.settle()
    village.clock.forward(LATER)
    change = other_letter(village, "alice", "north", "job.cancel", {"job_id": request.job_id})
    forged = replaced(captured["north"][-1], stolen, village.alice.keyring.identity, change)
    deliver(village, forged, sender="alice")
    village.settle()
    return village.state_of(request.job_id)


def submitted_for_her(village: Village, captured) -> bool:
    """Whether a job that somebody else wrote is alice's, charged to her budget."""
    stolen = village.keyring
    village.submitted()
    captive = captured["north"][-1]
    domain_renewed(village)
    village.settle()
    village.clock.forward(LATER)
    request = village.request(project="evil")
    body = {"request": request.to_mapping(), "mock": {"seconds": 0.5, "frames": 3}}
    files = {f"code/{path}": data for path, data in FILES.items()}
    change = other_letter(village, "alice", "north", "job.submit", body, files)
    forged = replaced(captive, stolen, village.alice.keyring.identity, change)
    deliver(village, forged, sender="alice")
    village.settle()
    return village.store.job(request.job_id) is not None


def words_of_north(village: Village, captured) -> list[str]:
    """What somebody with alice's former keys makes the domain say to her."""
    stolen = village.alice.keyring
    request = village.submitted()
    everything(village.alice, "job.state")
    captive = captured["alice"][0]
    village.alice = renewed(village, village.alice)
    village.alice.say("handover.scientist", {})
    village.settle()
    village.clock.forward(LATER)
    body = {
        "job_id": request.job_id, "state": "rejected", "reasons": ["forged by the relay"],
        "seq": 99, "shards": [0, 0],
    }  # fmt: skip
    change = other_letter(village, "north", "alice", "job.state", body)
    forged = replaced(captive, stolen, village.keyring.identity, change)
    deliver(village, forged, sender="north", to="alice")
    (delivery,) = village.alice.post.receive(wait=0)
    return delivery.letter.body["reasons"] if delivery.letter else [delivery.problem]


@pytest.mark.attack("T17", control="off")
def test_without_the_hash_stolen_keys_cancel_a_job_in_its_owners_name(village, captured, unbound):
    assert cancelled(village, captured) == "cancelled"


@pytest.mark.attack("T17", control="on")
def test_with_it_they_cancel_nothing(village, captured):
    assert cancelled(village, captured) == "screened"
    ((_, sender, reason),) = village.store.quarantined()
    assert (sender, "another content" in reason) == ("alice", True)


@pytest.mark.attack("T17", control="off")
def test_without_the_hash_stolen_keys_submit_a_job_in_anothers_name(village, captured, unbound):
    assert submitted_for_her(village, captured)


@pytest.mark.attack("T17", control="on")
def test_with_it_they_submit_nothing(village, captured):
    assert not submitted_for_her(village, captured)


@pytest.mark.attack("T17", control="off")
def test_without_the_hash_a_scientist_hears_what_the_domain_never_said(village, captured, unbound):
    assert words_of_north(village, captured) == ["forged by the relay"]


@pytest.mark.attack("T17", control="on")
def test_with_it_she_does_not(village, captured):
    (problem,) = words_of_north(village, captured)
    assert "another content" in problem


@pytest.mark.attack("T17", control="on")
@pytest.mark.parametrize("former", [False, True], ids=["keys of today", "former keys"])
def test_not_a_bit_of_the_content_changes_for_who_knows_its_key(former):
    alice = SycKeyring.generate("alice", "scientist")
    north = stolen = SycKeyring.generate("north", "domain")
    envelope = alice.seal(b"the content", north.identity)
    if former:
        north = stolen.rotated(at=north._now())
    for place in range(SALT_BYTES + len(b"the content")):

        def flip(content: bytes, place: int = place) -> bytes:
            return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]

        with pytest.raises(EnvelopeError, match="another content"):
            north.open(replaced(envelope, stolen, alice.identity, flip), alice.identity)
    same = replaced(envelope, stolen, alice.identity, lambda content: content)
    assert north.open(same, alice.identity) == b"the content"
