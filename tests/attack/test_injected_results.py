"""T25: a domain that wants to harm the scientist who asked it."""

import json
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

import darkroom
from darkroom.errors import DarkroomError, TrustError
from darkroom.model.canonical import canonical
from darkroom.model.letter import Letter
from darkroom.post import Post, codec
from tests.attack.canaries import search, word
from tests.scientist.conftest import request_in


TABLE = canonical({"columns": {"camera": "text", "n": "int"}, "rows": [["cam1", 7]]})
OTHER = canonical({"columns": {"camera": "text", "n": "int"}, "rows": [["evil", 666]]})


@darkroom.job(
    outputs={"counts": darkroom.Table(columns={"camera": "text", "n": "int"}, max_rows=10)}
)
def count(data, params):
    return {"counts": [("cam1", 2)]}


def request_of(bench):
    """A submission to north, and the request as north got it."""
    submission = count.submit(bench.dataset())
    (letter,) = bench.domains["north"].inbox()
    return submission, request_in(letter)


def raw(bench, names: dict[str, bytes], request) -> None:
    """A signed result whose files have names that our own programs would not write."""
    north = bench.domains["north"]
    statement = north.keyring.sign("release", north.release_body(request, {"counts": TABLE}))
    letter = Letter(
        id=secrets.token_hex(16), kind="job.result", sender="north", recipient="alice",
        sent_at=bench.clock.now(),
        body={"job_id": request.job_id, "release": statement.to_mapping()},
    )  # fmt: skip
    envelope = north.keyring.seal(codec.encode_letter(letter, names, {}), bench.session.identity)
    north.post._relay.send("alice", letter.id, envelope, expires_in=60)


TRAVERSALS = (
    "../../home/alice/.bashrc", "output/../../x", "/etc/passwd", "output//counts", "output/./x",
    "output/\x00", "~/.ssh/authorized_keys", "output\\..\\x", "C:/x", ".config/x", "-rf",
    "output/" + "a" * 300, "output/сounts",
)  # fmt: skip


# ------------------------------------------------------------------------------ where it lands


@pytest.mark.attack("T25", control="off")
def test_a_client_that_writes_the_names_it_is_given_writes_anywhere(tmp_path: Path) -> None:
    mine = tmp_path / "deep" / "results"
    landed = []
    for name in (name for name in TRAVERSALS if ".." in name and "\\" not in name):
        target = mine / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(word("file"))
        landed.append(target.resolve())

    assert landed
    assert not any(path.is_relative_to(mine) for path in landed)


@pytest.mark.attack("T25", control="on")
def test_a_file_under_a_strange_name_is_put_aside(bench, tmp_path):
    submission, request = request_of(bench)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    for number, name in enumerate(TRAVERSALS, 1):
        raw(bench, {name: word("file").encode()}, request)
        submission.refresh()
        assert len(bench.session.store.quarantined()) == number, name

    assert not submission.results
    for path in {path for path in tmp_path.rglob("*") if path.is_file()} - before:
        assert not search(path.read_bytes()), path


# --------------------------------------------------------------------------------- poison pills


def poison(bench):
    """A letter that cannot be opened, and behind it a good one; whether that arrives."""
    submission, request = request_of(bench)
    north = bench.domains["north"]
    north.say(request.job_id, "running")
    box = bench.exchange.boxes["alice"]
    box[0] = replace(box[0], envelope=b"\xff" * 200)
    north.say(request.job_id, "approved")
    for _ in range(3):
        try:
            submission.refresh()
        except DarkroomError:
            continue
    return submission.state == {"north": "approved"}


@pytest.mark.attack("T25", control="off")
def test_a_client_that_stops_at_a_bad_letter_never_reads_the_next(bench, monkeypatch):
    judge = Post._judge

    def trusting(self, parcel, *, first):
        if parcel.envelope.startswith(b"\xff"):
            raise TrustError("it does not open", next_step="stop")
        return judge(self, parcel, first=first)

    monkeypatch.setattr(Post, "_judge", trusting)

    assert not poison(bench)


@pytest.mark.attack("T25", control="on")
def test_a_bad_letter_is_put_aside_and_the_next_one_read(bench):
    assert poison(bench)
    assert len(bench.session.store.quarantined()) == 1


# ------------------------------------------------------------------------ somebody else's word


@pytest.mark.attack("T25", control="off")
def test_a_client_that_believes_every_signature_shows_another_domains_result(
    bench,
    keys,
    monkeypatch,
):
    from tests.attack.worlds import Credulous

    submission, request = request_of(bench)
    bench.session.collector._verifier = Credulous()
    false_result(bench, keys, request)
    submission.refresh()

    assert submission.results["north"]["counts"]["n"].tolist() == [666]


@pytest.mark.attack("T25", control="on")
def test_a_result_that_another_domain_signed_is_never_shown(bench, keys):
    submission, request = request_of(bench)
    false_result(bench, keys, request)
    submission.refresh()

    assert not submission.results
    with pytest.raises(DarkroomError):
        submission.results["north"]


def false_result(bench, keys, request) -> None:
    """Signed with keys that are not north's."""
    north = bench.domains["north"]
    body = north.release_body(request, {"counts": OTHER})
    statement = keys["mallory"].sign("release", body).to_mapping()
    north.send_result(request, statement, {"counts": OTHER})


@pytest.mark.attack("T25", "T16", control="on")
def test_a_domain_that_was_not_asked_says_nothing_about_our_job(bench):
    submission, request = request_of(bench)
    east = bench.domains["east"]
    east.say(request.job_id, "rejected", "no")
    east.release(request, {"counts": OTHER})
    east.release(request, {"counts": OTHER}, domain="east")
    submission.refresh()

    assert submission.state == {"north": "sent"}
    assert not submission.results


@pytest.mark.attack("T25", control="on")
def test_a_flood_of_bad_letters_is_walked_through(bench):
    submission, request = request_of(bench)
    north = bench.domains["north"]
    for number in range(60):
        north.send("job.state", {"job_id": request.job_id, "state": [number]})
        north.send("job.result", {"job_id": json.dumps(number), "release": {}})
    north.release(request, {"counts": TABLE})
    submission.refresh()

    assert submission.results["north"]["counts"]["n"].tolist() == [7]
