"""Finished jobs move out of the box whole, and are found again."""

from pathlib import Path

import pytest

from darkroom.adapters.pysyft.archive import Archive
from darkroom.adapters.pysyft.job_records import JobRecords, Record, read_record
from darkroom.errors import StateError, UnknownNameError


NORTH = "north@darkroom"


class Shelf:
    """Jobs on disk as a box has them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = JobRecords(folder / "box-jobs")
        self.archive = Archive(folder / "box-archive")

    def job(self, name: str, number: int = 1) -> Record:
        record = Record(job_id=f"{number:032x}", datasite=NORTH, name=name, forms={})
        self.records.put(record)
        submission, review = self.places(record)
        (submission / "code").mkdir(parents=True)
        (submission / "code" / "main.py").write_text("print(1)")
        (review / "outputs").mkdir(parents=True)
        (review / "outputs" / "n.json").write_text("{}")
        (review / "state.yaml").write_text("status: done\nreview_reason: released by olga\n")
        (review / "stdout.txt").write_text("hello")
        return record

    def places(self, record: Record) -> tuple[Path, Path]:
        return self.folder / "in" / record.name, self.folder / "out" / record.name

    def put(self, record: Record) -> None:
        submission, review = self.places(record)
        path = self.records.path(record.datasite, record.name)
        self.archive.put(record, record_path=path, submission=submission, review=review)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_a_job_moves_whole(shelf):
    record = shelf.job("count")
    shelf.put(record)

    job = shelf.archive["count"]
    assert (job.status, job.review_reason, job.stdout) == ("done", "released by olga", "hello")
    assert [p.name for p in job.output_paths] == ["n.json"]
    assert (job.code_dir / "main.py").read_text() == "print(1)"
    assert not any(place.exists() for place in shelf.places(record))
    assert list(shelf.records.all()) == []
    assert "count (done) -> north@darkroom" in repr(shelf.archive)


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_an_interrupted_move_is_finished_by_the_next(shelf, moved):
    record = shelf.job("count")
    target = shelf.archive.folder / NORTH / f"count-{record.job_id[:8]}"
    target.mkdir(parents=True)
    for place, name in list(zip(shelf.places(record), ("submission", "review"), strict=True))[
        :moved
    ]:
        place.rename(target / name)
    assert len(shelf.archive) == 0  # until its record is there it is not archived

    shelf.put(record)

    assert shelf.archive["count"].status == "done"


def test_a_job_that_came_back_into_the_box_moves_again(shelf):
    record = shelf.job("count")
    left = shelf.archive.folder / NORTH / f"count-{record.job_id[:8]}" / "submission"
    left.mkdir(parents=True)
    (left / "half.py").write_text("")

    shelf.put(record)

    job = shelf.archive["count"]
    assert [p.name for p in job.code_dir.parent.rglob("*.py")] == ["main.py"]


def test_several_of_one_name_stay_apart(shelf):
    for number in (0x10000000, 0x20000000):
        shelf.put(shelf.job("count", number << 96))

    assert len(shelf.archive) == 2
    assert shelf.archive[0].path != shelf.archive[1].path


def test_what_is_not_there_is_said(shelf):
    assert list(shelf.archive) == []
    assert repr(shelf.archive) == "no job is archived yet"
    with pytest.raises(UnknownNameError, match="no job 'count' is archived"):
        shelf.archive["count"]


def test_a_disk_that_does_not_take_it_is_said(shelf, tmp_path):
    (tmp_path / "box-archive").write_text("in the way")

    with pytest.raises(StateError, match="cannot be archived"):
        shelf.put(shelf.job("count"))


# ------------------------------------------------------------------------------- records


def test_a_name_is_claimed_once(shelf):
    record = shelf.job("count")
    other = Record(job_id="f" * 32, datasite=NORTH, name="count", forms={})

    with pytest.raises(FileExistsError):
        shelf.records.claim(other)

    assert list(shelf.records.of(NORTH)) == [record]
    shelf.records.drop(record)
    shelf.records.claim(other)
    assert list(shelf.records.of(NORTH)) == [other]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"job_id": 3, "datasite": "d", "name": "n", "forms": {}}',
        '{"job_id": "' + "a" * 32 + '", "datasite": "d", "name": "../n", "forms": {}}',
        '{"job_id": "' + "a" * 32 + '", "datasite": "d", "name": "n", "forms": 3}',
    ],
)
def test_a_damaged_record_is_left_out(tmp_path, text):
    path = tmp_path / "record.json"
    path.write_text(text)

    assert read_record(path) is None


def test_a_record_under_another_name_is_left_out(shelf):
    shelf.job("count")
    path = shelf.records.path(NORTH, "count")
    path.rename(path.with_name("other.json"))

    assert list(shelf.records.all()) == []
