"""A domain says that a release is stale: shown loudly, carried on, and offered to run again."""

import warnings

import pytest

import darkroom
from darkroom.errors import InputError, UnreachableError
from darkroom.model.canonical import canonical, digest, digest_bytes
from darkroom.model.stale import KIND, Stale
from darkroom.scientist.record import record_key
from darkroom.scientist.results import StaleWarning
from tests.scientist.conftest import LOCK, VERSION, a_card, a_profile, request_in
from tests.scientist.test_collect import TABLE, count
from tests.scientist.test_record import RunLogInMemory


NEWER = "sha256:" + "9" * 64
WORDS = "a guest asked for it"
OTHER_TABLE = canonical({"columns": {"camera": "text", "n": "int"}, "rows": [["cam1", 5]]})


def stale(request, release):
    return Stale(
        job_id=request.job_id, domain="north", release=digest(release), dataset="plaza",
        dataset_version=VERSION, replaced_by=NEWER, why="forgotten", words=WORDS, at=1.0,
    ).to_body()  # fmt: skip


def say(bench, request, body, ring=None, kind=KIND):
    """As the domain does; `ring` signs."""
    domain = bench.domains["north"]
    statement = (ring or domain.keyring).sign(kind, body).to_mapping()
    domain.send("release.stale", {"job_id": request.job_id, "stale": statement})


@pytest.fixture
def log():
    return RunLogInMemory()


def run(bench, session, job=count, outputs=None, at="north", **more):
    """A submission with its result, and what was released."""
    if job is count:
        more.setdefault("threshold", 0.3)
    submission = job.submit(session.domains[at].datasets["plaza"], **more)
    (letter,) = bench.domains[at].inbox()
    request, outputs = request_in(letter), outputs or {"counts": TABLE}
    bench.domains[at].release(request, outputs)
    submission.wait()
    return submission, request, bench.domains[at].release_body(request, outputs)


def tuned(carried):
    """A job that is made with what another one released."""
    outputs = {"counts": darkroom.Table(columns={"camera": "text", "n": "int"}, max_rows=10)}

    @darkroom.job(outputs=outputs, files={"start.json": carried})
    def tune(data, params):
        return {"counts": [("cam1", 2)]}

    return tune


@pytest.fixture
def told(bench, log):
    """A result that is recorded, and stale since."""
    session = bench.again(log)
    submission, request, release = run(bench, session)
    session.record(submission)
    say(bench, request, stale(request, release))
    submission.refresh()
    return bench, session, submission


def test_a_stale_result_is_shown_loudly(told):
    _, _, submission = told
    with pytest.warns(StaleWarning, match="forgotten: a guest asked for it"):
        result = submission.results["north"]
    assert result.replaced_by == NEWER
    assert "STALE" in repr(result)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "STALE: north" in repr(submission.results)


def test_the_run_log_is_told_once_and_again_after_an_outage(bench, log):
    session = bench.again(log)
    submission, request, release = run(bench, session)
    session.record(submission)
    log.error = UnreachableError("MLflow does not answer", next_step="later")
    say(bench, request, stale(request, release))
    submission.refresh()
    assert log.marked == []

    log.error = None
    submission.refresh()
    submission.refresh()
    ((keys, models, tags),) = log.marked
    key = record_key(submission.id)
    assert keys == [key, f"{key}-north"]
    assert models == [digest_bytes(TABLE)]
    assert tags["stale"] == "true"
    assert WORDS in tags["stale.reason"]


def test_a_record_that_is_written_later_says_it_itself(bench, log):
    session = bench.again(log)
    submission, request, release = run(bench, session)
    say(bench, request, stale(request, release))
    submission.refresh()
    session.record(submission)
    (record,) = log.records.values()
    assert record.tags["stale"] == record.children[0].tags["stale"] == "true"


@pytest.mark.parametrize(
    "changed",
    [
        {"release": "sha256:" + "0" * 64},
        {"dataset_version": NEWER},
        {"domain": "east"},
        {"job_id": "f" * 32},
        {"why": "because"},
        {"words": "a\u202eb"},
        {"words": "x" * 501},
        {"replaced_by": 7},
        {"at": float(1 << 60)},
        {"more": 1},
    ],
)
def test_a_statement_about_something_else_is_put_aside(bench, changed):
    submission, request, release = run(bench, bench.session)
    say(bench, request, stale(request, release) | changed)
    submission.refresh()
    assert submission.results["north"].stale == ""
    assert len(bench.session.store.quarantined()) == 1


@pytest.mark.parametrize("how", ["another key", "another kind", "changed"])
def test_a_forged_statement_is_put_aside(bench, keys, how):
    """Also one that the gateway forged, if it could write letters as the domain."""
    submission, request, release = run(bench, bench.session)
    body = stale(request, release)
    match how:
        case "another key":
            say(bench, request, body, ring=keys["mallory"])
        case "another kind":
            say(bench, request, body, kind="card")
        case "changed":
            statement = bench.domains["north"].keyring.sign(KIND, body).to_mapping()
            statement["body"] = body | {"words": "worse"}
            bench.domains["north"].send(
                "release.stale", {"job_id": request.job_id, "stale": statement}
            )
    submission.refresh()
    assert submission.results["north"].stale == ""
    assert len(bench.session.store.quarantined()) == 1


def test_what_was_made_with_a_stale_model_is_stale_however_far_away(bench, log):
    session = bench.again(log)
    first, request, release = run(bench, session)
    second, *_ = run(bench, session, job=tuned(TABLE), outputs={"counts": OTHER_TABLE})
    say(bench, request, stale(request, release))
    first.refresh()

    result = dict(second.results.items())["north"]
    assert f"made with what job {request.job_id[:8]} released" in result.stale
    with pytest.raises(InputError, match="carried what job"):
        second.again()

    third, *_ = run(bench, session, job=tuned(OTHER_TABLE))  # and what comes later
    assert dict(third.results.items())["north"].stale


@pytest.mark.parametrize("copy", [True, False], ids=["it was carried there", "it was here before"])
def test_who_gives_back_a_file_of_ours_does_not_make_the_work_of_others_stale(bench, log, copy):
    """A hostile domain releases the very bytes of a file that jobs carry, and calls them stale."""
    session = bench.again(log)
    other, *_ = run(bench, session, job=tuned(TABLE), outputs={"counts": OTHER_TABLE})
    bench.clock.time += 60
    job = {"job": tuned(TABLE), "outputs": {"counts": TABLE}} if copy else {}
    hostile, request, release = run(bench, session, **job)
    later, *_ = run(bench, session, job=tuned(TABLE), outputs={"counts": OTHER_TABLE})
    session.record(hostile)
    say(bench, request, stale(request, release))
    hostile.refresh()

    assert dict(hostile.results.items())["north"].stale
    for innocent in (other, later):
        assert innocent.results["north"].stale == ""
    ((_, models, _),) = log.marked
    assert models == []


def test_who_releases_what_another_domain_released_before_does_not_make_it_stale(bench, log):
    """A hostile domain knows the bytes of another's model, gives them back and calls them stale."""
    session = bench.again(log)
    honest, *_ = run(bench, session, at="east")
    bench.clock.time += 60
    hostile, request, release = run(bench, session)
    bench.clock.time += 60
    built, *_ = run(bench, session, job=tuned(TABLE), outputs={"counts": OTHER_TABLE}, at="east")
    session.record(hostile)
    say(bench, request, stale(request, release))
    hostile.refresh()

    assert dict(hostile.results.items())["north"].stale
    for innocent in (honest, built):
        assert innocent.results["east"].stale == ""
    ((_, models, _),) = log.marked
    assert models == []


def test_whoever_released_it_first_makes_it_stale_though_others_released_it_since(bench, log):
    """Nobody can keep a model good by giving it back, nor by printing it before."""
    session = bench.again(log)
    run(bench, session, outputs={"counts": OTHER_TABLE, "log": TABLE}, at="east")
    bench.clock.time += 60
    first, request, release = run(bench, session)
    bench.clock.time += 60
    run(bench, session, at="east")
    built, *_ = run(bench, session, job=tuned(TABLE), outputs={"counts": OTHER_TABLE}, at="east")
    say(bench, request, stale(request, release))
    first.refresh()

    assert dict(built.results.items())["east"].stale


def test_the_same_code_runs_again_on_the_newest_version(told):
    bench, _, submission = told
    north, old = bench.domains["north"], submission.jobs["north"].request
    other = a_profile("north", environments={"tflite": {"lock_hash": "sha256:" + "3" * 64, "interpreter": "litert"}})  # fmt: skip
    bench.exchange.profiles["north"] = north.keyring.sign("profile", other)
    bench.exchange.cards["north"] = [
        north.keyring.sign("card", a_card("north", version=NEWER).to_mapping())
    ]

    again = submission.again()

    (letter,) = north.inbox()
    request = request_in(letter)
    assert letter.body["supersedes"] == old.job_id
    assert request.job_id != old.job_id
    assert request.dataset_version == NEWER
    assert (request.parameters, request.spec.files) == (old.parameters, old.spec.files)
    assert request.spec.environment.lock_hash != LOCK
    assert b"def count(data, params):" in letter.attachments["code/job.py"]
    north.release(request, {"counts": TABLE})
    again.wait()
    assert again.results["north"].stale == ""


def test_what_is_good_need_not_run_again(bench):
    submission, *_ = run(bench, bench.session)
    with pytest.raises(InputError, match="no result of this submission is stale"):
        submission.again()


def test_a_statement_that_comes_before_its_result_is_kept_for_it(bench):
    submission = count.submit(bench.dataset(), threshold=0.3)
    (letter,) = bench.domains["north"].inbox()
    request = request_in(letter)
    release = bench.domains["north"].release_body(request, {"counts": TABLE})
    say(bench, request, stale(request, release))
    bench.domains["north"].release(request, {"counts": TABLE})
    submission.wait()
    submission.refresh()
    assert dict(submission.results.items())["north"].stale
