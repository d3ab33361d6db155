"""The way to the gateway: does it answer, does it know us, and whose clock is wrong."""

import ssl
from collections.abc import Iterator

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.bootstrap.doctor import Finding, fail, ok, warn
from darkroom.errors import NameTakenError, StateError, UnknownNameError, UnreachableError
from darkroom.ports import Keyring
from darkroom.post.timing import clock_warning


SLIGHTLY = 5.0  # seconds
ATTEMPT_PAUSE = 0.2


def link(
    gateway: str, keyring: Keyring, *, allow_plain_http: bool = False, starts_with: str
) -> Iterator[Finding]:
    """Log in at a gateway. Nothing is changed there: a free name is not claimed.

    Args:
        gateway: its address.
        keyring: of who asks.
        allow_plain_http: inside one protected network only.
        starts_with: the command that registers a name which is free.
    """
    ours = keyring.identity
    clock = SystemClock()
    with HttpRelay(gateway, keyring, clock, allow_plain_http=allow_plain_http) as relay:
        try:
            relay.identity(ours.name)
        except UnreachableError as error:
            tls = isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in repr(
                error.__cause__
            )
            cure = (
                "its certificate is not trusted here: give the CA's file (SSL_CERT_FILE)"
                if tls
                else f"{error.next_step}; a node goes on without, and delivers later"
            )
            yield fail("gateway", error.message, cure)
            return
        except UnknownNameError:
            yield ok("gateway", f"{gateway} answers")
            yield warn(
                "name", f"{ours.name} is not registered there yet", f"it is with {starts_with}"
            )
        except StateError:
            yield ok("gateway", f"{gateway} answers")
            yield _taken(relay, keyring)
        else:
            yield ok("gateway", f"{gateway} answers")
            yield ok("name", f"{ours.name} is registered there with our keys {ours.fingerprint}")
        yield from offset(relay.clock_offset)


def _taken(relay: HttpRelay, keyring: Keyring) -> Finding:
    ours = keyring.identity
    try:  # it is taken, so that this cannot claim it; the refusal says whose it is
        relay.register(ours, keyring.handovers)
    except NameTakenError as error:
        return fail(
            "name",
            f"two have the name {ours.name}: {error.message}; ours are {ours.fingerprint}",
            "stop the other one, or choose another name; after a loss of keys the gateway's "
            f"operator frees it: darkroom gateway forget {ours.name}",
        )
    return ok("name", f"{ours.name} is registered there; its hand-over was told just now")


def offset(seconds: float) -> Iterator[Finding]:
    """How far our clock is from the gateway's."""
    words = (
        f"our clock is {abs(seconds):.1f} s {'behind' if seconds > 0 else 'before'} the gateway's"
    )
    try:
        noticeable = bool(clock_warning(seconds))
    except StateError as error:
        yield fail("clock", error.message, error.next_step)
        return
    if noticeable or abs(seconds) > SLIGHTLY:
        yield warn("clock", words, "sudo timedatectl set-ntp true")
    else:
        yield ok("clock", words)
