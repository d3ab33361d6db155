"""The node's memory: durable, private, and stubborn about what may never happen."""

import contextlib
import sqlite3
import stat
import threading
from dataclasses import replace

import pytest

from darkroom.adapters.sqlite import node_schema
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.errors import StateError, TrustError
from darkroom.model.job import Environment, JobRequest, JobSpec
from darkroom.model.job_record import JobRecord
from darkroom.model.letter import Letter
from darkroom.model.outgoing import Outgoing
from darkroom.model.output import Scalars
from darkroom.model.statement import Statement
from darkroom.policy.transitions import TRANSITIONS
from tests.node.village import keys


SHA = "sha256:" + "0" * 64


@pytest.fixture
def path(tmp_path):
    return tmp_path / "node.db"


@pytest.fixture
def store(path):
    store = SqliteNodeStore(path)
    yield store
    store.close()


def record(job_id="0" * 32, **more) -> JobRecord:
    spec = JobSpec(
        name="count", tier="reviewed", entrypoint="job:count", files={"job.py": SHA},
        environment=Environment(name="tflite", lock_hash=SHA),
        outputs={"n": Scalars(names=("n",))}, parameter_schema={"p": "float"},
    )  # fmt: skip
    request = JobRequest(
        job_id=job_id, spec=spec, submitter="alice", submitter_fingerprint=SHA,
        audience="north", project="p", dataset="d", dataset_version=SHA, parameters={"p": 0.1},
    )  # fmt: skip
    fields = {
        "request": request, "code_digest": spec.code_digest, "job_digest": request.job_digest,
        "state": "received", "received_at": 1.5,
    }  # fmt: skip
    return JobRecord(**{**fields, **more})


def letter(number: int = 0) -> Letter:
    return Letter(
        id=f"{number:032x}", kind="owner.notice", sender="north", recipient="olga",
        sent_at=1.0, body={"text": "é"},
    )  # fmt: skip


def test_a_job_is_read_back_whole(store):
    job = record(mock={"a": [1]}, shards=(1, 2), reasons=("x",), outputs={"n": {}}, seq=3)
    store.add_job(job)
    assert store.job(job.job_id) == job
    assert store.jobs("received") == [job]
    assert store.jobs("approved") == []
    assert store.count_jobs() == {"received": 1}
    assert store.count_jobs_of("alice", "received", "screened") == 1
    assert store.count_jobs_of("bob", "received") == 0


def test_the_files_are_the_owners_alone(store, path):
    store.add_event(0.0, "x")
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def queue(store, number, recipient, kind="job.quoted"):
    store.queue(Outgoing(letter=replace(letter(number), recipient=recipient, kind=kind)))


def numbers(waiting):
    return [int(outgoing.letter.id, 16) for outgoing in waiting]


def test_the_next_letters_are_the_oldest_to_each_recipient(store):
    for number, recipient in enumerate(["olga", "alice", "olga", "alice", "bob"]):
        queue(store, number, recipient)
    assert numbers(store.next_outgoing(())) == [0, 1, 4]
    assert numbers(store.next_outgoing({"olga", "bob"})) == [1]
    store.delivered(letter(1).id)
    store.postpone(letter(0).id, 0.0, "too large")
    assert numbers(store.next_outgoing(())) == [2, 3, 4]


def test_what_piles_up_is_dropped_of_one_kind_and_recipient(store):
    for number in range(4):
        queue(store, number, "alice")
    queue(store, 4, "bob")
    queue(store, 5, "alice", "job.state")
    store.postpone(letter(0).id, 0.0, "given up")
    store.drop_outgoing("alice", "job.quoted", 2)
    assert numbers(store.outgoing()) == [2, 3, 4, 5]
    assert numbers(store.given_up()) == [0]


def test_a_transaction_is_all_or_nothing(store):
    with contextlib.suppress(RuntimeError), store.transaction():
        store.add_job(record())
        store.first_time("alice", "1", 0.0)
        raise RuntimeError
    assert store.jobs() == []
    assert store.first_time("alice", "1", 0.0)


def test_a_transaction_inside_another_joins_it(store):
    with contextlib.suppress(RuntimeError), store.transaction():
        with store.transaction():
            store.add_job(record())
        raise RuntimeError
    assert store.jobs() == []


def test_other_threads_wait_for_the_end_of_a_transaction(store):
    seen = []
    with store.transaction():
        reader = threading.Thread(target=lambda: seen.append(store.jobs()))
        reader.start()
        store.add_job(record())
    reader.join(10)
    assert seen == [[record()]]


STATES = sorted({s for pair in TRANSITIONS for s in pair})


@pytest.mark.parametrize("source", STATES)
def test_the_database_itself_refuses_what_is_not_in_the_table(path, source):
    store = SqliteNodeStore(path)
    store.add_job(record())
    way = {"received": []}
    todo = ["received"]
    while todo:
        here = todo.pop()
        for a, b in TRANSITIONS:
            if a == here and b not in way:
                way[b] = [*way[here], b]
                todo.append(b)
    was = "received"
    for state in way[source]:
        store.replace_job(record(state=state), was=was)
        was = state
    for target in STATES:
        if target != source and (source, target) not in TRANSITIONS:
            with pytest.raises(StateError):
                store.replace_job(record(state=target), was=source)
    assert store.job("0" * 32).state == source
    store.close()


def test_a_job_begins_as_received_and_only_once(store):
    with pytest.raises(StateError):
        store.add_job(record(state="approved"))
    store.add_job(record())
    with pytest.raises(StateError):
        store.add_job(record())


def test_a_job_in_another_state_is_not_replaced(store):
    store.add_job(record())
    with pytest.raises(StateError, match="not screened any more"):
        store.replace_job(record(state="approved"), was="screened")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET event = 'x'",
        "DELETE FROM events",
        "DELETE FROM jobs",
        "UPDATE jobs SET submitter = 'mallory'",
        "UPDATE jobs SET job_id = 'x'",
        "UPDATE jobs SET state = 'released'",
    ],
)
def test_history_is_not_rewritten(store, path, statement):
    store.add_job(record())
    store.add_event(0.0, "job-received", "0" * 32)
    other = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)
    other.close()


def test_letters_are_known_by_sender_and_id(store):
    assert store.first_time("alice", "1", 0.0)
    assert not store.first_time("alice", "1", 1.0)
    assert store.first_time("bob", "1", 0.0)
    store.forget_seen(0.5)
    assert store.first_time("alice", "1", 2.0)


def test_the_outbox_keeps_order_and_forgets_what_is_delivered(store):
    for number in range(3):
        store.queue(Outgoing(letter=letter(number), files={"a": "b/c"}))
    store.delivered(letter(1).id)
    store.postpone(letter(0).id, 9.0)
    store.postpone(letter(2).id, 0.0, "too large")
    (waiting,) = store.outgoing()
    assert waiting == Outgoing(letter=letter(0), files={"a": "b/c"}, tries=1, not_before=9.0)
    assert [o.problem for o in store.given_up()] == ["too large"]


def test_a_pin_never_changes_by_itself(store):
    identity = keys("alice", "scientist").identity
    store.pin(identity)
    store.pin(identity)
    with pytest.raises(TrustError):
        store.pin(replace(identity, hosted=True))
    assert store.get("alice") == identity
    assert store.get("bob") is None
    assert store.names() == ["alice"]


def test_an_invitation_is_used_by_one(store):
    said = Statement(kind="invitation", body={"id": "i", "expires_at": 9.0}, key="", signature="")
    store.put_invitation(said)
    store.put_invitation(said)
    assert store.unopened_tickets() == [said]
    store.ticket_opened("i")
    assert store.unopened_tickets() == []
    store.use_invitation("i", "first")
    store.use_invitation("i", "second")
    assert store.invitation("i") == (said, "first")
    assert store.invitation("j") is None


def test_the_newest_policy_is_in_force_and_versions_do_not_repeat(store):
    for version in (1, 3):
        said = Statement(kind="policy", body={"version": version}, key="", signature="")
        store.put_policy(said, version, 0.0)
    assert store.policy().body == {"version": 3}
    with pytest.raises(StateError):
        store.put_policy(said, 3, 0.0)


def test_another_process_is_noticed(store, path):
    before = store.changes_elsewhere()
    store.set_fact("a", 1)
    assert store.changes_elsewhere() == before
    other = SqliteNodeStore(path)
    other.set_fact("a", {"b": 2})
    other.close()
    assert store.changes_elsewhere() != before
    assert store.fact("a") == {"b": 2}
    assert store.fact("none") is None


def test_a_newer_schema_is_not_touched(path):
    SqliteNodeStore(path).close()
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version = {node_schema.VERSION + 1}")
    other.close()
    with pytest.raises(StateError, match="schema"):
        SqliteNodeStore(path)


def test_what_is_no_database_is_not_touched(path):
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StateError):
        SqliteNodeStore(path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_link_is_not_followed(path, tmp_path):
    (tmp_path / "elsewhere").touch()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError):
        SqliteNodeStore(path)


def test_reading_makes_nothing_and_writes_nothing(path):
    with pytest.raises(StateError, match="no node's state"):
        SqliteNodeStore(path, read_only=True)
    assert not path.exists()
    SqliteNodeStore(path).close()
    reader = SqliteNodeStore(path, read_only=True)
    with pytest.raises(StateError):
        reader.set_fact("a", 1)
    reader.close()


def test_a_full_disk_is_said_and_nothing_is_half_done(store):
    store.add_job(record())
    pages = store._rows("PRAGMA page_count")[0][0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")

    def fill():
        with store.transaction():
            store.first_time("alice", "1", 0.0)
            for number in range(1000):
                store.add_event(0.0, "x" * 1000, str(number))

    with pytest.raises(StateError) as caught:
        fill()
    assert "make room" in caught.value.next_step
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert store.events() == []
    assert store.first_time("alice", "1", 0.0)
