"""What may be ingested: a video, a folder of pictures; all else is named and refused."""

import pytest

from darkroom.errors import DataError, SpecError
from darkroom.node import footage_source as sources
from darkroom.node.footage_source import footage_source


TRIANGLE = [[0, 0], [9, 0], [9, 9]]


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("frame-10.jpg", "frame-9.jpg", ".frame-1.jpg", "notes.txt"):
        (folder / name).write_bytes(name.encode())
    (folder / "frame-0.jpg").symlink_to(folder / "frame-9.jpg")
    return folder


def test_pictures_are_taken_in_reading_order_without_links_and_hidden_files(pictures):
    source = footage_source(pictures, camera="c", start=7.9)

    assert source.pictures == ("frame-9.jpg", "frame-10.jpg")
    assert (source.frames, source.fps, source.start) == (2, 1.0, 7.0)


def test_the_same_pictures_are_the_same_source_and_others_are_not(pictures):
    before = footage_source(pictures, camera="c").identity
    assert footage_source(pictures, camera="c").identity == before
    (pictures / "frame-9.jpg").write_bytes(b"other")
    assert footage_source(pictures, camera="c").identity != before


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no pictures"):
        footage_source(tmp_path, camera="c")


def test_more_pictures_than_a_dataset_may_have_are_refused_before_they_are_read(
    pictures, monkeypatch
):
    monkeypatch.setattr(sources, "MOST_PICTURES", 1)
    with pytest.raises(DataError, match="more than 1 pictures"):
        footage_source(pictures, camera="c")


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="neither a file nor a folder"):
        footage_source(tmp_path / "none.mp4", camera="c")


def test_a_picture_that_vanishes_is_told_by_name(pictures, monkeypatch):
    listed = sources._listed

    def late(folder):
        names = listed(folder)
        (folder / names[0]).unlink()
        return names

    monkeypatch.setattr(sources, "_listed", late)
    with pytest.raises(DataError, match=r"frame-9\.jpg cannot be read"):
        footage_source(pictures, camera="c", start=0.0)


def test_a_camera_has_so_many_masks(pictures):
    most = (TRIANGLE,) * sources.MOST_POLYGONS
    assert len(footage_source(pictures, camera="c", masks=most).masks) == sources.MOST_POLYGONS
    with pytest.raises(SpecError, match="more than 64 masks"):
        footage_source(pictures, camera="c", masks=(*most, TRIANGLE))
