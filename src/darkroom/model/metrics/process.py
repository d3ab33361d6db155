"""What every process tells: itself, its disk, its link to the gateway."""

from darkroom.model.metrics.metric import Metric


PROCESSES = ("node", "gateway", "ingest", "owner")
DIRECTIONS = ("in", "out", "bounced")
ERRORS = (
    "unreachable", "quota", "too-large", "trust", "envelope", "state", "unknown-name",
    "name-taken", "spec", "input", "denied", "data", "isolation", "worker-lost", "login", "fork",
)  # fmt: skip

RESIDENT = Metric(
    name="process_resident_memory_bytes", kind="gauge", text="Memory that the process holds."
)
CPU = Metric(
    name="process_cpu_seconds_total", kind="counter", text="Processor time of the process."
)
BEGAN = Metric(
    name="process_start_time_seconds", kind="gauge", text="When the process began, Unix time."
)
FILES = Metric(name="process_open_fds", kind="gauge", text="Files and connections held open.")
THREADS = Metric(name="darkroom_threads", kind="gauge", text="Threads of the process.")
READY = Metric(name="darkroom_ready", kind="gauge", text="1 when /readyz says yes.")
LOOP_AGE = Metric(
    name="darkroom_main_loop_age_seconds",
    kind="gauge",
    text="Seconds since the main loop turned; /healthz fails when it grows too old.",
)
READY_AFTER = Metric(
    name="darkroom_ready_after_seconds",
    kind="gauge",
    text="How long after its begin the process was ready for the first time.",
)
DISK_FREE = Metric(
    name="darkroom_disk_free_bytes", kind="gauge", text="Free room where the state lies."
)
DISK_SIZE = Metric(
    name="darkroom_disk_size_bytes", kind="gauge", text="Size of the disk where the state lies."
)
ENERGY = Metric(
    name="darkroom_energy_joules_total",
    kind="counter",
    text="What the operator's meter counted since the process began; absent without a meter.",
)

ENVELOPES = Metric(
    name="darkroom_envelopes_total",
    kind="counter",
    text="Sealed envelopes to and from the gateway; bounced: our own that came back.",
    labels={"direction": DIRECTIONS},
)
ENVELOPE_BYTES = Metric(
    name="darkroom_envelope_bytes_total",
    kind="counter",
    text="Their bytes, padding included.",
    labels={"direction": DIRECTIONS},
)
BLOB_BYTES = Metric(
    name="darkroom_blob_bytes_total",
    kind="counter",
    text="Bytes of large sealed attachments to and from the gateway.",
    labels={"direction": ("in", "out")},
)
INBOX = Metric(
    name="darkroom_inbox_letters",
    kind="gauge",
    text="Fetched from the gateway and not dealt with yet.",
)
GATEWAY_ERRORS = Metric(
    name="darkroom_gateway_errors_total",
    kind="counter",
    text="Calls to the gateway that failed, by class of error.",
    labels={"error": ERRORS},
)
LAST_CONTACT = Metric(
    name="darkroom_gateway_last_contact_timestamp_seconds",
    kind="gauge",
    text="When the gateway answered last, Unix time.",
)
CLOCK_OFFSET = Metric(
    name="darkroom_clock_offset_seconds",
    kind="gauge",
    text="The gateway's time minus ours.",
)

EVERYWHERE = (
    RESIDENT, CPU, BEGAN, FILES, THREADS, READY, LOOP_AGE, READY_AFTER, DISK_FREE, DISK_SIZE, ENERGY,
)  # fmt: skip
LINK = (
    ENVELOPES, ENVELOPE_BYTES, BLOB_BYTES, INBOX, GATEWAY_ERRORS, LAST_CONTACT, CLOCK_OFFSET,
)  # fmt: skip


def build_info(process: str, version: str) -> Metric:
    """Which program this is; its labels have one value each."""
    return Metric(
        name="darkroom_build_info",
        kind="gauge",
        text="1, with the version of the program.",
        labels={"process": (process,), "version": (version,)},
    )
