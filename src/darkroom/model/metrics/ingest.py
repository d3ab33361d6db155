"""What live ingest tells its operator: all cameras of a Pi together, none by its name."""

from darkroom.model.metrics.metric import Metric
from darkroom.model.metrics.process import EVERYWHERE


CAMERAS = Metric(
    name="darkroom_ingest_cameras",
    kind="gauge",
    text="Cameras by state.",
    labels={"state": ("up", "down")},
)
FRAMES = Metric(
    name="darkroom_ingest_frames_total",
    kind="counter",
    text="Frames that arrived: kept, or dropped because the machine fell behind.",
    labels={"result": ("kept", "dropped")},
)
RECONNECTS = Metric(
    name="darkroom_ingest_reconnects_total",
    kind="counter",
    text="Times that a stream was lost and asked for again.",
)
LAST_FRAME = Metric(
    name="darkroom_ingest_last_frame_age_seconds",
    kind="gauge",
    text="Age of the newest frame of the camera that lags most.",
)
FOOTAGE_BYTES = Metric(
    name="darkroom_ingest_footage_bytes_total",
    kind="counter",
    text="Footage written, masks burnt in.",
)
SEGMENTS = Metric(
    name="darkroom_ingest_segments_total", kind="counter", text="Finished pieces of footage."
)
ROTATED = Metric(
    name="darkroom_ingest_rotated_total",
    kind="counter",
    text="Versions erased before the disk was full.",
)

INGEST = (
    *EVERYWHERE, CAMERAS, FRAMES, RECONNECTS, LAST_FRAME, FOOTAGE_BYTES, SEGMENTS, ROTATED,
)  # fmt: skip
