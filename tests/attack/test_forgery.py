"""T18, T19: somebody who is not the owner says what only the owner may say."""

from dataclasses import replace
from pathlib import Path

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.model.letter import KINDS, Letter
from darkroom.model.statement import Statement
from darkroom.post import codec
from tests.attack.worlds import Credulous, deliver, slip
from tests.node.village import Village, changed


class CredulousVillage(Village):
    """Its node checks no signature of a statement."""

    def parts(self):
        return replace(super().parts(), verifier=Credulous())


@pytest.fixture
def credulous(tmp_path):
    village = CredulousVillage(tmp_path)
    yield village
    village.store.close()


def forged(village: Village, keyring: SycKeyring, request) -> Statement:
    """An approval as the owner writes it, signed by somebody else."""
    return keyring.sign("decision", village.decision("", "", "", "").body | {
        "job_id": request.job_id, "subject": "code", "verdict": "approve",
        "digest": request.job_digest,
    })  # fmt: skip


def sealed(village: Village, keyring: SycKeyring, kind: str, body: dict) -> bytes:
    """A letter in the owner's name, sealed with keys of the gateway's own making."""
    letter = Letter(
        id="ab" * 16, kind=kind, sender="olga", recipient="north",
        sent_at=village.clock.now(), body=body,
    )  # fmt: skip
    return keyring.seal(codec.encode_letter(letter, {}, {}), village.keyring.identity)


@pytest.fixture(scope="module")
def false_olga() -> SycKeyring:
    return SycKeyring.generate("olga", "owner")


# ------------------------------------------------------------------- without the controls


@pytest.mark.attack("T18", control="off")
def test_a_node_that_believes_the_directory_takes_the_gateways_approval(
    village, monkeypatch, false_olga
):
    """Keys from the directory and not from a pin: the gateway is whoever it says."""
    village.in_force()
    request = village.submitted()
    honest = SqliteNodeStore.get
    monkeypatch.setattr(
        SqliteNodeStore,
        "get",
        lambda self, name: false_olga.identity if name == "olga" else honest(self, name),
    )

    body = {"decision": forged(village, false_olga, request).to_mapping()}
    deliver(village, sealed(village, false_olga, "owner.decision", body), sender="olga")
    village.settle()

    assert village.sandbox.started


@pytest.mark.attack("T18", "T19", control="off")
def test_without_the_signature_anybodys_words_in_the_owners_letter_count(credulous):
    """The owner's program passes on a statement that a scientist gave it."""
    credulous.in_force()
    request = credulous.submitted()

    statement = forged(credulous, credulous.alice.keyring, request)
    credulous.owner.say("owner.decision", {"decision": statement.to_mapping()})
    credulous.settle()

    assert credulous.sandbox.started


# ---------------------------------------------------------------------- with the controls


@pytest.mark.attack("T18", control="on")
def test_an_approval_under_keys_of_the_gateway_is_put_aside(village, false_olga):
    village.in_force()
    request = village.submitted()

    body = {"decision": forged(village, false_olga, request).to_mapping()}
    deliver(village, sealed(village, false_olga, "owner.decision", body), sender="olga")
    village.settle()

    assert village.state_of(request.job_id) == "screened"
    assert village.sandbox.started == []
    assert len(village.store.quarantined()) == 1


@pytest.mark.attack("T18", "T19", control="on")
@pytest.mark.parametrize("signer", ["alice", "bob", "north", "false olga"])
def test_an_approval_that_somebody_else_signed_is_refused(village, false_olga, signer):
    village.in_force()
    request = village.submitted()
    keyring = {
        "alice": village.alice.keyring,
        "bob": village.bob.keyring,
        "north": village.keyring,
        "false olga": false_olga,
    }[signer]

    statement = forged(village, keyring, request)
    village.owner.say("owner.decision", {"decision": statement.to_mapping()})
    village.settle()

    assert village.state_of(request.job_id) == "screened"
    assert "decision-refused" in village.events()
    assert village.sandbox.started == []


@pytest.mark.attack("T18", "T19", control="on")
def test_an_approval_that_was_changed_after_it_was_signed_is_refused(village):
    village.in_force()
    first, second = village.submitted(), village.submitted(project="other")
    said = village.decision(first.job_id, "code", "approve", first.job_digest)

    for change in (
        {"job_id": second.job_id},
        {"job_id": second.job_id, "digest": second.job_digest},
    ):
        village.owner.say("owner.decision", {"decision": changed(said, **change)})
    village.settle()

    assert village.state_of(second.job_id) == "screened"
    assert village.sandbox.started == []


@pytest.mark.attack("T18", "T19", control="on")
def test_an_old_approval_does_not_count_for_the_same_job_again(village):
    """The same digest, submitted anew: the owner is asked anew."""
    village.in_force()
    first = village.submitted()
    said = village.decision(first.job_id, "code", "approve", first.job_digest)
    village.owner.say("owner.decision", {"decision": said.to_mapping()})
    village.settle()
    ran = len(village.sandbox.started)
    second = village.submitted()
    assert second.job_digest == first.job_digest

    village.owner.say("owner.decision", {"decision": said.to_mapping()})
    village.settle()

    assert village.state_of(second.job_id) == "screened"
    assert len(village.sandbox.started) == ran


@pytest.mark.attack("T18", control="on")
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_word_of_the_wire_starts_anything_in_the_wrong_mouth(village, kind):
    """Every kind of letter, from a scientist who is enrolled and from one who is not."""
    village.in_force()
    request = village.submitted()
    said = village.owner.keyring.sign("policy", village.policy(version=9).to_mapping())
    body = {
        "job_id": request.job_id, "state": "approved", "policy": said.to_mapping(),
        "decision": village.decision(
            request.job_id, "code", "approve", request.job_digest
        ).to_mapping(),
    }  # fmt: skip
    stranger = village.person("dave", "scientist")
    village.relay.admit("dave")

    for person in (village.bob, stranger):
        slip(village, body, {}, kind=kind, by=person)
    village.settle()

    assert village.state_of(request.job_id) == "screened"
    assert village.sandbox.started == []
    assert village.events().count("policy-in-force") == 1


@pytest.mark.attack("T18", control="on")
def test_the_wire_knows_no_word_that_commands_a_domain():
    """All that can be said to a domain. Whoever adds a word here says why nothing starts by it:
    scientists ask, and what owner and reviewers say is signed and about one digest."""
    to_domain = {kind: sender for kind, (sender, to) in KINDS.items() if to == "domain"}

    assert to_domain == {
        "enrol.request": "scientist",
        "job.submit": "scientist",
        "pysyft.submit": "scientist",
        "job.cancel": "scientist",
        "job.quote": "scientist",
        # Words, which the domain passes on to the other side and never reads itself.
        "job.answer": "scientist",
        "review.ask": "owner",
        "owner.invitation": "owner",
        "owner.policy": "owner",
        "owner.decision": "owner",
        # Signed, and about one domain, epoch and head of its log: it lifts what a restore closed.
        "owner.override": "owner",
        "budget.ask": "owner",
        # Both say "I have new keys"; the post has followed signed hand-overs by then, or not.
        "handover.scientist": "scientist",
        "handover.owner": "owner",
    }


@pytest.mark.attack("T18", control="on")
def test_the_node_dials_out_and_serves_nothing():
    """No module of the node can listen: nobody can connect to it to command it."""
    import ast

    source = Path(__file__).parents[2] / "src" / "darkroom"
    for path in [*(source / "node").rglob("*.py"), source / "bootstrap" / "node.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            tops = {name.partition(".")[0] for name in names}
            assert not tops & {"socket", "socketserver", "uvicorn", "starlette", "http"}, path


# --------------------------------------------------------------------------------- replays


@pytest.mark.attack("T17", "T18", control="off")
def test_without_a_memory_of_letters_a_replay_is_acted_on(village, monkeypatch):
    monkeypatch.setattr(SqliteNodeStore, "first_time", lambda *_: True)

    assert refusals_after_replay(village) == 2


@pytest.mark.attack("T17", "T18", control="on")
def test_a_replayed_letter_is_acted_on_once(village):
    assert refusals_after_replay(village) == 0


def refusals_after_replay(village: Village) -> int:
    """The gateway delivers an old decision twice more; how often the node took it up."""
    village.in_force()
    request = village.submitted()
    village.approve(request)
    parcel = village.exchange.mailboxes["north"][-1]
    village.settle()
    ran = len(village.sandbox.started)
    for again in range(2):
        village.exchange.cursor += 1
        cursor = village.exchange.cursor
        village.exchange.mailboxes["north"].append(
            replace(parcel, cursor=cursor, id=f"{again:032x}")
        )
    village.settle()
    assert len(village.sandbox.started) == ran
    return village.events().count("decision-refused")
