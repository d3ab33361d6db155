"""A job is cut into shards: nothing twice, nothing left out, no worker much longer than needed."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.dataset import Camera, Manifest, Segment
from darkroom.model.shard import Shard, cut


def manifest(frames: dict[str, list[int]]) -> Manifest:
    """Cameras with so many frames in each of their minutes."""
    return Manifest(
        dataset="plaza",
        face="private",
        cameras=tuple(
            Camera(id=name, width=32, height=32, fps=1.0, frames=sum(minutes), masked=False)
            for name, minutes in frames.items()
        ),
        classes=("person",),
        annotations="none",
        segments=tuple(
            Segment(
                camera=name,
                minute=minute,
                first=60 * minute,
                frames=count,
                start=60.0 * minute,
                split="train",
                sha256=f"{index:02x}{minute:02x}" * 16,
                size=1,
                annotations="",
            )
            for index, (name, minutes) in enumerate(frames.items())
            for minute, count in enumerate(minutes)
        ),
        source="test",
        masks={},
    )


footage = st.dictionaries(
    st.sampled_from(["arcade", "fountain", "gate", "steps", "walk"]),
    st.lists(st.integers(1, 60), min_size=1, max_size=6),
    min_size=1,
)


@given(footage, st.integers(1, 8))
def test_by_camera_each_is_whole_with_one_worker(frames, workers):
    shards = cut(manifest(frames), "camera", workers)
    if len(shards) == 1:
        assert shards == [Shard()]
        assert min(workers, len(frames)) == 1
        return
    assert len(shards) == min(workers, len(frames))
    assert sorted(c for shard in shards for c in shard.cameras) == sorted(frames)
    assert all(shard.cameras and shard.minutes is None for shard in shards)


@given(footage, st.integers(2, 8))
def test_by_minute_every_segment_is_with_one_worker(frames, workers):
    every = Counter((c, m) for c, minutes in frames.items() for m in range(len(minutes)))
    shards = cut(manifest(frames), "minute", workers)
    if len(shards) == 1:
        assert sum(every.values()) == 1
        return
    assert Counter(each for shard in shards for each in shard.minutes) == every
    for shard in shards:
        assert set(shard.cameras) == {camera for camera, _ in shard.minutes}
    loads = [sum(frames[c][m] for c, m in shard.minutes) for shard in shards]
    best = max(sum(loads) / len(shards), *(max(m) for m in frames.values()))
    assert max(loads) <= best * 2  # Graham's bound, loosened: the best cut itself is not known


@pytest.mark.parametrize("workers", [1, 4])
def test_a_job_that_is_not_split_is_one_shard_that_sees_all(workers):
    frames = {"arcade": [5, 5], "steps": [5]}
    assert cut(manifest(frames), "", workers) == [Shard()]
    assert Shard().to_mapping() == {"cameras": None, "minutes": None}


def test_one_camera_is_shared_by_its_minutes():
    shards = cut(manifest({"steps": [60, 60, 60, 30]}), "minute", 2)
    assert shards == [
        Shard(cameras=("steps",), minutes=(("steps", 0), ("steps", 2))),
        Shard(cameras=("steps",), minutes=(("steps", 1), ("steps", 3))),
    ]
