"""HOP 7: what was approved runs, and nothing else; how it ended is told in plain words."""

import threading
from dataclasses import replace

import pytest

from darkroom.errors import IsolationError, StateError, UnreachableError, WorkerLostError
from darkroom.model.airlock import Airlock
from darkroom.model.output import Table
from darkroom.ports import Outcome
from tests.node.village import Village


def code_file(village, request):
    folder = village.state / "code" / request.spec.code_digest.removeprefix("sha256:")
    return folder / "job.py"


def reasons(village, request):
    return village.job(request.job_id).reasons


def test_a_job_runs_on_the_version_it_named_with_its_values(village):
    village.in_force()
    request = village.produced(parameter_schema={"score": "float"}, parameters={"score": 0.5})

    run, inspect = village.sandbox.started
    assert (run.program, inspect.program) == ("run", "inspect")
    assert run.request["parameters"] == {"score": 0.5}
    assert run.request["cameras"] is None
    assert run.request["entrypoint"] == "job:count"
    assert run.dataset == village.footage.materialise(request.dataset_version)
    assert run.limits == request.spec.limits
    assert inspect.code is None
    assert inspect.dataset is None


def flip(village, request):
    path = code_file(village, request)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"\r")


def add(village, request):
    folder = code_file(village, request).parent
    folder.chmod(0o700)
    (folder / "sitecustomize.py").write_text("")


def link(village, request):
    path = code_file(village, request)
    path.parent.chmod(0o700)
    content = path.read_bytes()
    path.unlink()
    (village.folder / "elsewhere.py").write_bytes(content)
    path.symlink_to(village.folder / "elsewhere.py")


def link_folder(village, request):
    folder = code_file(village, request).parent
    folder.chmod(0o700)
    (folder / "package").symlink_to(village.folder)


def remove(village, request):
    path = code_file(village, request)
    path.parent.chmod(0o700)
    path.unlink()


def other_environment(village, _request):
    from dataclasses import replace

    village.runtimes["tflite"] = replace(village.runtimes["tflite"], lock_hash="sha256:" + "2" * 64)


def no_environment(village, _request):
    village.runtimes.clear()


@pytest.mark.parametrize(
    "change",
    [flip, add, link, link_folder, remove, other_environment, no_environment],
    ids=lambda change: change.__name__,
)
def test_one_changed_bit_since_the_approval_and_nothing_runs(village, change):
    village.in_force()
    request = village.approved()
    change(village, request)
    village.settle()

    assert village.state_of(request.job_id) == "failed"
    assert "nothing ran" in reasons(village, request)[0]
    assert village.sandbox.started == []


def test_a_request_that_was_changed_in_the_database_does_not_run(village):
    from dataclasses import replace

    village.in_force()
    request = village.approved(parameter_schema={"n": "int"}, parameters={"n": 1})
    record = village.job(request.job_id)
    other = replace(record.request, parameters={"n": 2})
    village.store.replace_job(replace(record, request=other), was="approved")
    village.settle()

    assert village.state_of(request.job_id) == "failed"
    assert village.sandbox.started == []


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ({"status": "limit", "limit": "memory (512 MiB)"}, "at a limit: memory (512 MiB)"),
        ({"status": "limit", "limit": "wall clock (600 s)"}, "wall clock (600 s)"),
        ({"status": "failed", "error_class": "ZeroDivisionError"}, "ZeroDivisionError"),
        ({"status": "failed", "error_class": "OutputError"}, "outputs it declares"),
    ],
)
def test_how_a_job_ended_is_told_without_a_value(village, outcome, words):
    village.in_force()
    village.sandbox.job = lambda _: Outcome(seconds=1.0, log=b"secret 42", **outcome)
    request = village.approved()
    village.settle()

    assert village.state_of(request.job_id) == "failed"
    assert words in reasons(village, request)[0]
    for letter in village.alice.read():
        assert b"secret" not in repr(letter).encode()


def test_a_job_is_split_by_camera_over_the_workers_and_merged(tmp_path):
    village = Village(tmp_path, workers=2, cameras=3).in_force()
    both = threading.Barrier(2, timeout=10)
    village.sandbox.inside = lambda task, _: both.wait() if task.program == "run" else None
    request = village.produced(split="camera")

    programs = [task.program for task in village.sandbox.started]
    assert sorted(programs[:2]) == ["run", "run"]
    assert programs[2:] == ["merge", "inspect"]
    cameras = sorted(
        task.request["cameras"] for task in village.sandbox.started if task.program == "run"
    )
    assert cameras == [["cam0"], ["cam1", "cam2"]]  # 9 frames here, 6 and 3 there
    shown = [
        letter.body["shards"]
        for letter in village.alice.letters("job.state", request.job_id)
        if letter.body["state"] == "running"
    ]
    assert shown == [[0, 2]]  # both ended before the first moment at which a run is heard of
    assert village.job(request.job_id).shards == (2, 2)
    (asked,) = village.owner.letters("release.request")
    assert asked.attachments["output/counts"] == b'{"frames":2}'
    village.store.close()


def test_progress_is_told_at_the_moments_at_which_a_run_may_be_heard_of(tmp_path):
    village = Village(tmp_path, workers=2, cameras=3).in_force()
    told = threading.Event()

    def second_shard_waits(task, _):
        if task.program == "run" and task.request["cameras"] != ["cam0"]:
            village.clock.forward(0.6)
            deadline = threading.Event()
            while not told.is_set():  # until the first one was told, at the next moment
                record = village.store.job(request.job_id)
                told.set() if record.shards == (1, 2) else deadline.wait(0.01)

    village.sandbox.inside = second_shard_waits
    request = village.approved(split="camera")
    village.settle()

    shown = [
        letter.body["shards"]
        for letter in village.alice.letters("job.state", request.job_id)
        if letter.body["state"] == "running"
    ]
    assert shown == [[0, 2], [1, 2]]
    village.store.close()


def test_a_job_with_its_own_merge_gets_it_on_one_worker_too(village):
    village.in_force()
    request = village.approved(merge="job:count")
    village.settle()

    programs = [task.program for task in village.sandbox.started]
    assert programs[:2] == ["run", "merge"]
    assert village.sandbox.started[1].request["merge"] == "job:count"
    assert village.sandbox.started[0].request["merge"] == "job:count"
    assert village.state_of(request.job_id) == "produced"


def test_when_one_shard_fails_the_others_are_stopped(village):
    village.in_force()
    stopped = threading.Event()

    def inside(task, cancelled):
        if task.task_id.endswith("-1"):
            waited = threading.Event()
            for _ in range(1000):
                if cancelled():
                    stopped.set()
                    return
                waited.wait(0.01)

    village.sandbox.inside = inside
    village.sandbox.job = lambda request: Outcome(
        status="failed", seconds=0.1, error_class="KeyError"
    )
    request = village.approved(split="camera")
    village.settle()

    assert stopped.is_set()
    assert "KeyError" in reasons(village, request)[0]


def lose_machine(village, shard: str, *, times: int) -> None:
    """The machine under a shard goes away, so many times, with something half written."""
    lost = iter(range(times))

    def inside(task, _):
        if task.program == "run" and f"-{shard}" in task.task_id[-7:]:
            (task.out / "half").write_bytes(b"written")
            if next(lost, None) is not None:
                raise WorkerLostError("pi-b is gone", next_step="look after it")
            (task.out / "half").unlink()

    village.sandbox.inside = inside


def test_the_shard_of_a_lost_machine_runs_again_and_the_others_do_not(tmp_path):
    village = Village(tmp_path, workers=2, cameras=3).in_force()
    lose_machine(village, "1", times=1)
    request = village.produced(split="camera")

    ran = [task.request["cameras"] for task in village.sandbox.started if task.program == "run"]
    assert sorted(ran) == [["cam0"], ["cam1", "cam2"], ["cam1", "cam2"]]
    ids = {task.task_id for task in village.sandbox.started}
    assert len(ids) == len(village.sandbox.started)  # a new name for the second run
    assert village.job(request.job_id).attempts == 1
    (asked,) = village.owner.letters("release.request")
    assert asked.attachments["output/counts"] == b'{"frames":2}'
    village.store.close()


def test_a_shard_whose_machines_are_lost_twice_ends_the_attempt(tmp_path):
    village = Village(tmp_path, workers=2, cameras=3).in_force()
    lose_machine(village, "1", times=2)
    request = village.approved(split="camera")
    village.node.service.work_once()

    assert village.state_of(request.job_id) == "approved"  # the job starts again, by its own count
    assert village.job(request.job_id).attempts == 1
    ran = [t for t in village.sandbox.started if t.request["cameras"] == ["cam1", "cam2"]]
    assert len(ran) == 2
    village.store.close()


def test_a_node_that_cannot_isolate_runs_nothing_and_says_why(village):
    village.sandbox.fit = False
    village.node.walls.probe()
    village.in_force()
    request = village.approved()
    village.settle()

    assert village.state_of(request.job_id) == "approved"
    assert village.sandbox.started == []
    (*_, last) = village.alice.letters("job.state", request.job_id)
    assert "cannot isolate" in last.body["reasons"][-1]
    assert "network" in last.body["reasons"][-1]
    assert "network" in village.exchange.profiles["north"].body["unfit"]

    village.sandbox.fit = True
    village.node.walls.probe()
    village.settle()
    assert village.state_of(request.job_id) == "produced"


def test_a_sandbox_that_does_not_start_is_tried_again(village):
    village.in_force()
    request = village.approved()
    village.sandbox.broken = 1
    village.node.service.work_once()
    assert village.state_of(request.job_id) == "approved"
    assert not village.node.service.work_once()  # it rests first
    village.clock.forward(60)
    village.settle()

    assert village.state_of(request.job_id) == "produced"


@pytest.mark.attack("T8", control="on")
@pytest.mark.parametrize("error", [IsolationError, WorkerLostError, UnreachableError])
def test_a_sandbox_that_gives_up_is_heard_of_at_a_tick_too(village, error):
    """A job may be what brings it about, and would choose the moment."""
    village.in_force()
    request = village.approved()
    begin = village.clock.monotonic()

    def give_up(_task, _cancelled):
        village.clock.forward(0.7)
        raise error("what a job left could not be kept", next_step="look after the volume")

    village.sandbox.inside = give_up
    village.node.service.work_once()

    took = village.clock.monotonic() - begin
    assert took == pytest.approx(2.0 if error is WorkerLostError else 1.0)  # of 1.4 s, of 0.7 s
    assert village.state_of(request.job_id) == "approved"


def test_a_sandbox_that_never_starts_fails_the_job_at_last(village):
    village.in_force()
    request = village.approved()
    village.sandbox.broken = 3
    for _ in range(3):
        village.node.service.work_once()
        village.clock.forward(600)

    assert village.state_of(request.job_id) == "failed"


def test_footage_that_is_away_makes_a_job_wait_without_counting(village, monkeypatch):
    village.in_force()
    request = village.approved()
    away = UnreachableError("the object store does not answer", next_step="wait")
    with monkeypatch.context() as patch:
        patch.setattr(type(village.footage), "materialise", raising(away))
        village.node.service.work_once()
    assert village.job(request.job_id).attempts == 0
    assert village.state_of(request.job_id) == "approved"
    village.clock.forward(60)
    village.settle()

    assert village.state_of(request.job_id) == "produced"


def test_footage_that_is_damaged_fails_the_job(village, monkeypatch):
    village.in_force()
    damaged = StateError("footage /secret/place was changed", next_step="restore")
    monkeypatch.setattr(type(village.footage), "materialise", raising(damaged))
    request = village.approved()
    village.settle()

    assert village.state_of(request.job_id) == "failed"
    assert "secret" not in reasons(village, request)[0]


def raising(error):
    def function(*_args):
        raise error

    return function


def test_stopping_the_node_is_not_held_against_a_job(village):
    village.in_force()
    request = village.approved()
    village.sandbox.inside = lambda *_: village.node.service.stop()
    village.node.service.work_once()

    record = village.job(request.job_id)
    assert (record.state, record.attempts) == ("approved", 0)
    village.sandbox.inside = lambda *_: None
    village.restart()
    village.settle()
    assert village.state_of(request.job_id) == "produced"


def test_nothing_of_a_run_stays_in_the_scratch_folder(village):
    village.in_force()
    village.produced(split="camera")

    assert list((village.state / "scratch").iterdir()) == []


# ------------------------------------------------------------------ between plan and start


def meanwhile_cancelled(village, request, monkeypatch, owner, name):
    """The submitter's word comes while that step of the start is done."""
    plain = getattr(owner, name)

    def step(*arguments):
        village.alice.say("job.cancel", {"job_id": request.job_id})
        village.poll()
        return plain(*arguments)

    monkeypatch.setattr(owner, name, step)


def test_what_is_cancelled_while_its_footage_is_fetched_does_not_start(village, monkeypatch):
    village.in_force()
    request = village.approved()
    meanwhile_cancelled(village, request, monkeypatch, village.footage, "materialise")
    village.settle()

    assert village.state_of(request.job_id) == "cancelled"
    assert village.sandbox.started == []


def test_what_is_cancelled_while_it_is_checked_ends_once(village, monkeypatch):
    village.in_force()
    request = village.approved()
    flip(village, request)
    shelf = village.node.runner._shelf
    meanwhile_cancelled(village, request, monkeypatch, shelf, "hashes")
    village.settle()

    assert village.state_of(request.job_id) == "cancelled"
    assert reasons(village, request) == ("cancelled by its submitter",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"job_digest": "sha256:" + "e" * 64}, "not the job that was approved"),
        ({"approved_by": ""}, "not approved"),
    ],
)
def test_a_row_that_is_not_what_was_approved_does_not_run(village, change, said):
    village.in_force()
    request = village.approved()
    village.node.runner.run(replace(village.job(request.job_id), **change))

    assert village.state_of(request.job_id) == "failed"
    assert said in reasons(village, request)[0]
    assert village.sandbox.started == []


def test_what_was_paid_for_under_a_coarser_airlock_does_not_run_under_a_finer_one(village):
    village.in_force(airlock=Airlock(round_counts=100))
    counted = Table(
        columns={"people": "int"}, max_rows=9, counts=("people",), bounds={"people": (0, 1000)}
    )
    request = village.approved(outputs={"out": counted})
    village.in_force(version=2, airlock=Airlock(round_counts=1))

    assert village.state_of(request.job_id) == "rejected"
    assert "more than was paid for" in reasons(village, request)[0]
    assert village.sandbox.started == []
