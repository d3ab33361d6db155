"""How long a node takes to admit one job of many files.

    make bench BENCH=admit [ARGS="--files 100 --jobs 40"]

One JSON line. `seconds`: median from the letter's delivery to the end of its transaction on
disk (synchronous=FULL): form and hashes, the copy of the code flushed to disk, screening,
reservation, seen-id, job row, events and the letters to scientist and reviewers. Every job
has other files, so that no copy is found on the shelf. Opening the sealed envelope is not in
it (`with_envelope_s` has it); letters are sent by another thread, later.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ledger import filesystem
from darkroom.config import REPOSITORY
from darkroom.model.canonical import digest_bytes
from darkroom.model.reviews import Reviews
from darkroom.node.intake import Intake
from darkroom.post import Delivery
from tests.node.village import Village


FILE_BYTES = 4096


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.admit")
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=40)
    given = parser.parse_args()
    (REPOSITORY / "build").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="admit-", dir=REPOSITORY / "build"))
    try:
        print(json.dumps(measure(folder, files=given.files, jobs=given.jobs)))
    finally:
        remove(folder)


def measure(folder: Path, *, files: int, jobs: int) -> dict[str, object]:
    """Admit that many jobs, one after the other."""
    village = Village(folder).in_force(reviews=Reviews(max_pending=jobs))
    village.store._db.execute("PRAGMA synchronous = FULL")  # noqa: SLF001 - as a real node has it
    taken: list[float] = []
    whole: list[float] = []
    for number in range(jobs):
        carried = tree(number, files)
        request = village.request(
            files={path: digest_bytes(data) for path, data in carried.items()}
        )
        village.submit(request, files=carried)
        with timed(taken):
            began = time.perf_counter()
            village.poll()
            whole.append(time.perf_counter() - began)
        record = village.job(request.job_id)
        assert record.state == "screened", record.reasons
        assert village.store.reservation(request.job_id) is not None
    return {
        "bench": "admit",
        "seconds": round(statistics.median(taken), 4),
        "slowest_s": round(max(taken), 4),
        "with_envelope_s": round(statistics.median(whole), 4),
        "files": files,
        "jobs": len(taken),
        "disk": filesystem(folder),
    }


def tree(number: int, files: int) -> dict[str, bytes]:
    """The code of one job: no file is like another."""
    code = {
        f"part_{n // 10:02d}/module_{n:03d}.py": f"# {number} {n}\n".encode().ljust(
            FILE_BYTES, b"#"
        )
        for n in range(files - 1)
    }
    return {"job.py": f"def count(data, params): return {number}\n".encode(), **code}


@contextmanager
def timed(seconds: list[float]) -> Iterator[None]:
    """Note how long the node's intake takes for each delivery."""
    take = Intake.take

    def noted(self: Intake, delivery: Delivery, **more: float) -> None:
        began = time.perf_counter()
        take(self, delivery, **more)
        seconds.append(time.perf_counter() - began)

    Intake.take = noted  # type: ignore[method-assign]
    try:
        yield
    finally:
        Intake.take = take  # type: ignore[method-assign]


def remove(folder: Path) -> None:
    for inner, _, _ in os.walk(folder):  # the code on the shelf is read-only
        Path(inner).chmod(0o700)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
