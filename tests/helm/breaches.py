"""The Jobs that the node of `north` makes, and what a thief of its token would make of one."""

from collections.abc import Callable
from typing import Any

from darkroom.adapters.sandbox.kubernetes.manifest import Holes, Place, Template
from darkroom.model.job import Limits
from tests.helm.chart import job_template


JOBS = "darkroom-north-jobs"
IMAGE = "registry.example.org/darkroom/darkroom-runtime@sha256:" + "3" * 64
Spec = dict[str, Any]
Change = Callable[[Spec], object]
TASK = "task-" + "0" * 32
SHELF = f"tasks/{TASK}-0123abcd"
FOOTAGE = Place(claim="north-footage-pi-b", path="versions/plaza/00000001-" + "a" * 64)


def job(
    image: str = IMAGE, data: Place | None = FOOTAGE, parts: Place | None = None
) -> dict[str, Any]:
    """The Job of a task of north, as the node makes it of the rendered template."""
    holes = Holes(
        name=TASK,
        image=image,
        limits=Limits(),
        slot=0,
        exchange="north-exchange",
        job=f"{SHELF}/job",
        kept=f"{SHELF}/kept",
        data=data,
        parts=parts,
    )
    return Template(job_template("north"), namespace=JOBS).filled(holes)


HONEST: dict[str, dict[str, Place | None]] = {
    "footage of a Pi": {},
    "footage beside the node": {"data": Place(claim="north-exchange", path="footage/plaza/1-a")},
    "a mock": {"data": Place(claim="north-exchange", path="mocks/plaza")},
    "pictures to ingest": {"data": Place(claim="north-exchange", path="inbox/yard")},
    "a video to ingest": {"data": Place(claim="north-exchange", path="ingest/0a/source-gate")},
    "outputs to inspect": {
        "data": None,
        "parts": Place(claim="north-exchange", path=f"{SHELF}/parts"),
    },
}


def _volume(volume: Spec) -> Change:
    return lambda spec: spec["volumes"].append({"name": "x", **volume})


def _work(**changes: object) -> Change:
    return lambda spec: spec["initContainers"][0].update(changes)


def _collect(**changes: object) -> Change:
    return lambda spec: spec["containers"][0].update(changes)


def _env(**changes: object) -> Change:
    return lambda spec: spec["initContainers"][0]["env"][0].update(changes)


def _mount(where: str, **changes: object) -> Change:
    """Of the first container that has a mount there; None takes a field away."""

    def change(spec: Spec) -> None:
        each = (*spec["initContainers"], *spec["containers"])
        mount = next(m for c in each for m in c["volumeMounts"] if m["mountPath"] == where)
        mount.update(changes)
        for key in [key for key, value in mount.items() if value is None]:
            del mount[key]

    return change


def _data_of_exchange(path: str) -> Change:
    """The exchange in the place of footage."""

    def change(spec: Spec) -> None:
        volume = next(v for v in spec["volumes"] if v["name"] == "data")
        volume["persistentVolumeClaim"]["claimName"] = "north-exchange"
        _mount("/data", subPath=path)(spec)

    return change


PYTHON = "/opt/darkroom/venv/bin/python"
SHELL = {"exec": {"command": ["/bin/sh", "-c", "true"]}}


# Name -> what is changed in the pod, and words of the refusal.
BREACHES: dict[str, tuple[Change, str]] = {
    "another image": (
        lambda spec: spec["containers"][0].update(image="docker.io/library/busybox:latest"),
        "images of this domain only",
    ),
    "another digest": (
        lambda spec: spec["initContainers"][0].update(image=IMAGE[:-1] + "4"),
        "images of this domain only",
    ),
    "a folder of the machine": (_volume({"hostPath": {"path": "/"}}), "claims of this domain"),
    "a Secret": (_volume({"secret": {"secretName": "north-keys"}}), "claims of this domain"),
    "the node's state": (
        _volume({"persistentVolumeClaim": {"claimName": "north-state"}}),
        "claims of this domain",
    ),
    "footage to write to": (
        _volume({"persistentVolumeClaim": {"claimName": "north-footage-pi-a"}}),
        "only reads footage",
    ),
    "the whole exchange": (_mount("/kept", subPath=None), "one folder of a claim"),
    "the whole exchange by a dot": (_mount("/kept", subPath="."), "one folder of a claim"),
    "the whole footage": (_mount("/data", subPath=None), "one folder of a claim"),
    "a path of the environment": (
        _mount("/job", subPath=None, subPathExpr="$(HOME)"),
        "one folder of a claim",
    ),
    "what is not recorded to its end": (_mount("/data", subPath="live/plaza"), "finished footage"),
    "another place of the exchange": (_mount("/kept", subPath="arrivals/pi-a"), "its own task"),
    "all tasks": (_mount("/job", subPath="tasks"), "its own task"),
    "one whole task": (_mount("/kept", subPath=SHELF), "its own task"),
    "the request to write to": (_mount("/kept", subPath=f"{SHELF}/job"), "its own task"),
    "a task as footage": (_data_of_exchange(f"{SHELF}/kept"), "finished footage"),
    "arrivals as footage": (_data_of_exchange("arrivals/pi-a"), "finished footage"),
    "what an ingest works on": (_data_of_exchange("ingest/0a/face"), "finished footage"),
    "footage through the exchange, all of it": (_data_of_exchange("footage/"), "one folder"),
    "a request that the job may change": (_mount("/job", readOnly=None), "kept folder only"),
    "data that the job may change": (_mount("/data", readOnly=False), "kept folder only"),
    "outputs in the place of our programs": (
        _mount("/report", mountPath="/opt/darkroom/venv"),
        "where the locked template has them",
    ),
    "what was kept, in the user's hands": (
        _mount("/job", mountPath="/kept"),
        "where the locked template has them",
    ),
    "another program": (_work(command=["/bin/sh"]), "Darkroom's own programs"),
    "the image's own program": (_work(command=None), "Darkroom's own programs"),
    "another module": (
        _collect(command=[PYTHON, "-I", "-X", "utf8", "-m", "darkroom.walls.worker"]),
        "Darkroom's own programs",
    ),
    "arguments": (_work(args=["--help"]), "no arguments, hooks or probes"),
    "a hook": (_collect(lifecycle={"postStart": SHELL}), "no arguments, hooks or probes"),
    "a probe": (_collect(startupProbe=SHELL), "no arguments, hooks or probes"),
    "a sidecar": (_work(restartPolicy="Always"), "no arguments, hooks or probes"),
    "a changed variable": (_env(value="/data"), "environment of the locked template"),
    "another variable": (_env(name="PYTHONPATH"), "environment of the locked template"),
    "one variable less": (
        lambda spec: spec["initContainers"][0]["env"].pop(),
        "environment of the locked template",
    ),
    "a variable for the collector": (
        _collect(env=[{"name": "HOME", "value": "/tmp"}]),
        "environment of the locked template",
    ),
    "a value from elsewhere": (
        lambda spec: spec["initContainers"][0]["env"].__setitem__(
            0, {"name": "HOME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
        ),
        "environment of the locked template",
    ),
    "variables of a Secret": (
        _work(envFrom=[{"secretRef": {"name": "registry-login"}}]),
        "environment of the locked template",
    ),
    "one container more": (
        lambda spec: spec["containers"].append({**spec["containers"][0], "name": "more"}),
        "work and collect, and no other",
    ),
    "the container of helm test": (_collect(name="walls"), "work and collect, and no other"),
    "a token": (
        lambda spec: spec.update(automountServiceAccountToken=True),
        "no token of a service account",
    ),
}
