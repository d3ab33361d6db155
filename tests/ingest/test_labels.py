"""Labels: what is read, and what is refused with the file and the line or entry."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import DataError
from darkroom.node import labels as labels_module
from darkroom.node.labels import read_labels


CLASSES = ("person", "vehicle")


def coco(tmp_path: Path, **changes) -> Path:
    tree = {
        "images": [
            {"id": 7, "file_name": "frame_000002.jpg", "width": 100, "height": 50},
            {"id": 8, "file_name": "frame_000004.jpg"},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 10, 20, 30]},
        ],
        "categories": [{"id": 3, "name": "vehicle"}, {"id": 9, "name": "unused giraffe"}],
    }
    path = tmp_path / "coco.json"
    path.write_text(json.dumps({**tree, **changes}))
    return path


def yolo(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "yolo"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def test_coco_becomes_rows_by_frame(tmp_path):
    labels = read_labels(coco(tmp_path), "coco", classes=CLASSES)

    assert {2: [[1, -1, 10.0, 10.0, 30.0, 40.0, 1.0]], 4: []} == labels.rows(100, 50)


def test_yolo_becomes_rows_by_frame(tmp_path):
    folder = yolo(tmp_path, cam_000002="1 0.2 0.5 0.2 0.6\n\n", cam_000004="")

    labels = read_labels(folder, "yolo", classes=CLASSES)

    assert {2: [[1, -1, 10.0, 10.0, 30.0, 40.0, 1.0]], 4: []} == labels.rows(100, 50)


def test_yolo_class_names_decide_where_they_are_given(tmp_path):
    folder = yolo(tmp_path, f0="0 0.5 0.5 0.2 0.2", classes="vehicle\nperson\n")

    assert 1 == read_labels(folder, "yolo", classes=CLASSES).rows(10, 10)[0][0][0]


def test_pictures_of_a_folder_are_found_by_name(tmp_path):
    folder = yolo(tmp_path, b="0 0.5 0.5 0.2 0.2")

    labels = read_labels(folder, "yolo", classes=CLASSES, pictures=("a.png", "b.png"))

    assert [1] == list(labels.rows(10, 10))


def test_a_box_that_sticks_out_by_rounding_is_cut_to_the_picture(tmp_path):
    path = coco(
        tmp_path,
        annotations=[{"image_id": 7, "category_id": 3, "bbox": [-0.4, 10, 100.9, 40.5]}],
    )

    labels = read_labels(path, "coco", classes=CLASSES)

    assert [[1, -1, 0.0, 10.0, 100.0, 50.0, 1.0]] == labels.rows(100, 50)[2]


def entry(**changes):
    return [{"image_id": 7, "category_id": 3, "bbox": [10, 10, 20, 30], **changes}]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"annotations": entry(category_id=4)}, r"annotations\[0\]: class 4"),
        ({"annotations": entry(category_id=9)}, "class 'unused giraffe' is not one of person"),
        ({"annotations": entry(image_id=99)}, r"annotations\[0\]: there is no image 99"),
        ({"annotations": entry(bbox=[1, 2, 3])}, r"annotations\[0\]: bbox"),
        ({"annotations": entry(bbox=[1, 2, 3, "4"])}, r"annotations\[0\]: bbox"),
        ({"annotations": entry(bbox=[90, 10, 20, 30])}, r"annotations\[0\]: the box lies outside"),
        ({"annotations": entry(bbox=[10, 10, 0, 30])}, r"annotations\[0\]: the box"),
        ({"annotations": entry(bbox=[1e308, 1e308, 1e308, 1])}, r"annotations\[0\]: the box"),
        ({"annotations": {}}, "no list of annotations"),
        ({"categories": None}, "no list of categories"),
        ({"images": [{"id": 1, "file_name": "cover.jpg"}]}, r"images\[0\]: 'cover' names no frame"),
        (
            {"images": [{"id": 7, "file_name": "a2.jpg"}, {"id": 8, "file_name": "b2.jpg"}]},
            r"images\[1\]: the picture is there twice",
        ),
        (
            {"images": [{"id": 7, "file_name": "f2.jpg", "width": 64, "height": 50}]},
            r"images\[0\]: drawn on \(64, 50\), the footage has \(100, 50\)",
        ),
    ],
)
def test_wrong_coco_is_refused_by_entry(tmp_path, changes, said):
    with pytest.raises(DataError, match=said) as caught:
        read_labels(coco(tmp_path, **changes), "coco", classes=CLASSES).rows(100, 50)

    assert "coco.json" in caught.value.message
    assert caught.value.next_step


def test_broken_json_is_refused_by_line(tmp_path):
    path = tmp_path / "coco.json"
    path.write_text('{"images": [],\n "annotations": [}\n')

    with pytest.raises(DataError, match=r"coco\.json, line 2: is not JSON"):
        read_labels(path, "coco", classes=CLASSES)


def test_json_without_end_is_refused(tmp_path):
    path = tmp_path / "coco.json"
    path.write_text("[" * 200_000)

    with pytest.raises(DataError, match="is not JSON"):
        read_labels(path, "coco", classes=CLASSES)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("7 0.5 0.5 0.2 0.2", "class 7 is not one of 0 to 1"),
        ("-1 0.5 0.5 0.2 0.2", "class -1"),
        ("0 0.5 0.5 0.2", "is not `class x y width height`"),
        ("person 0.5 0.5 0.2 0.2", "is not `class x y width height`"),
        ("0 0.9 0.5 0.4 0.2", "the box lies outside"),
        ("0 nan 0.5 0.4 0.2", "the box lies outside"),
        ("0 50 20 10 10", "the box lies outside"),
        ("0 0.5 0.5 0 0.2", "no area"),
    ],
)
def test_wrong_yolo_is_refused_by_line(tmp_path, line, said):
    folder = yolo(tmp_path, f_000001=f"0 0.5 0.5 0.2 0.2\n{line}\n")

    with pytest.raises(DataError, match=said) as caught:
        read_labels(folder, "yolo", classes=CLASSES).rows(100, 50)

    assert "f_000001.txt, line 2" in caught.value.message


def test_names_that_match_no_picture_are_refused(tmp_path):
    folder = yolo(tmp_path, c="0 0.5 0.5 0.2 0.2")

    with pytest.raises(DataError, match=r"c\.txt: there is no picture 'c'"):
        read_labels(folder, "yolo", classes=CLASSES, pictures=("a.png", "b.png"))


def test_unknown_names_in_classes_txt_are_refused(tmp_path):
    folder = yolo(tmp_path, f0="", classes="person\ngiraffe\n")

    with pytest.raises(DataError, match=r"classes\.txt: class 'giraffe'"):
        read_labels(folder, "yolo", classes=CLASSES)


def test_labels_behind_the_last_frame_are_refused(tmp_path):
    labels = read_labels(coco(tmp_path), "coco", classes=CLASSES)

    labels.require_within(5)
    with pytest.raises(DataError, match=r"images\[1\]: frame 4, but the footage has 4"):
        labels.require_within(4)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no \.txt labels"):
        read_labels(yolo(tmp_path), "yolo", classes=CLASSES)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("any")
    (folder / "f_1.txt").write_text(text, encoding="utf-8", errors="replace")
    (folder / "c.json").write_text(text, encoding="utf-8", errors="replace")

    for path, kind in ((folder, "yolo"), (folder / "c.json", "coco")):
        try:
            read_labels(path, kind, classes=CLASSES).rows(100, 100)
        except DataError:
            continue


@pytest.mark.parametrize(
    ("cap", "said"), [("MOST_BYTES", "longer than"), ("MOST_FILES", "more than 1 files")]
)
def test_labels_beyond_the_caps_are_refused(tmp_path, monkeypatch, cap, said):
    folder = yolo(tmp_path, f_1="0 0.5 0.5 0.1 0.1", f_2="0 0.5 0.5 0.1 0.1")
    monkeypatch.setattr(labels_module, cap, 1)
    with pytest.raises(DataError, match=said):
        read_labels(folder, "yolo", classes=CLASSES)


def test_what_cannot_be_read_is_told_by_name(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        read_labels(tmp_path / "none", "yolo", classes=CLASSES)
    with pytest.raises(DataError, match="cannot be read"):
        read_labels(tmp_path / "none.json", "coco", classes=CLASSES)
    latin = tmp_path / "latin.json"
    latin.write_bytes(b'{"images": "\xe4"}')
    with pytest.raises(DataError, match="UTF-8"):
        read_labels(latin, "coco", classes=CLASSES)


def test_one_frame_is_labelled_once(tmp_path):
    folder = yolo(tmp_path, cam_000001="0 0.5 0.5 0.1 0.1", cam_1="0 0.5 0.5 0.1 0.1")
    with pytest.raises(DataError, match="frame 1 is labelled twice"):
        read_labels(folder, "yolo", classes=CLASSES)


def test_an_id_is_a_whole_number(tmp_path):
    wrong = [{"id": 1, "image_id": "7", "category_id": 3, "bbox": [10, 10, 20, 30]}]
    with pytest.raises(DataError, match="image_id is not a whole number"):
        read_labels(coco(tmp_path, annotations=wrong), "coco", classes=CLASSES)
