"""Every release has a receipt that an auditor checks offline, years later, believing few."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from darkroom.errors import StateError, TrustError
from darkroom.model.canonical import canonical, digest, digest_bytes
from darkroom.model.dsse import envelope_bytes
from darkroom.model.handover import Former
from darkroom.model.receipt import PREDICATE, STATEMENT
from darkroom.model.reviews import Reviewer, Reviews
from darkroom.node import receipt as receipts_of_a_node
from darkroom.owner.requests import read_release
from darkroom.policy.disclosure import LOG, output_digest
from darkroom.policy.receipt_check import require_outputs, require_request
from darkroom.policy.signers import Known
from tests.node.receipts import changed, known, prove, receipt_of, released, signed_again
from tests.node.test_rotation import domain_renewed, everything, renewed
from tests.node.village import rule, spec


def test_it_says_who_asked_who_allowed_on_what_what_left_and_what_it_cost(once, believed):
    village, request, receipt, result = once
    proven = prove(receipt, believed)

    assert (proven.domain.ground, proven.people["olga"].ground) == ("known", "known")
    require_request(receipt, request)
    asked = receipt.asked
    assert (asked.submitter, asked.dataset, asked.cameras) == (
        "alice", "plaza", ("cam0", "cam1", "cam2"),
    )  # fmt: skip
    assert asked.environment == request.spec.environment
    data = result.attachments["output/counts"]
    assert receipt.left == {"counts": digest_bytes(data)}
    require_outputs(receipt, {"counts": data})
    assert receipt.bytes_out == len(data)
    assert receipt.spent.to_mapping() == village.job(request.job_id).price
    assert [(d.subject, d.by) for d in receipt.decisions] == [("code", "olga"), ("output", "olga")]
    assert receipt.applied == receipt.in_force
    assert receipt.applied.digest == digest(village.policy().to_mapping())
    assert receipt.release.to_mapping() == result.body["release"]
    assert village.store.receipt(request.job_id) == receipt.statement


def test_the_state_comes_after_the_result_so_that_nobody_waits_for_it(once):
    village, request, _, _ = once
    kinds = [
        (letter.kind, letter.body.get("state"))
        for letter in village.alice.got
        if letter.body.get("job_id") == request.job_id
    ]
    assert kinds[-2:] == [("job.result", None), ("job.state", "released")]
    assert village.events(request.job_id).count("output-released") == 1


def test_its_envelope_is_one_that_any_dsse_reader_checks(once):
    """By hand, from the specifications: DSSE 1.0 over an in-toto statement 1."""
    village, _, receipt, _ = once
    envelope = json.loads(envelope_bytes(receipt.statement))
    payload, (signature,) = base64.b64decode(envelope["payload"]), envelope["signatures"]
    kind = envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)

    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(village.keyring.identity.statement_key))
    key.verify(base64.b64decode(signature["sig"]), signed)
    body = json.loads(payload)
    assert kind == b"application/vnd.in-toto+json"
    assert (body["_type"], body["predicateType"]) == (STATEMENT, PREDICATE)
    assert body["subject"] == [
        {"name": "counts", "digest": {"sha256": receipt.left["counts"].removeprefix("sha256:")}}
    ]


# --------------------------------------------------------------------- the ways to a release


def test_a_rule_that_allowed_it_is_named_with_the_owners_signature_on_the_policy(village):
    known_code = spec().code_digest
    village.in_force(rules=(rule(known_code),))
    request = village.submitted()
    receipt = receipt_of(village, request)
    policy = village.store.policy()
    believed = known(village.keyring.identity, village.owner.keyring.identity)

    assert receipt.decisions == ()
    assert receipt.release.body["approved_by"].startswith("rule ")
    assert prove(receipt, believed).policy_owner is None
    proven = prove(receipt, believed, policies={digest(policy.body): policy})
    assert proven.policy_owner.identity == village.owner.keyring.identity
    other = village.bob.keyring.sign("policy", policy.body)
    with pytest.raises(TrustError, match="signed otherwise"):
        prove(receipt, believed, policies={digest(policy.body): other})


def test_a_policy_that_came_between_approval_and_release_is_named_beside_the_one_applied(village):
    village.in_force()
    request, first = village.produced(), village.store.policy()
    changed_since = village.policy(version=2).to_mapping()
    said = village.owner.keyring.sign("policy", changed_since).to_mapping()
    village.owner.say("owner.policy", {"policy": said})
    village.settle()
    village.release(request.job_id)
    village.settle()
    receipt = receipt_of(village, request)
    believed = known(village.keyring.identity, village.owner.keyring.identity)

    assert (receipt.applied.version, receipt.in_force.version) == (1, 2)
    assert receipt.release.body["policy_version"] == 1
    second = village.store.policy()
    # Only the one that was applied is what readers are shown as checked.
    assert prove(receipt, believed, policies={digest(second.body): second}).policy_owner is None
    proven = prove(receipt, believed, policies={digest(first.body): first})
    assert proven.policy_owner.ground == "known"


def test_several_people_each_by_their_own_signature(village):
    carol = village.person("carol", "owner")
    named = Reviewer(name="carol", fingerprint=carol.keyring.identity.fingerprint)
    policy = village.policy(reviews=Reviews(reviewers=(named,), code=2, release=2))
    said = village.owner.keyring.sign("policy", policy.to_mapping()).to_mapping()
    village.owner.say(
        "owner.policy", {"policy": said, "identities": [carol.keyring.identity.to_mapping()]}
    )
    village.settle()

    def both(job_id, subject, verdict, shown):
        for person in (village.owner, carol):
            body = village.decision(job_id, subject, verdict, shown).body
            signed = person.keyring.sign("decision", body).to_mapping()
            person.say("owner.decision", {"decision": signed})
        village.settle()

    request = village.submitted()
    both(request.job_id, "code", "approve", request.job_digest)
    both(request.job_id, "output", "release", output_digest(village.job(request.job_id).outputs))
    receipt = receipt_of(village, request)

    assert sorted((d.subject, d.by) for d in receipt.decisions) == [
        ("code", "carol"), ("code", "olga"), ("output", "carol"), ("output", "olga"),
    ]  # fmt: skip
    proven = prove(receipt, known(village.keyring.identity, carol.keyring.identity))
    assert {n: s.ground for n, s in proven.people.items()} == {"olga": "claimed", "carol": "known"}


def test_a_log_that_stays_cannot_be_guessed_from_it(village):
    """A job could write a secret there: whoever has the receipt must not be able to try them."""
    village.in_force()
    request, receipt = released(village)
    log = village.job(request.job_id).outputs[LOG]
    bare = {"type": "log", "sha256": digest_bytes(b"printed by the job"), "bytes": 18}
    text = canonical(receipt.statement.body).decode()

    assert {k: log[k] for k in bare} == bare
    assert log["blind"] not in text
    assert log["sha256"].removeprefix("sha256:") not in text
    shown = {**receipt.release.body["outputs"], LOG: bare}
    assert digest(shown) not in text
    assert digest(bare) not in text


def test_the_owner_computes_what_they_sign_for_from_what_came(village):
    village.in_force()
    request = village.produced()
    (asked,) = village.owner.letters("release.request", request.job_id)

    assert read_release(asked.body, asked.attachments).digest == asked.body["output_digest"]
    log = {**asked.body["outputs"][LOG], "blind": "0" * 32}
    changed = {**asked.body, "outputs": {**asked.body["outputs"], LOG: log}}
    with pytest.raises(TrustError, match="output digest"):
        read_release(changed, asked.attachments)


def test_a_log_that_left_is_among_the_outputs_that_people_signed_for(village):
    village.in_force()
    _, receipt = released(village, with_log=True)

    assert receipt.left[LOG] == digest_bytes(b"printed by the job")
    believed = known(village.keyring.identity, village.owner.keyring.identity)
    prove(receipt, believed)
    body = changed(receipt.statement.body, "predicate", "log", "blind", value="0" * 32)
    with pytest.raises(TrustError, match="another one than was shown"):
        prove(signed_again(village, body), believed)


FORGOTTEN = "UPDATE jobs SET record = json_remove(record, '$.decisions')"


def test_a_job_from_before_signatures_were_kept_is_released_without_one_and_that_is_told(village):
    """What was approved before version 4 of the file: the release alone, as it was."""
    village.in_force()
    request = village.produced()
    village.store._db.execute(FORGOTTEN)
    village.store._db.execute("UPDATE jobs SET record = json_set(record, '$.received_at', 1.0)")
    village.release(request.job_id)
    village.settle()

    (result,) = village.alice.letters("job.result", request.job_id)
    assert result.body.keys() == {"job_id", "release"}
    assert village.events(request.job_id).count("released-without-receipt") == 1
    assert any("no receipt of its release" in n for n in warnings(village, request))


def warnings(village, request):
    told = (letter.body for letter in village.owner.letters("owner.notice"))
    return [body["text"] for body in told if request.job_id in body["text"]]


@pytest.fixture
def with_a_head(village):
    """The log's first head is signed: from now on everything is kept."""
    village.in_force()
    village.settle()
    assert village.store.last_head() is not None
    return village


def refused(village, request, why):
    village.release(request.job_id)
    village.settle()
    assert village.state_of(request.job_id) == "produced"
    assert not village.alice.letters("job.result", request.job_id)
    assert "decision-refused" in village.events(request.job_id)
    assert any(why in text for text in warnings(village, request))


def test_a_yes_that_was_lost_since_lets_nothing_out(with_a_head):
    request = with_a_head.produced()
    with_a_head.store._db.execute(FORGOTTEN)
    refused(with_a_head, request, "what olga signed is not kept here")


def test_a_release_whose_receipt_would_be_too_long_is_refused_before_it_is_made(
    with_a_head, monkeypatch
):
    request = with_a_head.produced()
    monkeypatch.setattr(receipts_of_a_node, "MAX_ENVELOPE", 4 << 10)
    refused(with_a_head, request, "its receipt would have")


def test_what_a_rule_lets_out_waits_without_a_receipt_too_and_the_owner_is_told(
    village, monkeypatch
):
    village.in_force(rules=(rule(spec().code_digest),))
    monkeypatch.setattr(receipts_of_a_node, "MAX_ENVELOPE", 4 << 10)
    request = village.submitted()
    assert village.state_of(request.job_id) == "produced"
    assert any("its receipt would have" in text for text in warnings(village, request))


def test_more_people_than_a_receipt_names_release_nothing(with_a_head, monkeypatch):
    request = with_a_head.produced()
    monkeypatch.setattr(receipts_of_a_node, "MAX_PEOPLE", 1)  # one for the code, one for outputs
    refused(with_a_head, request, "2 people said yes")


def test_no_receipt_is_longer_than_was_foreseen(once, monkeypatch):
    """Just enough room for what is foreseen is room for what is made."""
    village, request, receipt, _ = once
    record = village.job(request.job_id)
    made = len(envelope_bytes(receipt.statement))
    desk = receipts_of_a_node.Receipts(
        store=village.store, keyring=village.keyring, prove=None, owner="olga"
    )
    monkeypatch.setattr(receipts_of_a_node, "MAX_ENVELOPE", made - 1)
    assert desk.against(record, receipt.release.body)
    monkeypatch.setattr(receipts_of_a_node, "MAX_ENVELOPE", made + (16 << 10))
    assert not desk.against(record, receipt.release.body)


def test_without_a_receipt_nothing_leaves(village, monkeypatch):
    """A full disk in the middle: no event, no charge, no letter; then all of it."""
    village.in_force()
    request = village.produced()
    events, head = village.events(), village.store.last_head()

    def full(*_):
        raise StateError("the disk is full", next_step="make room")

    monkeypatch.setattr(village.store, "add_receipt", full)
    village.release(request.job_id)
    with pytest.raises(StateError):
        village.poll()
    assert village.state_of(request.job_id) == "produced"
    assert village.events() == events
    assert village.store.last_head() == head
    monkeypatch.undo()
    village.settle()

    assert village.state_of(request.job_id) == "released"
    assert receipt_of(village, request)


def test_a_decision_that_is_too_long_to_be_shown_is_refused(village):
    village.in_force()
    request = village.submitted()
    village.decide(request.job_id, "code", "approve", request.job_digest, reason="long " * 2000)
    village.settle()

    assert village.state_of(request.job_id) == "screened"


# --------------------------------------------------------------------- after keys were changed


def test_receipts_of_before_hold_after_node_and_owner_have_new_keys(village):
    village.in_force()
    old_node, old_owner = village.keyring.identity, village.owner.keyring.identity
    _, receipt = released(village)
    village.clock.forward(100)
    village.owner = renewed(village, village.owner)
    village.owner.say("handover.owner", {})
    village.settle()
    domain_renewed(village)
    village.settle()
    node, owner = village.keyring, village.owner.keyring
    assert old_node != node.identity

    def followed(old, ring):
        past = Former(identity=old, until=village.clock.now(), handover=ring.handovers[-1])
        return Known(identities=(ring.identity,), former=(past,))

    pinned = {"north": followed(old_node, node), "olga": followed(old_owner, owner)}
    proven = prove(receipt, pinned)
    assert (proven.domain.ground, proven.people["olga"].ground) == ("former", "former")

    given = {
        ring.identity.name: Known(identities=(ring.identity,), handovers=ring.handovers)
        for ring in (node, owner)
    }
    proven = prove(receipt, given)
    assert (proven.domain.ground, proven.people["olga"].ground) == ("chain", "chain")

    with pytest.raises(TrustError, match="other keys than those of north"):
        prove(receipt, known(node.identity))
    request = village.produced()
    everything(village.owner, "release.request")
    village.release(request.job_id)
    village.settle()
    everything(village.alice, "job.result")
    later = receipt_of(village, request)
    assert prove(later, known(old_node)).domain.ground == "chain"  # its own hand-overs lead there


def test_keys_that_were_given_up_sign_nothing_new(village):
    """Stolen afterwards: what is dated later does not hold."""
    village.in_force()
    old = village.keyring
    _, receipt = released(village)
    village.clock.forward(100)
    domain_renewed(village)
    past = Former(
        identity=old.identity, until=village.clock.now(), handover=village.keyring.handovers[-1]
    )
    pinned = Known(identities=(village.keyring.identity,), former=(past,))
    chained = Known(identities=(village.keyring.identity,), handovers=village.keyring.handovers)
    for north in (pinned, chained):
        assert prove(receipt, {"north": north})
        with pytest.raises(TrustError, match="handed over to others before"):
            prove(receipt, {"north": north}, taken_in=village.clock.now() + 100)


def test_a_result_that_waits_over_a_rotation_has_a_receipt_under_the_new_keys(village):
    village.in_force()
    request = village.produced()
    village.alice.read()
    village.release(request.job_id)
    village.poll()  # released; the letter is in the outbox
    domain_renewed(village)
    village.settle()

    (result,) = everything(village.alice, "job.result", request.job_id)
    receipt = receipt_of(village, request)
    assert receipt.release.to_mapping() == result.body["release"]
    now = village.clock.now()
    proven = prove(receipt, known(village.keyring.identity), taken_in=now)
    assert proven.domain.identity == village.keyring.identity
