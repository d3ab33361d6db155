"""The programs as processes on mock: the same code path as in the sandbox."""

import json
import threading
from pathlib import Path

import pytest

from darkroom.errors import InputError
from darkroom.model.job import Limits
from darkroom.runtime.local import LocalOutcome, run_task_locally
from tests.runtime.faces import write_face


OUTPUTS = {
    "seen": {"type": "table", "columns": {"camera": "text", "n": "int"}, "max_rows": 9},
    "sum": {"type": "scalars", "names": ["n"]},
}
COUNT = """
def count(data, params):
    rows = [(c.id, data.count(c.id) * params["k"]) for c in data.cameras]
    return {"seen": rows, "sum": {"n": sum(n for _, n in rows)}}

def part(data, params):
    import numpy as np
    return {"names": [c.id for c in data.cameras], "n": np.ones(len(data))}

def join(parts, params):
    rows = [(name, int(p["n"].sum())) for p in parts for name in p["names"]]
    return {"seen": rows, "sum": {"n": len(parts)}}
"""


class Bench:
    """Folders for one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.face = write_face(folder / "face")
        self.code = folder / "code"
        self.code.mkdir()
        (self.code / "job.py").write_text(COUNT)

    def out(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def run(self, out: str = "out", body: str = "", **changes: object) -> LocalOutcome:
        if body:
            (self.code / "job.py").write_text("def count(data, params):\n    " + body)
        limits = changes.pop("limits", None)
        cancelled = changes.pop("cancelled", lambda: False)
        request = {
            "entrypoint": "job:count",
            "parameters": {"k": 1},
            "outputs": OUTPUTS,
            "cameras": None,
            "interpreter": "",
            "seed": 3,
            **changes,
        }
        return run_task_locally(
            "run",
            request,
            out=self.out(out),
            code=self.code,
            dataset=self.face,
            limits=limits,
            cancelled=cancelled,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def _rows(folder: Path) -> list:
    return json.loads((folder / "seen").read_bytes())["rows"]


def test_run_then_inspect(bench: Bench) -> None:
    assert bench.run().status == "done"
    done = run_task_locally(
        "inspect", {"outputs": OUTPUTS}, out=bench.out("ok"), parts=bench.out("out")
    )

    assert done.status == "done", done.log
    assert _rows(bench.out("ok")) == [["gate", 8], ["yard", 8]]
    manifest = json.loads((bench.out("ok") / "manifest.json").read_bytes())
    assert manifest["outputs"]["sum"]["bytes"] == len(b'{"n":16}')


@pytest.mark.parametrize("own", ["", "job:join"])
def test_workers_are_merged(bench: Bench, own: str) -> None:
    for number, camera in enumerate(("gate", "yard")):
        entry = "job:part" if own else "job:count"
        ran = bench.run(f"parts/{number}", cameras=[camera], merge=own, entrypoint=entry)
        assert ran.status == "done", ran.log
    merged = run_task_locally(
        "merge",
        {"merge": own, "outputs": OUTPUTS, "parameters": {"k": 1}},
        out=bench.out("merged"),
        code=bench.code,
        parts=bench.out("parts"),
    )

    assert merged.status == "done", merged.log
    assert _rows(bench.out("merged")) == [["gate", 8], ["yard", 8]]


@pytest.mark.parametrize(
    ("body", "error_class", "says"),
    [
        ("raise KeyError('x')", "KeyError", b"job.py"),
        ("return 5", "OutputError", b"Next: return {"),
        ("import nothing_here", "ModuleNotFoundError", b"nothing_here"),
        ("return {'seen': [], 'sum': {'m': 1}}", "OutputError", b"return n"),
        ("import sys; sys.exit()", "SystemExit", b""),
        ("import os; os._exit(3)", "SystemExit", b""),
    ],
)
def test_faults_are_told_to_the_author(
    bench: Bench, body: str, error_class: str, says: bytes
) -> None:
    outcome = bench.run(body=body)

    assert (outcome.status, outcome.error_class) == ("failed", error_class)
    assert says in outcome.log


@pytest.mark.parametrize("entry", ["other:count", "job:other"])
def test_a_wrong_entrypoint_is_told(bench: Bench, entry: str) -> None:
    outcome = bench.run(entrypoint=entry)

    assert outcome.error_class == "InputError"


def test_limits_of_time_and_size(bench: Bench) -> None:
    slow = bench.run(body="import time; time.sleep(60)", limits=Limits(wall_seconds=1))
    body = "open('../out/x', 'wb').write(bytes(3 << 20)); import os; os._exit(0)"
    large = bench.run(body=body, limits=Limits(output_mib=2))

    assert (slow.status, slow.limit) == ("limit", "wall clock (1 s)")
    assert (large.status, large.limit) == ("limit", "disk (2 MiB)")


def test_cancel(bench: Bench) -> None:
    wish = threading.Event()
    threading.Timer(0.2, wish.set).start()

    outcome = bench.run(body="import time; time.sleep(60)", cancelled=wish.is_set)

    assert outcome.status == "cancelled"


def test_the_log_has_a_cap_and_nobody_waits(bench: Bench) -> None:
    outcome = bench.run(body="print('x' * 3_000_000); raise ValueError")

    assert outcome.error_class == "ValueError"
    assert len(outcome.log) == 64 << 10


def test_chance_is_seeded(bench: Bench) -> None:
    body = "import random; n = random.random(); return {'seen': [], 'sum': {'n': n}}"
    for out in ("a", "b"):
        assert bench.run(out, body=body).status == "done"

    assert (bench.out("a") / "sum").read_bytes() == (bench.out("b") / "sum").read_bytes()


def test_carried_files_are_found_by_name(bench: Bench) -> None:
    (bench.code / "files").mkdir()
    (bench.code / "files" / "x.txt").write_text("7")
    body = (
        "from darkroom.runtime import code_path; "
        "n = int(open(code_path('files/x.txt')).read()); "
        "return {'seen': [], 'sum': {'n': n}}"
    )
    assert bench.run(body=body).status == "done"
    assert bench.run(
        body="from darkroom.runtime import code_path; code_path('../x')"
    ).error_class == ("SpecError")


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not there"):
        run_task_locally("inspect", {"outputs": {}}, out=tmp_path / "nowhere")
