"""T20: a log that was rewritten calls what it left out “lost when a backup was restored”."""

# ruff: noqa: F811 - fixtures of another module are named as parameters

import json
import shutil
from dataclasses import replace

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.audit import verify
from darkroom.model.audit_entry import EPOCH_OPENED, ERASED, detail_text
from darkroom.model.dsse import envelope_bytes, read_envelope
from darkroom.model.statement import RECEIPT
from darkroom.model.tree_head import KIND
from darkroom.policy.signers import Known
from tests.attack.forger import rows, thorough
from tests.attack.test_audit import Scene, history, scene  # noqa: F401


SALT = bytes(16).hex()


def entries_of(scene: Scene):
    return [row.entry for row in rows(scene.path)]


def releases(scene: Scene):
    return [entry for entry in entries_of(scene) if entry.event == "output-released"]


def a_false_restore(scene: Scene) -> None:
    """After the first head that others hold, the last released job never was."""
    at, victim = scene.shown[0], releases(scene)[-1].job_id

    def change(entries):
        detail = detail_text({"epoch": 2, "opened_at": entries[at].at, "restored": at})
        opened = entries[at]._replace(event=EPOCH_OPENED, job_id="", detail=detail, salt=SALT)
        left = [entry for entry in entries[at + 1 :] if entry.job_id != victim]
        return [*entries[:at], opened, *left]

    thorough(scene.path, change)


def a_head(scene: Scene, keyring: SycKeyring, at: float):
    """A head of the rewritten log, of epoch 2, kept beside it."""
    store = SqliteNodeStore(scene.path)
    with store.transaction():
        said = replace(store.tree_head("north", at), epoch=2)
        signed = keyring.sign(KIND, said.to_body())
        store.keep_head(signed, keyring.identity)
    released = [entry for entry in store.audit_log() if entry.event == "output-released"][-1]
    path = [step.hex() for step in store.inclusion(released.number, said.size)]
    store.close()
    return {"head": signed.to_mapping(), "entry": released.bare().to_mapping(), "path": path}


@pytest.mark.attack("T20", control="on")
def test_keys_that_the_log_names_itself_restore_nothing(scene, tmp_path):
    """Whoever writes the file makes an identity of the domain's name, and a receipt by it."""
    mallory = SycKeyring.generate("north", "domain")
    a_false_restore(scene)
    proof = a_head(scene, mallory, at=1e9)
    folder = tmp_path / "receipts"
    shutil.copytree(scene.receipts, folder)
    body = json.loads(json.dumps(read_envelope((folder / "0.json").read_bytes()).body))
    body["predicate"]["audit"]["proof"] = proof
    (folder / "9.json").write_bytes(envelope_bytes(mallory.sign(RECEIPT, body)))

    report = verify(
        state=scene.village.state,
        known=Known(identities=(scene.village.keyring.identity,)),
        heads=[scene.heads],
        receipts=folder,
    )

    assert min(f.entry for f in report.verdict.findings if f.entry) == scene.shown[0] + 1
    assert not any("restored" in note for note in report.verdict.notes)
    assert any(note.startswith("9.json") for note in report.verdict.notes)


@pytest.mark.attack("T20", control="on")
def test_keys_that_were_given_up_restore_nothing(scene, tmp_path):
    """A stolen former key dates its head before the hand-over; those of today say otherwise."""
    old = scene.village.keyring
    day = max(e.at for e in entries_of(scene)) + 10
    new = old.rotated(at=int(day))
    store = SqliteNodeStore(scene.path)
    with store.transaction():
        store.add_event(day + 1, "backup-made")
        today = new.sign(KIND, store.tree_head("north", day + 2).to_body())
    store.close()
    heads = tmp_path / "heads.jsonl"
    heads.write_text(scene.heads.read_text() + json.dumps({"head": today.to_mapping()}) + "\n")
    known = Known(identities=(new.identity,), handovers=new.handovers)
    given = {"known": known, "heads": [heads], "receipts": scene.receipts}
    assert verify(state=scene.village.state, **given).verdict.findings == ()

    a_false_restore(scene)
    a_head(scene, old, at=day - 1)

    report = verify(state=scene.village.state, **given)
    assert min(f.entry for f in report.verdict.findings if f.entry) == scene.shown[0] + 1
    assert not any("restored" in note for note in report.verdict.notes)


@pytest.mark.attack("T20", control="on")
def test_an_erasure_that_only_the_file_tells_of_is_named(scene):
    victim = releases(scene)[0].number

    def change(entries):
        gone = entries[victim - 1]._replace(detail=None, salt=None)
        detail = detail_text({"by": "olga", "why": "asked", "numbers": [victim]})
        told = entries[-1]._replace(event=ERASED, job_id="", detail=detail, salt=SALT)
        return [*entries[: victim - 1], gone, *entries[victim:], told]

    thorough(scene.path, change)
    known = Known(identities=(scene.village.keyring.identity,))
    report = verify(state=scene.village.state, known=known, heads=[scene.heads])

    said = [note for note in report.verdict.notes if "nobody vouches for yet" in note]
    assert [f"what entry {victim} said was erased" in note for note in said] == [True]


@pytest.mark.attack("T20", control="on")
def test_a_receipt_that_the_domain_did_not_sign_counts_for_no_release(scene, tmp_path):
    folder = tmp_path / "receipts"
    folder.mkdir()
    body = json.loads(json.dumps(read_envelope((scene.receipts / "0.json").read_bytes()).body))
    mallory = SycKeyring.generate("north", "domain")
    (folder / "0.json").write_bytes(envelope_bytes(mallory.sign(RECEIPT, body)))

    known = Known(identities=(scene.village.keyring.identity,))
    report = verify(state=scene.village.state, known=known, receipts=folder)

    notes = report.verdict.notes
    assert any(note.startswith("0.json counts for no release") for note in notes)
    assert any("no receipt here for entry" in note for note in notes)
