"""What the outside must satisfy, as written contracts; that of the run log is `run_log`.

One conformance suite per port runs on every adapter (`tests/conformance/`). Adapters turn
every foreign exception into one of `darkroom.errors`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from darkroom.model.dataset import Manifest
from darkroom.model.handover import Handover
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import Limits
from darkroom.model.statement import Statement


class Clock(Protocol):
    """Time. Tests pass one they move by hand."""

    def now(self) -> float:
        """Unix seconds; may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, from an arbitrary start."""
        ...


# --------------------------------------------------------------------- identity and sealing


class Keyring(Protocol):
    """The private half of one identity: seals, opens and signs. Keys never leave it."""

    @property
    def identity(self) -> PublicIdentity:
        """The public half, self-consistent (the certificate verifies)."""
        ...

    @property
    def handovers(self) -> tuple[Handover, ...]:
        """How these keys came from those before them, oldest first; () for the first ones."""
        ...

    def seal(self, plaintext: bytes, recipient: PublicIdentity) -> bytes:
        """An envelope that only `recipient` opens and that names us as sender."""
        ...

    def open(self, envelope: bytes, sender: PublicIdentity) -> bytes:
        """The plaintext of an envelope sealed by exactly `sender` (the *pinned* identity), for
        us; for a while after a rotation also for our former keys.

        Raises:
            EnvelopeError: corrupt, for somebody else, or the inner sender or signature is
                not `sender`'s. Nothing of the content is in the error.
        """
        ...

    def sign(self, kind: str, body: dict[str, Any]) -> Statement:
        """A statement signed with the statement key."""
        ...


class Verifier(Protocol):
    """Public-key checks that need no secret."""

    def check_identity(self, identity: PublicIdentity) -> None:
        """The bundle's own signatures and the statement key's certificate hold; or TrustError."""
        ...

    def check_statement(
        self, statement: Statement, kind: str, signer: PublicIdentity
    ) -> dict[str, Any]:
        """The body of a statement of that kind, signed by that signer; or TrustError."""
        ...


# --------------------------------------------------------------------------------- the relay


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One sealed envelope as the relay hands it over; all fields but the bytes are hints."""

    cursor: int
    id: str
    sender: str
    sent_at: float
    envelope: bytes
    bounced: str = ""  # set when this is our own envelope come back: the reason


class Relay(Protocol):
    """A client of the gateway. Trusted for availability only. Every call is idempotent.

    Every method raises `UnreachableError` when the gateway does not answer (retry later),
    and `QuotaError`, `NameTakenError`, `UnknownNameError` or `TrustError` as the gateway says.
    """

    @property
    def clock_offset(self) -> float:
        """Gateway time minus our time in seconds, from the last answer; 0.0 before."""
        ...

    def register(self, identity: PublicIdentity, handovers: Sequence[Handover] = ()) -> None:
        """Claim our name in the directory. Again with the same keys: nothing happens.

        Raises:
            NameTakenError: held under other keys, and no hand-over leads from those to ours.
        """
        ...

    def handovers(self, name: str) -> tuple[Handover, ...]:
        """The hand-overs that a name was registered with: a hint, believed link by link."""
        ...

    def identity(self, name: str) -> PublicIdentity:
        """What the directory says about a name: a hint, never a pin."""
        ...

    def publish_card(self, card: Statement) -> None:
        """Put a dataset card (domains only); replaces the one of the same dataset."""
        ...

    def publish_profile(self, profile: Statement) -> None:
        """Put the domain's profile (environments, workers, limits); replaces the last."""
        ...

    def profiles(self) -> dict[str, Statement]:
        """Domain name -> its last profile."""
        ...

    def cards(self, domain: str) -> list[Statement]:
        """The cards of a domain."""
        ...

    def witness(self, head: Statement, *, since: int, proof: Sequence[bytes]) -> None:
        """Show a head of our audit log. The same again: nothing happens.

        Args:
            head: signed with our keys of today, of kind `audit-head`.
            since: size of the head that the proof starts from: that of `last_head`.
            proof: RFC 9162 §2.1.4, that the log only grew since.

        Raises:
            ForkError: it did not; the gateway keeps both heads as evidence.
            SpecError: it knows another last head than the proof starts from.
        """
        ...

    def last_head(self, domain: str) -> Statement | None:
        """The last head that the gateway was shown of a domain; a hint until verified."""
        ...

    def heads(self, domain: str) -> list[Statement]:
        """The heads that the gateway keeps of a domain, oldest first; not verified."""
        ...

    def forks(self, domain: str) -> list[tuple[Statement, Statement]]:
        """Heads that it refused, each after the one that it held against it; not verified."""
        ...

    def admit(self, sender: str) -> None:
        """Let `sender` put envelopes into our mailbox."""
        ...

    def open_ticket(self, ticket_hash: str, expires_at: float) -> None:
        """Let the one sender who shows the ticket with this SHA-256 (hex) be admitted."""
        ...

    def redeem(self, recipient: str, ticket: str) -> None:
        """Show a ticket to be admitted to a recipient's mailbox."""
        ...

    def send(self, recipient: str, envelope_id: str, envelope: bytes, *, expires_in: float) -> None:
        """Put an envelope. The same id again is not delivered twice.

        Raises:
            QuotaError: the mailbox or our quota in it is full, or we are not admitted.
        """
        ...

    def receive(self, *, wait: float) -> list[Parcel]:
        """All parcels that are not acknowledged, oldest first; waits up to `wait` s for one."""
        ...

    def acknowledge(self, cursor: int) -> None:
        """Forget all our parcels up to and including this cursor."""
        ...

    def put_blob(self, ciphertext: bytes, readers: Sequence[str]) -> str:
        """Store bytes under `sha256:…` of themselves in our namespace; resumes if cut off."""
        ...

    def get_blob(self, owner: str, address: str) -> bytes:
        """Fetch bytes; the hash is checked.

        Raises:
            UnknownNameError: not there, or not for us (the two are not told apart).
        """
        ...


class BlobStore(Protocol):
    """Where the gateway keeps ciphertext. `darkroom` promises nothing about its secrecy."""

    def put(self, key: str, data: bytes) -> None:
        """Store; the same key again overwrites with the same bytes."""
        ...

    def get(self, key: str) -> bytes:
        """Read.

        Raises:
            UnknownNameError: no such key.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove; no error when it is not there."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """All keys with this prefix, sorted."""
        ...

    def describe(self) -> str:
        """One line for people: which kind, where."""
        ...


# ------------------------------------------------------------------------------ private data


class FootageStore(Protocol):
    """Immutable dataset versions beside the cameras. Only the node has one."""

    def put(self, face: Path, manifest: Manifest) -> None:
        """Take a finished face folder in. The same version again: nothing happens.

        Raises:
            StateError: no room; what was there before is kept.
        """
        ...

    def manifest(self, version: str) -> Manifest:
        """The manifest of a version.

        Raises:
            UnknownNameError: no such version.
        """
        ...

    def versions(self, dataset: str) -> list[str]:
        """Versions of a dataset, oldest first."""
        ...

    def materialise(self, version: str) -> Path:
        """A local read-only face folder whose every hash was checked; may be a cache.

        Raises:
            StateError: a hash does not fit, or no room.
            UnreachableError: the store does not answer.
        """
        ...

    def erase(self, version: str) -> None:
        """Remove a version for good, local copies too; what other versions share stays.

        Stopped anywhere, it goes on when it is called again. No such version: nothing happens.

        Raises:
            StateError: something could not be removed.
            UnreachableError: the store does not answer.
        """
        ...

    def describe(self) -> str:
        """One line for people: which kind, where."""
        ...


# ---------------------------------------------------------------------------------- sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A prebuilt interpreter that jobs run in.

    Attributes:
        name: what a job asks for, for instance `tflite`.
        python: absolute path of the interpreter on the host.
        paths: host folders that are visible read-only at the same place.
        lock_hash: `sha256:…` of the lock and of the Darkroom code inside.
        interpreter: `litert`, `tflite-runtime` or "".
    """

    name: str
    python: Path
    paths: tuple[Path, ...]
    lock_hash: str
    interpreter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxTask:
    """One run of a program on untrusted material. Inside, the places are fixed:

    `/job/request.json` (from `request`), `/job/code` (read-only `code`), `/data` (read-only
    `dataset`), `/parts` (read-only `parts`), `/out` (the only writable place that survives),
    `/tmp` (small, gone afterwards). Nothing else of the host is visible but `runtime.paths`
    and the system's libraries.

    Attributes:
        program: the entry of `darkroom.runtime`: `run` a job on data, `merge` parts,
            `inspect` outputs, `decode` a video, `probe` the walls.
        out: an existing empty host folder; on success it holds what the program left in
            `/out`: regular files only, no links, within `limits.output_mib`.
    """

    task_id: str
    program: Literal["run", "merge", "inspect", "decode", "probe"]
    runtime: Runtime
    request: dict[str, Any]
    limits: Limits
    out: Path
    code: Path | None = None
    dataset: Path | None = None
    parts: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a task ended.

    Attributes:
        status: `done` (exit 0), `failed` (the program's own fault), `limit` (a limit of
            ours), `cancelled`.
        limit: which one, in plain words, when status is `limit`: "memory (1024 MiB)".
        error_class: name of the exception class when `failed`, from a closed alphabet.
        log: first 64 KiB of standard output and error; an output like any other.
        seconds: wall time.
        max_rss_mib: highest resident memory seen.
    """

    status: Literal["done", "failed", "limit", "cancelled"]
    seconds: float
    limit: str = ""
    error_class: str = ""
    log: bytes = b""
    max_rss_mib: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """What the start-up probe found.

    Attributes:
        fit: whether jobs may run at all.
        layers: layer name -> "holds", or why not. A required layer that fails makes unfit.
    """

    fit: bool
    layers: dict[str, str] = field(default_factory=dict)


class Sandbox(Protocol):
    """Runs untrusted code. Never in this process. Fails closed."""

    def probe(self) -> Isolation:
        """Really fork, mount, connect and fill inside, and see each attempt refused."""
        ...

    def run(self, task: SandboxTask, *, cancelled: Callable[[], bool] = lambda: False) -> Outcome:
        """Run to the end, a limit, or cancellation; afterwards none of its processes lives.

        The wall clock runs outside the sandbox. Blocks; safe from several threads.

        Raises:
            IsolationError: the sandbox could not be set up; the program did not start.
            WorkerLostError: the machine that it ran on is gone, and its outputs with it.
        """
        ...
