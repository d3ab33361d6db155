"""Forged receipts: a changed byte, junk, and what a domain signs that did not happen."""

import base64
from dataclasses import asdict, replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.display.receipt_page import receipt_words
from darkroom.errors import SpecError, TrustError
from darkroom.model.canonical import canonical, digest
from darkroom.model.dsse import envelope_bytes, read_envelope, to_envelope
from darkroom.model.receipt import read_receipt
from darkroom.model.receipt_parts import Asked, PolicyStamp
from darkroom.policy.receipt_check import require_outputs
from tests.node.receipts import changed, known, prove, released, signed_again


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_byte_of_it_can_be_changed(once, believed, data):
    receipt = once[2]
    file = bytearray(envelope_bytes(receipt.statement))
    where = data.draw(st.integers(0, len(file) - 1))
    file[where] ^= data.draw(st.integers(1, 255))

    with pytest.raises((SpecError, TrustError)):
        prove(read_receipt(read_envelope(bytes(file))), believed)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_no_byte_of_an_output_can_be_changed(once, data):
    _, _, receipt, result = once
    output = bytearray(result.attachments["output/counts"])
    output[data.draw(st.integers(0, len(output) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(TrustError, match="counts"):
        require_outputs(receipt, {"counts": bytes(output)})


# ------------------------------------------------- a domain that signs what did not happen


def _entry(**changed):
    return lambda entry: {**entry, **changed}


LIES = {
    "another submitter signed for": (
        ("predicate", "request", "job_digest"), "sha256:" + "0" * 64, "another job digest"),
    "another dataset": (("predicate", "request", "dataset"), "park", "another dataset"),
    "another price": (
        ("predicate", "spent"), lambda spent: {**spent, "bits": 1}, "another price"),
    "another policy": (
        ("predicate", "policy", "applied", "version"), 99, "another policy version"),
    "fewer bytes": (("predicate", "bytes"), 1, "other outputs"),
    "another output": (
        ("subject", 0, "digest", "sha256"), "0" * 64, "other outputs"),
    "nobody approved": (
        ("predicate", "decisions"), lambda said: said[1:], "olga did not sign for the code"),
    "nobody released": (
        ("predicate", "decisions"), lambda said: said[:1], "olga did not sign for the output"),
    "said twice": (
        ("predicate", "decisions"), lambda said: [*said, said[0]], "twice"),
    "a word of another person": (
        ("predicate", "decisions", 0), _entry(by="carol"), "carol"),
    "other keys": (
        ("predicate", "decisions", 0), _entry(fingerprint="sha256:" + "0" * 64), "other keys"),
    "another log": (("predicate", "log", "digest"), "sha256:" + "0" * 64, "another digest"),
    "another entry": (
        ("predicate", "audit", "proof", "entry"), _entry(number=1), "not in the audit log"),
    "another event": (
        ("predicate", "audit", "proof", "entry"), _entry(event="job-received"), "audit log"),
    "another detail": (
        ("predicate", "audit", "detail"), '{"release":"sha256:00"}', "not about this release"),
    "another path": (
        ("predicate", "audit", "proof", "path"), lambda path: path[1:], "not in the audit log"),
    "another root": (
        ("predicate", "audit", "proof", "head", "body", "root"), "0" * 64, "signature"),
    "another release": (
        ("predicate", "release", "body", "approved_by"), "rule none", "signature"),
}  # fmt: skip


DIGEST = "sha256:" + "1" * 64
REQUEST = ("predicate", "request")
SPEC = (*REQUEST, "spec")
MISQUOTED = {  # by a domain beside the owner's true signature
    "who": ((*REQUEST, "submitter"), "mallory"),
    "with which keys": ((*REQUEST, "submitter_fingerprint"), DIGEST),
    "for what": ((*REQUEST, "project"), "elsewhere"),
    "with which values": ((*REQUEST, "parameters"), DIGEST),
    "on which cameras": ((*REQUEST, "cameras"), ["kitchen"]),
    "what it is called": ((*SPEC, "name"), "harmless"),
    "on private footage": ((*SPEC, "tier"), "mock"),
    "which code": ((*SPEC, "files"), {"job.py": DIGEST}),
    "in which environment": ((*SPEC, "environment", "name"), "other"),
    "what it may use": ((*SPEC, "limits", "memory_mib"), 1),
    "what it may return": ((*SPEC, "outputs", "counts", "names"), ["faces"]),
}


@pytest.mark.parametrize("lie", MISQUOTED)
def test_what_was_asked_is_held_against_the_release_in_the_log(once, believed, lie):
    village, _, receipt, _ = once
    way, value = MISQUOTED[lie]

    with pytest.raises(TrustError, match=r"another (request|code digest)"):
        prove(signed_again(village, changed(receipt.statement.body, *way, value=value)), believed)


@pytest.mark.parametrize("lie", [lie for lie in MISQUOTED if lie != "on which cameras"])
def test_also_where_the_domain_tells_the_release_otherwise(once, believed, lie):
    """What the owner signed for is computed anew: nobody needs the log to see the lie."""
    village, _, receipt, _ = once
    way, value = MISQUOTED[lie]
    body = changed(receipt.statement.body, *way, value=value)
    asked = Asked.from_mapping(body["predicate"]["request"])
    said = {**receipt.release.body, "request": asked.digest, "code_digest": asked.code_digest}
    release = village.keyring.sign("release", said).to_mapping()

    with pytest.raises(TrustError, match="its job digest is another one"):
        prove(signed_again(village, changed(body, "predicate", "release", value=release)), believed)


@pytest.mark.parametrize("lie", LIES)
def test_what_the_domain_says_is_held_against_all_else(once, believed, lie):
    village, _, receipt, _ = once
    way, value, said = LIES[lie]

    with pytest.raises(TrustError, match=said):
        prove(signed_again(village, changed(receipt.statement.body, *way, value=value)), believed)


def test_a_decision_of_the_same_person_on_another_job_is_no_approval(once, believed):
    village, _, receipt, _ = once
    _, other = released(village, project="elsewhere")
    code, output = (d.to_mapping() for d in receipt.decisions)
    for swapped in (
        (other.decisions[0].to_mapping(), output),
        (code, other.decisions[1].to_mapping()),
    ):
        body = changed(receipt.statement.body, "predicate", "decisions", value=list(swapped))
        with pytest.raises(TrustError, match="olga signed for another job_id"):
            prove(signed_again(village, body), believed)


def test_another_release_cannot_take_the_place_of_the_one_in_the_log(once, believed):
    """The log names the release: the domain cannot give a second one for the same entry."""
    village, _, receipt, _ = once
    forged = village.keyring.sign(
        "release", {**receipt.release.body, "facts": {"frames": 1}}
    ).to_mapping()
    body = changed(receipt.statement.body, "predicate", "release", value=forged)

    with pytest.raises(TrustError, match="not about this release"):
        prove(signed_again(village, body), believed)


def test_whom_nobody_knows_is_not_believed(once):
    village, _, receipt, _ = once
    with pytest.raises(TrustError, match="nobody here knows"):
        prove(receipt, known(village.owner.keyring.identity))
    stranger = replace(village.bob.keyring.identity, name="olga")
    with pytest.raises(TrustError, match="other keys than those of olga"):
        prove(receipt, known(village.keyring.identity, stranger))

    alone = prove(receipt, known(village.keyring.identity))
    assert alone.people["olga"].ground == "claimed"  # which is said to whoever reads it


# ------------------------------------------------------------------ an owner who is made up


def under_an_invented_policy(once, role):
    """By a domain that adds a person to a true receipt, and a policy that they signed."""
    village, _, receipt, _ = once
    zoe = SycKeyring.generate("zoe", role)
    policy = zoe.sign("policy", {**village.store.policy().body, "budgets": []})
    stamp = asdict(PolicyStamp.of(policy))
    body = changed(
        receipt.statement.body, "predicate", "policy", value={"applied": stamp, "in_force": stamp}
    )
    body = changed(
        body, "predicate", "identities", value=lambda all_: [*all_, zoe.identity.to_mapping()]
    )
    return signed_again(village, body), {digest(policy.body): policy}, zoe.identity


def policy_line(receipt, proven):
    """As `receipt verify` and the desk show it."""
    grounds = {name: found.ground for name, found in proven.people.items()}
    words = receipt_words(receipt, grounds, policy_signed=proven.policy_owner is not None)
    return dict(words)["policy"]


@pytest.mark.parametrize("role", ["scientist", "domain"])
def test_a_policy_that_is_not_an_owners_does_not_hold(once, believed, role):
    receipt, policies, _ = under_an_invented_policy(once, role)
    with pytest.raises(TrustError, match="zoe is nobody who may sign a policy"):
        prove(receipt, believed, policies=policies)


def test_of_an_owner_whom_nobody_knows_the_page_says_so(once, believed):
    """Anybody can be called an owner: whose signature it is, and the ground, is what is told."""
    receipt, policies, zoe = under_an_invented_policy(once, "owner")
    proven = prove(receipt, believed, policies=policies)

    assert proven.policy_owner.ground == proven.people["zoe"].ground == "claimed"
    said = policy_line(receipt, proven)
    assert "by zoe (keys known from this receipt alone" in said
    assert zoe.fingerprint in said


def test_of_an_owner_who_is_known_the_page_says_that(once, believed):
    village, _, receipt, _ = once
    policy = village.store.policy()
    proven = prove(receipt, believed, policies={digest(policy.body): policy})
    assert "by olga (keys known here), sha256:" in policy_line(receipt, proven)


# --------------------------------------------------------------------------- hostile bytes


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"{}", b"[" * 100_000, b"\xff", b'{"payload":1}', b" " * (513 << 10),
        b'{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}',
        b'{"payloadType":"x","payload":"e30=","signatures":[{"keyid":"","sig":""}]}',
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_envelope_is_refused(data):
    with pytest.raises(SpecError):
        read_envelope(data)


def test_one_form_only(once):
    """White space in the payload, bits behind its end, a key twice: no second form of one."""
    envelope = to_envelope(once[2].statement)
    payload = base64.b64decode(envelope["payload"])
    forms = [
        base64.b64encode(b" " + payload).decode(),
        base64.b64encode(payload.replace(b'{"_type"', b'{"_type":1,"_type"', 1)).decode(),
        envelope["payload"] + "\n",
    ]
    for form in forms:
        with pytest.raises(SpecError):
            read_envelope(canonical({**envelope, "payload": form}))
    signature = {**envelope["signatures"][0]}
    signature["sig"] = signature["sig"][:-3] + chr(ord(signature["sig"][-3]) + 1) + "=="
    with pytest.raises(SpecError):
        read_envelope(canonical({**envelope, "signatures": [signature]}))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab_\u202e", max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)  # fmt: skip


def _ways(value, way=()):
    yield way
    for step in (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    ):
        yield from _ways(value[step], (*way, step))


def _at(body, way):
    for step in way:
        body = body[step]
    return body


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 10_000), junk=JUNK)
def test_junk_anywhere_in_one_is_refused_and_breaks_nothing(once, believed, place, junk):
    """Well-formed words of the domain about what only it can know are believed; nothing else."""
    village, _, receipt, _ = once
    body = receipt.statement.body
    ways = [way for way in _ways(body) if way]
    way = ways[place % len(ways)]
    assume(canonical([junk]) != canonical([_at(body, way)]))
    try:
        prove(signed_again(village, changed(body, *way, value=junk)), believed)
    except (SpecError, TrustError):
        return
    assert way[1] in ("identities", "handovers", "policy", "log"), way
