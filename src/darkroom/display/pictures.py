"""Pictures of mock frames, with boxes. Only a notebook that holds a mock gets here."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.display.grid import escape
from darkroom.model.detection import Detections


Picture = NDArray[np.uint8]
COLOURS = ((255, 214, 10), (64, 200, 255), (255, 105, 180), (120, 255, 120))
SMALLEST_WIDTH = 480
TEXT_SCALE = 0.5 / 640  # of OpenCV's font, for each pixel of the picture's width
QUALITY = 82
THUMBNAIL = 280  # three side by side in a notebook


def with_boxes(
    image: Picture,
    xyxy: Iterable[Sequence[float]],
    class_ids: Iterable[int],
    labels: Sequence[str] = (),
    *,
    scores: Iterable[float] | None = None,
) -> Picture:
    """A copy of a picture (RGB) with a box and a label for every object.

    Small pictures are enlarged first, so that the labels can be read.
    """
    scale = max(1, -(-SMALLEST_WIDTH // image.shape[1]))
    canvas: Picture = np.asarray(
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8
    )
    said = list(scores) if scores is not None else None
    for number, (box, class_id) in enumerate(zip(xyxy, class_ids, strict=True)):
        colour = COLOURS[int(class_id) % len(COLOURS)]
        x1, y1, x2, y2 = (round(float(v) * scale) for v in box)
        cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, 2, cv2.LINE_AA)
        name = labels[int(class_id)] if int(class_id) < len(labels) else str(int(class_id))
        text = name if said is None else f"{name} {said[number]:.2f}"
        _label(canvas, text, (x1, y1), colour)
    return canvas


def _label(canvas: Picture, text: str, corner: tuple[int, int], colour: Sequence[int]) -> None:
    font, height = cv2.FONT_HERSHEY_SIMPLEX, TEXT_SCALE * canvas.shape[1]
    (width, tall), _ = cv2.getTextSize(text, font, height, 1)
    x = max(0, min(corner[0], canvas.shape[1] - width - 4))
    y = max(corner[1], tall + 5)
    cv2.rectangle(canvas, (x, y - tall - 5), (x + width + 4, y), tuple(colour), -1)
    cv2.putText(canvas, text, (x + 2, y - 3), font, height, (20, 20, 20), 1, cv2.LINE_AA)


def jpeg(image: Picture) -> bytes:
    """A picture (RGB) as a JPEG file."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    assert done
    return data.tobytes()


def picture_html(image: Picture, caption: str = "", *, width: int = 480) -> str:
    """A picture inside a page, nothing to load from elsewhere."""
    data = base64.b64encode(jpeg(image)).decode()
    return (
        f'<figure style="display:inline-block;margin:0 10px 10px 0">'
        f'<img src="data:image/jpeg;base64,{data}" width="{width}" style="max-width:100%">'
        f'<figcaption style="font-size:12px;opacity:.8">{escape(caption)}</figcaption></figure>'
    )


def frame_picture(frame: Any, classes: Sequence[str] = ()) -> Picture:  # noqa: ANN401  # darkroom.runtime.Frame
    """A frame with its annotations drawn in."""
    if frame.annotations is None:
        return with_boxes(frame.image, [], [])
    return with_boxes(frame.image, frame.annotations.xyxy, frame.annotations.class_id, classes)


def frame_html(frame: Any, classes: Sequence[str] = (), *, width: int = 480) -> str:  # noqa: ANN401
    """A frame as a picture with a caption."""
    return picture_html(frame_picture(frame, classes), frame_caption(frame), width=width)


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as the last line of a cell."""

    image: Picture
    caption: str = ""

    def _repr_html_(self) -> str:
        return picture_html(self.image, self.caption)

    def _repr_jpeg_(self) -> bytes:
        return jpeg(self.image)


def show(
    picture: Any,  # noqa: ANN401  # a picture, or a darkroom.Frame
    detections: Detections | None = None,
    classes: Sequence[str] = (),
    *,
    caption: str = "",
) -> Shown:
    """A picture with its boxes, for the last line of a cell.

    Args:
        picture: an RGB array, or a frame, which brings its annotations and a caption.
        detections: what a detector found on it; drawn instead of annotations.
        classes: names of the classes, by class id.
        caption: below the picture.
    """
    image = getattr(picture, "image", picture)
    if detections is not None:
        scores = detections.confidence.tolist()
        drawn = with_boxes(image, detections.xyxy, detections.class_id, classes, scores=scores)
    elif image is picture:
        drawn = with_boxes(image, [], [])
    else:
        drawn = frame_picture(picture, classes)
        caption = caption or frame_caption(picture)
    return Shown(drawn, caption)


def frame_caption(frame: Any) -> str:  # noqa: ANN401  # darkroom.Frame
    """Which frame it is."""
    return f"{frame.camera} · frame {frame.index} · {frame.split}"


def sheet_html(frames: Iterable[Any], classes: Sequence[str], title: str) -> str:
    """Several frames side by side."""
    pictures = "".join(frame_html(f, classes, width=THUMBNAIL) for f in frames)
    return (
        f'<div style="font-size:14px;font-weight:600;margin:6px 0 4px">{escape(title)}</div>'
        f'<div style="display:flex;flex-wrap:wrap">{pictures}</div>'
    )
