"""`make soak`: mixed load over three domains while everything goes wrong, judged from outside.

    make soak                      # 30 minutes
    make soak ARGS="--minutes 3"

One JSON line on standard output, a report in build/soak/report.md; exit code 1 when anything
that may never happen did. What it does and what it judges: docs/soak.md.
"""

import argparse
import contextlib
import functools
import json
import re
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from darkroom.bootstrap.processes import Process
from darkroom.config import REPOSITORY
from darkroom.errors import DarkroomError
from darkroom.policy.transitions import FINAL
from tests.soak import evidence
from tests.soak.disk import SmallDisk
from tests.soak.invariants import Found, doubled, lost, overspent, unpaid
from tests.soak.keeper import Keeper
from tests.soak.link import Loop
from tests.soak.memory import growth
from tests.soak.plan import CROWDED, DOMAINS, SCIENTISTS, SoakPlan
from tests.soak.report import Outcome
from tests.soak.stack import SoakStack
from tests.soak.stepped_clock import SteppedClock
from tests.soak.trouble import Trouble
from tests.soak.waiting import Waiting


ROOT = REPOSITORY / "build" / "soak"
TELL_EVERY = 10.0
WHEN = re.compile(r"\d{4}-\d\d-\d\d")
SERVERS = ("gateway", *(f"{part}-{d}" for d in DOMAINS for part in ("node", "owner")))


class Soak:
    """One run."""

    def __init__(self, plan: SoakPlan, root: Path) -> None:
        self._plan = plan
        self._root = root
        self._state = root / "state"
        shutil.rmtree(root, ignore_errors=True)
        self._began = time.monotonic()
        self._loop = Loop()
        self._disks = {
            name: SmallDisk(
                self._state / ("gateway" if name == "gateway" else f"domains/{name}/node")
            )
            for name in CROWDED
        }
        self._clock = SteppedClock(self._state / "clock")
        self._stack = SoakStack(self._state, self._loop, self._clock, self.say)
        self._workers: dict[str, Process] = {}

    def say(self, line: str) -> None:
        """Show it, and keep it."""
        text = f"[{self._now():6.0f} s] {line}"
        print(text, file=sys.stderr, flush=True)
        with (self._root / "log.txt").open("a") as log:
            log.write(text + "\n")

    def run(self) -> Outcome:
        """All of it."""
        with contextlib.ExitStack() as closing:
            closing.callback(self._loop.close)
            for disk in self._disks.values():
                closing.callback(disk.close)
            closing.callback(self._stack.stop)
            self._stack.begin()
            waiting = Waiting(self._loop, self._stack.gateway, self._plan.waiting, self._plan.seed)
            closing.callback(waiting.close)
            self.say(f"the system runs; {self._plan.waiting} more domains wait at the gateway")
            keeper = Keeper(self._stack, SERVERS, self._now)
            closing.callback(keeper.close)  # before the rest is stopped, or it starts it again
            self._begin_work()
            trouble = Trouble(
                self._plan.faults(), keeper=keeper, links=self._stack.links, disks=self._disks,
                clock=self._clock, say=self.say,
            )  # fmt: skip
            closing.callback(trouble.close)
            self._watch(keeper, self._plan.seconds, until=lambda: False)
            lifetimes = keeper.lifetimes()  # under load; what follows is rest
            trouble.close()
            (self._root / "drain").touch()
            waiting.stop_writing()
            self.say("no more faults, nothing new is asked: all must come to an end")
            drained = self._watch(
                keeper, self._plan.drain, until=lambda: self._is_drained() and waiting.all_came()
            )
            self.say(f"{len(waiting.came)} of {len(waiting.sent)} letters came")
            stopped = [
                f"{name}: ended with the log\n{process.said()[-1000:]}"
                for name, process in self._workers.items()
                if self._stack.processes.ended(process) and "done" not in process.said()
            ]
            heads = self._witnessed()
            keeper.close()
            self._stack.stop()
            for name, disk in self._disks.items():
                if not disk.why_not and name in DOMAINS:  # it goes with its mount
                    shutil.copyfile(self._node(name) / "node.db", self._root / f"{name}-node.db")
            found = self._collect(waiting)
            audit = {
                name: evidence.audit(
                    self._node(name), self._state / "domains" / name / "node.json", heads.get(name)
                )
                for name in DOMAINS
            }
            lines = [line for name in SCIENTISTS for line in evidence.journal(self._journal(name))]
            grown = (
                growth(life, warm_up=self._plan.warm_up, shortest=self._plan.shortest)
                for life in lifetimes
            )
            return Outcome(
                plan=self._plan,
                problems={
                    "lost": lost(found),
                    "doubled": doubled(found),
                    "overspent": overspent(found.domains),
                    "unpaid": unpaid(found.domains),
                    "ledger": [
                        f"{n}: {what}" for n in DOMAINS for what in evidence.damage(self._node(n))
                    ],
                    "audit": [f"{n}: {what}" for n, (_, bad) in audit.items() for what in bad],
                    "stopped": [*stopped, *trouble.broken],
                },
                growths=[each for each in grown if each is not None],
                faults=trouble.done,
                skipped=trouble.skipped,
                kinds=Counter(str(line["kind"]) for line in lines if "kind" in line),
                ends=Counter(job.state for job in found.asked),
                reasons=Counter(
                    (job.state, WHEN.sub("…", job.why))
                    for job in found.asked
                    if job.state != "released"
                ),
                ended=keeper.ended,
                seconds=self._now(),
                drained=drained,
                mail=len(waiting.sent),
                reconnects=waiting.again,
                audit={name: said for name, (said, _) in audit.items()},
                notes=Counter(str(line["problem"]) for line in lines if "problem" in line),
            )

    def _begin_work(self) -> None:
        for number, name in enumerate(SCIENTISTS):
            self._workers[name] = self._stack.processes.start(
                f"scientist-{name}",
                [
                    sys.executable, "-m", "tests.soak.scientist",
                    "--home", str(self._stack.plan.home(name)),
                    "--journal", str(self._journal(name)),
                    "--drain", str(self._root / "drain"),
                    "--seed", str(self._plan.seed + number),
                    "--pace", str(self._plan.pace),
                ],
                environment=self._stack.environment(),
                cwd=REPOSITORY,
            )  # fmt: skip

    def _watch(self, keeper: Keeper, seconds: float, until: Callable[[], bool]) -> float:
        """Show how far it is, until that or until the time is over; how long it took."""
        began = told = time.monotonic()
        pause = threading.Event()
        while (passed := time.monotonic() - began) < seconds and not until():
            pause.wait(min(1.0, seconds - passed))
            if time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                states = self._states()
                ended = sum(n for state, n in states.items() if state in FINAL)
                sizes = ", ".join(
                    f"{name} {mib:.0f}" for name, mib in sorted(keeper.sizes().items())
                    if not name.startswith(("owner", "scientist"))
                )  # fmt: skip
                self.say(
                    f"{states.total()} jobs asked, {ended} ended; {keeper.kills.total()} kills, "
                    f"{len(keeper.ended)} ended by themselves; MiB: {sizes}"
                )
        return time.monotonic() - began

    def _states(self) -> Counter[str]:
        return functools.reduce(
            Counter.__add__, (evidence.states(self._stack.plan.home(n)) for n in SCIENTISTS)
        )

    def _is_drained(self) -> bool:
        return all(map(self._stack.processes.ended, self._workers.values()))

    def _witnessed(self) -> dict[str, Path]:
        """What the gateway was shown of each audit log."""
        found = {}
        for name in DOMAINS:
            path = self._root / f"{name}-heads.json"
            try:
                self._stack.command(
                    "audit", "heads", "--gateway", self._stack.gateway,
                    "--domain", name, "--keys", self._stack.plan.home(SCIENTISTS[0]), path,
                )  # fmt: skip
            except DarkroomError as error:
                self.say(f"no heads of {name} from the gateway: {error.message}")
            else:
                found[name] = path
        return found

    def _collect(self, waiting: Waiting) -> Found:
        lines = [line for name in SCIENTISTS for line in evidence.journal(self._journal(name))]
        return Found(
            asked=[
                job for n in SCIENTISTS for job in evidence.asked(self._stack.plan.home(n), n)
            ],
            told=frozenset(evidence.told(lines)),
            arrivals=evidence.arrivals(lines),
            domains=[
                evidence.held(self._node(name), name, self._stack.budgets(name))
                for name in DOMAINS
            ],
            mail_sent=tuple(waiting.sent),
            mail_came=tuple(waiting.came),
        )  # fmt: skip

    def _node(self, domain: str) -> Path:
        return self._stack.plan.node_state(domain)

    def _journal(self, scientist: str) -> Path:
        return self._root / f"{scientist}.jsonl"

    def _now(self) -> float:
        return time.monotonic() - self._began


def _leave(*_: object) -> None:
    sys.exit("stopped before it was over")  # what runs is stopped, what is mounted let go of


def main() -> None:
    """Run, write, print."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="of load (default: 30)")
    parser.add_argument("--seed", type=int, default=SoakPlan().seed, help="of load and faults")
    parser.add_argument("--pace", type=float, default=6.0, help="seconds between submissions")
    parser.add_argument("--waiting", type=int, default=50, help="simulated domains")
    parser.add_argument("--keep", action="store_true", help="keep keys, databases and logs")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    plan = SoakPlan(minutes=given.minutes, seed=given.seed, pace=given.pace, waiting=given.waiting)
    outcome = Soak(plan, ROOT).run()
    (ROOT / "report.md").write_text(outcome.page())
    if outcome.sound and not given.keep:
        shutil.rmtree(ROOT / "state")
    print(f"the report: {ROOT / 'report.md'}", file=sys.stderr)
    print(json.dumps(outcome.line()))
    sys.exit(0 if outcome.sound else 1)


if __name__ == "__main__":
    main()
