"""What a domain's operator asks first: will this node run jobs, and if not, why."""

from collections.abc import Iterator
from pathlib import Path

from darkroom.adapters.pysyft.key_file import read_private
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sandbox.kubernetes.probe import alive
from darkroom.adapters.sandbox.probe import HOLDS
from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap import doctor_machine as machine
from darkroom.bootstrap.doctor import Check, Finding, fail, ok, warn
from darkroom.bootstrap.doctor_link import link
from darkroom.bootstrap.environments import offered_runtimes
from darkroom.bootstrap.footage import open_footage
from darkroom.bootstrap.node import DATABASE, KEYS, LOCK
from darkroom.bootstrap.node_status import is_held
from darkroom.config import domain_config
from darkroom.config.sandbox_file import SandboxFile, sandbox_file
from darkroom.errors import UnknownNameError
from darkroom.model.domain_config import DomainConfig
from darkroom.model.job import Limits
from darkroom.model.override import NOTHING_RAN
from darkroom.model.site_policy import SitePolicy
from darkroom.node.standing import STANDING
from darkroom.policy.standing import LEVEL


UNPROVEN = "sha256:" + "0" * 64  # a version that no store has


class NodeDoctor:
    """Looks at one node's folder, its machine and its links. Changes nothing."""

    def __init__(
        self,
        state: Path,
        domain: Path,
        gateway: str,
        keys: Path | None = None,
        sandbox: Path | None = None,
    ) -> None:
        """Take what `node serve` takes."""
        self._state = state
        self._folder = domain
        self._gateway = gateway
        self._keys = keys or state / KEYS
        self._sandbox_file = sandbox
        self._on_cluster = sandbox is not None
        self._limits = Limits()

    def checks(self) -> list[tuple[str, Check]]:
        """In the order in which they build on one another."""
        here: list[tuple[str, Check]] = [
            ("domain.yaml", self._domain),
            ("folder", lambda: machine.folder_rights(self._state)),
            ("disk", lambda: machine.disk(self._state)),
            ("keys", self._key_file),
            ("database", self._database),
            ("memory", self._memory),
            ("kernel", machine.kernel),
            ("time", machine.time_sync),
        ]
        if not self._state.is_dir():  # what follows would make it
            return here
        return [
            *here,
            ("gateway", self._link),
            ("environments", self._environments),
            ("footage", self._footage),
            ("sandbox", self._sandbox),
        ]

    def _config(self) -> DomainConfig:
        return domain_config(self._folder)

    def _domain(self) -> Iterator[Finding]:
        found = self._config()
        yield ok("domain.yaml", f"{found.domain}, {len(found.datasets)} datasets")

    def _key_file(self) -> Iterator[Finding]:
        if not self._keys.exists():
            cure = (
                f"make it once: darkroom node secret --domain {self._folder} | kubectl create -f -"
                if self._on_cluster
                else "run `darkroom node init`"
            )
            what = "the Secret is missing" if self._on_cluster else "there are no keys"
            yield fail("keys", f"{what}: no file {self._keys}", cure)
            return
        read_private(self._keys)
        identity = SycKeyring.load(self._keys).identity
        name = self._config().domain
        if (identity.name, identity.role) != (name, "domain"):
            what = f"{self._keys} are the keys of {identity.name} ({identity.role}), not of {name}"
            yield fail("keys", what, "name the right --keys and --domain")
        else:
            yield ok("keys", f"{identity.name} {identity.fingerprint}")

    def _database(self) -> Iterator[Finding]:
        path = self._state / DATABASE
        if not path.exists():
            yield fail("database", f"there is no {path}", "run `darkroom node init`")
            return
        store = SqliteNodeStore(path, read_only=True)
        try:
            store.verify()
            yield ok("database", "whole, of this program's schema; the ledger's chain holds")
            yield from _standing(store)
            yield from self._owner_and_policy(store)
            given_up = len(store.given_up())
            if given_up:
                yield warn(
                    "outbox",
                    f"{given_up} letters can never be delivered",
                    "see which: darkroom node status",
                )
        finally:
            store.close()

    def _owner_and_policy(self, store: SqliteNodeStore) -> Iterator[Finding]:
        owner = store.fact("owner") or ""
        pinned = store.get(owner) if owner else None
        if pinned is None:
            yield fail("owner", "no data owner is pinned", "darkroom node init --owner owner.json")
        else:
            yield ok("owner", f"{owner} {pinned.fingerprint}")
        policy = store.policy()
        if policy is None:
            yield fail(
                "policy",
                "no signed policy is in force: nothing is allowed",
                f"the owner signs one: darkroom policy sign {self._folder / 'policy.yaml'}",
            )
            return
        body = SitePolicy.from_mapping(policy.body)
        self._limits = body.limits
        yield ok("policy", f"version {body.version}, {len(body.grants)} grants")
        known = {dataset.name for dataset in self._config().datasets}
        offered = set(store.datasets())
        if not offered:
            yield warn(
                "datasets",
                "no footage was ingested: there is nothing to run on",
                "darkroom ingest --all …",
            )
        elif missing := known - offered:
            words = f"{len(missing)} of {len(known)} datasets of domain.yaml have no footage"
            yield warn("datasets", words, "darkroom ingest --all …")
        else:
            yield ok("datasets", f"{len(offered)} offered")

    def _memory(self) -> Iterator[Finding]:
        if self._on_cluster:  # then the scheduler counts, on each Pi
            yield from machine.memory()
        else:
            yield from machine.memory(self._limits.memory_mib, self._config().workers)

    def _link(self) -> Iterator[Finding]:
        keyring = SycKeyring.load(self._keys)
        return link(self._gateway, keyring, starts_with="the first `darkroom node serve`")

    def _environments(self) -> Iterator[Finding]:
        if self._on_cluster:
            yield ok("environments", "in images by digest; each worker checks its own lock")
            return
        for name, runtime in offered_runtimes(self._config()).items():
            yield ok("environments", f"{name} is what its lock names ({runtime.lock_hash[:19]})")

    def _footage(self) -> Iterator[Finding]:
        if self._sandbox_file is not None:
            yield from _volumes(sandbox_file(self._sandbox_file))
            return
        store = open_footage(self._state, self._config())
        try:
            store.manifest(UNPROVEN)
        except UnknownNameError:  # it answered
            yield ok("footage", store.describe())

    def _sandbox(self) -> Iterator[Finding]:
        if self._on_cluster or is_held(self._state / LOCK):
            yield from self._last_probe()
            return
        runtimes = offered_runtimes(self._config()).values()
        with ProcessSandbox(runtimes=runtimes, roots=(self._state,)) as sandbox:
            found = sandbox.probe()
        yield from _layers(found.layers, fit=found.fit)

    def _last_probe(self) -> Iterator[Finding]:
        """The node's own, while it serves: two would stand in each other's way."""
        store = SqliteNodeStore(self._state / DATABASE, read_only=True)
        try:
            isolation = store.fact("isolation")
        finally:
            store.close()
        if isolation is None:
            yield warn("sandbox", "not probed yet", "start the node; it probes each time")
        else:
            yield from _layers(isolation["layers"], fit=bool(isolation["fit"]))


def _standing(store: SqliteNodeStore) -> Iterator[Finding]:
    """As the node found it last: charged jobs run on the newest state only."""
    epoch, found = store.opened_epoch(), store.fact(STANDING)
    if found is None:
        yield ok("state", f"epoch {epoch.number}; the node asks the gateway as it starts")
    elif found["is"] == LEVEL:
        yield ok("state", f"epoch {epoch.number}; the gateway was shown nothing newer")
    else:
        yield fail("state", f"charged jobs wait: {found['why']}", "docs/backup.md, What to do")
    closed = [one.number for one in store.restores() if not one.believed]
    if closed:
        yield warn(
            "budgets",
            "what was left when a backup was restored counts as spent until each period ends",
            f"if nothing ran since the backup, the owner: darkroom owner override {_name(store)} "
            f"--because {NOTHING_RAN} --epoch {closed[-1]}",
        )


def _name(store: SqliteNodeStore) -> str:
    head = store.last_head()
    return str(head.body["domain"]) if head else "DOMAIN"


def _volumes(file: SandboxFile) -> Iterator[Finding]:
    for mount in file.mounts:
        if mount.path.is_dir():
            yield ok("volumes", f"{mount.path} is mounted ({mount.claim})")
        else:
            cure = f"kubectl get pvc {mount.claim} in both namespaces, and the node's volumes"
            yield fail("volumes", f"{mount.path} is not mounted", cure)
    answering = alive(file.canaries)
    if answering:
        yield ok("canaries", f"{len(answering)} of {len(file.canaries)} answer this node")
    else:
        yield fail(
            "canaries",
            "none answers this node, so nothing proves that a job's network is shut",
            "name addresses that the node reaches: canaries in values.yaml",
        )


def _layers(layers: dict[str, str], *, fit: bool) -> Iterator[Finding]:
    for layer, found in sorted(layers.items()):
        if found == HOLDS:
            yield ok(f"wall: {layer}", "holds")
        elif fit:
            yield warn(f"wall: {layer}", found, "docs/sandbox.md says what is weaker without it")
        else:
            yield fail(f"wall: {layer}", found, "docs/sandbox.md; until it holds no job runs here")
