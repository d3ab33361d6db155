"""What a domain node tells its operator. Amounts of budgets are not among it."""

from darkroom.model.job import TIERS
from darkroom.model.metrics.metric import POWERS_OF_TWO, SHORT, Metric
from darkroom.model.metrics.process import ERRORS, EVERYWHERE, LINK


OPEN_STATES = ("received", "screened", "approved", "running", "produced")
# Of `policy.transitions`, and what a job's begin writes.
EVENTS = (
    "job-received", "job-screened", "job-approved", "job-rejected", "approval-void", "job-started",
    "job-interrupted", "job-produced", "job-failed", "job-cancelled", "output-released",
    "output-withheld",
)  # fmt: skip
PROGRAMS = ("run", "merge", "inspect", "decode")
STATUSES = ("done", "failed", "limit", "cancelled", "refused", "lost")
LAYERS = (  # of both sandboxes, and what a probe says that did not come to its end
    "files", "network", "processes", "system calls", "identity", "environment", "memory",
    "process count", "disk", "wall clock", "own user", "memory group", "process group", "launcher",
    "start", "sandbox", "landlock", "file count", "runtimes",
)  # fmt: skip

JOBS = Metric(
    name="darkroom_jobs",
    kind="gauge",
    text="Jobs that have not ended.",
    labels={"state": OPEN_STATES, "tier": TIERS},
)
OLDEST_JOB = Metric(
    name="darkroom_oldest_job_seconds",
    kind="gauge",
    text="Age of the oldest job that has not ended.",
    labels={"state": OPEN_STATES},
)
JOB_EVENTS = Metric(
    name="darkroom_job_events_total",
    kind="counter",
    text="What happened to jobs; job-started counts attempts.",
    labels={"event": EVENTS, "tier": TIERS},
)
SHARD_SECONDS = Metric(
    name="darkroom_shard_seconds",
    kind="histogram",
    text="Run time in the sandbox, rounded up to a power of two, in the sum as well.",
    labels={"program": PROGRAMS, "status": STATUSES},
    buckets=POWERS_OF_TWO,
)
SHARDS = Metric(name="darkroom_shards_running", kind="gauge", text="Sandboxes that run now.")
WORKER_LOSSES = Metric(
    name="darkroom_worker_losses_total",
    kind="counter",
    text="Runs whose worker or machine was lost.",
)
SANDBOX_ERRORS = Metric(
    name="darkroom_sandbox_errors_total",
    kind="counter",
    text="Runs that the sandbox could not begin, by class of error.",
    labels={"error": ERRORS},
)
SANDBOX_FIT = Metric(
    name="darkroom_sandbox_fit", kind="gauge", text="1 when this machine can contain jobs."
)
SANDBOX_LAYER = Metric(
    name="darkroom_sandbox_layer_holds",
    kind="gauge",
    text="1 when the probe saw that wall stand.",
    labels={"layer": LAYERS},
)
CHARGED_WAIT = Metric(
    name="darkroom_charged_jobs_wait",
    kind="gauge",
    text="1 while jobs on private footage wait, since the state may not be the newest.",
)
EPOCH = Metric(
    name="darkroom_epoch", kind="gauge", text="1, and one more after each restore from a backup."
)
OUTBOX = Metric(
    name="darkroom_outbox_letters", kind="gauge", text="Letters that wait to be delivered."
)
OUTBOX_AGE = Metric(
    name="darkroom_outbox_oldest_seconds", kind="gauge", text="Age of the oldest of them."
)
GIVEN_UP = Metric(
    name="darkroom_outbox_given_up", kind="gauge", text="Letters that can never be delivered."
)
QUARANTINED = Metric(
    name="darkroom_letters_put_aside_total",
    kind="counter",
    text="Deliveries that were no letters for us.",
)
LEDGER = Metric(
    name="darkroom_ledger_entries", kind="gauge", text="Entries of the ledger, without amounts."
)
TRANSACTION = Metric(
    name="darkroom_transaction_seconds",
    kind="histogram",
    text="Time of a transaction of the node's database.",
    buckets=SHORT,
)
STORE_ERRORS = Metric(
    name="darkroom_store_errors_total", kind="counter", text="Transactions that failed."
)
FOOTAGE_ERRORS = Metric(
    name="darkroom_footage_errors_total",
    kind="counter",
    text="Calls to the footage store (folder or S3) that failed, by class of error.",
    labels={"error": ERRORS},
)
POLICY_VERSION = Metric(
    name="darkroom_policy_version", kind="gauge", text="Version of the policy in force; 0: none."
)
POLICY_AGE = Metric(
    name="darkroom_policy_age_seconds", kind="gauge", text="How long it has been in force."
)
DATASETS = Metric(name="darkroom_datasets", kind="gauge", text="Datasets that are offered.")
JOB_JOULES = Metric(
    name="darkroom_job_joules_total",
    kind="counter",
    text="Joules of the meter while one job had the machine to itself; absent without a meter.",
    labels={"tier": TIERS},
)
JOBS_METERED = Metric(
    name="darkroom_jobs_metered_total",
    kind="counter",
    text="Jobs in darkroom_job_joules_total.",
    labels={"tier": TIERS},
)

NODE = (
    *EVERYWHERE, *LINK, JOBS, OLDEST_JOB, JOB_EVENTS, SHARD_SECONDS, SHARDS, WORKER_LOSSES,
    SANDBOX_ERRORS, SANDBOX_FIT, SANDBOX_LAYER, CHARGED_WAIT, EPOCH, OUTBOX, OUTBOX_AGE, GIVEN_UP, QUARANTINED, LEDGER, TRANSACTION,
    STORE_ERRORS, FOOTAGE_ERRORS, POLICY_VERSION, POLICY_AGE, DATASETS, JOB_JOULES, JOBS_METERED,
)  # fmt: skip
