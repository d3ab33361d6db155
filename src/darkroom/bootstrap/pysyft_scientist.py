"""PySyft's own client for a scientist: a session, a connection, a stock `SyftRDSClient`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from darkroom import config
from darkroom.adapters.pysyft.address import address_of
from darkroom.adapters.pysyft.archive import Archive
from darkroom.adapters.pysyft.client import build_client
from darkroom.adapters.pysyft.job_client import CheckedJobClient, SafeJobInfo
from darkroom.adapters.pysyft.job_records import Record
from darkroom.adapters.pysyft.scientist_connection import ScientistConnection
from darkroom.bootstrap.mock_shop import LocalMockRunner
from darkroom.bootstrap.pysyft_lab import SessionLab
from darkroom.bootstrap.scientist import connect
from darkroom.errors import InputError, UnknownNameError
from darkroom.model.canonical import digest_bytes
from darkroom.model.submitted import JobRow
from darkroom.scientist.mock_run import MockOutcome, MockTask
from darkroom.scientist.session import Session
from darkroom.scientist.submission import wait_for


Client: TypeAlias = Any  # a stock `syft_rds.SyftRDSClient`, which has no types
MODELS = config.REPOSITORY / "data" / "models"
ENDINGS = (".tflite", ".npz")


def login_ds(
    home: str | Path | None = None,
    *,
    folder: str | Path | None = None,
    models: Mapping[str, str | Path] | None = None,
    run_log: str | None = None,
) -> Client:
    """PySyft's client with the keys and results of this machine; everything else is stock.

    Args:
        home: the folder with keys and results; `DARKROOM_HOME` or `~/.darkroom` by default.
        folder: PySyft's SyftBox folder; `<home>/pysyft/<address>` by default.
        models: name -> path of model files that jobs name by their hash, so that they can run
            on mock here; those in `data/models` of the repository are known.
        run_log: address of MLflow; `MLFLOW_TRACKING_URI` by default, "" for none.

    Raises:
        InputError: nobody enrolled from this home yet, or a model is not there.
    """
    place = Path(home) if home is not None else config.scientist_home()
    session = connect(place, run_log=run_log)
    box = Path(folder) if folder is not None else place / "pysyft" / address_of(session.name)
    discover = LocalMockRunner(place / "mock-runs").discover
    return client_for(session, box, discover=discover, models=models)


def client_for(
    session: Session,
    folder: Path,
    *,
    discover: Callable[[MockTask], tuple[MockOutcome, Any]],
    models: Mapping[str, str | Path] | None = None,
) -> Client:
    """A stock client on a session that is there already.

    Args:
        session: of the scientist.
        folder: PySyft's SyftBox folder.
        discover: runs a job on mock whose outputs nobody has declared.
        models: as for `login_ds`.

    Raises:
        InputError: a model is not there, or the folder is something else.
    """
    connection = ScientistConnection.to(
        SessionLab(session, discover),
        box=folder.resolve(),
        local_model=_LocalModels(models or {}),
        parse_yaml=config.parse_yaml,
    )
    address = connection.get_authenticated_email()
    client = build_client(connection, address=address, folder=folder, owner=False)
    # The two places that PySyft leaves open: who makes job folders, and what may be written.
    client.job_client = CheckedJobClient(client.job_client.config, connection)
    connection.attach(client)
    client.load_peers()
    return client


def wait(client: Client, *names: str, timeout: float | None = None) -> list[SafeJobInfo]:
    """Wait until jobs are finished, showing how far each is; interrupting stops the waiting.

    Args:
        client: of `login_ds`.
        names: of the jobs; all that are not finished when there are none.
        timeout: seconds, or None for as long as it takes.

    Returns:
        The jobs by these names, finished unless the time was over.

    Raises:
        UnknownNameError: no job of that name is in the box.
    """
    session, connection = session_of(client), _connection(client)
    records = connection.box.records.all()
    wanted = [_named(connection, records, name) for name in names] if names else records

    def rows() -> list[JobRow]:
        found = (session.store.job(record.job_id) for record in wanted)
        return [row for row in found if row is not None]

    wait_for(session, ", ".join(names) or "PySyft jobs", rows, timeout=timeout)
    client.sync()
    asked = {(record.datasite, record.name) for record in wanted}
    jobs = client.job_client.jobs
    return [job for job in jobs if (job.datasite_owner_email, job.name) in asked]


def archived(client: Client) -> Archive:
    """The finished jobs that are not in the box any more: a list, also by name."""
    return _connection(client).box.archive


def session_of(client: Client) -> Session:
    """The Darkroom session under a client: `.jobs`, `.record(…)`, `.cost(…)`."""
    lab = _connection(client).lab
    assert isinstance(lab, SessionLab)  # `client_for` put it there
    return lab.session


def _connection(client: Client) -> ScientistConnection:
    router = getattr(getattr(client, "peer_manager", None), "connection_router", None)
    for connection in getattr(router, "connections", ()):
        if isinstance(connection, ScientistConnection):
            return connection
    raise InputError(
        "this is no client of darkroom.pysyft.login_ds",
        next_step="client = darkroom.pysyft.login_ds()",
    )


def _named(connection: ScientistConnection, records: list[Record], name: str) -> Record:
    found = [record for record in records if record.name == name]
    if not found and (there := connection.archived_as(name)):
        raise UnknownNameError(
            f"{ascii(name)[:100]} is finished and not in the box any more", next_step=f"see {there}"
        )
    if len(found) != 1:
        several = f"{len(found)} jobs are called" if found else "no job in the box is called"
        raise UnknownNameError(
            f"{several} {ascii(name)[:100]}",
            next_step=f"there are: {', '.join(sorted(r.name for r in records)) or 'none'}",
        )
    return found[0]


class _LocalModels:
    """Model files of this machine by their hash; read again each time, and hashed."""

    def __init__(self, named: Mapping[str, str | Path]) -> None:
        self._paths: dict[str, Path] = {}
        for name, given in named.items():
            path = Path(given).expanduser()
            try:
                self._paths[digest_bytes(path.read_bytes())] = path
            except OSError as error:
                raise InputError(
                    f"the model {name} cannot be read: {error.strerror}",
                    next_step="check the path in login_ds(models={…})",
                ) from error
        self._searched = False

    def __call__(self, sha256: str) -> bytes | None:
        """The bytes with that hash, or None."""
        if sha256 not in self._paths and not self._searched:
            self._searched = True
            files = MODELS.iterdir() if MODELS.is_dir() else ()
            known = [path for path in files if path.suffix in ENDINGS]
            self._paths |= {digest_bytes(path.read_bytes()): path for path in known}
        path = self._paths.get(sha256)
        try:
            data = path.read_bytes() if path is not None else b""
        except OSError:
            return None
        return data if digest_bytes(data) == sha256 else None
