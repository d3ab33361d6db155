"""kill -9 at every step loses nothing and doubles nothing.

A fuse counts every step that reaches beyond memory: commits, letters handed to the gateway,
acknowledgements, files flushed, tasks given to the sandbox. It blows right after the n-th of
them, and from then on the old process can do nothing any more. (Right before a step is right
after the one before it: what lies between is memory, and gone.)
"""

from collections import Counter
from contextlib import contextmanager

import pytest

from darkroom.model.shard import cut
from darkroom.node import code_shelf, disclose
from tests.node.village import Village


class Killed(BaseException):
    """What a process sees of kill -9: nothing more."""


class Fuse:
    """Blows at the n-th step, and stays blown until it is replaced."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.steps: list[str] = []
        self.blown = False

    def check(self) -> None:
        """The dead do nothing."""
        if self.blown:
            raise Killed

    def burn(self, step: str) -> None:
        self.check()
        self.steps.append(step)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.blown = True
                raise Killed

    def wrap(self, function, name: str):
        def fused(*args, **kwargs):
            self.check()
            result = function(*args, **kwargs)
            self.burn(name)
            return result

        return fused


class Mortal(Village):
    """A village whose node can be killed at any step."""

    def __init__(self, folder, monkeypatch, **more) -> None:
        self.fuse = Fuse()
        super().__init__(folder, **more)
        for name in ("send", "acknowledge", "open_ticket", "publish_profile", "put_blob"):
            step = self._late(getattr(self.relay, name), name)
            monkeypatch.setattr(self.relay, name, step)
        monkeypatch.setattr(self.sandbox, "run", self._late(self.sandbox.run, "sandbox"))
        monkeypatch.setattr(code_shelf, "_flush", self._late(code_shelf._flush, "flush code"))
        monkeypatch.setattr(disclose, "_flush", self._late(disclose._flush, "flush outputs"))

    def _late(self, function, name):
        def late(*args, **kwargs):  # the fuse of the day
            return self.fuse.wrap(function, name)(*args, **kwargs)

        return late

    def start(self) -> None:
        super().start()
        plain = self.store.transaction
        store = self.store

        @contextmanager
        def transaction():
            outermost = store._depth == 0
            if outermost:
                self.fuse.check()
            with plain():
                yield
                self.fuse.check()  # killed meanwhile, in another thread: rolled back
            if outermost:
                self.fuse.burn("commit")

        store.transaction = transaction

    def revive(self) -> None:
        self.fuse = Fuse()
        self.store.close()
        self.start()


def owner_answers(village: Village, answered: set[str]) -> None:
    for letter in village.owner.letters("review.request"):
        if letter.id not in answered:
            answered.add(letter.id)
            job_id = letter.body["request"]["job_id"]
            village.decide(job_id, "code", "approve", village.job(job_id).job_digest)
    for letter in village.owner.letters("release.request"):
        if letter.id not in answered:
            answered.add(letter.id)
            job_id, digest = letter.body["job_id"], letter.body["output_digest"]
            village.decide(job_id, "output", "release", digest)


def live(village: Mortal, answered: set[str], left: int | None) -> bool:
    """Go on until nothing moves; True when the fuse blew on the way."""
    village.fuse.left = left
    blew = False
    for _ in range(40):
        before = len(village.fuse.steps)
        try:
            village.poll()
            village.node.service.work_once()
            village.node.service.send_once()
        except Killed:
            blew = True
            village.revive()
        owner_answers(village, answered)
        if not blew and len(village.fuse.steps) == before and not village.store.outgoing():
            break
        if blew and village.ended(village.last) and not village.store.outgoing():
            break
    return blew


def check_one_of_everything(village: Mortal, job_id: str) -> None:
    assert village.state_of(job_id) == "released", village.job(job_id)
    events = Counter(village.events(job_id))
    assert events["job-received"] == 1
    assert events["job-screened"] == 1
    assert events["job-approved"] == 1
    assert events["job-produced"] == 1
    assert events["output-released"] == 1
    assert events["job-started"] == 1 + events["job-interrupted"] <= 2
    assert len(village.owner.letters("review.request", job_id)) == 1
    assert len(village.owner.letters("release.request", job_id)) == 1
    (result,) = village.alice.letters("job.result", job_id)
    assert result.attachments == {"output/counts": b'{"frames":2}'}
    states = [letter.body for letter in village.alice.letters("job.state", job_id)]
    numbers = [body["seq"] for body in states]
    assert numbers == sorted(set(numbers))
    assert states[-1]["state"] == "released"


def steps_of_a_life(folder, monkeypatch) -> int:
    village = begin(folder, monkeypatch)
    assert not live(village, set(), None)
    check_one_of_everything(village, village.last)
    village.store.close()
    return len(village.fuse.steps)


def begin(folder, monkeypatch) -> Mortal:
    village = Mortal(folder, monkeypatch)
    village.in_force()
    request = village.request(split="camera")
    village.last = request.job_id
    village.submit(request)
    village.fuse = Fuse()
    return village


def test_a_kill_at_any_step_loses_and_doubles_nothing(tmp_path):
    # The shards of this job: each runs a task of its own beside the other.
    assert len(cut(Village(tmp_path / "count").manifest, "camera", 2)) == 2
    with pytest.MonkeyPatch.context() as monkeypatch:
        total = steps_of_a_life(tmp_path / "whole", monkeypatch)
    assert total > 30

    for left in range(total):
        with pytest.MonkeyPatch.context() as monkeypatch:
            village = begin(tmp_path / str(left), monkeypatch)
            blew = live(village, set(), left)
            check_one_of_everything(village, village.last)
            village.store.close()
            # Shards race, so the very last steps may not be reached.
            assert blew or left > total - 10


def test_a_job_that_kills_its_node_three_times_fails(village):
    village.in_force()
    request = village.approved()

    for attempt in range(3):
        village.sandbox.inside = kill
        village.node.runner.interrupted = kill  # the dead tidy nothing
        with pytest.raises(Killed):
            village.node.service.work_once()
        assert village.state_of(request.job_id) == "running"
        village.restart()
        assert village.job(request.job_id).attempts == attempt + 1
        village.poll()  # a new process asks first whether its state is the newest

    village.sandbox.inside = lambda *_: None
    village.settle()
    record = village.job(request.job_id)
    assert (record.state, record.reasons) == ("failed", ("lost its worker 3 times",))


def kill(*_args, **_kwargs) -> None:
    raise Killed
