"""The person at the notebook: keys, enrolments, gateway, run log."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx

from darkroom import config
from darkroom.adapters.clock import SystemClock
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.pins import SqlitePins
from darkroom.bootstrap import doctor_machine as machine
from darkroom.bootstrap.doctor import Check, Finding, fail, ok, warn
from darkroom.bootstrap.doctor_link import link
from darkroom.bootstrap.scientist import KEYS, PINS, read_profile
from darkroom.post.invitation import Invitation


SECONDS = 10.0


class ScientistDoctor:
    """Looks at a scientist's home and at what it connects to. Changes nothing."""

    def __init__(self, home: Path | None, invitation: str = "") -> None:
        """Take a home, and perhaps an invitation that does not work."""
        self._home = home or config.scientist_home()
        self._keys = config.scientist_keys() if home is None else self._home / KEYS
        self._invitation = invitation

    def checks(self) -> list[tuple[str, Check]]:
        """In order."""
        checks: list[tuple[str, Check]] = [
            ("folder", lambda: machine.folder_rights(self._home)),
            ("disk", lambda: machine.disk(self._home)),
            ("keys", self._key_file),
            ("domains", self._domains),
            ("time", machine.time_sync),
            ("gateway", self._link),
            ("run log", self._run_log),
        ]
        if self._invitation:
            checks.insert(0, ("invitation", self._invited))
        return checks

    def _invited(self) -> Iterator[Finding]:
        invitation = Invitation.decode(self._invitation)
        ends = datetime.fromtimestamp(invitation.expires_at, UTC)
        when = f"{ends:%Y-%m-%d %H:%M} UTC"
        again = (
            f"ask the owner of {invitation.domain} for a new one: "
            f"darkroom owner invite {invitation.scientist}"
        )
        if invitation.expires_at <= SystemClock().now():
            yield fail("invitation", f"that of {invitation.domain} ended on {when}", again)
        else:
            what = f"for {invitation.scientist} at {invitation.domain}, until {when}"
            yield ok("invitation", what)

    def _key_file(self) -> Iterator[Finding]:
        identity = SycKeyring.load(self._keys).identity
        yield ok("keys", f"{identity.name} {identity.fingerprint} (mode 0600)")
        if identity.hosted:
            yield ok("keys", "hosted: the Hub's operator could read them (docs/hub.md)")

    def _domains(self) -> Iterator[Finding]:
        names: list[str] = []
        if (self._home / PINS).is_file():  # opening it would make it
            pins = SqlitePins(self._home / PINS)
            names = sorted(pins.names())
            pins.close()
        if names:
            yield ok("domains", f"enrolled at {', '.join(names)}")
        else:
            yield warn(
                "domains",
                "enrolled nowhere yet",
                "ask a data owner for an invitation, then: darkroom enrol 'darkroom1:…'",
            )

    def _link(self) -> Iterator[Finding]:
        profile = read_profile(self._home)
        return link(profile.gateway, SycKeyring.load(self._keys), starts_with="`darkroom enrol`")

    def _run_log(self) -> Iterator[Finding]:
        address = config.tracking_uri()
        if not address:
            yield warn("run log", "no MLflow is named", "set MLFLOW_TRACKING_URI to its address")
            return
        if not address.startswith(("http://", "https://")):
            yield ok("run log", "a folder")
            return
        try:
            answer = httpx.post(
                f"{address.rstrip('/')}/api/2.0/mlflow/experiments/search",
                json={"max_results": 1},
                headers=config.run_log_login(),
                timeout=SECONDS,
                follow_redirects=False,
            )
        except httpx.HTTPError as error:
            what = f"MLflow does not answer ({type(error).__name__})"
            yield fail("run log", what, "its start takes a minute; else ask the Hub's operator")
            return
        if answer.is_redirect or answer.status_code in {401, 403}:
            yield fail("run log", "MLflow does not know you", "log in to the Hub again")
        elif answer.is_error:
            yield fail("run log", f"MLflow says {answer.status_code}", "ask the Hub's operator")
        else:
            yield ok("run log", "MLflow answers and knows you")
