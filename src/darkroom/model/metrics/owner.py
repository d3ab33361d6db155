"""What the data owner's watch tells: how many requests wait, not about whom."""

from darkroom.model.metrics.metric import Metric
from darkroom.model.metrics.process import EVERYWHERE, LINK


SUBJECTS = ("code", "output")
WAITING = Metric(
    name="darkroom_owner_requests_waiting",
    kind="gauge",
    text="Requests that nobody has decided.",
    labels={"subject": SUBJECTS},
)
OLDEST = Metric(
    name="darkroom_owner_oldest_request_seconds",
    kind="gauge",
    text="Age of the oldest of them.",
    labels={"subject": SUBJECTS},
)
ANNOUNCED = Metric(
    name="darkroom_owner_requests_announced_total",
    kind="counter",
    text="Requests that were shown.",
    labels={"subject": SUBJECTS},
)

OWNER = (*EVERYWHERE, *LINK, WAITING, OLDEST, ANNOUNCED)
