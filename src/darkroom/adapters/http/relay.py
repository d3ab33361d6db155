"""The `Relay` port over HTTPS.

Logs in by itself when a token is missing or over, so that callers never see a session. One
thread may poll while others send.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from darkroom.adapters.http.answers import (
    field,
    identity_of,
    parcel_of,
    parse,
    statement_of,
    strange_answer,
    token_of,
)
from darkroom.adapters.http.heads import all_forks, all_heads, last_head, put_head
from darkroom.adapters.http.wire import Ask, RefusedTokenError, Wire
from darkroom.errors import (
    EnvelopeError,
    NameTakenError,
    StateError,
    TrustError,
    UnreachableError,
)
from darkroom.model.handover import Handover, read_chain
from darkroom.model.identity import PublicIdentity
from darkroom.model.statement import Statement
from darkroom.ports import Clock, Keyring, Parcel


LOGIN = "login"  # the statement kind; its body is {"gateway", "name", "nonce"}
RENEW_AFTER = 0.8  # of a token's life
MAX_PAGES = 10_000
MAX_CHUNK = 64 << 20
DEFAULT_MAX_BLOB = 512 << 20


class HttpRelay:
    """A client of one gateway for one identity."""

    def __init__(
        self,
        address: str,
        keyring: Keyring,
        clock: Clock,
        *,
        ca_file: Path | None = None,
        proxy: str | None = None,
        allow_plain_http: bool = False,
        max_blob_bytes: int = DEFAULT_MAX_BLOB,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """Connect lazily: nothing is sent before the first call.

        Args:
            keyring: signs our logins; names us.
            clock: learns how far it is from the gateway's.
            address: `https://host[:port][/path]`; plain http on loopback.
            ca_file: certificates to trust instead of the system's.
            proxy: an HTTP proxy on the way, if there is one.
            allow_plain_http: also to other machines; only inside one protected network.
            max_blob_bytes: a larger blob is not fetched.
            pause: waits between attempts.
        """
        self._keyring = keyring
        self._clock = clock
        self._max_blob = max_blob_bytes
        self._wire = Wire(
            address,
            clock,
            ca_file=str(ca_file) if ca_file else None,
            proxy=proxy,
            allow_plain_http=allow_plain_http,
            pause=pause,
        )
        self._login = threading.Lock()
        self._token = ("", 0.0)  # and when to renew it, on our monotonic clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a running long poll ends with UnreachableError."""
        self._wire.close()

    @property
    def clock_offset(self) -> float:
        """Gateway time minus our time in seconds, from the last answer; 0.0 before."""
        return self._wire.offset

    # ------------------------------------------------------------------------ directory

    def register(self, identity: PublicIdentity, handovers: Sequence[Handover] = ()) -> None:
        """Claim our name in the directory. Again with the same keys: nothing happens."""
        if identity != self._keyring.identity:
            raise TrustError(
                f"only {identity.name} can register {identity.name}",
                next_step="register with the keyring of that identity",
            )
        with self._login:
            self._register(handovers)

    def _register(self, handovers: Sequence[Handover]) -> None:
        who: dict[str, Any] = {"identity": self._keyring.identity.to_mapping()}
        if handovers:
            who["handovers"] = [link.to_mapping() for link in handovers]
        self._open_session("/v1/register", who)

    def identity(self, name: str) -> PublicIdentity:
        """What the directory says about a name: a hint, never a pin."""
        identity = identity_of(self._json(Ask("GET", f"/v1/identities/{_segment(name)}")))
        if identity.name != name:
            raise strange_answer()
        return identity

    def handovers(self, name: str) -> tuple[Handover, ...]:
        """The hand-overs that a name was registered with: a hint, believed link by link."""
        return read_chain(
            self._json(Ask("GET", f"/v1/handovers/{_segment(name)}")).get("handovers")
        )

    def publish_card(self, card: Statement) -> None:
        """Put a dataset card (domains only); replaces the one of the same dataset."""
        self._json(Ask("PUT", "/v1/card", json=card.to_mapping()))

    def publish_profile(self, profile: Statement) -> None:
        """Put the domain's profile; replaces the last."""
        self._json(Ask("PUT", "/v1/profile", json=profile.to_mapping()))

    def profiles(self) -> dict[str, Statement]:
        """Domain name -> its last profile; not verified."""
        return self._listing("/v1/profiles", "profiles", "domain")

    def cards(self, domain: str) -> list[Statement]:
        """The cards of a domain; not verified."""
        path = f"/v1/cards/{_segment(domain)}"
        return list(self._listing(path, "cards", "dataset").values())

    def _listing(self, path: str, name: str, key: str) -> dict[str, Statement]:
        found: dict[str, Statement] = {}
        after = ""
        for _ in range(MAX_PAGES):
            page = self._json(Ask("GET", path, params={"after": after}))
            for item in field(page, name, list):
                statement = statement_of(item)
                after = field(item, key, str)
                found[after] = statement
            if not field(page, "more", bool):
                return found
        raise strange_answer()

    # ------------------------------------------------------------------- heads of logs

    def witness(self, head: Statement, *, since: int, proof: Sequence[bytes]) -> None:
        """Show a head of our audit log; see `Relay.witness`."""
        ours = self._keyring.identity.name
        put_head(self._json, f"/v1/heads/{_segment(ours)}", head, since=since, proof=proof)

    def last_head(self, domain: str) -> Statement | None:
        """The last head that the gateway was shown of a domain; not verified."""
        return last_head(self._json, f"/v1/heads/{_segment(domain)}")

    def heads(self, domain: str) -> list[Statement]:
        """The heads that the gateway keeps of a domain, oldest first; not verified."""
        return all_heads(self._json, f"/v1/heads/{_segment(domain)}")

    def forks(self, domain: str) -> list[tuple[Statement, Statement]]:
        """Heads that it refused, each after the one that it held against it; not verified."""
        return all_forks(self._json, f"/v1/heads/{_segment(domain)}")

    # ------------------------------------------------------------------- who may write

    def admit(self, sender: str) -> None:
        """Let `sender` put envelopes into our mailbox."""
        self._json(Ask("PUT", f"/v1/admitted/{_segment(sender)}"))

    def dismiss(self, sender: str) -> None:
        """Let `sender` put no more; what it sent before is still delivered."""
        self._json(Ask("DELETE", f"/v1/admitted/{_segment(sender)}"))

    def admitted(self) -> list[str]:
        """Who may put envelopes into our mailbox."""
        senders = field(self._json(Ask("GET", "/v1/admitted")), "senders", list)
        return [str(sender) for sender in senders]

    def open_ticket(self, ticket_hash: str, expires_at: float) -> None:
        """Let the one sender who shows the ticket with this SHA-256 (hex) be admitted."""
        # A span, not a time: our clock may be wrong, the difference is not.
        seconds = max(expires_at - self._clock.now(), 0.001)
        path = f"/v1/tickets/{_segment(ticket_hash)}"
        self._json(Ask("PUT", path, json={"expires_in": seconds}))

    def redeem(self, recipient: str, ticket: str) -> None:
        """Show a ticket to be admitted to a recipient's mailbox."""
        self._json(Ask("POST", "/v1/redeem", json={"recipient": recipient, "ticket": ticket}))

    # ----------------------------------------------------------------------------- mail

    def send(self, recipient: str, envelope_id: str, envelope: bytes, *, expires_in: float) -> None:
        """Put an envelope. The same id again is not delivered twice."""
        self._json(
            Ask(
                "PUT",
                f"/v1/mailboxes/{_segment(recipient)}/{_segment(envelope_id)}",
                params={"expires_in": repr(float(expires_in))},
                content=envelope,
            )
        )

    def receive(self, *, wait: float) -> list[Parcel]:
        """All parcels that are not acknowledged, oldest first; waits up to `wait` s.

        A bounce has no envelope, our own name as sender, and the id it was sent with.
        """
        parcels: list[Parcel] = []
        after = 0
        for _ in range(MAX_PAGES):
            # One attempt more than one: a kept connection may have ended meanwhile.
            page = self._json(
                Ask(
                    "GET",
                    "/v1/mailbox",
                    params={"after": str(after), "wait": repr(float(wait))},
                    seconds=wait + 15.0,
                    attempts=2,
                )
            )
            for item in field(page, "parcels", list):
                parcel = parcel_of(item)
                if parcel.cursor <= after:
                    raise strange_answer()
                after = parcel.cursor
                parcels.append(parcel)
            if not field(page, "more", bool):
                return parcels
            wait = 0.0
        raise strange_answer()

    def acknowledge(self, cursor: int) -> None:
        """Forget all our parcels up to and including this cursor."""
        self._json(Ask("DELETE", "/v1/mailbox", params={"up_to": str(cursor)}))

    # ---------------------------------------------------------------------------- blobs

    def put_blob(self, ciphertext: bytes, readers: Sequence[str]) -> str:
        """Store bytes under `sha256:…` of themselves in our namespace; resumes if cut off.

        Raises:
            QuotaError: too large, or our storage is full.
            UnreachableError: cut off; the same call goes on where this one ended.
        """
        address = "sha256:" + hashlib.sha256(ciphertext).hexdigest()
        begun = self._json(
            Ask(
                "POST",
                "/v1/blobs",
                json={
                    "address": address,
                    "size": len(ciphertext),
                    "readers": list(readers),
                },
            )
        )
        chunk = field(begun, "chunk", int)
        received = field(begun, "received", int)
        ready = field(begun, "ready", bool)
        view = memoryview(ciphertext)
        while not ready:
            if chunk < 1 or received % chunk or not 0 <= received < len(ciphertext):
                raise strange_answer()
            done = self._json(
                Ask(
                    "PUT",
                    f"/v1/blobs/{address}/{received // chunk}",
                    content=bytes(view[received : received + chunk]),
                )
            )
            before, received = received, field(done, "received", int)
            ready = field(done, "ready", bool)
            if not ready and received <= before:
                raise UnreachableError(
                    "an upload did not advance: another one of the same blob is under way",
                    next_step="make the same call again",
                )
        return address

    def get_blob(self, owner: str, address: str) -> bytes:
        """Fetch bytes; the hash is checked."""
        path = f"/v1/blobs/{_segment(owner)}/{_segment(address)}"
        facts = self._json(Ask("GET", path))
        size, chunk = field(facts, "size", int), field(facts, "chunk", int)
        if not 0 <= size <= self._max_blob or not 0 < chunk <= MAX_CHUNK:
            raise EnvelopeError(
                f"a blob of {size} bytes is more than is fetched here",
                next_step=f"ask {owner} to send less than {self._max_blob} bytes",
            )
        body = bytearray()
        hasher = hashlib.sha256()
        for index in range(-(-size // chunk)):
            part = self._call(Ask("GET", f"{path}/{index}", max_bytes=chunk))
            hasher.update(part)
            body += part
        if len(body) != size or f"sha256:{hasher.hexdigest()}" != address:
            raise EnvelopeError(
                f"a blob of {owner} came back with other bytes than its address says",
                next_step="fetch it again; if it repeats, the gateway is not to be trusted",
            )
        return bytes(body)

    # ------------------------------------------------------------------------- sessions

    def _json(self, ask: Ask) -> dict[str, Any]:
        return parse(self._call(ask))

    def _call(self, ask: Ask) -> bytes:
        token = self._current_token()
        try:
            return self._wire.exchange(ask, token=token)
        except RefusedTokenError:
            token = self._current_token(refused=token)
        try:
            return self._wire.exchange(ask, token=token)
        except RefusedTokenError:
            raise TrustError(
                "the gateway refuses the session that it has just opened",
                next_step="try again; if it repeats, tell the gateway's operator",
            ) from None

    def _current_token(self, *, refused: str = "") -> str:
        with self._login:  # one login, however many threads need it
            token, renew_at = self._token
            if token in ("", refused) or self._clock.monotonic() >= renew_at:
                self._log_in()
            return self._token[0]

    def _log_in(self) -> None:
        try:
            self._open_session("/v1/login", {"name": self._keyring.identity.name})
        except TrustError:
            # It may know the keys before these: a rotation was cut off before it heard of it.
            try:
                self._register(self._keyring.handovers)
            except NameTakenError:
                raise StateError(
                    f"the gateway knows other keys of {self._keyring.identity.name} than these: "
                    "another process of yours may have changed them",
                    next_step="start this program (or kernel) again; if it repeats, look with "
                    "`darkroom identity show`",
                ) from None

    def _open_session(self, path: str, who: dict[str, Any]) -> None:
        challenge = self._wire.exchange(Ask("POST", "/v1/challenge", json={}))
        statement = self._keyring.sign(
            LOGIN,
            {
                "gateway": self._wire.address,
                "name": self._keyring.identity.name,
                "nonce": field(parse(challenge), "nonce", str),
            },
        )
        body = {**who, "statement": statement.to_mapping()}
        # Once: after a lost answer the nonce is used, and a new one is asked for.
        session = parse(self._wire.exchange(Ask("POST", path, json=body, repeatable=False)))
        seconds = float(field(session, "expires_in", (int, float)))
        renew_at = self._clock.monotonic() + RENEW_AFTER * seconds
        self._token = (token_of(session), renew_at)


def _segment(text: str) -> str:
    return quote(text, safe="@:")
