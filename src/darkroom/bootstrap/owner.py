"""Put the data owner's process together: own keys, own store, one domain."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from darkroom.adapters.apart import Apart
from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.operations.measured_relay import MeasuredRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.owner_store import STORE, SqliteOwnerStore
from darkroom.adapters.sqlite.pins import SqlitePins
from darkroom.bootstrap.keys import open_keys
from darkroom.bootstrap.operations import Operations
from darkroom.bootstrap.replay import replay_policy
from darkroom.config import policy_proposal, sound_policy
from darkroom.display.review_page import review_fragment
from darkroom.display.review_text import plain_text
from darkroom.errors import DeniedError, InputError, SpecError, StateError
from darkroom.model.identity import PublicIdentity, require_name
from darkroom.model.owner_case import Notice
from darkroom.model.site_policy import SitePolicy
from darkroom.owner.believing import Believing
from darkroom.owner.desk import Desk, Shown
from darkroom.owner.mailroom import Mailroom, pinned_domain
from darkroom.owner.policy_desk import PolicyDesk
from darkroom.owner.rules import Rules
from darkroom.ports import Relay
from darkroom.post import Post


KEYS = "keys.json"
PINS = "pins.sqlite"
SETTINGS = "settings"
MAX_IDENTITY_FILE = 64 << 10
FINDINGS = "darkroom.owner.findings.child"
MAX_POLICY_FILE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """An opened owner state.

    Attributes:
        state: its folder.
        identity: the public identity of the owner, or of a reviewer.
        desk: reviews and releases.
        reviewer: whether they review beside the owner.
        owners_rules: policies and invitations.
    """

    state: Path
    identity: PublicIdentity
    desk: Desk
    reviewer: bool
    owners_rules: Rules

    @property
    def rules(self) -> Rules:
        """Policies and invitations.

        Raises:
            DeniedError: only the owner signs them; the domain would refuse a reviewer's, too.
        """
        if self.reviewer:
            raise DeniedError(
                f"{self.identity.name} reviews for {self.desk.domain.name} and does not own it",
                next_step="ask the data owner to sign; your keys vote on reviews and releases",
            )
        return self.owners_rules


def init_owner(
    state: Path,
    *,
    domain: str,
    gateway: str,
    name: str = "",
    allow_plain_http: bool = False,
    reviewer: bool = False,
) -> tuple[PublicIdentity, str]:
    """Make the owner's keys, once; (identity, recovery words or "" when they were there).

    Args:
        state: the folder.
        domain: whose owner, or for whom to review.
        gateway: its address.
        name: on the wire.
        allow_plain_http: inside one protected network only.
        reviewer: keys of somebody who reviews beside the owner.

    Raises:
        InputError: the folder already belongs to another domain or gateway, or a reviewer
            has no name.
    """
    require_name(domain, "domain")
    owners = f"{domain}-owner"
    if reviewer and name in ("", owners):
        raise InputError(
            "a reviewer needs a name of their own", next_step="add --name, for instance carol"
        )
    name = name or owners
    settings = {
        "domain": domain,
        "gateway": gateway.rstrip("/"),
        "allow_plain_http": allow_plain_http,
        **({"reviewer": True} if reviewer else {}),
    }
    keys = state / KEYS
    words = ""
    if keys.exists():
        keyring = SycKeyring.load(keys)
    else:
        keyring = SycKeyring.generate(name, "owner")
        words = keyring.recovery_words
        keyring.save(keys)
    store = SqliteOwnerStore(state / STORE)
    try:
        held = store.fact(SETTINGS)
        if keyring.identity.name != name or (held is not None and held != settings):
            raise InputError(
                f"{state} already belongs to {keyring.identity.name} with other settings",
                next_step="choose another folder, or leave this one as it is",
            )
        store.set_fact(SETTINGS, settings)
    finally:
        store.close()
    return keyring.identity, words


def owner_identity(state: Path) -> PublicIdentity:
    """The owner's public identity."""
    return SycKeyring.load(state / KEYS).identity


def reviews_only(state: Path) -> bool:
    """Whether the keys here are those of a reviewer beside the owner."""
    return bool(read_settings(state).get("reviewer"))


def read_public_identity(path: Path) -> PublicIdentity:
    """A public identity from a file, consistent in itself; whose it is, a person checks.

    Raises:
        SpecError: it is none.
        TrustError: its signatures do not hold.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_IDENTITY_FILE + 1)
        value = json.loads(data) if len(data) <= MAX_IDENTITY_FILE else None
        identity = PublicIdentity.from_mapping(value) if isinstance(value, dict) else None
    except OSError as error:
        raise SpecError(
            f"{path} cannot be read: {error.strerror}", next_step="check the path"
        ) from error
    except (ValueError, RecursionError):
        identity = None
    if identity is None:
        raise SpecError(
            f"{path} is not a public identity",
            next_step="export it again with `darkroom identity show --public`",
        )
    SycVerifier().check_identity(identity)
    return identity


def read_policy(path: Path) -> SitePolicy:
    """A policy to compare with: a policy.yaml, or the file that `policy sign --out` wrote.

    Raises:
        SpecError: it is neither.
    """
    if path.suffix != ".json":
        return policy_proposal(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_POLICY_FILE + 1)
        body = json.loads(data)["policy"]["body"] if len(data) <= MAX_POLICY_FILE else None
        return SitePolicy.from_mapping(body)
    except OSError as error:
        raise SpecError(
            f"{path} cannot be read: {error.strerror}", next_step="check the path"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SpecError(
            f"{path} is not a signed policy",
            next_step="name a policy.yaml, or what `darkroom policy sign --out` wrote",
        ) from error


def pin_domain(state: Path, identity: PublicIdentity) -> None:
    """Pin the node of the owner's domain.

    Raises:
        InputError: it is of another domain.
        TrustError: another key is pinned under that name.
    """
    settings = read_settings(state)
    if identity.role != "domain" or identity.name != settings["domain"]:
        raise InputError(
            f"{identity.name} ({identity.role}) is not the domain {settings['domain']}",
            next_step="export the identity of your own node",
        )
    with _pins(state) as pins:
        pins.pin(identity)


def pinned_domain_identity(state: Path) -> PublicIdentity | None:
    """The domain's pinned identity, if it was pinned."""
    with _pins(state) as pins:
        return pins.get(read_settings(state)["domain"])


@contextmanager
def open_office(
    state: Path, *, suffix: str = "", operator: Operations | None = None
) -> Iterator[Office]:
    """The owner's desk and rules, connected when they are first used.

    Args:
        state: the folder that `init_owner` made.
        suffix: ends each command line that is shown.
        operator: counts what passes, for a process that serves.
    """
    settings = read_settings(state)
    keyring = open_keys(state / KEYS)
    clock, verifier = SystemClock(), SycVerifier()
    store = SqliteOwnerStore(state / STORE)
    pins = SqlitePins(state / PINS)
    http = HttpRelay(
        settings["gateway"],
        keyring,
        clock,
        allow_plain_http=bool(settings.get("allow_plain_http")),
    )
    relay: Relay = MeasuredRelay(http, operator.meter, clock) if operator else http
    try:
        domain = pinned_domain(pins.get, settings["domain"])
        mailroom = Mailroom(
            domain=domain,
            store=store,
            post=Post(
                relay=relay,
                keyring=keyring,
                verifier=verifier,
                pins=pins,
                clock=clock,
                on_warning=lambda text: store.add_notice(
                    Notice(at=clock.now(), level="warning", text=text)
                ),
                on_letter=lambda event, job_id, envelope: (
                    operator.event(event, job_id=job_id, envelope=envelope) if operator else None
                ),
            ),
            relay=relay,
            keyring=keyring,
            verifier=verifier,
            clock=clock,
        )
        desk = Desk(
            domain=domain,
            store=store,
            mailroom=mailroom,
            keyring=keyring,
            verifier=verifier,
            clock=clock,
            apart=Apart(FINDINGS),
            html=review_fragment,
            text=plain_text,
            suffix=suffix,
        )
        rules = Rules(
            domain=domain,
            gateway=settings["gateway"],
            store=store,
            mailroom=mailroom,
            keyring=keyring,
            clock=clock,
        )
        yield Office(
            state=state,
            identity=keyring.identity,
            desk=desk,
            reviewer=bool(settings.get("reviewer")),
            owners_rules=rules,
        )
    finally:
        http.close()
        pins.close()
        store.close()


def believing(office: Office) -> Believing:
    """The owner's word after a restore.

    Raises:
        DeniedError: a reviewer's does not count.
    """
    return office.rules.believing(SycVerifier())


def open_desk(state: str | Path) -> Desk:
    """The desk for a notebook; it lives as long as the kernel."""
    folder = Path(state).expanduser()
    office = open_office(folder, suffix=state_suffix(folder))
    desk = office.__enter__().desk
    _KEPT.append(office)
    return desk


def open_policy(state: str | Path) -> PolicyDesk:
    """Policy and budgets for a notebook; it lives as long as the kernel."""
    folder = Path(state).expanduser()
    opened = open_office(folder, suffix=state_suffix(folder))
    office = opened.__enter__()
    _KEPT.append(opened)
    return policy_desk(office)


def policy_desk(office: Office) -> PolicyDesk:
    """Policy and budgets of an opened owner state.

    Raises:
        DeniedError: a reviewer signs no policies.
    """
    return PolicyDesk(
        desk=office.desk,
        rules=office.rules,
        read=read_policy,
        sound=sound_policy,
        identity=read_public_identity,
        replayed=partial(replay_policy, office.state),
        shown=lambda sheet, listed: Shown(sheet, review_fragment, plain_text, listed),
    )


_KEPT: list[Any] = []  # open desks of this process


def state_suffix(state: Path) -> str:
    """What a shown command needs so that it finds this state."""
    return f" --state {shlex.quote(str(state))}"


def read_settings(state: Path) -> dict[str, Any]:
    """Domain, gateway and role of an owner's state.

    Raises:
        StateError: there is none, or it is not complete.
    """
    if not (state / STORE).exists():
        raise StateError(
            f"there is no data owner in {state}",
            next_step="run `darkroom owner init`, or name the folder with --state",
        )
    store = SqliteOwnerStore(state / STORE)
    try:
        settings = store.fact(SETTINGS)
    finally:
        store.close()
    if not isinstance(settings, dict):
        raise StateError(
            f"the owner's state in {state} is not complete",
            next_step="run `darkroom owner init` again with the same arguments",
        )
    return settings


@contextmanager
def _pins(state: Path) -> Iterator[SqlitePins]:
    pins = SqlitePins(state / PINS)
    try:
        yield pins
    finally:
        pins.close()
