"""What the gateway tells its operator: how much, never who or whom."""

from darkroom.model.metrics.metric import SHORT, Metric
from darkroom.model.metrics.process import DIRECTIONS, ERRORS, EVERYWHERE


METHODS = ("GET", "PUT", "POST", "DELETE")
ROUTES = (
    "/healthz", "/readyz", "/v1/challenge", "/v1/register", "/v1/login", "/v1/identities/{name}",
    "/v1/handovers/{name}", "/v1/profile", "/v1/profiles", "/v1/card", "/v1/cards/{domain}",
    "/v1/heads/{domain}",
    "/v1/admitted", "/v1/admitted/{sender}", "/v1/tickets/{hash}", "/v1/redeem",
    "/v1/mailboxes/{recipient}/{id}", "/v1/mailbox", "/v1/blobs", "/v1/blobs/{address}/{index}",
    "/v1/blobs/{owner}/{address}", "/v1/blobs/{owner}/{address}/{index}",
)  # fmt: skip
STATUSES = (
    "200", "400", "401", "403", "404", "405", "409", "413", "422", "429", "500", "503", "507",
)  # fmt: skip
BLOB_STATES = ("open", "ready", "doomed")

REQUESTS = Metric(
    name="darkroom_gateway_requests_total",
    kind="counter",
    text="Answered requests.",
    labels={"method": METHODS, "route": ROUTES, "status": STATUSES},
)
REQUEST_SECONDS = Metric(
    name="darkroom_gateway_request_seconds",
    kind="histogram",
    text="Time to answer, long polls apart.",
    buckets=SHORT,
)
LONG_POLLS = Metric(
    name="darkroom_gateway_long_polls", kind="gauge", text="Parties that wait for mail now."
)
RELAYED = Metric(
    name="darkroom_gateway_envelopes_total",
    kind="counter",
    text="Envelopes taken in, handed out (again counts again), bounced.",
    labels={"direction": DIRECTIONS},
)
RELAYED_BYTES = Metric(
    name="darkroom_gateway_envelope_bytes_total",
    kind="counter",
    text="Their bytes.",
    labels={"direction": ("in", "out")},
)
MAILBOX_ENVELOPES = Metric(
    name="darkroom_gateway_mailbox_envelopes", kind="gauge", text="Envelopes that wait."
)
MAILBOX_BYTES = Metric(name="darkroom_gateway_mailbox_bytes", kind="gauge", text="Their bytes.")
MAILBOX_AGE = Metric(
    name="darkroom_gateway_mailbox_oldest_seconds",
    kind="gauge",
    text="How long the oldest of them has waited.",
)
BLOBS = Metric(
    name="darkroom_gateway_blobs",
    kind="gauge",
    text="Blobs by state: open while uploaded, ready, doomed once expired.",
    labels={"state": BLOB_STATES},
)
BLOB_BYTES = Metric(
    name="darkroom_gateway_blob_bytes",
    kind="gauge",
    text="Their declared bytes.",
    labels={"state": BLOB_STATES},
)
BLOB_ERRORS = Metric(
    name="darkroom_gateway_blob_store_errors_total",
    kind="counter",
    text="Calls to the object store that failed.",
    labels={"operation": ("put", "get", "delete", "keys")},
)
REFUSALS = Metric(
    name="darkroom_gateway_refusals_total",
    kind="counter",
    text="Requests refused by class of error: quota and rate are the limits that were hit.",
    labels={"error": (*ERRORS, "rate")},
)
IDENTITIES = Metric(
    name="darkroom_gateway_identities",
    kind="gauge",
    text="Registered identities.",
    labels={"role": ("scientist", "domain", "owner")},
)

GATEWAY = (
    *EVERYWHERE, REQUESTS, REQUEST_SECONDS, LONG_POLLS, RELAYED, RELAYED_BYTES, MAILBOX_ENVELOPES,
    MAILBOX_BYTES, MAILBOX_AGE, BLOBS, BLOB_BYTES, BLOB_ERRORS, REFUSALS, IDENTITIES,
)  # fmt: skip
