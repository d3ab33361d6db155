"""What goes into the run log, and that an outage loses nothing."""

import json

import pytest

from darkroom.errors import InputError, StateError, UnreachableError
from tests.scientist.conftest import request_in
from tests.scientist.test_collect import TABLE, count


class RunLogInMemory:
    """The `RunLog` port; it can be away."""

    def __init__(self) -> None:
        self.records: dict[str, object] = {}
        self.error: Exception | None = None
        self.marked: list[tuple[list[str], list[str], dict[str, str]]] = []

    def write(self, record):
        if self.error:
            raise self.error
        self.records.setdefault(record.key, record)
        return f"http://mlflow.test/{record.key}"

    def registered(self, key, name):
        if self.error:
            raise self.error
        made = [k for k, r in self.records.items() if r.model and r.model["register"] == name]
        return str(made.index(key) + 1) if key in made else ""

    def mark_stale(self, keys, *, models, tags):
        if self.error:
            raise self.error
        self.marked.append((list(keys), list(models), dict(tags)))


@pytest.fixture
def log():
    return RunLogInMemory()


@pytest.fixture
def released(bench, log):
    """A session with a run log and a submission with one result."""
    session = bench.again(log)
    submission = count.submit(
        session.domains["north"].datasets["plaza"], threshold=0.3, project="counting"
    )
    (letter,) = bench.domains["north"].inbox()
    bench.domains["north"].release(request_in(letter), {"counts": TABLE})
    submission.wait()
    return bench, session, submission


def test_a_parent_and_a_child_for_each_domain(released, log):
    _, session, submission = released

    recorded = session.record(
        submission, metrics={"north": {"ap50": 0.5, "loss": [2.0, 1.0]}}, plots={"a.png": b"PNG"}
    )

    (record,) = log.records.values()
    (child,) = record.children
    request = submission.jobs["north"].request
    assert recorded.address == f"http://mlflow.test/{record.key}"
    assert record.experiment == "counting"
    assert record.tags["privacy"] == "none, released by olga (north)"
    assert child.tags["privacy"] == "none, released by olga"
    assert child.tags["code_digest"] == request.spec.code_digest
    assert child.tags["job_digest"] == request.job_digest
    assert child.inputs == {"north/plaza": (request.dataset_version, "north/private")}
    assert child.metrics == {"ap50": (0.5,), "loss": (2.0, 1.0)}
    assert child.params == {"threshold": "0.3"}
    assert child.files["released/counts.json"] == TABLE
    shown = json.loads(child.files["tables/counts.json"])
    assert shown == {"columns": ["camera", "n"], "data": [["cam1", 7], ["cam2", 1]]}
    assert json.loads(child.files["release.json"])["kind"] == "release"
    assert "receipt.json" not in child.files  # this domain sends none
    assert record.files == {"plots/a.png": b"PNG"}
    assert record.metrics == {"north/ap50": (0.5,), "north/loss": (1.0,)}
    assert record.inputs == child.inputs


def test_an_outage_loses_nothing_and_is_said(released, log):
    bench, session, submission = released
    log.error = UnreachableError("MLflow does not answer", next_step="later")

    recorded = session.record(submission)

    assert recorded.address == ""
    assert "kept here" in bench.said[-1]
    assert "Not in the run log yet" in repr(recorded)

    log.error = None
    assert bench.again(log).flush_run_log() == ""  # another kernel, another day
    (record,) = log.records.values()
    assert record.key == recorded.key
    assert session.record(submission).address.endswith(recorded.key)


def test_a_run_log_that_refuses_loses_nothing_either(released, log):
    bench, session, submission = released
    log.error = StateError("MLflow refused a record", next_step="ask")

    session.record(submission)

    assert "MLflow refused a record" in bench.said[-1]
    assert len(session.store.spooled()) == 1


def test_recording_again_changes_nothing(released, log):
    bench, session, submission = released
    first = session.record(submission)
    again = session.record(submission, description="another")

    assert (again.key, again.address) == (first.key, first.address)
    assert len(log.records) == 1
    assert "already" in bench.said[-1]


def test_without_a_run_log_it_is_kept_and_said(bench):
    submission = count.submit(bench.dataset(), threshold=0.3)
    (letter,) = bench.domains["north"].inbox()
    bench.domains["north"].release(request_in(letter), {"counts": TABLE})
    submission.wait()

    bench.session.record(submission)

    assert "MLFLOW_TRACKING_URI" in bench.said[-1]
    assert len(bench.session.store.spooled()) == 1


def test_nothing_to_record_is_an_error(bench, log):
    submission = count.submit(bench.dataset(), threshold=0.3)

    with pytest.raises(InputError, match="no result to record"):
        bench.again(log).record(submission)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"metrics": {"east": {"ap50": 1.0}}}, "east"),
        ({"plots": {"a.png": "not a figure"}}, "plot"),
    ],
)
def test_bad_input_is_named(released, given, said):
    _, session, submission = released

    with pytest.raises(InputError, match=said):
        session.record(submission, **given)


def test_the_summary_is_plain_json(released):
    _, _, submission = released

    summary = json.loads(json.dumps(submission.summary()))

    entry = summary["north"]
    assert entry["frames"] == 9
    assert entry["interpreter"] == "litert"
    assert entry["bytes_out"] == len(TABLE)
    (job,) = entry["jobs"]
    assert (job["state"], job["approved_by"], job["tier"]) == ("released", "olga", "reviewed")
