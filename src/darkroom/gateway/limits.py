"""Every number that bounds what one party can ask of the gateway."""

from dataclasses import dataclass, fields

from darkroom.errors import SpecError


KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
HOUR, DAY = 3600.0, 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayLimits:
    """The defaults carry a few hundred nodes on one core.

    Attributes:
        envelope_bytes: what is larger travels as a blob.
        pair_parcels, pair_bytes: waiting mail per (sender, recipient).
        mailbox_parcels, mailbox_bytes: waiting mail per recipient.
        expiry_seconds: longest time an envelope waits before it bounces.
        seen_seconds: how long an envelope id is remembered after it was delivered.
        bounce_seconds: how long a bounce waits.
        page_parcels, page_bytes: one answer of a mailbox.
        poll_seconds: longest long poll; polls_per_identity: how many at once.
        chunk_bytes: every part of a blob but the last has this size.
        blob_bytes, blob_readers: per blob.
        owner_bytes, owner_blobs: per owner.
        upload_seconds: an unfinished upload is given up; blob_seconds: a blob goes.
        json_bytes: any JSON body; cards and bundles fit easily.
        requests_per_second, burst: per identity.
        stranger_requests_per_second, stranger_burst: per address, before a login.
        body_bytes_in_flight: memory for bodies of all requests together.
        body_seconds: a body that trickles in more slowly is dropped.
        token_seconds, nonce_seconds: life of a session and of a challenge.
        connections: open at once.
    """

    envelope_bytes: int = MIB
    pair_parcels: int = 2048
    pair_bytes: int = 64 * MIB
    mailbox_parcels: int = 8192
    mailbox_bytes: int = 256 * MIB
    expiry_seconds: float = 14 * DAY
    seen_seconds: float = 30 * DAY
    bounce_seconds: float = 14 * DAY
    page_parcels: int = 256
    page_bytes: int = 4 * MIB
    poll_seconds: float = 50.0
    polls_per_identity: int = 8
    chunk_bytes: int = 4 * MIB
    blob_bytes: int = 512 * MIB
    blob_readers: int = 64
    owner_bytes: int = 4 * GIB
    owner_blobs: int = 4096
    upload_seconds: float = DAY
    blob_seconds: float = 21 * DAY
    json_bytes: int = 256 * KIB
    identities: int = 10_000
    cards_per_domain: int = 256
    admitted_per_recipient: int = 1000
    tickets_per_recipient: int = 1000
    ticket_seconds: float = 30 * DAY
    requests_per_second: float = 100.0
    burst: int = 500
    stranger_requests_per_second: float = 20.0
    stranger_burst: int = 200
    body_bytes_in_flight: int = 64 * MIB
    body_seconds: float = 60.0
    token_seconds: float = 600.0
    nonce_seconds: float = 60.0
    sweep_seconds: float = 30.0
    connections: int = 2048

    def __post_init__(self) -> None:
        for limit in fields(self):
            if getattr(self, limit.name) <= 0:
                raise SpecError(
                    f"the gateway's limit {limit.name} is not above zero",
                    next_step="raise it; a limit of nothing would stop the gateway",
                )
        if self.body_bytes_in_flight < 4 * max(self.chunk_bytes, self.envelope_bytes):
            raise SpecError(
                "body_bytes_in_flight is below four of the largest bodies",
                next_step="raise it, or lower chunk_bytes",
            )
