"""The images hold what they promise: built from today's code, run as a pod runs them."""

import functools
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml

from darkroom import __version__
from darkroom.model.output import Scalars, output_to_mapping
from darkroom.scene import World
from darkroom.walls.lock_hash import lock_hash
from tests.images.engine import OWN, ROOT, Image, built, job_user, podman
from tests.images.servers import SERVERS
from tests.runtime.faces import write_face
from tests.scene.scene_recipes import domain_recipe


pytestmark = [pytest.mark.images, pytest.mark.slow, pytest.mark.timeout(900)]

USERS = {
    "node": (64000, 64000),
    "runtime": (64100, 64000),
    "gateway": (64010, 64010),
    "mlflow": (64020, 64020),
    "singleuser": (1000, 100),
}
LOCKS = {target: target for target in USERS} | {"runtime": "runtime-litert"}
PACKAGE = ROOT / "src" / "darkroom"
BUNDLE = "/opt/darkroom"


def repository_hash(target: str) -> str:
    lock = ROOT / "requirements" / f"{LOCKS[target]}.txt"
    return lock_hash(lock.read_bytes(), PACKAGE)


def pinned(target: str) -> dict[str, str]:
    """Package -> version, as the lock of a target has them."""
    lock = (ROOT / "requirements" / f"{LOCKS[target]}.txt").read_text()
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", lock, re.MULTILINE))


@pytest.fixture(scope="module", params=USERS)
def target(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def hashes() -> dict[str, tuple[str, str]]:
    """The repository's hash of a target before and after its image was built."""
    return {}


@pytest.fixture(scope="module")
def image_of(hashes) -> Iterator[Callable[[str], Image]]:
    """Builds an image when the first test asks for it; one that is missing skips its own tests."""
    with job_user() as user:

        @functools.cache
        def image_of(target: str) -> Image:
            before = repository_hash(target)
            found = built(target)
            hashes[target] = (before, repository_hash(target))
            return replace(found, user=user) if target == "runtime" else found

        yield image_of


@pytest.fixture(scope="module")
def image(target, image_of) -> Image:
    return image_of(target)


def said(image: Image, program: str, **more) -> Any:
    """What a little program in the image's Python printed as JSON."""
    run = image.run("-I", "-c", program, python=True, **more)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


IDENTITY = """
import json, os
status = dict(l.split(":", 1) for l in open("/proc/self/status") if ":" in l)
written = []
for folder in ("/", "/etc", "/tmp", "/opt/darkroom", "/opt/darkroom/src/darkroom", "/usr", "/var"):
    try:
        open(folder + "/probe", "w").close()
        written.append(folder)
    except OSError:
        pass
print(json.dumps({
    "user": [os.getuid(), os.getgid()], "groups": os.getgroups(), "written": written,
    "rights": [status[n].strip() for n in ("CapPrm", "CapEff", "CapBnd")],
    "no_more": status["NoNewPrivs"].strip(),
    "interfaces": sorted(os.listdir("/sys/class/net")),
}))
"""


def test_it_runs_as_nobody_in_particular_on_a_read_only_root(image, target):
    facts = said(image, IDENTITY, options=("--tmpfs=/tmp:size=4m,mode=1777",))

    own = ":".join(map(str, USERS[target]))
    assert image.inspect("{{.Config.User}}") == own
    assert ":".join(map(str, facts["user"])) == (image.user or own)
    assert facts["written"] == ["/tmp"]
    assert facts["rights"] == ["0" * 16] * 3
    assert facts["no_more"] == "1"
    assert facts["interfaces"] == ["lo"]


OURS = f"darkroom, version {__version__}\n"
STARTS = {
    "node": (("--version",), OURS),
    # Has none of the command line's libraries, and needs none.
    "runtime": (
        ("-c", "import darkroom; print('darkroom, version', darkroom.__version__)"),
        OURS,
    ),
    "gateway": (("--version",), OURS),
    "mlflow": (("--version",), f"mlflow, version {pinned('mlflow')['mlflow']}\n"),
    "singleuser": (("darkroom", "--version"), OURS),
}


# MLflow asks for a temporary folder as it is imported; its pod has one.
NEEDS_TMP = {"mlflow": ("--tmpfs=/tmp:size=4m,mode=1777",)}


def test_it_starts_without_any_other_place_to_write(image, target):
    arguments, told = STARTS[target]
    run = image.run(*arguments, options=NEEDS_TMP.get(target, ()))

    assert (run.returncode, run.stdout) == (0, told), run.stderr


CONTENT = """
import json, os, shutil, stat
import importlib.util as find
tools = ["pip", "pip3", "uv", "gcc", "cc", "c++", "ld", "make", "git", "npm"]
modules = ["pip", "setuptools", "ensurepip", "hatchling", "uv", "tensorflow", "mlflow",
           "tflite_runtime", "ai_edge_litert", "cryptography", "httpx", "cv2", "pytest"]
raised, uncompiled = [], []
for folder, folders, files in os.walk("/"):
    folders[:] = [d for d in folders if os.path.join(folder, d) not in ("/proc", "/sys", "/dev")]
    for file in files:
        path = os.path.join(folder, file)
        if not os.path.islink(path) and os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
            raised.append(path)
        if file.endswith(".py") and folder.startswith("/opt/darkroom/src"):
            compiled = find.cache_from_source(path)
            if not os.path.exists(compiled) or open(compiled, "rb").read(8)[4] != 1:
                uncompiled.append(path)
print(json.dumps({
    "tools": [t for t in tools if shutil.which(t)],
    "modules": [m for m in modules if find.find_spec(m)],
    "raised": raised, "uncompiled": uncompiled,
}))
"""
HAS = {
    "node": ["cryptography", "httpx", "cv2"],
    "gateway": ["cryptography", "httpx"],
    "runtime": ["ai_edge_litert", "cv2"],
    "mlflow": ["mlflow", "cryptography", "httpx"],
    "singleuser": ["mlflow", "tflite_runtime", "ai_edge_litert", "cryptography", "httpx", "cv2"],
}


def test_there_is_nothing_to_build_with_and_nothing_of_other_roles(image, target):
    facts = said(image, CONTENT)

    assert facts["tools"] == []
    assert facts["modules"] == HAS[target]
    assert facts["raised"] == []


def test_our_code_is_compiled_and_its_byte_code_is_not_compared(image):
    assert said(image, CONTENT)["uncompiled"] == []


def test_the_label_is_the_lock_hash_of_this_repository(image, target, hashes):
    inside = said(
        image,
        "import json, pathlib; from darkroom.walls.lock_hash import lock_hash as h\n"
        f"lock = pathlib.Path('{BUNDLE}/requirements/{LOCKS[target]}.txt').read_bytes()\n"
        f"print(json.dumps(h(lock, pathlib.Path('{BUNDLE}/src/darkroom'))))",
    )
    label = image.inspect('{{index .Config.Labels "darkroom.lock-hash"}}')

    assert label == inside
    before, after = hashes[target]
    if before != after:
        pytest.skip("the code of this checkout changed while its images were being built")
    assert label == before


def test_labels_say_what_it_is(image, target):
    labels = json.loads(image.inspect("{{json .Config.Labels}}"))

    assert labels["org.opencontainers.image.title"] == f"darkroom-{target}"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.base.name"]
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["darkroom.lock"] == LOCKS[target]


def test_the_bill_of_materials_names_what_is_inside(image, target):
    bill = said(image, f"print(open('{BUNDLE}/sbom.cdx.json').read())")
    listed = {
        re.sub(r"[-_.]+", "-", part["name"]).lower(): part["version"]
        for part in bill["components"]
        if part["purl"].startswith("pkg:pypi/")
    }
    debian = {p["name"] for p in bill["components"] if p["purl"].startswith("pkg:deb/")}

    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "darkroom-" + target
    assert listed == pinned(target)
    assert {"libc6", "libssl3", "zlib1g"} <= debian
    assert not {"python3-pip-whl", "gcc"} & debian
    beside = json.loads((ROOT / "build" / "images" / f"{target}-{OWN}.cdx.json").read_text())
    assert beside == bill


def test_memory_is_a_wall(image):
    run = image.run("-I", "-c", "bytearray(300 << 20)", python=True, options=("--memory=64m",))
    enough = image.run("-I", "-c", "bytearray(8 << 20)", python=True, options=("--memory=64m",))

    assert run.returncode == 137
    assert enough.returncode == 0, enough.stderr


def test_processes_are_counted(image):
    program = """
import json, os, time
made = 0
try:
    while made < 100:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except BlockingIOError:
    pass
print(json.dumps(made), flush=True)
os._exit(0)
"""
    assert said(image, program, options=("--pids-limit=20",)) < 20


def test_hub_and_images_have_one_jupyterhub(image_of):
    """The Hub is its chart's; an image that differs would be started and never answer."""
    chart = yaml.safe_load((ROOT / "helm" / "gateway" / "Chart.yaml").read_text())
    program = (
        "import json; from importlib.metadata import version\n"
        "print(json.dumps(version('jupyterhub')))"
    )
    wanted = chart["annotations"]["darkroom/jupyterhub-version"]

    assert [said(image_of(target), program) for target in ("mlflow", "singleuser")] == [wanted] * 2


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_answers_and_stops_when_asked(image_of, server):
    command, options, address = SERVERS[server]
    started = image_of(server).run(*command, options=("--detach", "--rm=false", *options))
    assert started.returncode == 0, started.stderr
    name = started.stdout.strip()
    ask = f"import urllib.request as u; print(u.urlopen('{address}', timeout=5).status)"
    try:
        deadline = time.monotonic() + 120
        answer = ""
        while answer != "200" and time.monotonic() < deadline:
            asked = podman("exec", name, f"{BUNDLE}/venv/bin/python", "-I", "-c", ask)
            answer = asked.stdout.strip()
        assert answer == "200", podman("logs", name).stderr + asked.stderr
        stopped = podman("stop", "--time=20", name)
        assert stopped.returncode == 0, stopped.stderr
        assert podman("inspect", "--format={{.State.ExitCode}}", name).stdout.strip() == "0"
    finally:
        podman("rm", "--force", "--time=0", name)


JOB = """
import darkroom


def count(data, params):
    detector = darkroom.Detector(darkroom.code_path("files/detector.tflite"))
    frames = [frame for frame in data.frames()]
    found = sum(len(detector.detect(frame.image).class_id) for frame in frames)
    return {"facts": {"frames": len(frames), "found": found}}
"""


def test_a_job_runs_in_the_runtime(image_of, tmp_path):
    """The program that the worker starts, on a dataset, with the shipped detector."""
    face = write_face(tmp_path / "data")
    code, out = tmp_path / "job" / "code", tmp_path / "out"
    (code / "files").mkdir(parents=True)
    (code / "job.py").write_text(JOB)
    detector = (ROOT / "data" / "models" / "detector.int8.tflite").read_bytes()
    (code / "files" / "detector.tflite").write_bytes(detector)
    outputs = {"facts": output_to_mapping(Scalars(names=("frames", "found")))}
    request = {
        "entrypoint": "job:count",
        "parameters": {},
        "outputs": outputs,
        "cameras": None,
        "interpreter": "litert",
        "seed": 0,
    }
    (tmp_path / "job" / "request.json").write_text(json.dumps(request))
    out.mkdir()
    out.chmod(0o777)

    run = image_of("runtime").run(
        *("-m", "darkroom.runtime", "run"),
        options=(
            f"--volume={tmp_path / 'job'}:/job:ro",
            f"--volume={face}:/data:ro",
            f"--volume={out}:/out",
            "--tmpfs=/tmp:size=16m,mode=1777",
        ),
    )

    assert run.returncode == 0, run.stderr
    assert json.loads((out / "facts").read_bytes())["frames"] == 16


def test_the_runtime_sees_what_this_machine_sees(image_of, tmp_path):
    """One frame through the shipped int8 detector: the same boxes inside and outside."""
    world = World(domain_recipe("north"))
    frame, _ = world.frame(world.cameras[0].id, 19)
    np.savez(tmp_path / "pictures.npz", images=frame[None])
    worker = ROOT / "tests" / "conformance" / "detector_worker.py"
    model = ROOT / "data" / "models" / "detector.int8.tflite"
    arguments = ["litert", str(model), str(tmp_path / "pictures.npz"), "0.3"]
    here = subprocess.run(
        [sys.executable, str(worker), *arguments],
        capture_output=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    there = image_of("runtime").run(
        *("/job/worker.py", "litert", "/job/model", "/job/pictures.npz", "0.3"),
        options=(
            f"--volume={worker}:/job/worker.py:ro",
            f"--volume={model}:/job/model:ro",
            f"--volume={tmp_path / 'pictures.npz'}:/job/pictures.npz:ro",
        ),
    )

    assert there.returncode == 0, there.stderr
    inside, outside = json.loads(there.stdout), json.loads(here.stdout)
    assert len(outside["found"][0]["class_id"]) >= 1
    assert inside == outside


def test_nothing_private_is_in_an_image(image, target):
    """The context is a list of names: no history, no tests, no keys, no footage."""
    listing = said(image, f"import json, os; print(json.dumps(sorted(os.listdir('{BUNDLE}'))))")

    desk = ["data", "notebooks"] if target == "singleuser" else []
    assert listing == sorted(
        ["LICENSE", "README.md", "pyproject.toml", "requirements", "sbom.cdx.json", "src", "venv"]
        + desk
    )
