"""`darkroom.pysyft.login_do`: PySyft's stock client for a data owner, on the owner's desk."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import yaml

from darkroom.adapters.pysyft.address import address_of
from darkroom.adapters.pysyft.owner_client import SyftRDSClient, owner_client
from darkroom.adapters.pysyft.owner_desk import Scientists, Standing, Status, Verdict
from darkroom.bootstrap.owner import Office, open_office, policy_desk, state_suffix
from darkroom.bootstrap.pysyft_footage import DomainFootage
from darkroom.config import domain_config
from darkroom.display.review_text import plain_text
from darkroom.errors import DeniedError, UnreachableError
from darkroom.model.domain_config import DomainConfig
from darkroom.model.job import JobRequest
from darkroom.model.owner_case import Case
from darkroom.model.site_policy import SitePolicy
from darkroom.owner.desk import Desk
from darkroom.owner.hearsay import ended
from darkroom.owner.policy_desk import PolicyDesk
from darkroom.owner.policy_diff import diff_sheet
from darkroom.owner.requests import ReleaseRequest, ReviewRequest
from darkroom.owner.sharing import Sharing
from darkroom.owner.signing import Signing
from darkroom.owner.standing import Stands, standings
from darkroom.policy.consistency import strangers


SYFTBOX = "SyftBox"
SIGNED = "signed-policy.yaml"
APPROVED_HERE = "approved-in-pysyft"  # the fact: what was approved, the latest last
MOST_HERE = 1_000
RETRY = 2.0  # seconds between two attempts while the gateway is away
_STATUS: dict[Stands, Status] = {
    "waits": "pending", "approved": "approved", "rejected": "rejected", "produced": "done",
    "released": "done", "withheld": "rejected", "ended": "failed",
}  # fmt: skip
_SAID: dict[Stands, str] = {
    "produced": "its outputs wait for your release",
    "released": "its outputs are released",
    "withheld": "its outputs are withheld",
}
_UNSAFE = set("<>&\"'`")  # PySyft's tables write a reason into HTML as it is


def login_do(
    state: str | Path,
    *,
    folder: str | Path | None = None,
    node_state: str | Path | None = None,
    domain: str | Path | None = None,
) -> SyftRDSClient:
    """PySyft's own client, as the data owner of a domain or as a reviewer beside them.

    The client shows the review queue of `darkroom review`: what is decided in one is decided
    in the other. `job.approve()` and `job.reject()` are notes; `process_approved_jobs()` signs
    approvals with the owner's keys (rejections are signed by `sync()` as well), waits for the
    outputs and, with `share_outputs_with_submitter=True`, signs their release. It prints first
    what it signs. Outputs of a job that was approved elsewhere, at the desk or by a rule, are
    released there. Nothing is ever run on this machine and nothing private lies in the SyftBox
    folder.

    `approve_peer_request`, `create_dataset(users=…)`, `share_dataset` and `delete_dataset` sign
    the next version of the policy and send it to the domain. The policy then is ahead of your
    `policy.yaml`, whose comments the signed form does not have: each time, what is in force is
    written to `signed-policy.yaml` in the state folder, to be taken over by hand
    (`darkroom policy diff policy.yaml` shows the difference).

    Args:
        state: the folder that `darkroom owner init` made.
        folder: PySyft's SyftBox folder; by default `SyftBox` in the state folder.
        node_state: the node's state folder, if it is on this machine: `create_dataset` needs it.
        domain: the domain's folder, such as `domains/north`; `create_dataset` needs it.

    Raises:
        StateError: there is no owner in `state`.
        TrustError: the keys of the domain are not pinned.
    """
    place = Path(state).expanduser()
    config = domain_config(Path(domain).expanduser()) if domain is not None else None
    with ExitStack() as stack:
        office = stack.enter_context(open_office(place, suffix=state_suffix(place)))
        client = client_of(
            office,
            place,
            folder=Path(folder).expanduser() if folder is not None else place / SYFTBOX,
            config=config,
            domain_folder=Path(domain).expanduser() if domain is not None else None,
            node_state=Path(node_state).expanduser() if node_state is not None else None,
        )
        _KEPT.append(stack.pop_all())
    return client


_KEPT: list[ExitStack] = []  # opened owner states of this process


def client_of(
    office: Office,
    state: Path,
    *,
    folder: Path,
    config: DomainConfig | None = None,
    domain_folder: Path | None = None,
    node_state: Path | None = None,
    now: Callable[[], float] = time.time,
    tell: Callable[[str], object] = print,
) -> SyftRDSClient:
    """The client on an office that is open.

    Args:
        office: of an owner or a reviewer.
        state: their state folder.
        folder: the SyftBox.
        config: of the domain.
        domain_folder: where its `domain.yaml` lies.
        node_state: the node's state folder.
        now: Unix seconds.
        tell: where a sentence for a person goes.
    """
    queue = DeskQueue(office.desk, now=now, suffix=state_suffix(state))
    policy = _OwnersPolicy(office, state, config, tell) if not office.reviewer else None
    scientists: Scientists
    if policy is not None:
        scientists = Sharing(
            domain=office.desk.domain.name,
            store=office.desk.store,
            signed=policy.signed,
            sign=policy.sign,
            tell=tell,
        )
    else:
        scientists = Onlookers(office)
    return owner_client(
        address=address_of(office.desk.domain.name),
        folder=folder,
        queue=queue,
        scientists=scientists,
        footage=DomainFootage(
            domain=office.desk.domain.name,
            config=config,
            folder=domain_folder,
            node_state=node_state,
            granted=policy.datasets if policy is not None else list,
            require_owner=lambda: office.rules,
            tell=tell,
        ),
        tell=tell,
    )


class DeskQueue:
    """The `ReviewQueue` that PySyft's client shows, on the owner's desk."""

    def __init__(self, desk: Desk, *, now: Callable[[], float], suffix: str) -> None:
        self._desk = desk
        self._now = now
        self._suffix = suffix

    def fetch(self, *, wait: float = 0.0) -> str:
        """Letters in and out; why not, or ""."""
        try:
            self._desk.mailroom.sync(wait=wait)
        except UnreachableError as error:
            time.sleep(min(wait, RETRY))
            return error.message
        return ""

    def standings(self) -> list[Standing]:
        """Every sound request for review, oldest first."""
        store = self._desk.store
        here = set(store.fact(APPROVED_HERE) or ())
        found = standings(
            store.cases("code", waiting=False),
            store.cases("output", waiting=False),
            ended=ended(store),
            now=self._now(),
        )
        return [
            Standing(
                case=one.case,
                status=_STATUS[one.stands],
                reason=_plain(": ".join(filter(None, (_SAID.get(one.stands, ""), one.why)))),
                output=one.output,
                signed_here=one.case.verdict == "approve" and _approval(one.case) in here,
            )
            for one in found
        ]

    def read(self, case: Case) -> tuple[JobRequest, dict[str, bytes]]:
        """A request for review and its files, everything recomputed."""
        found = self._desk.lookup.read(case)
        if not isinstance(found, ReviewRequest):
            raise DeniedError("this is no request for review", next_step="turn it down")
        return found.request, found.files

    def outputs(self, case: Case) -> dict[str, bytes]:
        """File name -> bytes of exactly what would leave."""
        found = self._desk.lookup.read(case)
        if not isinstance(found, ReleaseRequest):
            raise DeniedError("this is no request for release", next_step="turn it down")
        return {name + _ending(found.kinds[name], data): data for name, data in found.files.items()}

    def decide(self, case: Case, verdict: Verdict, reason: str, *, with_log: bool = False) -> bool:
        """Sign, keep and send the owner's word; False when there was one."""
        said = self._desk.decide(case, verdict, reason, with_log=with_log)
        if said is not None and verdict == "approve":
            self._remember(case)
        self._desk.mailroom.flush()
        return said is not None

    def unasked(self) -> list[Case]:
        """Outputs that wait, of jobs that this person was not asked to approve."""
        known = {one.output.id for one in self.standings() if one.output is not None}
        waiting = self._desk.store.cases("output", waiting=True)
        return [case for case in waiting if not case.problem and case.id not in known]

    def sheet(self, case: Case, *, name: str, reason: str = "", with_log: bool = False) -> str:
        """Everything that a yes to this case binds, as it is signed."""
        look = self.command(f"{'review' if case.subject == 'code' else 'release'} show", case)
        signing = Signing(name=name, reason=reason, with_log=with_log, look=look)
        return plain_text(self._desk.sheet(case, signing))

    def command(self, what: str, case: Case) -> str:
        """The command line that does it at the desk."""
        return f"darkroom {what} {case.digest or f'job:{case.job_id}'}{self._suffix}"

    def _remember(self, case: Case) -> None:
        """A stop before this leaves a job whose outputs are released at the desk."""
        store = self._desk.store
        with store.transaction():
            here = [*(store.fact(APPROVED_HERE) or ()), _approval(case)]
            store.set_fact(APPROVED_HERE, here[-MOST_HERE:])


class Onlookers:
    """What a reviewer sees of scientists: who asked. They change no policy."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def accepted(self) -> list[str]:
        """Those whose jobs a reviewer was asked about."""
        found = set()
        for case in self._office.desk.store.cases("code", waiting=False):
            request = case.body.get("request")
            name = request.get("submitter") if isinstance(request, dict) else None
            if not case.problem and isinstance(name, str):
                found.add(name)
        return sorted(found)

    def requested(self) -> list[str]:
        """None: the owner decides who becomes a peer."""
        return []

    def accept(self, name: str) -> None:
        """Refused, unless they are peers already."""
        if name not in self.accepted():
            self._refuse()

    def turn_down(self, name: str) -> None:
        """Refused."""
        del name
        self._refuse()

    def check(self, dataset: str, names: Sequence[str] | None) -> None:
        """Refused."""
        del dataset, names
        self._refuse()

    share = check

    def unshare(self, dataset: str) -> None:
        """Refused."""
        del dataset
        self._refuse()

    def _refuse(self) -> NoReturn:
        _ = self._office.rules  # raises, with who owns the domain
        raise DeniedError("a reviewer changes no policy", next_step="ask the data owner")


class _OwnersPolicy:
    """Signs the next policy and says what it changes."""

    def __init__(
        self,
        office: Office,
        state: Path,
        config: DomainConfig | None,
        tell: Callable[[str], object],
    ) -> None:
        self._office = office
        self._state = state
        self._config = config
        self._tell = tell
        self._desk: PolicyDesk = policy_desk(office)

    def signed(self) -> SitePolicy | None:
        """The policy that was signed last."""
        return self._desk.signed

    def datasets(self) -> list[str]:
        """Those that it grants to somebody."""
        policy = self.signed()
        return sorted({d for g in policy.grants for d in g.datasets}) if policy else []

    def sign(self, policy: SitePolicy) -> None:
        """Sign and send it, show the difference, and write down what is signed now."""
        before = self.signed()
        if self._config is not None:
            known = {dataset.name for dataset in self._config.datasets}
            for fault in strangers(policy, domain=self._config.domain, datasets=known):
                raise fault
        self._office.rules.sign_policy(policy, send=True)
        self._tell(plain_text(diff_sheet(before, policy)))
        path = self._state / SIGNED
        try:
            path.write_text(_as_yaml(policy), encoding="utf-8")
            written = f"it is in {path}"
        except OSError as error:
            written = f"{path} could not be written: {error.strerror}"
        self._tell(
            f"policy {policy.version} is signed by you and on its way to {policy.domain}. "
            f"Your policy.yaml is behind now: {written}; "
            "take the change over there, with your comments, before you sign the file again"
        )


def _approval(case: Case) -> str:
    return f"{case.job_id} {case.digest}"  # the id of a case is given again once it is forgotten


def _as_yaml(policy: SitePolicy) -> str:
    text = yaml.safe_dump(policy.to_mapping(), sort_keys=False)
    return (
        f"# What was signed last. Written by darkroom.pysyft.login_do; comments are lost.\n{text}"
    )


def _ending(kind: str, data: bytes) -> str:
    if kind == "model":
        return ".npz" if data.startswith(b"PK") else ".tflite"
    return ".txt" if kind == "log" else ".json"


def _plain(text: str) -> str:
    return "".join(c for c in text[:300] if c.isascii() and c.isprintable() and c not in _UNSAFE)
