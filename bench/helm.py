"""What a domain asks of its Pis, beside what others ask, and how soon its node is ready.

    make bench BENCH=helm

One JSON line; a table goes to standard error. `domain_requests_mib`: memory requests of all
pods of a domain with one camera (edge store apart), read off the rendered chart;
`per_camera_mib`: what each further camera adds; `base_mib` the rest. `measured`: resident
memory of a node at rest and (with `--cameras`, which needs the GStreamer server of the tests)
of ingest with one and two RTSP cameras: requests are never below it. `node_ready_s`: from the
start of a node until `/readyz`, the fastest of three.

The figures of PySyft 0.9's chart and of the SUCCESS-6G edge stack are read off their own
defaults and documentation; neither was run.
"""

import argparse
import json
import subprocess
import sys

from bench.node_ready import measure
from tests.helm.sizes import table


MOST_BASE, MOST_PER_CAMERA, MOST_READY = 200, 80, 5.0
# Requests of one node or edge cluster: name, MiB, CPUs.
OTHERS = (
    ("PySyft 0.9, chart's defaults, one node", 12800, 6.5),
    ("SUCCESS-6G edge stack, minimal", 11700, 8.24),
    ("SUCCESS-6G edge stack, full", 16000, 10.72),
)


def ingest() -> dict[str, float]:
    """What BENCH=ingest measures at 640x480."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.ingest", "--cameras", "1", "2"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    line = json.loads(done.stdout.splitlines()[-1])
    return {name: line[name] for name in ("base_mib", "per_camera_mib")}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cameras", action="store_true", help="measure ingest with RTSP, too")
    cameras = parser.parse_args().cameras
    pods = table((1, 2, 4))
    asked = {n: sum(each for each, _ in of.values()) for n, of in pods.items()}
    per_camera = (asked[4] - asked[1]) / 3
    ready = measure()
    measured: dict[str, object] = {"node_mib": ready["rss_mib"]}
    if cameras:
        measured["ingest"] = ingest()
    line = {
        "bench": "helm",
        "domain_requests_mib": asked[1],
        "base_mib": round(asked[1] - per_camera, 1),
        "per_camera_mib": per_camera,
        "node_ready_s": ready["node_ready_s"],
        "measured": measured,
        "requests_mib": {name: each for name, (each, _) in pods[1].items()},
        "others_mib": {name: mib for name, mib, _ in OTHERS},
        "holds": {
            "base": asked[1] - per_camera <= MOST_BASE,
            "per_camera": per_camera <= MOST_PER_CAMERA,
            "node_ready": float(str(ready["node_ready_s"])) <= MOST_READY,
        },
    }
    print(f"{'':44}{'MiB':>8}{'CPUs':>8}", file=sys.stderr)
    for count, each in asked.items():
        print(f"{f'Darkroom, {count} camera(s)':44}{each:8}", file=sys.stderr)
    for name, mib, cpus in OTHERS:
        print(f"{name:44}{mib:8}{cpus:8}", file=sys.stderr)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
