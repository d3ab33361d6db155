"""What a run of the demo found, in one file and in words."""

import json
from pathlib import Path
from typing import Any

from minio import Minio
from rich.console import Console
from rich.table import Table

from darkroom.bootstrap.local_stack import LocalStack


def build_report(stack: LocalStack, notebooks: Path, *, seconds: float) -> dict[str, Any]:
    """Join what the notebooks wrote with what the running system shows.

    Args:
        stack: still running.
        notebooks: folder with one JSON file a notebook.
        seconds: from the first process to now.
    """
    parts = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(notebooks.glob("*.json"))]
    domains: dict[str, dict[str, Any]] = {}
    for part in parts:
        for label, found in part.get("domains", {}).items():
            _join(domains.setdefault(label.partition("/")[0], {}), found)
        for label, found in part.get("refused", {}).items():
            _join(domains.setdefault(label, {}), {"jobs": found["jobs"]})
    for name, found in domains.items():
        found["node_rss_mib"] = round(stack.processes.find(f"node-{name}").rss_mib(), 1)
    return {
        "seconds": round(seconds, 1),
        "domains": domains,
        "training": _only(parts, "training"),
        "pysyft": _only(parts, "pysyft"),
        "mlflow": {
            "uri": stack.mlflow,
            "runs": [
                run for part in parts for run in part.get("mlflow", {}).get("runs", ()) if run
            ],
        },
        "s3": {"endpoint": stack.s3, "objects": _objects(stack)},
        "video": _only(parts, "video"),
    }


def _join(domain: dict[str, Any], found: dict[str, Any]) -> None:
    """Later notebooks add jobs and bytes; what they measured stays or is set."""
    jobs = domain.get("jobs", []) + found.get("jobs", [])
    sent = domain.get("bytes_out", 0) + found.get("bytes_out", 0)
    domain.update({k: v for k, v in found.items() if v is not None})
    domain["jobs"], domain["bytes_out"] = jobs, sent


def _only(parts: list[dict[str, Any]], key: str) -> Any:  # noqa: ANN401  # JSON
    return next((part[key] for part in parts if part.get(key)), None)


def _objects(stack: LocalStack) -> dict[str, int]:
    """How many objects each bucket holds."""
    access, secret = stack.s3_keys
    client = Minio(stack.s3.removeprefix("http://"), access, secret, secure=False)
    return {
        bucket.name: sum(1 for _ in client.list_objects(bucket.name, recursive=True))
        for bucket in client.list_buckets()
    }


def write_report(report: dict[str, Any], path: Path) -> Path:
    """Write the report as JSON; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return path


def describe(report: dict[str, Any], path: Path, console: Console) -> None:
    """Say what came back and where to look."""
    table = Table(title="What came back", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in (
        "domain",
        "dataset",
        "frames",
        "AP50",
        "person",
        "interpreter",
        "bytes out",
        "jobs",
    ):
        table.add_column(
            heading, justify="left" if heading in ("domain", "dataset", "interpreter") else "right"
        )
    for name, found in report["domains"].items():
        released = sum(job["state"] == "released" for job in found["jobs"])
        table.add_row(
            name,
            str(found.get("dataset", "")),
            str(found.get("frames", "")),
            _number(found.get("ap50")),
            _number(found.get("ap50_person")),
            str(found.get("interpreter", "")),
            str(found["bytes_out"]),
            f"{released} released of {len(found['jobs'])}",
        )
    console.print()
    console.print(table)
    training = report["training"]
    if training:
        console.print(
            f"\nTraining on {training['domain']} (dark): AP50 {training['ap50_before']:.3f} -> "
            f"{training['ap50_after']:.3f}; nobody outside saw a frame."
        )
    pysyft = report["pysyft"]
    if pysyft:
        done = sum(job["status"] == "done" for job in pysyft["jobs"])
        console.print(
            f"PySyft's own client (syft {pysyft['version']}): {done} of {len(pysyft['jobs'])} "
            "jobs done, each released by its owner."
        )
    video = report["video"]
    if video:
        console.print(
            f"Real clip on {video['domain']}: {video['frames']} frames, "
            f"{video['every20_person_sum']} persons on every 20th frame."
        )
    console.print(
        f"\n{report['seconds']:.0f} s in all. Notebooks as HTML: {path.parent / 'notebooks'}\n"
        f"Report: {path}\nMLflow held {len(report['mlflow']['runs'])} runs at "
        f"{report['mlflow']['uri']} (stopped now; `make up` leaves it running)."
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
