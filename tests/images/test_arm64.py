"""A Pi's images, tried without a Pi: one frame through the shipped detector under emulation.

The images are real arm64 images with the locked wheels; qemu's user mode runs their Python.
`make arm64` builds them; without them the rung is skipped. An emulator says that the wheels
fit together and compute the same, and nothing of a Pi's speed.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from darkroom import __version__
from darkroom.scene import World
from tests.images.engine import OWN, ROOT, cached, job_user, podman
from tests.kubernetes.tools import CACHE
from tests.scene.scene_recipes import domain_recipe


pytestmark = [pytest.mark.images, pytest.mark.slow, pytest.mark.timeout(900)]

EMULATOR = CACHE / "darkroom" / "arm64" / "qemu-aarch64-static"
WORKER = ROOT / "tests" / "conformance" / "detector_worker.py"
MODEL = ROOT / "data" / "models" / "detector.int8.tflite"
# Pixels and confidence: int8 rounds the same, the kernels around it need not.
PIXELS, CONFIDENCE = 2.0, 0.05
# In a mount namespace of its own: the emulator and what is asked lie in the image's /tmp, and
# today's code lies over the image's.
START = """
set -e
root=$1; emulator=$2; source=$3; user=$4; shift 4
mount -t tmpfs none "$root/tmp"
mount --rbind /dev "$root/dev"
mount --bind "$source" "$root/opt/darkroom/src"
cp "$emulator" "$root/tmp/emulator"
while [ "$1" != -- ]; do cp "$1" "$root/tmp/"; shift; done
shift
chmod -R a+rX "$root/tmp"
exec chroot --userspec="$user" "$root" /tmp/emulator /opt/darkroom/venv/bin/python -I "$@"
"""


def emulated(target, *arguments, files=()):
    """What the Python of an arm64 image printed as JSON."""
    if OWN == "arm64":
        pytest.skip("this machine is of arm64 itself: tests/images/test_images.py runs its images")
    if not os.access(EMULATOR, os.X_OK):
        pytest.skip("no emulator and no arm64 images on this machine; `make arm64` makes them")
    image = cached(target, arch="arm64")[target]
    assert image.inspect("{{.Architecture}}") == "arm64"
    root = podman("image", "mount", image.name, apart=False).stdout.strip()
    try:
        with job_user() as user:
            run = subprocess.run(
                [
                    *("unshare", "--mount", "sh", "-c", START, "sh"),
                    *(root, str(EMULATOR), str(ROOT / "src"), user),
                    *map(str, files),
                    "--",
                    *arguments,
                ],
                capture_output=True,
                text=True,
                timeout=600,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
            )
    finally:
        podman("image", "unmount", image.name, apart=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    world = World(domain_recipe("north"))
    frame, _ = world.frame(world.cameras[0].id, 19)
    path = tmp_path_factory.mktemp("pictures") / "pictures.npz"
    np.savez(path, images=frame[None])
    return path


@pytest.mark.parametrize(
    ("target", "interpreter"),
    [("runtime", "litert"), ("runtime-tflite-runtime", "tflite-runtime")],
)
def test_a_frame_is_seen_as_it_is_here(target, interpreter, pictures):
    there = emulated(
        target,
        *("/tmp/detector_worker.py", interpreter, f"/tmp/{MODEL.name}", "/tmp/pictures.npz", "0.3"),
        files=(WORKER, MODEL, pictures),
    )
    here = json.loads(
        subprocess.run(
            [sys.executable, str(WORKER), interpreter, str(MODEL), str(pictures), "0.3"],
            capture_output=True,
            check=True,
            env={"PYTHONPATH": str(ROOT / "src")},
        ).stdout
    )
    (mine,), (theirs,) = here["found"], there["found"]

    assert len(mine["class_id"]) >= 1
    assert theirs["class_id"] == mine["class_id"]
    assert np.abs(np.subtract(theirs["xyxy"], mine["xyxy"])).max() <= PIXELS
    assert np.abs(np.subtract(theirs["confidence"], mine["confidence"])).max() <= CONFIDENCE


def test_the_node_starts(pictures):
    """Its libraries load on arm64: sealing, video, the command line."""
    program = (
        "import json, platform, cv2, cryptography.hazmat.bindings._rust, httpx\n"
        "from darkroom.bootstrap import node\nfrom importlib.metadata import version\n"
        "print(json.dumps([platform.machine(), version('edge-darkroom')]))"
    )
    assert emulated("node", "-c", program) == ["aarch64", __version__]
