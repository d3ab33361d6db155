"""One tree of errors. Each says what happened, where, and what to do next.

An error never carries a private value: no pixel, no row, no key, no parameter of a job.

    DarkroomError
    ├── InputError            the caller can mend it
    ├── DeniedError           a rule of the data owner said no
    ├── JobFailedError        a job ended without a result
    ├── DataError             footage, labels or a model file cannot be used
    ├── TrustError            a signature, pin, invitation or envelope does not hold
    ├── IsolationError        this machine cannot contain a job
    ├── UnreachableError      the gateway, the object store or MLflow did not answer
    └── StateError            what is on disk does not fit (newer schema, full disk)
"""

from typing import ClassVar


class DarkroomError(Exception):
    """Base of all errors that Darkroom raises on purpose.

    Args:
        message: what happened and where, without private values.
        next_step: what the reader does now, as an imperative sentence.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, next_step: str) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}\n  Next: {self.next_step}"


class InputError(DarkroomError):
    """What was asked for cannot be done as asked."""

    code = "input"


class UnknownNameError(InputError):
    """A domain, dataset, job or scientist of that name is not known."""

    code = "unknown-name"


class NameTakenError(InputError):
    """Somebody else holds that name (for instance: two nodes, one domain)."""

    code = "name-taken"


class SpecError(InputError):
    """A job, policy, recipe or configuration is not well formed.

    Args:
        where: the way to the faulty field, outermost first: `("grants", 1, "tiers")`.
            Who reads a file turns it into a line.
    """

    code = "spec"

    def __init__(self, message: str, *, next_step: str, where: tuple[str | int, ...] = ()) -> None:
        super().__init__(message, next_step=next_step)
        self.where = where


class OutputError(InputError):
    """An output is undeclared, too large or of the wrong type."""

    code = "output"


class QuotaError(InputError):
    """A limit of size, count or rate was reached."""

    code = "quota"


class TooLargeError(InputError):
    """What can never be sent as it is: waiting does not help, unlike with a full mailbox."""

    code = "too-large"


class DeniedError(DarkroomError):
    """The data owner, or a rule of theirs, refused."""

    code = "denied"


class JobFailedError(DarkroomError):
    """A job ended without a result: crash, limit, or lost worker."""

    code = "job-failed"


class DataError(DarkroomError):
    """Footage or annotations cannot be used."""

    code = "data"


class NoAnnotationsError(DataError):
    """Training or AP50 was asked of a dataset without annotations."""

    code = "no-annotations"


class ModelRefusedError(DataError):
    """The interpreter does not accept the model file."""

    code = "model-refused"


class TrustError(DarkroomError):
    """A signature, pin, invitation or envelope does not hold."""

    code = "trust"


class EnvelopeError(TrustError):
    """A sealed envelope is corrupt, replayed, stale, or not from its pinned sender."""

    code = "envelope"


class ForkError(TrustError):
    """Two signed heads of one audit log cannot both be true."""

    code = "fork"


class IsolationError(DarkroomError):
    """This machine cannot contain a job; the node refuses to run any."""

    code = "isolation"


class WorkerLostError(IsolationError):
    """The machine that a worker ran on is gone. What ran there may run once more elsewhere."""

    code = "worker-lost"


class UnreachableError(DarkroomError):
    """A service did not answer. Nothing is lost: the work goes on when it is back."""

    code = "unreachable"


class StateError(DarkroomError):
    """What is on disk does not fit: newer schema, corrupt, or no room left."""

    code = "state"
