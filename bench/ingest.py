"""Memory of `darkroom ingest live` beside real RTSP cameras; one JSON line.

Counted is what a container is charged for: what each process of ingest has for itself, and the
pages of files that they share, once. The server of the streams is not counted.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from tests.ingest.rtsp import rtsp_server


ROOT = Path(__file__).parents[1]
MIB = 1 << 20
FPS = 5
SIZES = {"640x480": (640, 480), "1280x720": (1280, 720)}
SECONDS = 12.0  # of recording, after the first frame of every camera


def memory(process: psutil.Process) -> tuple[float, float]:
    """MiB of ingest alone, and of ingest with all its decoders."""
    alone, everybody = _charged([process]), [process, *process.children(recursive=True)]
    return alone / MIB, _charged(everybody) / MIB


def _charged(processes: list[psutil.Process]) -> int:
    own, files = 0, dict[str, int]()
    for process in processes:
        for part in process.memory_maps(grouped=True):
            private = part.private_dirty if part.path.startswith("/") else part.rss
            own += private
            files[part.path] = max(files.get(part.path, 0), part.rss - private)
    return own + sum(files.values())


def measure(folder: Path, size: tuple[int, int], cameras: int) -> dict[str, float]:
    """Record so many cameras for a while; the highest figures seen."""
    names = [f"cam-{n}" for n in range(cameras)]
    stream = {"fps": FPS, "width": size[0], "height": size[1]}
    for name in ("lab", "footage", "exchange"):
        (folder / name).mkdir(parents=True)
    with rtsp_server(folder, {name: {**stream} for name in names}) as server:
        listed = "\n".join(f'  - {{id: {n}, url: "{server.url(n)}", fps: {FPS}}}' for n in names)
        (folder / "lab" / "domain.yaml").write_text(
            "domain: lab\ntitle: A lab\nenvironments: {tflite: litert}\n"
            f"cameras:\n{listed}\ndatasets:\n  - {{name: house, record: {{}}}}\n"
        )
        process = subprocess.Popen(
            [
                sys.executable, "-c", "from darkroom.cli import main; main()", "ingest", "live",
                "--domain", str(folder / "lab"), "--footage", str(folder / "footage"),
                "--exchange", str(folder / "exchange"),
            ],
            stdout=subprocess.DEVNULL,
            env={"PYTHONPATH": str(ROOT / "src")},
        )  # fmt: skip
        try:
            me, pause = psutil.Process(process.pid), threading.Event()
            while len([*(folder / "footage" / "live" / "house").glob("*.part")]) < cameras:
                assert process.poll() is None, "ingest ended"
                pause.wait(0.1)
            end, most = time.monotonic() + SECONDS, (0.0, 0.0)
            busy = sum(sum(p.cpu_times()[:2]) for p in [me, *me.children()])
            while time.monotonic() < end:
                most = max(most, memory(me), key=lambda each: each[1])
                pause.wait(0.5)
            busy = sum(sum(p.cpu_times()[:2]) for p in [me, *me.children()]) - busy
        finally:
            process.terminate()
            process.wait(30)
    return {
        "ingest_mib": round(most[0], 1),
        "all_mib": round(most[1], 1),
        "cpu": round(busy / SECONDS, 3),
    }


def main() -> None:
    """Measure and say it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 2, 4])
    chosen = parser.parse_args().cameras
    found: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder:
        for size, edges in SIZES.items():
            for cameras in chosen:
                place = Path(folder) / f"{size}-{cameras}"
                found.setdefault(size, {})[str(cameras)] = measure(place, edges, cameras)
    # What one more camera costs, of the larger pictures; the rest is the base.
    of = found["1280x720"]
    total = {int(n): of[n]["all_mib"] for n in of}
    few, many = min(total), max(total)
    each = (total[many] - total[few]) / (many - few) if many > few else total[few] / few
    print(
        json.dumps(
            {
                "bench": "ingest",
                "per_camera_mib": round(each, 1),
                "base_mib": round(total[few] - few * each, 1),
                "fps": FPS,
                "seconds": SECONDS,
                "measured": found,
            }
        )
    )


if __name__ == "__main__":
    main()
