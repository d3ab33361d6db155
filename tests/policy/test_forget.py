"""Which pieces an order to forget takes, and what is left of a version."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import InputError
from darkroom.model.dataset import Camera, DatasetCard, Manifest, Segment
from darkroom.model.forget import LAST_DATE, Forget
from darkroom.policy.forget import end_of, made_from, may_have, touched, without


FPS = {"a": 2.0, "b": 0.5}
TIMES = st.integers(0, 600).map(float)


def order(camera="a", since=0.0, until=60.0, **more):
    return Forget(**{"id": "0" * 32, "dataset": "", "camera": camera, "since": since,
                     "until": until, **more})  # fmt: skip


@st.composite
def manifests(draw):
    minutes = {
        (camera, minute): draw(st.integers(1, 30))
        for camera in FPS
        for minute in draw(st.sets(st.integers(0, 9), min_size=1))
    }
    segments = tuple(
        Segment(
            camera=camera, minute=minute, first=int(60 * minute * FPS[camera]), frames=frames,
            start=60.0 * minute, split="train" if minute % 2 else "test",
            sha256=f"{number:064x}", size=1,
        )
        for number, ((camera, minute), frames) in enumerate(minutes.items())
    )  # fmt: skip
    return Manifest(
        dataset="plaza", face="private", classes=(), annotations="none", segments=segments,
        source="test", masks={"a": [[[0, 0], [1, 0], [1, 1]]], "b": []},
        cameras=tuple(
            Camera(
                id=camera, width=8, height=8, fps=fps,
                frames=sum(s.frames for s in segments if s.camera == camera),
            )
            for camera, fps in FPS.items()
        ),
    )  # fmt: skip


@st.composite
def orders(draw):
    since, length = draw(TIMES), draw(st.integers(1, 300))
    return order(draw(st.sampled_from("abc")), since, since + length)


@given(manifests(), st.lists(orders(), max_size=4))
def test_no_frame_that_an_order_names_is_left_and_nothing_else_goes_but_its_piece(manifest, given):
    rest = without(manifest, given)
    left = rest.segments if rest else ()
    assert set(left) | set(touched(manifest, given)) == set(manifest.segments)
    for segment in manifest.segments:
        frames = [segment.start + n / FPS[segment.camera] for n in range(segment.frames)]
        named = any(
            o.camera == segment.camera and o.since <= at < o.until for o in given for at in frames
        )
        if named:
            assert segment not in left  # a frame that is named goes
        if segment not in left:
            end = end_of(segment, FPS[segment.camera])
            assert any(
                o.camera == segment.camera and segment.start < o.until and o.since < end
                for o in given
            )  # what goes touches an order
    if rest is not None and rest is not manifest:
        assert made_from(rest) == manifest.version
        assert {c.id: c.frames for c in rest.cameras} == {
            c: n for c in FPS if (n := sum(s.frames for s in left if s.camera == c))
        }
        assert without(rest, given) is rest  # again: nothing more
        assert set(rest.masks) <= {c.id for c in rest.cameras}
        assert Manifest.from_mapping(rest.to_mapping()) == rest


@given(manifests())
def test_an_order_for_another_dataset_or_camera_takes_nothing(manifest):
    assert without(manifest, [order("c"), order("a", dataset="yard")]) is manifest
    assert made_from(manifest) == ""


@pytest.mark.parametrize(
    ("camera", "last", "may"),
    [("a", 50.0, True), ("a", None, True), ("a", 20.0, False), ("b", 50.0, False)],
)
def test_a_version_that_is_gone_may_have_had_frames_as_far_as_its_card_tells(camera, last, may):
    card = DatasetCard(
        domain="north", name="plaza", version="sha256:" + "1" * 64, description="",
        cameras=(Camera(id="a", width=8, height=8, fps=1.0, frames=9),), classes=(),
        annotations="none", split_frames={}, start=0.0,
    )  # fmt: skip
    assert may_have(card, last, order(camera, 30.0, 40.0)) is may
    assert not may_have(replace(card, start=60.0), None, order(camera, 30.0, 40.0))


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "x"}, {"id": 7}, {"camera": "../x"}, {"camera": 7}, {"dataset": None},
        {"dataset": "../x"}, {"since": 60.0}, {"since": float("nan")}, {"until": LAST_DATE + 1.0},
        {"until": "60"}, {"since": True}, {"words": "x" * 501}, {"words": "a\x00b"}, {"more": 1},
    ],
)  # fmt: skip
def test_an_order_of_any_origin_is_read_strictly(changed):
    said = order().to_mapping()
    assert Forget.from_mapping(said) == order()
    with pytest.raises(InputError):
        Forget.from_mapping(said | changed)
    for name in said:
        with pytest.raises(InputError):
            Forget.from_mapping({n: v for n, v in said.items() if n != name})
