"""The public card: coarse facts, the owner's words, nothing that was measured on pixels."""

from dataclasses import replace

from darkroom.model.dataset import DatasetCard
from darkroom.node.dataset_card import card_of
from tests.footage.faces import make_face


def card(manifest, **changes):
    words = {"domain": "north", "description": "A yard.", "look": {"light": "day"}}
    return card_of(manifest, **(words | changes))


def test_a_card_tells_the_manifest_coarsely_and_the_owners_words(tmp_path):
    manifest = make_face(tmp_path / "face", minutes=3)
    late = tuple(replace(s, start=s.start + 7_250.5) for s in manifest.segments)

    told = card(replace(manifest, segments=late))

    assert "A yard." == told.description
    assert {"light": "day"} == told.look
    assert {"train": 6, "test": 3} == told.split_frames
    assert 7_200 == told.start  # the hour, not the second
    assert manifest.cameras == told.cameras
    assert told.version == replace(manifest, segments=late).version


def test_a_card_is_a_function_of_shapes_and_words_alone(tmp_path):
    """Two recordings that differ in every pixel have cards that differ in the version only."""
    one = card(make_face(tmp_path / "one", seed=1))
    other = card(make_face(tmp_path / "other", seed=2))

    assert one.version != other.version
    assert replace(one, version=other.version) == other


def test_a_card_names_no_segment_mask_or_source(tmp_path):
    manifest = replace(
        make_face(tmp_path / "face"),
        masks={"cam-1": [[[7, 11], [13, 17], [19, 23]]]},
        source="cam-1: video sha256:secret",
    )

    told = str(card(manifest).to_mapping())

    for hidden in (manifest.segments[0].sha256, manifest.segments[0].annotations, "secret", "17"):
        assert hidden not in told.replace(manifest.version, "")


def test_a_card_survives_the_wire(tmp_path):
    told = card(make_face(tmp_path / "face"))

    assert told == DatasetCard.from_mapping(told.to_mapping())
