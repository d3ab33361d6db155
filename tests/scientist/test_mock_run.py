"""The same programs as at a domain, on a generated face; the author's own line in errors."""

from dataclasses import replace
from pathlib import Path

import pytest

import darkroom
from darkroom.bootstrap.mock_shop import LocalMockRunner, MockFaces
from darkroom.errors import InputError, JobFailedError, OutputError, SpecError
from darkroom.model.airlock import Airlock
from darkroom.model.dataset import Camera
from darkroom.scientist.domain import RemoteDataset
from tests.scientist.conftest import a_card


CAMERAS = tuple(Camera(id=f"cam{n}", width=64, height=48, fps=2.0, frames=6) for n in range(2))


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return MockFaces(tmp_path_factory.mktemp("mocks"), say=lambda _: None)


@pytest.fixture
def dataset(bench, faces, tmp_path):
    """north/plaza with two small cameras and a real mock."""
    ring = bench.domains["north"].keyring
    card = a_card("north", cameras=CAMERAS)
    bench.exchange.cards["north"] = [ring.sign("card", card.to_mapping())]
    bench.session._mocks = faces
    bench.session.run_mock = LocalMockRunner(tmp_path / "runs")
    return bench.dataset()


ROWS = darkroom.Table(columns={"camera": "text", "frames": "int"}, max_rows=2)


def frames_of(data):
    return [(c.id, data.count(camera=c.id)) for c in data.cameras]


@darkroom.job(outputs={"rows": ROWS, "sums": darkroom.Scalars(names=("frames",))}, split="camera")
def count(data, params):
    print("hello from the job")
    return {"rows": frames_of(data), "sums": {"frames": data.count()}}


def add(parts, params):
    return {"rows": [row for p in parts for row in p["rows"]], "sums": {"frames": len(parts)}}


def test_a_split_job_is_split_and_joined_on_mock_too(dataset):
    result = count.run_on_mock(dataset)

    assert result["rows"].to_dict("list") == {"camera": ["cam0", "cam1"], "frames": [6, 6]}
    assert result["sums"] == {"frames": 12}
    assert result.summary["outputs"]["rows"] == {"type": "table", "rows": 2, "bytes": 75}
    assert "hello from the job" in result.log
    assert "on the mock of north/plaza: 12 frames" in repr(result)


def test_a_job_split_by_minute_sees_each_minute_with_one_worker(dataset):
    @darkroom.job(
        outputs={
            "minutes": darkroom.Table(
                columns={"camera": "text", "minute": "int", "frames": "int"}, max_rows=8
            ),
            "sums": darkroom.Scalars(names=("frames",)),
        },
        split="minute",
    )
    def by_minute(data, params):
        seen = {}
        for frame in data.frames():
            seen[frame.camera, frame.minute] = seen.get((frame.camera, frame.minute), 0) + 1
        rows = [(camera, minute, count) for (camera, minute), count in seen.items()]
        return {"minutes": rows, "sums": {"frames": data.count()}}

    result = by_minute.run_on_mock(dataset)

    rows = result["minutes"]
    assert [*zip(rows["camera"], rows["minute"], strict=True)] == [
        ("cam0", 0), ("cam0", 1), ("cam1", 0), ("cam1", 1)
    ]  # fmt: skip
    assert rows["frames"].sum() == 12
    assert result["sums"] == {"frames": 12}


def test_an_own_merge_gets_the_parts(dataset):
    merged = darkroom.job(
        count.function, outputs=count.outputs, split="camera", merge=add, name="merged"
    )

    result = merged.run_on_mock(dataset)

    assert result["sums"] == {"frames": 2}
    assert len(result["rows"]) == 2


def test_mock_results_pass_the_airlock_that_the_domain_publishes(dataset):
    airlock = Airlock(min_count=5, round_counts=10)
    counted = darkroom.Scalars(names=("frames", "few"), counts=("frames", "few"))

    @darkroom.job(outputs={"sums": counted})
    def rounded(data, params):
        return {"sums": {"frames": data.count(), "few": 4}}

    there = RemoteDataset(
        dataset.card, session=dataset.session, renderer=dataset._renderer, airlock=airlock
    )

    assert rounded.run_on_mock(dataset)["sums"] == {"frames": 12, "few": 4}
    assert rounded.run_on_mock(there)["sums"] == {"frames": 10, "few": 0}


def test_what_the_airlock_refuses_is_told_to_the_author_in_full(dataset):
    @darkroom.job(outputs={"rows": darkroom.Table(columns={"note": "text"}, max_rows=9)})
    def smuggle(data, params):
        return {"rows": [("aGk3Zq1xX9Lw" * 4,)]}

    with pytest.raises(OutputError) as caught:
        smuggle.run_on_mock(dataset)

    assert "column note holds texts that look encoded" in caught.value.message
    assert "aGk3" not in str(caught.value)


def test_the_same_run_is_not_done_twice(dataset):
    assert count.run_on_mock(dataset) is count.run_on_mock(dataset)


def test_submit_tells_the_owner_what_it_did_on_mock(bench, dataset):
    count.submit(dataset)

    (letter,) = bench.domains["north"].inbox()
    assert letter.body["mock"]["frames"] == 12
    assert letter.body["mock"]["seconds"] > 0
    assert letter.body["request"]["spec"]["split"] == "camera"


def test_a_carried_file_is_found(dataset):
    @darkroom.job(
        outputs={"sums": darkroom.Scalars(names=("bytes",))}, files={"note.txt": b"twelve bytes"}
    )
    def read(data, params):
        return {"sums": {"bytes": Path(darkroom.code_path("files/note.txt")).stat().st_size}}

    assert read.run_on_mock(dataset)["sums"] == {"bytes": 12}


# ------------------------------------------------------------------------------- bad input


def broken(data, params):
    first = next(data.frames())
    return first.no_such_thing


def test_an_error_points_at_the_authors_line(dataset):
    job = darkroom.job(broken, outputs={"rows": ROWS})

    with pytest.raises(JobFailedError) as failed:
        job.run_on_mock(dataset)

    assert "AttributeError" in failed.value.message
    assert "return first.no_such_thing" in failed.value.message
    assert __file__ in failed.value.message


def test_code_that_fails_on_mock_is_not_sent(bench, dataset):
    job = darkroom.job(broken, outputs={"rows": ROWS})

    with pytest.raises(JobFailedError):
        job.submit(dataset)

    assert bench.domains["north"].inbox() == []
    assert len(bench.session.jobs) == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"rows": [], "frame": b"\xff\xd8\xff"}, "undeclared"),
        ({}, "lacks rows"),
        ({"rows": [("cam0", 1)] * 3}, "more than 2 rows"),
        ({"rows": [("cam0", 1.5)]}, "float in an int column"),
        ({"rows": [("x" * 200, 1)]}, "longer than 80"),
        (7, "not a dict"),
    ],
)
def test_an_output_that_was_not_declared_like_that_is_refused(dataset, value, said):
    @darkroom.job(outputs={"rows": ROWS})
    def wrong(data, params):
        return value

    with pytest.raises(OutputError, match=said) as refused:
        wrong.run_on_mock(dataset)
    assert refused.value.next_step


def test_an_image_cannot_even_be_declared():
    with pytest.raises(SpecError, match="declared as str") as refused:

        @darkroom.job(outputs={"frame": "image"})
        def show(data, params):
            return {}

    assert "images never leave" in refused.value.next_step


def test_a_job_that_hangs_is_stopped(dataset):
    @darkroom.job(outputs={"rows": ROWS}, limits=darkroom.Limits(wall_seconds=1))
    def hang(data, params):
        while True:
            pass

    with pytest.raises(JobFailedError, match="wall clock"):
        hang.run_on_mock(dataset)


def test_nobody_to_ask_is_an_error():
    with pytest.raises(InputError, match="nobody to ask"):
        count.submit([])


def test_a_wrong_parameter_is_named(dataset):
    with pytest.raises(SpecError, match=r"threshold.* is not declared"):
        count.submit(dataset, threshold=1.0)


def test_a_function_of_other_arguments_is_refused():
    def job(frames):
        return {}

    with pytest.raises(InputError, match=r"\(data, params\)"):
        darkroom.job(job, outputs={"rows": ROWS})


def test_a_mock_that_may_use_other_values_is_said_to_the_owner(bench, dataset):
    @darkroom.job(outputs={"sums": darkroom.Scalars(names=("n",))}, parameters={"steps": int})
    def train(data, params):
        return {"sums": {"n": params["steps"]}}

    train.submit(dataset, steps=100, on_mock={"steps": 2})

    (letter,) = bench.domains["north"].inbox()
    assert letter.body["mock"]["parameters"] == {"steps": 2}
    assert letter.body["request"]["parameters"] == {"steps": 100}


def test_a_changed_card_gives_another_mock(faces):
    one = faces.face(a_card("north", cameras=CAMERAS))
    other = faces.face(replace(a_card("north", cameras=CAMERAS), version="sha256:" + "9" * 64))

    assert one != other
