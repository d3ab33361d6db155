"""A real system of one small domain, for benchmarks: gateway, node and owner are processes.

Its policy approves one job by rule and releases it at once, so that no person is measured.
"""

import copy
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

import darkroom as dr
from darkroom.bootstrap.local_stack import LocalStack, StackPlan
from darkroom.scientist.domain import RemoteDataset
from darkroom.scientist.session import Session


NAME = "bench"
WORLD = """
seed: 77
duration: 120
cameras:
  - {id: gate, width: 160, height: 128, fps: 0.25}
  - {id: path, width: 160, height: 128, fps: 0.25}
"""
DOMAIN = """
domain: bench
title: A small domain for measurements
workers: 2
environments: {tflite: litert}
datasets:
  - name: yard
    source: WORLD
    look: {light: day, busyness: moderate}
    classes: [person, vehicle]
    start: 2026-06-01T12:00:00Z
"""


@dr.job(environment="tflite", outputs={"facts": dr.Scalars(names=("frames",))})
def trivial(data, params):  # noqa: ANN001, ANN201, ARG001  # as a user writes it
    """Count the frames: next to no work."""
    return {"facts": {"frames": data.count()}}


@dataclass(frozen=True, slots=True)
class OneDomain:
    """The running system and how to ask it."""

    stack: LocalStack
    folder: Path
    session: Session
    dataset: RemoteDataset


def policy(version: int, approve: list[str]) -> dict[str, object]:
    """The owner's rules for a benchmark."""
    return {
        "version": version,
        "domain": NAME,
        "grants": [{"scientist": "alice", "datasets": ["yard"], "tiers": ["reviewed"]}],
        "rules": [
            {"name": f"known-{number}", "code_digest": digest, "release": "auto"}
            for number, digest in enumerate(approve)
        ],
        "budgets": [{"name": "bench", "per": "dataset", "period_days": 1, "releases": 1_000_000}],
        "limits": {"memory_mib": 2048, "processes": 64},
    }


@contextmanager
def one_domain() -> Iterator[OneDomain]:
    """Start the system, let the owner approve `trivial` by rule, and stop it afterwards."""
    root = Path(tempfile.mkdtemp(prefix="darkroom-bench-"))
    folder = root / "domains" / NAME
    folder.mkdir(parents=True)
    world = root / "world.yaml"
    world.write_text(WORLD)
    (folder / "domain.yaml").write_text(DOMAIN.replace("WORLD", str(world)))
    _write(folder / "policy.yaml", policy(1, []))
    plan = StackPlan(root=root / "state", domains=(folder,), object_store=False, run_log=False)
    stack = LocalStack(plan, say=lambda line: print(f"  {line}", file=sys.stderr))
    stack.start()
    try:
        session = dr.connect(home=plan.home("alice"), run_log="", progress="quiet")
        dataset = session.domains[NAME].datasets["yard"]
        _approve_by_rule(stack, folder, dataset)
        yield OneDomain(stack, folder, session, dataset)
    finally:
        stack.stop()
        shutil.rmtree(root, ignore_errors=True)


def _approve_by_rule(stack: LocalStack, folder: Path, dataset: RemoteDataset) -> None:
    """One job through the owner tells the code digest; a new signed policy names it."""
    first = trivial.submit(dataset, project="bench").wait(timeout=120)
    digest = first.digests[NAME]["code_digest"]
    _write(folder / "policy.yaml", policy(2, [digest]))
    owner = stack.processes.find(f"owner-{NAME}")
    stack.processes.stop(owner)  # from here on, only the rule can approve
    stack.command("policy", "sign", folder / "policy.yaml", "--state", plan_owner(stack))
    trivial.submit(dataset, project="bench").wait(timeout=120)


def allow(system: OneDomain, digests: list[str], parameters: dict[str, object]) -> None:
    """The owner signs rules for more code; jobs that wait for a review are let in by them."""
    path = system.folder / "policy.yaml"
    known = yaml.safe_load(path.read_text())
    known["version"] += 1
    known["rules"] += [
        {
            "name": f"more-{n}",
            "code_digest": d,
            "release": "auto",
            "parameters": copy.deepcopy(parameters),
        }
        for n, d in enumerate(digests)
    ]
    _write(path, known)
    system.stack.command("policy", "sign", path, "--state", plan_owner(system.stack))


def plan_owner(stack: LocalStack) -> Path:
    """The owner's state folder."""
    return stack.plan.owner_state(NAME)


def _write(path: Path, value: dict[str, object]) -> None:
    path.write_text(yaml.safe_dump(value))
