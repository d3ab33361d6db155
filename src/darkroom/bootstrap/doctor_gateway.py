"""The gateway's operator: folder, stores, certificate, and whether the public address is us."""

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
from cryptography import x509

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.sqlite.gateway.database import Database
from darkroom.adapters.sqlite.gateway.figures import figures
from darkroom.bootstrap import doctor_machine as machine
from darkroom.bootstrap.doctor import Check, Finding, fail, ok, warn
from darkroom.bootstrap.gateway import GatewaySettings, open_blob_store
from darkroom.model.address import is_loopback, normal_address
from darkroom.model.budget import DAY


SOON = 14  # days
SECONDS = 5.0


class GatewayDoctor:
    """Looks at a gateway's folder and addresses. Changes nothing."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Take what `gateway serve` takes."""
        self._settings = settings

    def checks(self) -> list[tuple[str, Check]]:
        """In order."""
        urls = self._settings.public_urls
        return [
            ("folder", lambda: machine.folder_rights(self._settings.state)),
            ("disk", lambda: machine.disk(self._settings.state)),
            ("memory", machine.memory),
            ("time", machine.time_sync),
            ("database", self._database),
            ("blobs", self._blobs),
            ("certificate", self._certificate),
            *(("public address", lambda url=url: self._public(url)) for url in urls),
        ]

    def _database(self) -> Iterator[Finding]:
        path = self._settings.state / "gateway.sqlite"
        if not path.is_file():
            yield warn("database", f"there is no {path}", "it is made by `darkroom gateway serve`")
            return
        database = Database(path)
        try:
            with database.reading() as run:
                said = run.execute("PRAGMA quick_check(1)").fetchone()[0]
            found = figures(database)
        finally:
            database.close()
        if said != "ok":
            yield fail("database", f"{path} is damaged", "stop the gateway, put a good copy back")
        else:
            names = sum(found.identities.values())
            yield ok("database", f"whole; {names} identities, {found.envelopes} envelopes wait")

    def _blobs(self) -> Iterator[Finding]:
        store = open_blob_store(self._settings)
        store.keys("ready/")
        yield ok("blobs", store.describe())

    def _certificate(self) -> Iterator[Finding]:
        path = self._settings.tls_cert
        if path is not None:
            yield from _validity(x509.load_pem_x509_certificate(path.read_bytes()), str(path))
        elif self._settings.insecure_behind_proxy:
            yield ok("certificate", "a proxy in front ends TLS: see the public address")
        else:
            yield ok("certificate", "none is needed on loopback")

    def _public(self, url: str) -> Iterator[Finding]:
        address = normal_address(url)
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            places = {
                info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            }
        except OSError:
            yield fail("public address", f"{host} has no address", "make its DNS record")
            return
        yield ok("public address", f"{host} is {', '.join(sorted(map(str, places)))}")
        if parts.scheme == "https":
            yield from self._served_certificate(host, port)
        elif not is_loopback(address):
            yield fail(
                "public address", f"{address} is plain HTTP", "serve https:// to other machines"
            )
        yield from self._is_us(address)

    def _served_certificate(self, host: str, port: int) -> Iterator[Finding]:
        try:
            with (
                socket.create_connection((host, port), SECONDS) as plain,
                ssl.create_default_context().wrap_socket(plain, server_hostname=host) as tls,
            ):
                found = tls.getpeercert(binary_form=True) or b""
        except ssl.SSLCertVerificationError as error:
            what = f"{host} shows a certificate that is not trusted: {error.verify_message}"
            yield fail("certificate", what, "renew it, or give its CA to every domain")
            return
        yield from _validity(x509.load_der_x509_certificate(found), host)

    def _is_us(self, address: str) -> Iterator[Finding]:
        try:
            answer = httpx.get(f"{address}/readyz", timeout=SECONDS, trust_env=False)
        except httpx.HTTPError as error:
            what = f"{address} does not answer from here ({type(error).__name__})"
            cure = "check port forwarding, ingress and firewall; a home router may not loop back"
            yield warn("public address", what, cure)
            return
        if "x-darkroom-time" not in answer.headers:
            yield fail("public address", f"{address} is somebody else's server", "correct the DNS")
        elif answer.is_error:
            what = f"{address} is a gateway that is not ready ({answer.status_code})"
            yield fail("public address", what, "look at its log and its stores")
        else:
            yield ok("public address", f"{address} answers as a gateway")


def _validity(certificate: x509.Certificate, where: str) -> Iterator[Finding]:
    days = int((certificate.not_valid_after_utc.timestamp() - SystemClock().now()) // DAY)
    if days < 0:
        yield fail("certificate", f"that of {where} ended {-days} days ago", "renew it")
    elif days < SOON:
        yield warn("certificate", f"that of {where} ends in {days} days", "renew it now")
    else:
        yield ok("certificate", f"that of {where} holds for {days} days")
