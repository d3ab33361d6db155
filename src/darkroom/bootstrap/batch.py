"""Run a notebook without a person: execute, look through, write to the run log."""

import os
import secrets
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from darkroom import config
from darkroom.adapters.batch.execution import Cell, Ended, Order, execute
from darkroom.adapters.clock import SystemClock
from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
from darkroom.bootstrap.batch_identity import ServiceIdentity
from darkroom.bootstrap.batch_notebook import Notebook
from darkroom.bootstrap.batch_outputs import withhold
from darkroom.bootstrap.batch_record import batch_record
from darkroom.bootstrap.notebook_run import write_pages
from darkroom.bootstrap.scientist import STORE
from darkroom.errors import TrustError, UnreachableError
from darkroom.run_log import RunRecord
from darkroom.scientist.record import encode_record


PATIENCE_SECONDS = 60.0  # for MLflow to be there once the notebook is through
PAUSE_SECONDS = 2.0
STOPPING = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """What to run, as whom, and where what comes out goes.

    Attributes:
        out: the folder for the executed notebook and its page.
        seconds: wall time for all cells together.
        run_log: address of MLflow, or "".
        project: the experiment of the run log.
        commit: the git commit that the notebook is from, or "".
        place: `local` or `kubernetes`; told in the run log.
    """

    notebook: Notebook
    parameters: Mapping[str, object]
    identity: ServiceIdentity
    out: Path
    seconds: float
    run_log: str
    project: str
    commit: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEnd:
    """What became of it.

    Attributes:
        address: of the run, for a browser; "" without a run log.
    """

    ended: Ended
    executed: Path
    address: str


def run_batch(plan: BatchPlan, *, tell: Callable[[Cell], None]) -> BatchEnd:
    """Execute the notebook and keep what came out, also when a cell failed.

    Raises:
        StateError: the kernel could not be started, or the run log refused the record.
        TrustError: an output held a secret of the identity; it was taken out before anything
            was written to the run log.
        UnreachableError: the run log does not answer; the record is kept in the home.
    """
    executed = plan.out / plan.notebook.path.name
    environment = {
        **config.notebook_environment(plan.identity.home),
        "DARKROOM_KEYS": str(plan.identity.keys),
    }
    order = Order(
        notebook=plan.notebook.path,
        output=executed,
        parameters=plan.parameters,
        environment=environment,
        folder=Path.cwd(),
        seconds=plan.seconds,
    )
    with _asked_to_stop() as stop:
        ended = execute(order, tell=tell, stop=stop)
        leaked: list[int] = []
        if executed.exists():  # else it was stopped before the kernel was there
            leaked = withhold(executed, plan.identity.secrets | set(config.run_log_secrets()))
            write_pages([executed], environment)
        record = batch_record(plan, ended, executed, leaked, key=secrets.token_hex(16))
        address = _write(plan, record, stop)
    if leaked:
        raise TrustError(
            f"code cell {', '.join(map(str, leaked))} of {plan.notebook.path.name} showed a "
            "secret of the identity; that output was taken out and went nowhere",
            next_step="mend the cell; if others saw it run, exchange the keys: "
            "darkroom identity rotate",
        )
    return BatchEnd(ended=ended, executed=executed, address=address)


def _write(plan: BatchPlan, record: RunRecord, stop: int) -> str:
    """Keep the record in the home, then write it; waits a while for a run log that is away."""
    if not plan.run_log:
        return ""
    from darkroom.adapters.mlflow import MlflowRunLog

    clock, log = SystemClock(), MlflowRunLog(plan.run_log)
    end = time.monotonic() + PATIENCE_SECONDS
    with closing(SqliteScientistStore(plan.identity.home / STORE)) as store:
        store.spool(record.key, encode_record(record), clock.now())
        while True:
            try:
                address = log.write(record)
            except UnreachableError:
                if time.monotonic() > end or _readable(stop, PAUSE_SECONDS):
                    raise
            else:
                store.mark_logged(record.key, address, clock.now())
                return address


def _readable(descriptor: int, seconds: float) -> bool:
    with selectors.DefaultSelector() as ready:
        ready.register(descriptor, selectors.EVENT_READ)
        return bool(ready.select(seconds))


@contextmanager
def _asked_to_stop() -> Iterator[int]:
    """A descriptor that can be read once somebody asked us to end."""
    asked, ask = os.pipe()
    former = {number: signal.signal(number, lambda *_: os.write(ask, b".")) for number in STOPPING}
    try:
        yield asked
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(asked)
        os.close(ask)
