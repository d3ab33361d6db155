"""Where channels are measured: a real node, a real sandbox, the real inspector.

Only time is ours: a job that prints "slept 40" took 40 seconds, so that minutes need not
be waited for. `Crossing` is everything that came out of one job, by who can see it.
"""

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime
from darkroom.bootstrap.node_assembly import Parts
from darkroom.model.airlock import Airlock
from darkroom.model.amount import NOTHING, Amount
from darkroom.model.approval_rule import ApprovalRule
from darkroom.model.budget import Budget
from darkroom.model.canonical import digest_bytes
from darkroom.model.job import Environment, JobRequest, JobSpec, Limits
from darkroom.model.letter import Letter
from darkroom.model.output import Output
from darkroom.model.site_policy import Grant
from darkroom.policy.disclosure import MAX_LOG
from darkroom.policy.price import log_price, price
from darkroom.ports import Isolation, Outcome, SandboxTask
from tests.attack.channels.vault import READ, fill
from tests.node.outside import Exchange, HandClock, MemoryRelay
from tests.node.village import Village, card_of


FIRST_UID = 64900
SLEPT = re.compile(rb"slept ([0-9.]{1,9})")
LIMITS = Limits(
    memory_mib=512, cpu_seconds=60, wall_seconds=60, processes=32, files=64, output_mib=4
)
PLENTY = Budget(name="plenty", per="dataset", period_days=7, releases=100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """What one job let out.

    Attributes:
        request: as it was submitted.
        heard: (seconds since submission, letter) to the submitter before the owner's release.
        released: output name -> bytes, after it; empty when nothing was released.
        receipt: the statement that the domain signed with them.
        state: in which the job ended or waits.
        raw: output name -> bytes as the job left them; nobody outside sees these.
        outcomes: how the sandbox says its programs ended; the same.
        paid: the price of the job.
        wire: sizes of the envelopes that the gateway forwarded for the domain.
        said: log lines of the node.
    """

    request: JobRequest
    heard: list[tuple[float, Letter]]
    released: dict[str, bytes]
    receipt: dict[str, Any]
    state: str
    raw: dict[str, bytes]
    outcomes: list[Outcome]
    paid: Amount
    wire: list[int]
    said: list[str]

    @property
    def reasons(self) -> list[str]:
        """All words of all states, in order."""
        return [w for _, letter in self.heard for w in letter.body.get("reasons", ())]


@dataclass
class Watched:
    """The real sandbox; remembers what nobody may see, and moves the clock of the arena."""

    real: ProcessSandbox
    clock: HandClock
    raw: dict[str, bytes] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    def probe(self) -> Isolation:
        return self.real.probe()

    def run(self, task: SandboxTask, *, cancelled: Callable[[], bool] = lambda: False) -> Outcome:
        outcome = self.real.run(task, cancelled=cancelled)
        if task.program == "run":
            self.outcomes.append(outcome)
            self.raw |= {
                p.relative_to(task.out).as_posix(): p.read_bytes()
                for p in task.out.rglob("*")
                if p.is_file()
            }
            slept = SLEPT.search(outcome.log)
            self.clock.forward(float(slept[1]) if slept else 0.0)
        return outcome


class Overheard(MemoryRelay):
    """The domain's way to the gateway; the gateway sees how large each thing is."""

    def __init__(self, exchange: Exchange, name: str) -> None:
        super().__init__(exchange, name)
        self.sizes: list[int] = []

    def send(self, recipient: str, envelope_id: str, envelope: bytes, *, expires_in: float) -> None:
        self.sizes.append(len(envelope))
        super().send(recipient, envelope_id, envelope, expires_in=expires_in)

    def put_blob(self, ciphertext: bytes, readers: Any) -> str:
        self.sizes.append(len(ciphertext))
        return super().put_blob(ciphertext, readers)


def source(body: str) -> str:
    """A file of code around the body of a job."""
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return f"{READ}\ndef job(data, params):\n{lines}"


class Arena(Village):
    """The domain of the village on a real sandbox, with the secret footage."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.runtime = describe_runtime(
            "tflite", Path(sys.executable), Path("pyproject.toml"), interpreter="litert"
        )
        self.environment = Environment(name="tflite", lock_hash=self.runtime.lock_hash)
        self._real = ProcessSandbox(runtimes=[self.runtime], roots=[folder], first_uid=FIRST_UID)
        self.version = 0
        super().__init__(folder)
        self.vault = fill(self.footage, folder)
        self.store.register_dataset(card_of(self.vault), self.vault.version)

    def parts(self) -> Parts:
        self.watched = Watched(self._real, self.clock)
        self.overheard = Overheard(self.exchange, "north")
        return replace(
            super().parts(),
            sandbox=self.watched,
            relay=self.overheard,
            runtimes=lambda: {"tflite": self.runtime},
        )

    def close(self) -> None:
        self.store.close()
        self._real.close()

    def allow(self, **airlock: Any) -> None:
        """Put a policy in force with this airlock; work on mock needs no review."""
        self.version += 1
        grants = tuple(
            Grant(scientist=name, datasets=("vault",), tiers=("mock", "reviewed"))
            for name in ("alice", "bob")
        )
        policy = self.policy(
            self.version, grants=grants, airlock=Airlock(**airlock), budgets=(PLENTY,),
            rules=(ApprovalRule(name="mock", tier="mock"),),
        )  # fmt: skip
        self.sign_policy(policy)
        self.settle()
        self.airlock = policy.airlock

    def play(
        self,
        body: str,
        outputs: dict[str, Output],
        *,
        tier: str = "reviewed",
        release: bool = True,
        with_log: bool = False,
        live: bool = False,
        **more: Any,
    ) -> Crossing:
        """Run the body of a hostile job to its end, with an owner who approves and releases.

        Args:
            live: time goes by as it does, beside what jobs say.
        """
        files = {"job.py": source(body).encode()}
        request = self._asked(files, outputs, tier, more)
        self.watched.raw, self.watched.outcomes = {}, []
        self.said.clear()
        begin, seen = self.clock.now(), len(self.alice.read())
        self.overheard.sizes.clear()
        self.submit(request, files=files)
        self.settle()
        if self.state_of(request.job_id) == "screened":
            self.approve(request)
            with self._passing() if live else nullcontext():
                self.settle()
        heard = self._heard(seen, begin)
        state = self.state_of(request.job_id)
        if release and state == "produced":
            self.release(request.job_id, **({"with_log": True} if with_log else {}))
            self.settle()
        results = self.alice.letters("job.result", request.job_id)
        free = tier == "mock"
        return Crossing(
            request=request,
            heard=self._heard(seen, begin) if free else heard,
            released={
                name.removeprefix("output/"): data
                for letter in results
                for name, data in letter.attachments.items()
            },
            receipt=results[0].body["release"] if results else {},
            state=self.state_of(request.job_id) if release else state,
            raw=self.watched.raw,
            outcomes=self.watched.outcomes,
            paid=price(request.spec, self.airlock) + (log_price(MAX_LOG) if with_log else NOTHING),
            wire=[*self.overheard.sizes],
            said=[*self.said],
        )

    @contextmanager
    def _passing(self) -> Iterator[None]:
        """The hand clock goes with the one on the wall, and letters go out as they are written."""
        over = threading.Event()

        def go() -> None:
            last = time.monotonic()
            while not over.wait(0.005):
                now = time.monotonic()
                self.clock.forward(now - last)
                last = now
                self.node.service.send_once()

        hand = threading.Thread(target=go)
        hand.start()
        try:
            yield
        finally:
            over.set()
            hand.join()

    def _asked(
        self, files: dict[str, bytes], outputs: dict[str, Output], tier: str, more: dict[str, Any]
    ) -> JobRequest:
        spec = JobSpec(
            **{
                "name": "hostile",
                "tier": tier,
                "entrypoint": "job:job",
                "files": {path: digest_bytes(data) for path, data in files.items()},
                "environment": self.environment,
                "outputs": outputs,
                "limits": LIMITS,
                **more,
            }
        )
        request = self.request()
        return replace(request, spec=spec, dataset="vault", dataset_version=self.vault.version)

    def _heard(self, seen: int, begin: float) -> list[tuple[float, Letter]]:
        letters = [letter for letter in self.alice.read()[seen:] if letter.kind == "job.state"]
        return [(letter.sent_at - begin, letter) for letter in letters]
