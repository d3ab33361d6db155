"""The counts of live ingest, as its operator's metrics have them: no camera by its name."""

from darkroom.model.metrics import ingest
from darkroom.model.metrics.metric import Meter
from darkroom.node.live_ingest import LiveSnapshot


def count(now: LiveSnapshot, meter: Meter, time: float) -> None:
    """Set every metric of live ingest."""
    up = sum(camera.up for camera in now.cameras)
    meter.set(ingest.CAMERAS, up, state="up")
    meter.set(ingest.CAMERAS, len(now.cameras) - up, state="down")
    meter.set(ingest.FRAMES, sum(camera.kept for camera in now.cameras), result="kept")
    meter.set(ingest.FRAMES, sum(camera.dropped for camera in now.cameras), result="dropped")
    meter.set(ingest.RECONNECTS, sum(camera.reconnects for camera in now.cameras))
    meter.set(ingest.FOOTAGE_BYTES, sum(camera.bytes for camera in now.cameras))
    meter.set(ingest.SEGMENTS, sum(camera.pieces for camera in now.cameras))
    meter.set(ingest.ROTATED, now.rotated)
    ages = [time - camera.last for camera in now.cameras if camera.last]
    if ages:
        meter.set(ingest.LAST_FRAME, max(0.0, *ages))
