"""The scientist's memory: transactions, two notebooks at once, files of one's own."""

import sqlite3
import stat
import threading

import pytest

from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
from darkroom.errors import StateError, UnknownNameError
from darkroom.model.job import Environment, JobRequest, JobSpec
from darkroom.model.letter import Letter
from darkroom.model.output import Scalars
from darkroom.model.quote import KEPT_SECONDS
from darkroom.model.submitted import JobRow, ResultRow, SubmissionRow


SHA = "sha256:" + "1" * 64


def a_submission(number: int = 1) -> tuple[SubmissionRow, Letter]:
    spec = JobSpec(
        name="count", tier="reviewed", entrypoint="job:count", files={"job.py": SHA},
        environment=Environment(name="tflite", lock_hash=SHA),
        outputs={"n": Scalars(names=("n",))},
    )  # fmt: skip
    request = JobRequest(
        job_id=f"{number:032x}", spec=spec, submitter="alice", submitter_fingerprint=SHA,
        audience="north", project="p", dataset="plaza", dataset_version=SHA,
    )  # fmt: skip
    row = JobRow(request=request, submission=f"s{number}", label="north", submitted_at=1.0)
    letter = Letter(
        id=f"{number + 1000:032x}", kind="job.submit", sender="alice", recipient="north",
        sent_at=1.0, body={"request": request.to_mapping()}, attachments={"code/job.py": b"x"},
    )  # fmt: skip
    made = SubmissionRow(id=f"s{number}", name="count", project="p", created_at=number, jobs=(row,))
    return made, letter


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "jobs.sqlite"


def test_what_was_added_is_there_in_another_process(path):
    row, letter = a_submission()
    SqliteScientistStore(path).add_submission(row, [letter])

    again = SqliteScientistStore(path)

    assert again.submission("s1") == row
    assert again.submissions() == [row]
    assert again.unsent() == [letter]


def test_only_its_owner_reads_it(path):
    SqliteScientistStore(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_submission_is_kept_whole_or_not_at_all(path):
    store = SqliteScientistStore(path)
    row, letter = a_submission()
    other, _ = a_submission(2)
    store.add_submission(row, [letter])

    with pytest.raises(sqlite3.IntegrityError):  # the same letter twice
        store.add_submission(other, [letter])

    assert store.submissions() == [row]
    with pytest.raises(UnknownNameError):
        store.submission("s2")


def test_sent_once_a_letter_is_not_sent_again(path):
    store = SqliteScientistStore(path)
    row, letter = a_submission()
    store.add_submission(row, [letter])
    store.mark_sent(letter.id, 2.0)

    assert store.unsent() == []
    assert store.submission("s1").jobs[0].state == "sent"


def test_a_result_is_kept_once_and_is_the_last_word(path):
    store = SqliteScientistStore(path)
    row, letter = a_submission()
    store.add_submission(row, [letter])
    job_id = row.jobs[0].request.job_id
    result = ResultRow(release={"body": {}}, outputs={"n": b"1"}, received_at=3.0)

    assert store.put_result(job_id, result)
    assert not store.put_result(job_id, ResultRow(release={}, outputs={}, received_at=4.0))
    late = {"state": "running", "reasons": (), "seq": 9, "shards": (0, 0), "at": 5.0}
    assert not store.set_state(job_id, **late)
    assert store.result(job_id) == result
    assert store.submission("s1").jobs[0].collected


def test_two_notebooks_at_once_lose_nothing(path):
    SqliteScientistStore(path)
    failed: list[BaseException] = []

    def work(first: int) -> None:
        try:
            store = SqliteScientistStore(path)
            for number in range(first, first + 20):
                row, letter = a_submission(number)
                store.add_submission(row, [letter])
        except BaseException as error:  # noqa: BLE001 - reported below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n * 100,)) for n in range(1, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(SqliteScientistStore(path).submissions()) == 60


def test_a_quote_counts_once_and_only_from_who_was_asked(path):
    store, other = SqliteScientistStore(path), SqliteScientistStore(path)
    store.ask_quote("a" * 32, "north", 10.0)

    assert store.quote("a" * 32) is None
    assert not other.put_quote("a" * 32, "east", {"decision": "approve"}, 11.0)
    assert not other.put_quote("b" * 32, "north", {"decision": "approve"}, 11.0)
    assert other.put_quote("a" * 32, "north", {"decision": "deny"}, 11.0)
    assert not other.put_quote("a" * 32, "north", {"decision": "approve"}, 12.0)
    assert store.quote("a" * 32) == {"decision": "deny"}


def test_quotes_are_kept_for_an_hour(path):
    store = SqliteScientistStore(path)
    store.ask_quote("a" * 32, "north", 10.0)
    store.put_quote("a" * 32, "north", {"decision": "deny"}, 11.0)
    store.ask_quote("b" * 32, "north", 10.0 + KEPT_SECONDS)
    assert store.quote("a" * 32) == {"decision": "deny"}

    store.ask_quote("c" * 32, "north", 11.0 + KEPT_SECONDS)

    assert store.quote("a" * 32) is None
    assert not store.put_quote("b" * 32, "north", {}, 11.0 + 2 * KEPT_SECONDS)


def test_a_home_of_the_version_before_keeps_what_it_has(path):
    row, letter = a_submission()
    store = SqliteScientistStore(path)
    store.add_submission(row, [letter])
    store.close()
    with sqlite3.connect(path) as db:  # as the first version left it
        db.execute("DROP TABLE quote")
        db.execute("DROP TABLE messages")
        db.execute("DROP TABLE seen_head")
        db.execute("DROP TABLE stale")
        db.execute("DROP TABLE registered")
        db.execute("ALTER TABLE result DROP COLUMN receipt")
        db.execute("PRAGMA user_version = 1")
    db.close()

    again = SqliteScientistStore(path)

    assert again.submissions() == [row]
    again.ask_quote("a" * 32, "north", 1.0)
    assert again.put_quote("a" * 32, "north", {}, 1.0)


def test_a_newer_schema_is_refused(path):
    SqliteScientistStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()

    with pytest.raises(StateError, match="newer"):
        SqliteScientistStore(path)


def test_a_file_that_is_no_database_is_refused(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)

    with pytest.raises(StateError, match="cannot be used"):
        SqliteScientistStore(path)
