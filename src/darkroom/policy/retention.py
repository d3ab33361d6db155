"""How long footage is kept. Pure."""

from darkroom.model.budget import DAY
from darkroom.model.dataset import Manifest


def last_frame(manifest: Manifest) -> float:
    """Unix seconds at which the last frame of a version was over; 0.0 of an empty one."""
    fps = {camera.id: camera.fps for camera in manifest.cameras}
    return max((s.start + s.frames / fps[s.camera] for s in manifest.segments), default=0.0)


def is_past(last: float, *, days: int, now: float) -> bool:
    """Whether footage that ended then is older than it may become."""
    return last + days * DAY <= now
