"""How a domain is set up. Its mistakes, with their lines: tests/config/test_config.py."""

import pytest
from hypothesis import given, settings

from darkroom.errors import SpecError
from darkroom.model.camera_config import MAX_MASKS, CameraConfig
from darkroom.model.domain_config import DomainConfig
from tests.model.shapes import DOMAINS, JSON


SQUARE = ((0, 0), (9, 0), (9, 9))


@settings(max_examples=40, deadline=None)
@given(DOMAINS)
def test_what_is_written_is_what_is_read(mapping):
    domain = DomainConfig.from_mapping(mapping)
    assert mapping["domain"] == domain.domain
    assert [c["masks"] for c in mapping["cameras"]] == [
        [[[*point] for point in mask] for mask in camera.masks] for camera in domain.cameras
    ]
    for written in mapping.get("datasets", ()):
        dataset = domain.dataset(written["name"])
        assert [*domain.cameras_of(dataset)] == [
            c.id for c in domain.cameras if not dataset.cameras or c.id in dataset.cameras
        ]


@given(JSON)
def test_anything_else_is_refused_with_our_error(value):
    with pytest.raises(SpecError):
        DomainConfig.from_mapping(value)


def test_masks_are_bounded_in_number():
    CameraConfig(id="door", masks=(SQUARE,) * MAX_MASKS)
    with pytest.raises(SpecError, match="more than 64 masks") as caught:
        CameraConfig(id="door", masks=(SQUARE,) * (MAX_MASKS + 1))
    assert ("masks",) == caught.value.where
