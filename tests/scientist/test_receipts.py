"""Receipts on the scientist's side: taken in, kept, recorded, checked and traced, offline."""

import base64
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

import darkroom
from darkroom.adapters.sqlite.pins import SqlitePins
from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
from darkroom.cli.identity import show as show_identity
from darkroom.cli.receipt import lineage, receipt
from darkroom.errors import TrustError, UnknownNameError
from darkroom.model.dsse import read_envelope, to_envelope
from darkroom.model.lineage import Lineage
from darkroom.model.receipt import read_receipt
from darkroom.node import disclose
from darkroom.run_log import RunRecord
from darkroom.scientist.record import encode_record
from tests.node.receipts import signed_again
from tests.node.test_rotation import domain_renewed
from tests.scientist.test_at_a_node import count, released, session, village  # noqa: F401
from tests.scientist.test_record import RunLogInMemory, log  # noqa: F401


@pytest.fixture
def done(village, session):  # noqa: F811
    """A released submission."""
    return released(village, session)


@pytest.fixture
def home(tmp_path, village, session):  # noqa: F811
    """The scientist's home, with the domain pinned."""
    pins = SqlitePins(tmp_path / "pins.sqlite")
    pins.pin(village.keyring.identity)
    pins.close()
    return tmp_path


def run(command, *arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


def write(path, value):
    path.write_text(json.dumps(value) if not isinstance(value, str) else value)
    return path


@pytest.fixture
def file(done, tmp_path):
    """Its receipt, as a file."""
    return write(tmp_path / "receipt.json", done.receipts()["north"])


# --------------------------------------------------------------------------------- taking in


def test_it_comes_with_the_result_and_stays(village, session, done):  # noqa: F811
    result = done.results["north"]

    assert result.receipt.asked.job_id == done.jobs["north"].request.job_id
    assert result.receipt.release.to_mapping() == result.release
    assert result.receipt.digest in repr(result)
    done.verify()
    ((kept, _),) = session.store.receipts()
    assert read_envelope(kept) == village.store.receipt(result.receipt.asked.job_id)


def test_one_that_was_changed_here_does_not_verify(session, done):  # noqa: F811
    ((kept, _),) = session.store.receipts()
    envelope = json.loads(kept)
    body = json.loads(base64.b64decode(envelope["payload"]))
    body["predicate"]["request"]["project"] = "another"
    envelope["payload"] = base64.b64encode(
        json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    ).decode()
    session.store._db.execute("UPDATE result SET receipt = ?", (json.dumps(envelope).encode(),))

    with pytest.raises(TrustError):
        done.verify()


@pytest.mark.parametrize(
    "other", ["of another job", "of another release", "no receipt", "unsigned"]
)
def test_a_result_with_a_receipt_that_does_not_fit_is_put_aside(
    village, session, monkeypatch, other  # noqa: F811
):  # fmt: skip
    first = released(village, session).results["north"].receipt

    def wrong(statement):
        envelope = to_envelope(statement)
        if other == "of another job":
            return to_envelope(first.statement)
        if other == "of another release":
            body = read_receipt(statement).statement.body
            said = {**body["predicate"], "release": first.release.to_mapping()}
            return to_envelope(signed_again(village, {**body, "predicate": said}).statement)
        if other == "no receipt":
            return {"payload": []}
        (signature,) = envelope["signatures"]
        forged = base64.b64encode(bytes(64)).decode()
        return {**envelope, "signatures": [{**signature, "sig": forged}]}

    monkeypatch.setattr(disclose, "to_envelope", wrong)
    second = released(village, session)

    with pytest.raises(TrustError, match="does not verify"):
        second.results["north"]
    assert len(session.store.receipts()) == 1


def test_the_run_log_has_it_as_a_file_and_tags(session, done, log):  # noqa: F811
    session._run_log = log
    session.record(done)

    ((child,),) = [record.children for record in log.records.values()]
    kept = done.results["north"].receipt
    assert read_envelope(child.files["receipt.json"]) == kept.statement
    head = kept.proof.tree_head
    assert child.tags["receipt"] == kept.digest
    assert child.tags["receipt.head_size"] == str(head.size)
    assert child.tags["receipt.head_root"] == head.root


# ----------------------------------------------------------------------------- on the command line


def test_verify_tells_in_plain_words_what_holds(village, done, file, home):  # noqa: F811
    said = run(receipt, "verify", file, "--home", home)

    assert said.exit_code == 0, said.output
    for words in (
        "north (keys known here)", "alice", "project", "private footage of north/plaza",
        "cameras cam0, cam1, cam2", "by olga (keys known from this receipt alone", "counts: table",
        "1 release", "holds", village.store.last_head().body["root"],
    ):  # fmt: skip
        assert words in said.output


def test_verify_believes_identities_that_are_given(village, done, file, tmp_path):  # noqa: F811
    empty = tmp_path / "nobody"
    empty.mkdir()
    north = write(tmp_path / "north.json", village.keyring.identity.to_mapping())
    olga = write(tmp_path / "olga.json", village.owner.keyring.identity.to_mapping())
    policy = write(tmp_path / "policy.json", village.store.policy().to_mapping())

    alone = run(receipt, "verify", file, "--home", empty)
    assert alone.exit_code == 1
    assert "nobody here knows the domain that signed it" in alone.output
    full = run(
        receipt, "verify", file, "--home", empty, "--identity", north, "--identity", olga,
        "--policy", policy,
    )  # fmt: skip
    assert full.exit_code == 0, full.output
    assert "by olga (keys known here)" in full.output
    assert "signature checked" in full.output


def test_verify_compares_files(done, file, home, tmp_path):
    folder = tmp_path / "outputs"
    folder.mkdir()
    none = run(receipt, "verify", file, "--home", home, "--outputs", folder)
    assert (none.exit_code, "none of its outputs" in none.output) == (1, True)
    data = done.results["north"].raw["counts"]
    (folder / "counts.json").write_bytes(data)
    good = run(receipt, "verify", file, "--home", home, "--outputs", folder)
    assert good.exit_code == 0, good.output
    assert "counts: the very bytes that left" in good.output
    (folder / "counts.json").write_bytes(data[:-1] + b" ")
    bad = run(receipt, "verify", file, "--home", home, "--outputs", folder)
    assert (bad.exit_code, "counts.json is not the output counts" in bad.output) == (1, True)


def test_verify_names_the_first_thing_that_does_not_hold_and_goes_on(done, file, home, tmp_path):
    forged = json.loads(file.read_text())
    forged["payload"] = forged["payload"][:400] + "A" + forged["payload"][401:]
    other = write(tmp_path / "forged.json", forged)
    said = run(receipt, "verify", other, file, "--home", home)

    assert said.exit_code == 1
    assert said.output.count("does not hold") == 1
    assert said.output.rstrip().endswith("holds")


def test_verify_after_the_domain_has_new_keys(village, done, file, home):  # noqa: F811
    domain_renewed(village)
    ring = village.keyring
    pins = SqlitePins(home / "pins.sqlite")
    pins.succeed(ring.handovers, village.clock.now())
    pins.close()
    assert "keys pinned here before" in run(receipt, "verify", file, "--home", home).output

    ring.save(home / "node-keys.json")
    bundle = run(show_identity, home / "node-keys.json", "--public", "--handovers").output
    given = write(home / "north-now.json", bundle)
    empty = home / "nobody"
    empty.mkdir()
    said = run(receipt, "verify", file, "--home", empty, "--identity", given)
    assert said.exit_code == 0, said.output
    assert "hand-overs lead to" in said.output


def test_show_takes_it_out_of_the_home_again(done, home, tmp_path):
    said = run(receipt, "show", done.id, "--home", home, "--out", tmp_path / "out")

    (written,) = (tmp_path / "out").iterdir()
    assert said.exit_code == 0, said.output
    assert json.loads(written.read_text()) == done.receipts()["north"]
    assert run(receipt, "show", written, "--home", home).exit_code == 0


# --------------------------------------------------------------------------------- lineage


def test_lineage_goes_from_a_model_over_what_it_was_made_of_to_footage(
    village, session, done, home, tmp_path  # noqa: F811
):  # fmt: skip
    first = done.results["north"]
    carried = first.raw["counts"]

    @darkroom.job(outputs=count.outputs, files={"start.json": carried, "mine.bin": b"by hand"})
    def refine(data, params):
        return {"counts": [("cam0", data.count() + 1)]}

    village.sandbox.job = lambda request: {"counts": [("cam0", 8)]}
    second = refine.submit(session.datasets("plaza"))
    village.settle()
    request = second.jobs["north"].request
    village.approve(request)
    village.settle()
    village.release(request.job_id)
    second.wait(timeout=60)
    model = tmp_path / "model.bin"
    model.write_bytes(second.results["north"].raw["counts"])

    told = json.loads(run(lineage, model, "--home", home, "--json").output)
    (last,) = told["releases"]
    assert last["job_id"] == request.job_id
    assert (last["dataset"]["version"], last["dataset"]["cameras"]) == (
        request.dataset_version, ["cam0", "cam1", "cam2"],
    )  # fmt: skip
    assert [(d["subject"], d["by"]) for d in last["decisions"]] == [
        ("code", "olga"), ("output", "olga"),
    ]  # fmt: skip
    mine, start = last["carried"]
    assert (mine["path"], mine["made_by"]) == ("files/mine.bin", [])
    assert start["path"] == "files/start.json"
    assert [m["job_id"] for m in start["made_by"]] == [done.jobs["north"].request.job_id]

    drawn = run(lineage, second.id, "--home", home)
    assert drawn.exit_code == 0, drawn.output
    for words in ("asked by alice", "private footage of north/plaza", "approved by olga",
                  "files/mine.bin", "no release known here made it", "job count"):  # fmt: skip
        assert words in drawn.output
    sha256 = first.receipt.left["counts"]
    for name in (sha256, sha256[7:], request.job_id[:12]):
        assert run(lineage, name, "--home", home).exit_code == 0


def test_lineage_finds_the_submission_of_a_run(session, done, home, log):  # noqa: F811
    session._run_log = log
    recorded = session.record(done)
    session.store.mark_logged(
        recorded.key, "http://mlflow.test/#/experiments/1/runs/ab12cd34ef", 1.0
    )

    told = json.loads(run(lineage, "ab12cd34ef", "--home", home, "--json").output)
    assert [r["job_id"] for r in told["releases"]] == [done.jobs["north"].request.job_id]


def test_lineage_finds_a_model_by_the_name_and_version_that_it_was_registered_as(
    session, done, home, log  # noqa: F811
):  # fmt: skip
    receipt = done.results["north"].receipt
    model = {"register": "detector", "tags": {"receipt": receipt.digest}}
    kept = RunRecord(
        key="k", name="n", description="", experiment="e", tags={}, params={}, inputs={},
        metrics={}, files={}, model=model, children=(),
    )  # fmt: skip
    session._run_log = log
    session.store.spool(kept.key, encode_record(kept), 1.0)
    assert session.flush_run_log() == ""

    told = json.loads(run(lineage, "detector/1", "--home", home, "--json").output)
    assert [r["job_id"] for r in told["releases"]] == [receipt.asked.job_id]
    for other in ("detector/2", "detector", "/1"):
        with pytest.raises(UnknownNameError, match="no receipt here"):
            run(lineage, other, "--home", home)


def test_lineage_uses_no_forged_receipt_and_says_so(village, done, home, tmp_path):  # noqa: F811
    """An auditor with nothing but files, a forgery planted among them."""
    true = done.results["north"].receipt
    folder, empty = tmp_path / "receipts", tmp_path / "nobody"
    folder.mkdir()
    empty.mkdir()
    write(folder / "a.json", to_envelope(true.statement))
    body = true.statement.body
    asked = {**body["predicate"]["request"], "dataset_version": "sha256:" + "5" * 64}
    forged = {**body, "predicate": {**body["predicate"], "request": asked}}
    write(folder / "b.json", to_envelope(village.bob.keyring.sign("receipt", forged)))
    write(folder / "c.json", json.dumps(to_envelope(true.statement)).replace("A", "B", 1))
    write(folder / "table.json", {"columns": {}})
    north = write(tmp_path / "north.json", village.keyring.identity.to_mapping())

    said = run(
        lineage, true.left["counts"], "--home", empty, "--receipts", folder, "--identity", north,
        "--json",
    )  # fmt: skip
    told = json.loads(said.output)
    assert said.exit_code == 1
    assert [r["receipt"] for r in told["releases"]] == [true.digest]
    assert sorted(r["file"].rsplit("/")[-1] for r in told["refused"]) == ["b.json", "c.json"]


def test_a_circle_ends(done):
    """What gives back the very file that it carried did not make it; two that carry each other's."""
    true = done.results["north"].receipt
    left = true.left["counts"]

    def carrying(path, sha256):
        return replace(true.asked, spec=replace(true.asked.spec, files={path: sha256}))

    back = replace(true, asked=carrying("files/a", left))
    (origin,) = Lineage([back]).of(left)
    assert [c.made_by for c in origin.carried] == [()]

    other = "sha256:" + "7" * 64
    statement = replace(true.statement, body={**true.statement.body, "x": 1})
    pair = [
        replace(true, asked=carrying("files/a", other)),
        replace(
            true, statement=statement, left={"counts": other},
            asked=carrying("files/b", left),
        ),
    ]  # fmt: skip
    (origin,) = Lineage(pair).of(left)
    (there,) = origin.carried[0].made_by
    assert [c.made_by for c in there.carried] == [()]


def test_a_home_from_before_is_brought_up(tmp_path):
    import sqlite3

    from darkroom.adapters.sqlite.scientist_schema import STEPS

    old = sqlite3.connect(tmp_path / "jobs.sqlite")
    old.executescript("".join(STEPS[:2]) + "PRAGMA user_version = 2;")
    old.execute("INSERT INTO result VALUES ('ab', '{}', 1.0)")
    old.commit()
    old.close()
    store = SqliteScientistStore(tmp_path / "jobs.sqlite")

    assert store.result("ab").receipt == b""
    assert store.receipts() == []
    store.close()
