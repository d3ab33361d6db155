"""The system of a soak: a gateway, three tiny domains with owners, links that can be cut."""

import json
from collections.abc import Callable
from pathlib import Path

import darkroom as dr
from darkroom.bootstrap.local_stack import BIN, LocalStack, StackPlan
from darkroom.bootstrap.processes import Process
from darkroom.model.site_policy import SitePolicy
from darkroom.scientist.requests import requests_for
from tests.soak.jobs import known
from tests.soak.link import Link, Loop
from tests.soak.plan import DOMAINS, SCIENTISTS, STEPPED
from tests.soak.stepped_clock import SteppedClock


YARD, THRIFT = "yard", "thrift"
SCARCE = 3  # releases of `thrift` in a day; the others are refused
PLENTY = 1_000_000
WORLD = """
seed: {seed}
duration: 60
cameras:
  - {{id: gate, width: 160, height: 128, fps: 0.25}}
"""


class SoakStack(LocalStack):
    """A local system in which everybody but the owners comes to the gateway by a link."""

    def __init__(
        self, root: Path, loop: Loop, clock: SteppedClock, say: Callable[[str], None]
    ) -> None:
        folders = tuple(_domain(root / "sites", name, seed) for seed, name in enumerate(DOMAINS))
        plan = StackPlan(
            root=root,
            domains=folders,
            scientists=SCIENTISTS,
            object_store=False,
            run_log=False,
        )
        super().__init__(plan, say)
        self._clock = clock
        port = self.port("gateway")
        self.links = {name: Link(loop, port) for name in (*DOMAINS, *SCIENTISTS)}

    def budgets(self, domain: str) -> SitePolicy:
        """The policy in force."""
        return SitePolicy.from_mapping(_policy(domain, 1, ""))

    def launch(self, name: str) -> Process:
        """Start a process by its name, without waiting for it."""
        part, _, domain = name.partition("-")
        darkroom = str(BIN / "darkroom")
        environment = self.environment()
        match part:
            case "gateway":
                argv = [
                    darkroom, "gateway", "serve", "--state", str(self.plan.root / "gateway"),
                    "--port", str(self.port("gateway")), "--blobs", "folder",
                    *(word for link in self.links.values() for word in ("--public-url", link.address)),
                ]  # fmt: skip
            case "node":
                argv = [
                    darkroom, "node", "serve", "--state", str(self.plan.node_state(domain)),
                    "--domain", str(self.plan.root / "sites" / domain),
                    "--gateway", self.links[domain].address,
                ]  # fmt: skip
                if domain == STEPPED:
                    environment |= self._clock.environment()
            case _:
                argv = [
                    darkroom, "owner", "watch", "--yes",
                    "--state", str(self.plan.owner_state(domain)),
                ]  # fmt: skip
        return self.processes.start(name, argv, environment=environment)

    def start_gateway(self) -> None:
        """Start the gateway and wait until it serves."""
        self.launch("gateway")
        self._wait_http("gateway", f"{self.gateway}/readyz", seconds=60)

    def start_node(self, domain: Path) -> Process:
        """Start a node and wait until it serves."""
        process = self.launch(f"node-{domain.name}")
        self._wait_log(process, "ready", seconds=120)
        return process

    def begin(self) -> None:
        """Start all, put the rules in force, send the scientists over their links."""
        self.start()
        for name in SCIENTISTS:
            profile = self.plan.home(name) / "profile.json"
            fields = json.loads(profile.read_text())
            profile.write_text(json.dumps(fields | {"gateway": self.links[name].address}))
        digest = _digest_of_known(self.plan.home(SCIENTISTS[0]))
        for folder in self.plan.domains:
            path = folder / "policy.yaml"
            path.write_text(json.dumps(_policy(folder.name, 2, digest)))
            self.command("policy", "sign", path, "--state", self.plan.owner_state(folder.name))


def _digest_of_known(home: Path) -> str:
    session = dr.connect(home=home, run_log="", progress="quiet")
    (request, *_) = requests_for(
        known, session.datasets(YARD), session.catalogue.profiles(), {},
        submitter=session.identity, project="soak", tier=None,
        parameters={"seconds": 0.0, "fail": False},
    )  # fmt: skip
    return request.spec.code_digest


def _domain(sites: Path, name: str, seed: int) -> Path:
    folder = sites / name
    folder.mkdir(parents=True)
    world = sites / f"{name}-world.yaml"
    world.write_text(WORLD.format(seed=70 + seed))
    dataset = {
        "source": str(world),
        "look": {"light": "day", "busyness": "moderate"},
        "classes": ["person", "vehicle"],
        "start": "2026-06-01T12:00:00Z",
    }
    site = {
        "domain": name,
        "title": f"{name} of a soak",
        "workers": 1,
        "environments": {"tflite": "litert"},
        "datasets": [{"name": YARD, **dataset}, {"name": THRIFT, **dataset}],
    }
    (folder / "domain.yaml").write_text(json.dumps(site))
    (folder / "policy.yaml").write_text(json.dumps(_policy(name, 1, "")))
    return folder


def _policy(domain: str, version: int, digest: str) -> dict[str, object]:
    anything = {name: {"anything": True} for name in known.parameters}
    rules: list[dict[str, object]] = [{"name": "rehearsal", "tier": "mock"}]
    if digest:
        rules.append(
            {"name": "known", "code_digest": digest, "release": "auto", "parameters": anything}
        )
    return {
        "version": version,
        "domain": domain,
        "grants": [
            {"scientist": name, "datasets": [YARD, THRIFT], "tiers": ["mock", "reviewed"]}
            for name in SCIENTISTS
        ],
        "rules": rules,
        "reviews": {"code": 1, "release": 1, "max_pending": 50},
        "budgets": [
            {"name": "scarce", "per": "dataset", "period_days": 1, "datasets": [THRIFT],
             "releases": SCARCE},
            {"name": "wide", "per": "dataset", "period_days": 1, "releases": PLENTY},
            {"name": "each", "per": "scientist", "period_days": 7, "releases": PLENTY,
             "rows": PLENTY},
        ],
        "limits": {"memory_mib": 2048, "processes": 64},
    }  # fmt: skip
