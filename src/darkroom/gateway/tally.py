"""What passes through the gateway, counted for its operator; nothing says who or whom."""

from collections.abc import Callable

from darkroom.errors import DarkroomError
from darkroom.gateway.answers import LoginNeededError, TooFastError
from darkroom.model.metrics import gateway
from darkroom.model.metrics.metric import Meter
from darkroom.ports import Parcel


WAITS = "/v1/mailbox"  # its time is the long poll's


class Tally:
    """Hands what happened to a meter, and the ids of envelopes to a log."""

    def __init__(
        self,
        meter: Meter,
        *,
        beat: Callable[[], None],
        told: Callable[[str, str], None],
    ) -> None:
        """Count there.

        Args:
            meter: of this process.
            beat: called every few seconds by the event loop.
            told: hears `envelope-in`, `envelope-out` or `envelope-bounced`, and its id.
        """
        self._meter = meter
        self.beat = beat
        self._told = told

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has its answer; `route` is the template."""
        self._meter.add(gateway.REQUESTS, method=method, route=route, status=str(status))
        if route != WAITS:
            self._meter.observe(gateway.REQUEST_SECONDS, seconds)

    def refused(self, error: DarkroomError) -> None:
        """It was refused."""
        own = {TooFastError: "rate", LoginNeededError: "login"}
        self._meter.add(gateway.REFUSALS, error=own.get(type(error), error.code))

    def took_in(self, envelope_id: str, size: int) -> None:
        """An envelope is in a mailbox."""
        self._pass("in", envelope_id, size)

    def handed_out(self, parcel: Parcel) -> None:
        """An envelope went to its recipient, or came back to its sender."""
        if parcel.bounced:
            self._meter.add(gateway.RELAYED, direction="bounced")
            self._told("envelope-bounced", parcel.id)
        else:
            self._pass("out", parcel.id, len(parcel.envelope))

    def _pass(self, direction: str, envelope_id: str, size: int) -> None:
        self._meter.add(gateway.RELAYED, direction=direction)
        self._meter.add(gateway.RELAYED_BYTES, size, direction=direction)
        self._told(f"envelope-{direction}", envelope_id)
