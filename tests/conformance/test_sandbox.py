"""What every `Sandbox` promises: of one machine, and of a cluster, in pods.

The one of a machine is run as root and, from the last test, as anybody. That of a cluster is
run on a FAKE API server and, where its programs are there, on the real one; a stand-in
kubelet starts the containers for both (`tests/kubernetes/`).
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from darkroom.adapters.sandbox.plan import LAYERS
from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.errors import IsolationError
from darkroom.ports import Runtime
from tests.kubernetes.workshop import ClusterWorkshop
from tests.sandbox.workshop import Workshop, as_root, limits, named, wait_for


TABLE = {"seen": {"type": "table", "columns": {"camera": "text", "n": "int"}, "max_rows": 9}}
COUNT = 'return {"seen": [{"camera": c.id, "n": data.count(c.id)} for c in data.cameras]}'


KINDS = [
    "process",
    pytest.param("fake-api-server", marks=pytest.mark.slow),
    pytest.param("kube-apiserver", marks=pytest.mark.slow),
]
POD_SECONDS = 8  # two containers, on a machine where others work too


@pytest.fixture(scope="module", params=KINDS, name="workshop")
def open_workshop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    """A sandbox of each kind; skips, with the reason, where one cannot be had here."""
    folder = tmp_path_factory.mktemp("state")
    if request.param == "process":
        shop = Workshop(folder)
        problem = shop.sandbox().problem
        if problem is not None:
            shop.close()
            pytest.skip(f"no sandbox here: {problem}")
    else:
        shop = ClusterWorkshop(folder, real=request.param == "kube-apiserver")
    try:
        yield shop
    finally:
        shop.close()


def in_pods(workshop: Workshop) -> bool:
    """Whether a job runs in a pod."""
    return isinstance(workshop, ClusterWorkshop)


def this_machine_only(workshop: Workshop) -> None:
    """What a test says of the launcher says nothing of a cluster."""
    if in_pods(workshop):
        pytest.skip("a cluster has no launcher")


def test_the_walls_stand(workshop: Workshop) -> None:
    isolation = workshop.sandbox().probe()

    assert isolation.fit, isolation.layers
    assert {isolation.layers[name] for name in LAYERS} == {"holds"}


def test_what_a_job_returns_is_in_out(workshop: Workshop) -> None:
    outcome, out = workshop.run(COUNT, outputs=TABLE)

    assert outcome.status == "done", outcome.log
    assert json.loads((out / "seen").read_bytes())["rows"] == [["gate", 8], ["yard", 8]]
    assert [p.stat().st_uid for p in out.iterdir()] == [os.geteuid()]


def test_a_worker_sees_its_cameras_only(workshop: Workshop) -> None:
    outcome, out = workshop.run(COUNT, outputs=TABLE, cameras=["yard"])

    assert outcome.status == "done", outcome.log
    assert json.loads((out / "seen").read_bytes())["rows"] == [["yard", 8]]


def test_frames_are_read(workshop: Workshop) -> None:
    outcome, out = workshop.run(
        'return {"result": {"n": sum(int(f.image.mean()) for f in data.frames())}}'
    )

    assert outcome.status == "done", outcome.log
    assert json.loads((out / "result").read_bytes())["n"] > 0
    assert outcome.max_rss_mib > 1


@pytest.mark.parametrize(
    ("body", "error_class"),
    [
        ('raise KeyError("a private word")', "KeyError"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("import os; os._exit(3)", "SystemExit"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("return 5", "OutputError"),
        ('raise type("a secret: 42", (Exception,), {})', "Exception"),
        ('raise type("E" * 62, (Exception,), {})', "Exception"),
    ],
)
def test_a_fault_of_the_job_is_told_by_its_class_only(
    workshop: Workshop, body: str, error_class: str
) -> None:
    outcome, out = workshop.run(body)

    assert (outcome.status, outcome.error_class) == ("failed", error_class)
    assert not list(out.iterdir())


LIMITS = [
    ("import time; time.sleep(60)", {"wall_seconds": 1}, "wall clock (1 s)"),
    ("while True: pass", {"cpu_seconds": 1}, "CPU time (1 s)"),
    ("x = [bytearray(b'x' * 2**20) for _ in range(400)]", {}, "memory (256 MiB)"),
    ("open('/out/x', 'wb').write(bytes(9 << 20))", {}, "disk (4 MiB)"),
    ("[open(f'/out/{i}', 'w').close() for i in range(200)]", {}, "disk (4 MiB)"),
    ("x = [open('/job/code/job.py') for _ in range(99)]", {}, "open files (64)"),
    (
        "import os\nwhile os.fork(): pass\nimport time; time.sleep(9)",
        {},
        "processes (32)",
    ),
    (
        "import threading\nwhile True: threading.Thread(target=threading.Event().wait).start()",
        {},
        "processes (32)",
    ),
]


@pytest.mark.parametrize("cgroups", [True, False], ids=["groups", "watched"])
@pytest.mark.parametrize(("body", "changes", "words"), LIMITS)
def test_each_limit_is_named(
    workshop: Workshop, body: str, changes: dict[str, int], words: str, cgroups: bool
) -> None:
    if in_pods(workshop) and not cgroups:
        pytest.skip("a container always has a group")

    outcome, out = workshop.run(body, limits=limits(**changes), cgroups=cgroups)

    assert (outcome.status, outcome.limit) == ("limit", words), outcome
    assert outcome.seconds < 6 + in_pods(workshop) * POD_SECONDS
    assert not list(out.iterdir())


def test_cancelling_ends_a_job_soon(workshop: Workshop) -> None:
    wish = threading.Event()
    threading.Timer(0.3, wish.set).start()

    outcome, _ = workshop.run("import time; time.sleep(60)", cancelled=wish.is_set)

    assert outcome.status == "cancelled"
    assert outcome.seconds < 2 + in_pods(workshop) * POD_SECONDS


def test_the_log_has_both_streams_and_a_cap(workshop: Workshop) -> None:
    outcome, _ = workshop.run(
        """
        import sys
        print("to the log"); print("errors too", file=sys.stderr, flush=True)
        print("x" * 1_000_000)
        return {"result": {"n": 1}}
        """
    )

    assert outcome.status == "done"
    assert b"to the log" in outcome.log
    assert b"errors too" in outcome.log
    assert len(outcome.log) == 64 << 10


@pytest.mark.parametrize("path", ["/data/x", "/job/code/x", "/job/x", "/x", "/usr/x"])
def test_only_out_and_tmp_can_be_written(workshop: Workshop, path: str) -> None:
    outcome, _ = workshop.run(f"open({path!r}, 'w')")

    assert outcome.error_class in ("OSError", "PermissionError")


def test_nothing_is_left_for_the_next_job(workshop: Workshop) -> None:
    first, _ = workshop.run("open('/tmp/note', 'w').close(); return {'result': {'n': 1}}")
    second, _ = workshop.run("open('/tmp/note')")

    assert (first.status, second.error_class) == ("done", "FileNotFoundError")


def test_jobs_run_side_by_side_and_more_wait(workshop: Workshop) -> None:
    body = "import time; t = time.monotonic(); time.sleep(0.4); return {'result': {'n': t}}"
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: workshop.run(body), range(8)))

    assert [outcome.status for outcome, _ in runs] == ["done"] * 8
    begins = sorted(json.loads((out / "result").read_bytes())["n"] for _, out in runs)
    together = [sum(b <= at < b + 0.4 for b in begins) for at in begins]
    assert max(together) >= 2
    assert in_pods(workshop) or max(together) <= 4  # slots; a cluster's are its quota


def test_merge_and_inspect_run_inside_too(workshop: Workshop) -> None:
    parts = workshop.folder("parts")
    for number, camera in enumerate(("gate", "yard")):
        (parts / str(number)).mkdir(mode=0o700)
        task = workshop.task(COUNT, outputs=TABLE, cameras=[camera])
        assert workshop.sandbox().run(task).status == "done"
        (task.out / "seen").rename(parts / str(number) / "seen")
    merge = workshop.task("", program="merge", outputs=TABLE, parts=parts, dataset=None)
    assert workshop.sandbox().run(merge).status == "done"
    inspect = workshop.task(
        "", program="inspect", outputs=TABLE, parts=merge.out, dataset=None, code=None
    )

    outcome = workshop.sandbox().run(inspect)

    assert outcome.status == "done", outcome.log
    manifest = json.loads((inspect.out / "manifest.json").read_bytes())
    assert manifest["problems"] == {}
    assert manifest["outputs"]["seen"]["type"] == "table"
    rows = json.loads((inspect.out / "seen").read_bytes())["rows"]
    assert rows == [["gate", 8], ["yard", 8]]


def test_an_unknown_runtime_does_not_start(workshop: Workshop) -> None:
    stranger = Runtime(name="mine", python=Path("/bin/sh"), paths=(Path("/"),), lock_hash="")

    with pytest.raises(IsolationError, match="not known"):
        workshop.run("return 1", runtime=stranger)


def test_a_missing_folder_is_an_isolation_error(workshop: Workshop) -> None:
    with pytest.raises(IsolationError, match="cannot be opened"):
        workshop.run("return 1", dataset=workshop.state / "nowhere")


@pytest.mark.skipif(not as_root(), reason="an ordinary user's launcher has no more rights")
@pytest.mark.parametrize("how", ["outside", "link", "dots"])
def test_a_root_launcher_stays_below_its_roots(workshop: Workshop, how: str) -> None:
    this_machine_only(workshop)
    link = workshop.folder("links") / "etc"
    link.symlink_to("/etc")
    path = {"outside": Path("/etc"), "link": link, "dots": workshop.state / ".." / ".."}

    with pytest.raises(IsolationError):
        workshop.run("return 1", dataset=path[how])


def test_after_close_nothing_runs(workshop: Workshop) -> None:
    sandbox = workshop.sandbox("environment")
    sandbox.close()

    with pytest.raises(IsolationError, match="has ended"):
        sandbox.run(workshop.task("return 1"))


@pytest.mark.parametrize("how", ["close", "SIGTERM", "SIGKILL"])
def test_when_the_launcher_ends_its_jobs_end(workshop: Workshop, how: str) -> None:
    this_machine_only(workshop)
    name = "j" + secrets.token_hex(5)
    body = f"""
    import ctypes, time
    ctypes.CDLL(None).prctl(15, {name.encode()!r}, 0, 0, 0)
    time.sleep(60)
    """
    task = workshop.task(body)
    with ProcessSandbox(runtimes=[workshop.runtime], roots=[workshop.state]) as sandbox:
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(sandbox.run, task)
            wait_for(lambda: named(name) == 1)
            if how == "close":
                sandbox.close()
            else:
                os.kill(sandbox.pid, signal.Signals[how])

            with pytest.raises(IsolationError):
                answer.result(timeout=10)
        wait_for(lambda: named(name) == 0)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not as_root(), reason="this is the run as an ordinary user")
def test_the_same_holds_for_an_ordinary_user() -> None:
    """The suites again, under a uid without rights (and with its interpreter visible)."""
    base = Path(sys.base_prefix)
    hidden = Path(*base.parts[:2])  # a root's home is closed to others
    command = ["bwrap", "--dev-bind", "/", "/", "--die-with-parent"]
    if not hidden.stat().st_mode & 0o001:
        command += ["--perms", "0755", "--tmpfs", str(hidden)]
        for parent in reversed(base.parents[:-2]):
            command += ["--perms", "0755", "--dir", str(parent)]
        command += ["--ro-bind", str(base), str(base)]
    command += ["setpriv", "--reuid=64599", "--regid=64599", "--clear-groups"]
    command += ["--inh-caps=-all", "--bounding-set=-all"]
    environment = ["env", "-i", "TMPDIR=/tmp", "PATH=/usr/bin", "PYTHONDONTWRITEBYTECODE=1"]
    suites = ["tests/conformance/test_sandbox.py", "tests/attack/test_reading.py"]
    run = subprocess.run(
        [
            *command,
            *environment,
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
            # Nobody gave it a control group, nor a cluster.
            *("-k", "not groups and not api"),
            *suites,
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    if "no sandbox here" in run.stdout:
        pytest.skip("this kernel refuses user namespaces to ordinary users")
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
