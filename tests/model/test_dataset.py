import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from darkroom.errors import SpecError
from darkroom.model.dataset import Camera, DatasetCard, Manifest, Segment
from tests.model.shapes import CARDS, JSON, MANIFESTS


relaxed = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)


@relaxed
@given(CARDS)
def test_a_card_survives_the_wire(card):
    assert DatasetCard.from_mapping(json.loads(json.dumps(card.to_mapping()))) == card
    assert card.frames == sum(camera.frames for camera in card.cameras)


@relaxed
@given(MANIFESTS)
def test_a_manifest_survives_the_disk_with_its_version(manifest):
    again = Manifest.from_mapping(json.loads(json.dumps(manifest.to_mapping())))
    assert again == manifest
    assert again.version == manifest.version


@relaxed
@given(MANIFESTS)
def test_every_change_is_another_version(manifest):
    others = [
        replace(manifest, dataset="another" if manifest.dataset != "another" else "one-more"),
        replace(manifest, face="mock" if manifest.face == "private" else "private"),
        replace(manifest, source=manifest.source + "x"),
        replace(manifest, classes=(*manifest.classes, "one more")),
        replace(manifest, masks={"cam": [[[0, 0], [1, 1], [2, 0]]]}),
        replace(manifest, annotations="model"),
        replace(
            manifest,
            segments=(
                *manifest.segments,
                Segment(
                    camera="c", minute=0, first=0, frames=1, start=0.0, split="test",
                    sha256="0" * 64, size=1,
                ),
            ),
        ),
    ]  # fmt: skip
    assert len({manifest.version, *(o.version for o in others)}) == len(others) + 1


@relaxed
@given(JSON)
def test_anything_else_is_refused_with_our_error(value):
    for read in (DatasetCard.from_mapping, Manifest.from_mapping):
        with pytest.raises(SpecError):
            read(value)


CARD = {
    "domain": "north", "name": "plaza", "version": "sha256:" + "0" * 64, "description": "",
    "cameras": [{"id": "c", "width": 1, "height": 1, "fps": 1.0, "frames": 1, "masked": False}],
    "classes": ["person"], "annotations": "none", "split_frames": {"train": 0, "test": 1},
    "start": 0, "look": {},
}  # fmt: skip


@pytest.mark.parametrize("field", [f for f in CARD if f not in ("description", "look")])
@pytest.mark.parametrize("value", [None, -7.5, "x y", {"a": 1}, [None]], ids=repr)
def test_a_card_from_a_hostile_domain_is_refused_and_not_a_crash(field, value):
    if (field, value) == ("start", -7.5):
        return  # a time like any other
    with pytest.raises(SpecError):
        DatasetCard.from_mapping({**CARD, field: value})


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0}, {"height": -1}, {"fps": 0}, {"fps": float("nan")}, {"frames": 0},
        {"id": "A"}, {"width": "1"}, {"fps": None}, {"frames": True},
    ],
    ids=str,
)  # fmt: skip
def test_a_camera_has_pixels_frames_and_a_rate(change):
    good = {"id": "c", "width": 1, "height": 1, "fps": 1.0, "frames": 1}
    with pytest.raises(SpecError):
        Camera(**{**good, **change})


def test_a_card_without_a_camera_is_refused():
    with pytest.raises(SpecError, match="has a camera"):
        DatasetCard.from_mapping({**CARD, "cameras": []})


SEGMENT = {
    "camera": "c", "minute": 0, "first": 0, "frames": 1, "start": 0.0, "split": "test",
    "sha256": "0" * 64, "size": 1,
}  # fmt: skip
MANIFEST = {
    "dataset": "plaza", "face": "private", "cameras": CARD["cameras"], "classes": ["person"],
    "annotations": "none", "segments": [SEGMENT], "source": "clip",
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "0" * 63}, {"sha256": "A" * 64}, {"annotations": "0"}, {"minute": -1},
        {"first": 0.5}, {"size": True}, {"frames": 0}, {"start": float("inf")},
        {"split": "both"}, {"camera": "C"},
    ],
    ids=str,
)  # fmt: skip
def test_a_segment_names_its_bytes_and_its_place(change):
    assert Manifest.from_mapping({**MANIFEST, "segments": [SEGMENT]})
    with pytest.raises(SpecError):
        Manifest.from_mapping({**MANIFEST, "segments": [{**SEGMENT, **change}]})


@pytest.mark.parametrize(
    "change",
    [
        {"face": "public"}, {"classes": [1]}, {"annotations": "guess"}, {"source": None},
        {"masks": []}, {"dataset": "Plaza"}, {"classes": "person"}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_manifest_with_a_field_of_the_wrong_type_is_refused(change):
    with pytest.raises(SpecError):
        Manifest.from_mapping({**MANIFEST, **change})
