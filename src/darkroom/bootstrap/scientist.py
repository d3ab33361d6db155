"""Put a scientist's process together: keys, gateway, store, mock runs, run log, display."""

import json
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from darkroom import config
from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.pins import SqlitePins
from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
from darkroom.bootstrap.keys import open_keys
from darkroom.bootstrap.mock_shop import LocalMockRunner, MockFaces
from darkroom.bootstrap.scientist_display import ScientistRenderer, register_with_notebook
from darkroom.display.progress import Mode, choose_progress
from darkroom.errors import InputError, StateError
from darkroom.model.identity import PublicIdentity, require_name
from darkroom.post import Post
from darkroom.post.enrolment import enrol as enrol_with
from darkroom.post.invitation import Invitation
from darkroom.run_log import RunRecord
from darkroom.scientist.advice import headline
from darkroom.scientist.catalogue import Catalogue
from darkroom.scientist.collect import Collector
from darkroom.scientist.session import Session


PROFILE, KEYS, PINS, STORE = "profile.json", "keys.json", "pins.sqlite", "jobs.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScientistProfile:
    """`profile.json` of a scientist's home."""

    name: str
    gateway: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What two people compare after an enrolment."""

    scientist: PublicIdentity
    domain: PublicIdentity
    recovery_words: str


def connect(
    home: str | Path | None = None,
    *,
    run_log: str | None = None,
    progress: Mode = "auto",
) -> Session:
    """A session with the keys and results of this machine.

    Args:
        home: the folder with keys and results; `DARKROOM_HOME` or `~/.darkroom` by default.
        run_log: address of MLflow; `MLFLOW_TRACKING_URI` by default, "" for none.
        progress: `lines` also says every change on standard output (papermill); `quiet`
            says nothing.

    Raises:
        InputError: nobody enrolled from this home yet.
    """
    folder = Path(home) if home is not None else config.scientist_home()
    address = config.tracking_uri() if run_log is None else run_log
    profile = read_profile(folder)
    keyring = open_keys(config.scientist_keys() if home is None else folder / KEYS)
    relay, verifier, clock = _relay(profile, keyring), SycVerifier(), SystemClock()
    pins, store = SqlitePins(folder / PINS), SqliteScientistStore(folder / STORE)
    post = Post(
        relay=relay, keyring=keyring, verifier=verifier, pins=pins, clock=clock, on_warning=_say
    )
    renderer = ScientistRenderer(clock)
    register_with_notebook(renderer)
    session = Session(
        identity=keyring.identity,
        gateway=profile.gateway,
        catalogue=Catalogue(relay=relay, verifier=verifier, pins=pins, successor=post.successor),
        post=post,
        collector=Collector(post=post, pins=pins, store=store, verifier=verifier, clock=clock),
        store=store,
        clock=clock,
        mocks=MockFaces(folder / "mocks", say=_say),
        run_mock=LocalMockRunner(folder / "mock-runs"),
        run_log=_LazyRunLog(address) if address else None,
        run_log_address=address,
        renderer=renderer,
        progress=choose_progress(progress, headline=headline, now=clock.now),
        say=_say,
        pause=time.sleep,
    )
    if address and (note := session.flush_run_log()):
        _say(note)
    return session


def enrol(line: str, home: Path, *, hosted: bool = False) -> Enrolled:
    """Use an invitation: make keys if there are none, register, enrol, pin.

    May be repeated after any interruption with the same line.

    Raises:
        InputError: the invitation is for another name or gateway than this home's.
        TrustError: somebody on the way shows other keys than the invitation says.
        UnreachableError: the gateway or the domain does not answer.
    """
    invitation = Invitation.decode(line)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = read_profile(home) if (home / PROFILE).exists() else None
    if known is not None and known.gateway != invitation.gateway:
        raise InputError(
            f"this home belongs to the gateway {known.gateway}, the invitation to "
            f"{invitation.gateway}",
            next_step="use another home: DARKROOM_HOME=… darkroom enrol …",
        )
    keyring, words = _keyring(home, invitation.scientist, hosted=hosted)
    profile = ScientistProfile(name=keyring.identity.name, gateway=invitation.gateway)
    clock, verifier = SystemClock(), SycVerifier()
    relay, pins = _relay(profile, keyring), SqlitePins(home / PINS)
    try:
        domain = enrol_with(
            invitation, relay=relay, keyring=keyring, verifier=verifier, pins=pins, clock=clock
        )
    finally:
        relay.close()
        pins.close()
    _write_private(home / PROFILE, asdict(profile))
    return Enrolled(scientist=keyring.identity, domain=domain, recovery_words=words)


def read_profile(home: Path) -> ScientistProfile:
    """Who this home belongs to.

    Raises:
        InputError: nobody enrolled from here yet.
        StateError: the file is damaged.
    """
    path = home / PROFILE
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return ScientistProfile(
            name=require_name(fields["name"], "scientist"), gateway=str(fields["gateway"])
        )
    except FileNotFoundError:
        raise InputError(
            f"nobody has enrolled from {home} yet",
            next_step="ask a data owner for an invitation, then: darkroom enrol darkroom1:…",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"{path} is damaged", next_step="enrol again with a new invitation"
        ) from error


def _keyring(home: Path, name: str, *, hosted: bool) -> tuple[SycKeyring, str]:
    path = home / KEYS
    if path.exists():
        return open_keys(path), ""
    keyring = SycKeyring.generate(name, "scientist", hosted=hosted)
    keyring.save(path)
    return keyring, keyring.recovery_words


def _relay(profile: ScientistProfile, keyring: SycKeyring) -> HttpRelay:
    return HttpRelay(profile.gateway, keyring, SystemClock())


def _write_private(path: Path, value: Mapping[str, Any]) -> None:
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        json.dump(value, file)
    draft.replace(path)


class _LazyRunLog:
    """MLflow takes seconds to import: only once there is something to write."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def write(self, record: RunRecord) -> str:
        """As `MlflowRunLog.write`."""
        from darkroom.adapters.mlflow import MlflowRunLog

        log = MlflowRunLog(self._uri)
        return log.write(record)

    def registered(self, key: str, name: str) -> str:
        """As `MlflowRunLog.registered`."""
        from darkroom.adapters.mlflow import MlflowRunLog

        return MlflowRunLog(self._uri).registered(key, name)

    def mark_stale(
        self, keys: Collection[str], *, models: Collection[str], tags: Mapping[str, str]
    ) -> None:
        """As `MlflowRunLog.mark_stale`."""
        from darkroom.adapters.mlflow import MlflowRunLog

        MlflowRunLog(self._uri).mark_stale(keys, models=models, tags=tags)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # the notebook's own output
