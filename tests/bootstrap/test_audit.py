"""`darkroom audit …`: what an auditor runs, offline, on a machine that knows no domain."""

import json
import os
import shutil
import threading
from dataclasses import replace

import pytest
from click.testing import CliRunner

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.audit import verify
from darkroom.bootstrap.audit_desk import IDENTITIES, LOG, AuditDesk
from darkroom.bootstrap.audit_file import export
from darkroom.cli import cli, main
from darkroom.errors import DarkroomError, SpecError, StateError, TrustError
from darkroom.model.dsse import envelope_bytes
from darkroom.model.tree_head import KIND
from darkroom.node.audit import HANDOVERS
from darkroom.policy.signers import Known
from tests.adapters.sqlite.accounts import entry as ledger_entry
from tests.gateway.serving import serving
from tests.node.receipts import released
from tests.node.village import Village, keys


NORTH = keys("north", "domain")


def grown(store, keyring=NORTH, count: int = 5):
    """A few entries more, and a signed head over all of them."""
    with store.transaction():
        for number in range(count):
            store.add_event(float(number), "job-started", f"{number:032x}", {"n": number})
        said = keyring.sign(KIND, store.tree_head("north", float(store.audit_size())).to_body())
        store.keep_head(said, keyring.identity)
    return said


@pytest.fixture
def state(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    store = SqliteNodeStore(state / "node.db")
    grown(store)
    store.add_entry(ledger_entry(number=0))
    grown(store)
    store.close()
    return state


@pytest.fixture
def file(state, tmp_path):
    path = tmp_path / "north.jsonl"
    assert export(state, path) == 10
    return path


@pytest.fixture
def identity(tmp_path):
    path = tmp_path / "north.json"
    path.write_text(json.dumps(NORTH.identity.to_mapping()))
    return path


def run(*arguments):
    return CliRunner().invoke(cli, ["audit", *map(str, arguments)])


def of(identity, *handovers):
    return Known(identities=(identity,), handovers=handovers)


def test_a_whole_log_says_who_vouches_for_how_much(file, state, identity):
    for where in (("--export", file), ("--state", state)):
        found = run("verify", *where, "--identity", identity)
        assert found.exit_code == 0, found.output
        assert "north: 10 entries, whole and in order" in found.output
        assert "2 signed heads vouch for the first 10" in found.output
        assert f"signed by {NORTH.identity.fingerprint} (as given)" in found.output
    assert "compare it with the owner" in run("verify", "--export", file).output


def test_a_bad_entry_is_exit_code_1_and_named(file, identity):
    lines = file.read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if '"number":7,' in line)
    lines[at] = lines[at].replace("job-started", "job-failed")
    file.write_text("\n".join(lines) + "\n")
    found = run("verify", "--export", file, "--identity", identity)
    assert found.exit_code == 1
    assert "north: entry 7 was changed" in found.output
    assert "next: rely neither on entry 7 nor on what comes after it" in found.output
    found = run("verify", "--export", file, "--json")
    assert json.loads(found.output)["findings"][0]["entry"] == 7


def test_an_export_that_was_cut_is_a_log_that_was_cut(file):
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:-3]) + "\n")
    assert "entry 9 is missing" in run("verify", "--export", file).output


def test_an_export_that_was_cut_where_nobody_vouches_is_told_too(file, state):
    lines = file.read_text().splitlines()
    kept = [line for line in lines if '"head"' not in line]
    for cut in (kept[:-1], kept[:-2], [*kept[:-2], kept[-1]]):
        file.write_text("\n".join(cut) + "\n")
        found = run("verify", "--export", file)
        assert found.exit_code == 1
        assert "is missing: the file was cut there" in found.output


def test_a_ledger_line_that_was_changed_is_found(file):
    file.write_text(file.read_text().replace('"alice"', '"bobby"'))
    found = run("verify", "--export", file)
    assert found.exit_code == 1
    assert "entry 1 of the ledger" in found.output


@pytest.fixture
def rotated(state):
    """The domain has new keys since, and signed a head with them."""
    later = NORTH.rotated(at=100.0)
    store = SqliteNodeStore(state / "node.db")
    grown(store, later)
    store.set_fact(HANDOVERS, [link.to_mapping() for link in later.handovers])
    store.close()
    return later


def test_keys_that_were_handed_over_are_followed_both_ways(state, rotated, tmp_path):
    file = tmp_path / "north.jsonl"
    export(state, file)
    for known in (NORTH, rotated):
        report = verify(exported=file, known=of(known.identity))
        assert report.verdict.findings == ()
        assert report.verdict.heads == 3
        assert len(report.signed_by) == 2
    stranger = SycKeyring.generate("north", "domain")
    report = verify(exported=file, known=of(stranger.identity))
    assert "does not hold" in report.verdict.findings[0].what
    assert report.verdict.heads == 0


def test_an_identity_with_its_hand_overs_is_taken_as_it_was_handed_over(file, tmp_path):
    """The log is from before the keys changed: only who has them now shows how they came."""
    later = NORTH.rotated(at=100.0)
    links = [link.to_mapping() for link in later.handovers]
    bundle = tmp_path / "bundle.json"
    bundle.write_text(json.dumps({"identity": later.identity.to_mapping(), "handovers": links}))
    found = run("verify", "--export", file, "--identity", bundle)
    assert found.exit_code == 0, found.output
    assert f"signed by {NORTH.identity.fingerprint} (as given)" in found.output

    bundle.write_text(json.dumps(later.identity.to_mapping()))
    assert run("verify", "--export", file, "--identity", bundle).exit_code == 1

    folder = tmp_path / "desk"
    (folder / IDENTITIES).mkdir(parents=True)
    shutil.copy(file, folder / LOG)
    bundle.write_text(json.dumps({"identity": later.identity.to_mapping(), "handovers": links}))
    shutil.copy(bundle, folder / IDENTITIES / "north.json")
    assert AuditDesk(folder).verify().holds


def test_keys_that_were_given_up_sign_nothing_dated_later(state, rotated):
    store = SqliteNodeStore(state / "node.db")
    with store.transaction():
        said = NORTH.sign(KIND, store.tree_head("north", 102.0).to_body())
        store.keep_head(said, NORTH.identity)
    store.close()
    (found,) = verify(state=state, known=of(rotated.identity)).verdict.findings
    assert "handed over" in found.what


def test_the_identity_of_somebody_else_is_not_taken(file):
    with pytest.raises(TrustError, match="that of south"):
        verify(exported=file, known=of(keys("south", "domain").identity))


HOSTILE = [
    b"",
    b"\n",
    b"[]\n",
    b"{}\n",
    b'{"darkroom-audit": 2, "domain": "north"}\n',
    b'{"darkroom-audit": 1, "domain": 7}\n',
    b'{"darkroom-audit": 1, "domain": "\\u001b[2Jnorth: 57 entries, whole"}\n{"end": 0}\n',
    b'{"darkroom-audit": 1, "domain": "north\\n"}\n{"end": 0}\n',
    b'{"darkroom-audit": 1, "domain": "north"}\n{"head": 1}\n',
    b'{"darkroom-audit": 1, "domain": "north"}\n{"head": {}}\n',
    b'{"darkroom-audit": 1, "domain": "north"}\n{"what": 1}\n',
    b'{"darkroom-audit": 1, "domain": "north"}\n{"ledger": 1, "chain": "00"}\n',
    b'{"darkroom-audit": 1, "domain": "north"}\n{"signer": {"name": "x"}}\n',
    b'{"darkroom-audit": 1, "domain": "north"}\n{"handovers": {}}\n',
    b'{"darkroom-audit": 1, "domain": "north"}\n{"entry": {}, "leaf": "00"}\n',
    b'{"darkroom-audit": 1, "domain": "north"}\n{"end": 1}\n{"end": 1}\n',
    b'{"darkroom-audit": 1, "domain": "north"}\n' + b"[" * 100_000 + b"\n",
    b"\xff\xfe\n",
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_export_is_refused_with_the_line(tmp_path, data):
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(SpecError, match="line"):
        verify(exported=path)


def test_every_line_of_an_export_counts(file):
    """Whatever line is garbled, the file is refused or a finding names something."""
    lines = file.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines):
        if b'"policy"' in line or b'"end"' in line:
            continue
        text = line.replace(b"0", b"1", 1) if b"0" in line else line[:-2] + b"\n"
        file.write_bytes(b"".join([*lines[:number], text, *lines[number + 1 :]]))
        try:
            report = verify(exported=file, known=of(NORTH.identity))
        except DarkroomError:
            continue
        assert report.verdict.findings, line


def test_erasing_is_told_and_leaves_a_whole_log(state):
    found = run("erase", "--state", state, "3", "4", "--by", "olga", "--why", "asked to")
    assert "2 erased" in found.output
    assert run("verify", "--state", state).exit_code == 0
    shown = run("log", "--state", state, "--last", "9").output
    assert "erased" in shown
    assert "audit-erased" in shown
    assert run("log", "--state", state, "--job", f"{1:032x}").output.count("job-started") == 2


def test_a_state_or_a_file_is_asked_for(state, file, tmp_path):
    assert run("verify").exit_code == 2
    assert run("verify", "--state", state, "--export", file).exit_code == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(StateError):
        verify(state=tmp_path / "empty")


def test_the_witness_is_asked_and_its_heads_tell_a_cut_log(state, tmp_path, identity):
    store = SqliteNodeStore(state / "node.db")
    said = grown(store)
    store.close()
    with serving(tmp_path / "gateway") as gateway:
        with gateway.relay(NORTH) as relay:
            relay.register(NORTH.identity)
            relay.witness(said, since=0, proof=())
        auditor = SycKeyring.generate("auditor", "owner")
        with gateway.relay(auditor) as relay:
            relay.register(auditor.identity)
        (tmp_path / "auditor").mkdir()
        auditor.save(tmp_path / "auditor" / "keys.json")
        heads = tmp_path / "heads.jsonl"
        asked = ("heads", "--gateway", gateway.address, "--domain", "north")
        found = run(*asked, "--keys", tmp_path / "auditor", heads)
        assert "1 heads" in found.output, (found.output, found.exception)
    given = ("--heads", heads, "--identity", identity)
    assert run("verify", "--state", state, *given).exit_code == 0
    cut = tmp_path / "cut.jsonl"
    export(state, cut)
    lines = cut.read_text().splitlines()
    kept = [line for line in lines if '"number":15,' not in line and '"size":15,' not in line]
    cut.write_text("\n".join([*kept[:-1], '{"end":14}']) + "\n")
    found = run("verify", "--export", cut, *given)
    assert found.exit_code == 1
    assert "entry 15 is missing: a signed head vouches for 15" in found.output


def test_a_file_of_heads_that_is_none_is_refused(file, tmp_path):
    path = tmp_path / "heads"
    good = {"head": replace(NORTH.sign(KIND, {}), signature="00").to_mapping()}
    header = '{"darkroom-audit-heads": 1}\n'
    for text in ("", "{}\n", header + "1\n", header + json.dumps(good) + "\n"):
        path.write_text(text)
        with pytest.raises((SpecError, TrustError)):
            verify(exported=file, heads=[path])


# -------------------------------------------------------------- nobody signed it; odd receipts


def unsigned(file):
    lines = [line for line in file.read_text().splitlines() if '"head"' not in line]
    file.write_text("\n".join(lines) + "\n")


def test_a_log_that_nobody_signed_is_not_called_whole(file, identity):
    unsigned(file)
    found = run("verify", "--export", file)
    assert found.exit_code == 2
    assert "nobody signed them" in found.output
    assert "whole" not in found.output
    assert run("verify", "--export", file, "--json").exit_code == 2
    found = run("verify", "--export", file, "--identity", identity)
    assert found.exit_code == 1
    assert "no head that north signed" in found.output


def test_what_others_wrote_is_shown_and_not_done(file, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "receipts"
    folder.mkdir()
    (folder / "\x1b[2J.json").write_text("{}")
    shown = run("verify", "--export", file, "--receipts", folder).output
    assert "\x1b" not in shown
    assert "U+001B" in shown

    odd = tmp_path / "\x1b[2J\u202e"
    odd.write_text("{}\n")
    monkeypatch.setattr("sys.argv", ["darkroom", "audit", "verify", "--export", str(odd)])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().err
    assert "U+001B" in said
    assert "\x1b[2J" not in said
    assert "\u202e" not in said


def test_a_pipe_among_the_receipts_is_passed_by(file, tmp_path):
    folder = tmp_path / "receipts"
    folder.mkdir()
    os.mkfifo(folder / "a.json")
    done = threading.Event()

    def look():
        verify(exported=file, receipts=folder)
        done.set()

    threading.Thread(target=look, daemon=True).start()
    assert done.wait(20.0)


@pytest.fixture
def carried(tmp_path):
    """A domain that released something, and the folder with its receipt."""
    village = Village(tmp_path / "village").in_force()
    _, receipt = released(village)
    folder = tmp_path / "carried"
    folder.mkdir()
    (folder / "one.receipt.json").write_bytes(envelope_bytes(receipt.statement))
    log = tmp_path / "true.jsonl"
    export(village.state, log)
    village.store.close()
    return log, folder, receipt


def test_a_hand_over_dated_back_does_not_rid_a_domain_of_what_it_signed(carried, tmp_path):
    """It writes another history under new keys, which it dates before the receipt."""
    _, folder, receipt = carried
    at = receipt.proof.tree_head.at
    later = NORTH.rotated(at=at - 1000)
    other = tmp_path / "other"
    other.mkdir()
    store = SqliteNodeStore(other / "node.db")
    for _ in range(8):  # longer than what the receipt vouches for
        grown(store, later)
    store.set_fact(HANDOVERS, [link.to_mapping() for link in later.handovers])
    store.keep_head(grown(store, later), NORTH.identity)  # so that it names the old keys too
    store.close()

    found = verify(state=other, known=of(later.identity, *later.handovers), receipts=folder)
    assert any("is not what" in f.what or "are not what" in f.what or "fork" in f.what
               for f in found.verdict.findings), found.verdict  # fmt: skip
    assert any("given up" in note for note in found.verdict.notes)


def test_a_release_that_nobody_shows_a_receipt_of_is_named(carried, tmp_path):
    log, folder, receipt = carried
    assert "tells of 1 releases: all are here" in run("verify", "--export", log, "--receipts", folder).output  # fmt: skip
    (tmp_path / "none").mkdir()
    found = run("verify", "--export", log, "--receipts", tmp_path / "none")
    assert f"no receipt here for entry {receipt.proof.entry.number}" in found.output
