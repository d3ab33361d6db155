"""Pictures and plots: rendered, labelled, and nothing foreign unescaped."""

import base64
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from darkroom.display import pictures, plots
from darkroom.model.detection import Annotations, Detections


IMAGE = np.full((48, 64, 3), 90, np.uint8)


def a_frame(**changed):
    truth = Annotations.of(xyxy=[[10, 10, 30, 40]], class_id=[0])
    fields = {"image": IMAGE, "camera": "cam1", "index": 3, "split": "test", "annotations": truth}
    return SimpleNamespace(**{**fields, **changed})


def decode(page: str) -> np.ndarray:
    data = re.search(r"base64,([A-Za-z0-9+/=]+)", page)
    assert data
    return cv2.imdecode(np.frombuffer(base64.b64decode(data[1]), np.uint8), cv2.IMREAD_COLOR)


def test_a_frame_is_a_picture_with_its_boxes():
    page = pictures.frame_html(a_frame(), ("person",))

    assert "cam1 · frame 3 · test" in page
    image = decode(page)
    assert image.shape[1] >= 480
    plain = decode(pictures.frame_html(a_frame(annotations=None)))
    assert (np.abs(image.astype(int) - plain.astype(int)) > 40).any()


def test_the_original_picture_is_not_drawn_on():
    before = IMAGE.copy()
    pictures.with_boxes(IMAGE, [[1, 1, 20, 20]], [0], ("person",))

    assert np.array_equal(before, IMAGE)


def test_a_box_beyond_the_edge_and_an_unknown_class_do_no_harm():
    drawn = pictures.with_boxes(IMAGE, [[-5, -5, 500, 500], [60, 1, 64, 5]], [7, 1], ("person",))

    assert drawn.dtype == np.uint8


def test_show_draws_what_a_detector_found():
    found = Detections(xyxy=[[1, 1, 9, 9]], confidence=[0.5], class_id=[0])
    shown = pictures.show(a_frame(), found, ("person",), caption="<b>mock</b>")

    assert "&lt;b&gt;mock" in shown._repr_html_()
    assert shown._repr_jpeg_().startswith(b"\xff\xd8\xff")


@pytest.mark.attack
def test_a_caption_is_escaped():
    page = pictures.sheet_html([a_frame(camera="<script>")], (), "<script>alert(1)</script>")

    assert "<script" not in page


TABLE = pd.DataFrame(
    {
        "domain": ["north"] * 3 + ["east"],
        "camera": ["a", "a", "b", "c"],
        "hour": [12, 13, 12, 7],
        "people": [1.0, 2.0, 3.0, 4.0],
    }
)


def test_a_panel_for_each_domain_and_a_bar_for_each_camera_and_hour():
    figure = plots.per_camera_and_hour(TABLE, "people", title="People")

    assert [axis.get_title(loc="left") for axis in figure.axes] == ["north", "east"]
    north = figure.axes[0]
    assert [t.get_text() for t in north.get_xticklabels()] == ["12", "13"]
    assert sorted(bar.get_height() for bar in north.patches) == [0.0, 1.0, 2.0, 3.0]
    assert plots.figure_png(figure).startswith(b"\x89PNG")


def test_one_panel_without_domains():
    figure = plots.per_camera_and_hour(TABLE.drop(columns="domain"), "people")

    assert len(figure.axes) == 1


def test_a_loss_curve_has_the_values_and_their_mean():
    figure = plots.loss_curve([3.0, 2.0, 1.0])

    raw, smooth = figure.axes[0].lines
    assert list(raw.get_ydata()) == [3.0, 2.0, 1.0]
    assert list(smooth.get_xdata()) == [1, 2, 3]


def test_before_and_after_stand_side_by_side():
    figure = plots.before_after({"all": (0.2, 0.5), "person": (0.1, 0.4)})

    assert sorted(bar.get_height() for bar in figure.axes[0].patches) == [0.1, 0.2, 0.4, 0.5]
