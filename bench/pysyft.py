"""A round trip through PySyft's own client: here, and on the stock engine.

`make bench BENCH=pysyft` prints one JSON line. Both sides use the same gateway as transport
and the same trivial job; both owners approve without a person.

`ours_s`, `stock_s`: median seconds from submit to the output file in the scientist's box, of
code that ran on mock before; `submit_new_code_s`: what submitting new code takes alone, most of
it the run on mock, which the stock engine has not.
`ratio`: ours over stock, whose runner finds its interpreter prebuilt and uses no sandbox.
`ratio_reading`: the same with a job that imports syft and asks for the path of its dataset.
`shipped`: one job with the runner as it is shipped, or why it ends.
`seconds_per_job`: mean of the last ten jobs when 10, 100, 300 have been made, after one to
warm up, in a box that was empty before; `growth`: the last of these over the first.
`idle_sync_s`: median of `client.sync()` with nothing new, at the end.
`node_idle_mib`: resident memory of the node with its endpoint, before the first job.
`ARGS="--jobs 1000"` goes further.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import darkroom as dr
from bench.one_domain import NAME, OneDomain, allow, one_domain
from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.config import REPOSITORY


MARKS = (10, 100, 300)
ROUNDS = 15  # of each comparison
LAST = 10
DOMAIN = f"{NAME}@darkroom"
STOCK_OWNER, STOCK_SCIENTIST = "site@stock.example", "scientist@stock.example"
NOTHING = (
    'import json\n\nwith open("outputs/result.json", "w") as file:\n    json.dump({"n": 1}, file)\n'
)
READING = """import json
import os

import syft as sy

path = sy.resolve_dataset_file_path("yard")
with open("outputs/result.json", "w") as file:
    json.dump({"n": os.path.getsize(path)}, file)
"""
DECLARED = {"dataset": "yard", "outputs": {"result": {"type": "scalars", "names": ["n"]}}}
PATIENCE = 120.0


def job_folder(folder: Path, code: str) -> Path:
    """A job as a scientist has it on disk."""
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(code)
    (folder / "darkroom.json").write_text(json.dumps(DECLARED))
    return folder


def ours(client: Any, job: Path, name: str) -> float:  # noqa: ANN401
    """Seconds of one round trip through a Darkroom domain."""
    began = time.perf_counter()
    client.submit_python_job(user=DOMAIN, code_path=str(job), job_name=name)
    dr.pysyft.wait(client, name, timeout=PATIENCE)
    assert [path.name for path in client.jobs[name].output_paths if path.name == "result.json"]
    return time.perf_counter() - began


def submit_seconds(client: Any, root: Path, number: int) -> float:  # noqa: ANN401
    """Seconds until code that is new has run on mock and is sent; it waits for a person."""
    job = job_folder(root / f"new-{number}", f"# {number}\n{NOTHING}")
    began = time.perf_counter()
    client.submit_python_job(user=DOMAIN, code_path=str(job), job_name=f"new {number}")
    return time.perf_counter() - began


def stock(client: Any, job: Path, name: str) -> float:  # noqa: ANN401
    """Seconds of one round trip through the stock engine."""
    began = time.perf_counter()
    client.submit_python_job(
        user=STOCK_OWNER, code_path=str(job), job_name=name, force_submission=True
    )
    while time.perf_counter() - began < PATIENCE:
        client.sync()
        found = client.job_client.jobs[name]
        if found.status in ("done", "failed"):
            break
    assert found.status == "done", found.status
    assert found.output_paths
    return time.perf_counter() - began


class StockSite:
    """An owner's process and a scientist's client on the stock engine, over the same gateway."""

    def __init__(self, system: OneDomain, root: Path, *, shipped: bool = False) -> None:
        from tests.attack.pysyft.stock.carrier import FolderCarrier, RelayCarrier
        from tests.attack.pysyft.stock.client import stock_client

        self.root = root
        root.mkdir(parents=True)
        (root / "files").mkdir()
        (root / "files" / "mock.txt").write_text("mock")
        (root / "files" / "private.txt").write_text("private")
        suffix = root.name
        names = {STOCK_OWNER: f"site-{suffix}", STOCK_SCIENTIST: f"scientist-{suffix}"}
        for name, role in zip(names.values(), ("domain", "scientist"), strict=True):
            SycKeyring.generate(name, role).save(root / f"{name}.json")  # type: ignore[arg-type]
        relay = self._relay(system, names[STOCK_SCIENTIST])
        self._relay(system, names[STOCK_OWNER]).admit(names[STOCK_SCIENTIST])
        relay.admit(names[STOCK_OWNER])
        shared = FolderCarrier(root / "shared")
        carrier = RelayCarrier(root / "scientist-mail", shared, relay, names.__getitem__)
        self.client = stock_client(
            carrier, email=STOCK_SCIENTIST, folder=root / "scientist" / "box", owner=False
        )
        self.client.add_peer(STOCK_OWNER, sync=False, verbose=False)
        environment = {**os.environ, "PRE_SYNC": "false", "PYTHONPATH": str(REPOSITORY)}
        self.owner = subprocess.Popen(
            [
                sys.executable, "-m", "bench._pysyft_stock_owner", str(root), system.stack.gateway,
                names[STOCK_OWNER], names[STOCK_SCIENTIST], "shipped" if shipped else "prebuilt",
            ],
            cwd=REPOSITORY,
            env=environment,
            stdout=(root / "owner.log").open("w"),
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        began = time.perf_counter()
        while not (root / "open").exists():
            assert self.owner.poll() is None, (root / "owner.log").read_text()[-2000:]
            assert time.perf_counter() - began < PATIENCE
            time.sleep(0.05)
        self.client.load_peers()
        self.client.sync()

    def _relay(self, system: OneDomain, name: str) -> HttpRelay:
        keyring = SycKeyring.load(self.root / f"{name}.json")
        relay = HttpRelay(system.stack.gateway, keyring, SystemClock())
        relay.register(keyring.identity)
        return relay

    def close(self) -> None:
        """Stop the owner's process."""
        self.owner.terminate()
        self.owner.wait(20)


def shipped(system: OneDomain, root: Path, job: Path) -> dict[str, Any]:
    """One job with the stock runner as it is: its own environment, installed anew."""
    site = StockSite(system, root, shipped=True)
    try:
        began = time.perf_counter()
        site.client.submit_python_job(
            user=STOCK_OWNER, code_path=str(job), job_name="as shipped", force_submission=True
        )
        status = ""
        while status not in ("done", "failed") and time.perf_counter() - began < PATIENCE:
            site.client.sync()
            status = site.client.job_client.jobs["as shipped"].status
        return {"status": status, "seconds": round(time.perf_counter() - began, 2)}
    finally:
        site.close()


def compared(
    rounds: int, one: Callable[[str], float], other: Callable[[str], float], label: str
) -> tuple[float, float]:
    """Medians of both, taken in turns, after one of each to warm up."""
    mine, theirs = [], []
    for number in range(rounds + 1):
        mine.append(one(f"{label} {number}"))
        theirs.append(other(f"{label} {number}"))
        print(f"  {label} {number}: {mine[-1]:.2f} s, {theirs[-1]:.2f} s", file=sys.stderr)
    return statistics.median(mine[1:]), statistics.median(theirs[1:])


def growth(one: Callable[[str], float], jobs: int) -> dict[str, float]:
    """Mean seconds of the last ten jobs at each mark."""
    marks = sorted({*(m for m in MARKS if m <= jobs), jobs})
    seconds: list[float] = []
    found = {}
    for number in range(1, jobs + 1):
        seconds.append(one(f"job {number}"))
        if number in marks:
            found[str(number)] = round(statistics.mean(seconds[-LAST:]), 3)
            print(f"  after {number} jobs: {found[str(number)]} s each", file=sys.stderr)
    return found


def idle(client: Any) -> float:  # noqa: ANN401
    """Median seconds of a sync with nothing new."""
    seconds = []
    for _ in range(20):
        began = time.perf_counter()
        client.sync()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def measure(jobs: int) -> dict[str, Any]:
    """Everything, on one running system."""
    with one_domain() as system:
        root = system.folder.parent / "pysyft"
        node_idle = system.stack.processes.find(f"node-{NAME}").rss_mib()
        client = dr.pysyft.login_ds(system.stack.plan.home("alice"), run_log="")
        nothing, reading = job_folder(root / "nothing", NOTHING), job_folder(root / "r", READING)
        digests = []
        for label, job in (("nothing", nothing), ("reading", reading)):
            client.submit_python_job(user=DOMAIN, code_path=str(job), job_name=f"first {label}")
            request = system.session.jobs[0].jobs[NAME].request
            digests.append(request.spec.code_digest)
        # The two that wait are let in by the new rules; a job may have any name.
        allow(system, digests, {"pysyft_job": {"anything": True}})
        dr.pysyft.wait(client, timeout=PATIENCE)
        per_job = growth(lambda name: ours(client, nothing, name), jobs)
        new_code = [submit_seconds(client, root, number) for number in range(3)]
        site = StockSite(system, root / "prebuilt")
        try:
            ours_s, stock_s = compared(
                ROUNDS,
                lambda name: ours(client, nothing, name),
                lambda name: stock(site.client, nothing, name),
                "nothing",
            )
            ours_reading, stock_reading = compared(
                1,
                lambda name: ours(client, reading, name),
                lambda name: stock(site.client, reading, name),
                "reading",
            )
        finally:
            site.close()
        as_shipped = shipped(system, root / "shipped", nothing)
        return {
            "bench": "pysyft",
            "ratio": round(ours_s / stock_s, 3),
            "stock_s": round(stock_s, 3),
            "ours_s": round(ours_s, 3),
            "submit_new_code_s": round(statistics.median(new_code), 3),
            "ratio_reading": round(ours_reading / stock_reading, 3),
            "stock_reading_s": round(stock_reading, 3),
            "shipped": as_shipped,
            "seconds_per_job": per_job,
            "growth": round(per_job[max(per_job, key=int)] / per_job["10"], 3),
            "idle_sync_s": round(idle(client), 3),
            "node_idle_mib": round(node_idle, 1),
            "node_after_mib": round(system.stack.processes.find(f"node-{NAME}").rss_mib(), 1),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=MARKS[-1])
    arguments = parser.parse_args()
    os.environ["PRE_SYNC"] = "false"  # each sync is asked for by name, on both sides
    if shutil.which("uv") is None:
        print("  uv is not on the path: `shipped` will say so", file=sys.stderr)
    with redirect_stdout(sys.stderr):  # the engine talks
        line = measure(arguments.jobs)
    print(json.dumps(line), file=sys.stdout)


if __name__ == "__main__":
    main()
