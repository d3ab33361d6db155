"""The locked job template: what the canonical one says, and nothing looser, is taken."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.sandbox.kubernetes.locked import TASK_LABEL, bytes_of
from darkroom.adapters.sandbox.kubernetes.manifest import Holes, Place, Template, job_name
from darkroom.errors import IsolationError, SpecError
from darkroom.model.job import Limits
from tests.kubernetes.machines import IMAGE, NAMESPACE, template
from tests.kubernetes.restricted import violations


POD = ("spec", "template", "spec")
WORK, COLLECT = (*POD, "initContainers", 0), (*POD, "containers", 0)
GONE = object()
LIMITS = Limits(memory_mib=256, wall_seconds=60, output_mib=4)


def changed(where: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """The canonical template with one field changed, added or removed."""
    found: Any = template()
    inner = found
    for step in where[:-1]:
        inner = inner[step]
    if value is GONE:
        del inner[where[-1]]
    else:
        inner[where[-1]] = value
    return found


def filled(**changes: Any) -> dict[str, Any]:
    """The Job of a small task."""
    holes = {
        "name": job_name("t"),
        "image": IMAGE,
        "limits": LIMITS,
        "slot": 3,
        "exchange": "north-exchange",
        "job": "tasks/x/job",
        "kept": "tasks/x/kept",
    }
    return Template(template(), namespace=NAMESPACE).filled(Holes(**{**holes, **changes}))


LOOSENED = [
    ((*WORK, "securityContext", "capabilities", "drop"), []),
    ((*WORK, "securityContext", "capabilities", "add"), ["NET_ADMIN"]),
    ((*COLLECT, "securityContext", "allowPrivilegeEscalation"), True),
    ((*WORK, "securityContext", "allowPrivilegeEscalation"), GONE),
    ((*WORK, "securityContext", "readOnlyRootFilesystem"), False),
    ((*WORK, "securityContext", "runAsUser"), 0),
    ((*WORK, "securityContext", "privileged"), True),
    ((*POD, "securityContext", "runAsNonRoot"), GONE),
    ((*POD, "securityContext", "seccompProfile", "type"), "Unconfined"),
    ((*POD, "automountServiceAccountToken"), True),
    ((*POD, "automountServiceAccountToken"), GONE),
    ((*POD, "restartPolicy"), "OnFailure"),
    ((*POD, "hostNetwork"), True),
    ((*POD, "hostPID"), True),
    ((*POD, "shareProcessNamespace"), True),
    ((*POD, "dnsConfig"), {}),
    (("spec", "backoffLimit"), 1),
    (("spec", "backoffLimit"), False),
    (("spec", "parallelism"), 2),
    (("spec", "activeDeadlineSeconds"), GONE),
    (("spec", "suspend"), True),
    (("metadata", "namespace"), "kube-system"),
    ((*WORK, "resources", "limits", "memory"), GONE),
    ((*WORK, "resources", "requests", "memory"), "1Mi"),
    ((*WORK, "resources", "limits", "ephemeral-storage"), GONE),
    ((*WORK, "command"), ["sh", "-c", "true"]),
    ((*WORK, "envFrom"), [{"secretRef": {"name": "north-keys"}}]),
    ((*WORK, "env", 0, "valueFrom"), {"secretKeyRef": {"name": "k", "key": "k"}}),
    ((*WORK, "lifecycle"), {}),
    ((*WORK, "volumeMounts", 0, "readOnly"), False),
    ((*WORK, "volumeMounts", 1, "readOnly"), GONE),
    ((*WORK, "volumeMounts", 3), {"name": "exchange", "mountPath": "/out"}),
    ((*COLLECT, "volumeMounts", 2, "readOnly"), GONE),
    ((*POD, "volumes", 0), {"name": "exchange", "hostPath": {"path": "/"}}),
    ((*POD, "volumes", 3, "emptyDir", "sizeLimit"), GONE),
    ((*POD, "volumes", 3, "emptyDir", "medium"), ""),
    ((*POD, "volumes", 5), {"name": "token", "secret": {"secretName": "north-keys"}}),
    ((*POD, "containers"), []),
    ((*POD, "ephemeralContainers"), []),
    (("kind",), "Pod"),
]


@pytest.mark.parametrize(
    ("where", "value"), LOOSENED, ids=lambda v: "gone" if v is GONE else str(v)[-48:]
)
def test_a_loosened_template_is_refused_and_the_field_named(
    where: tuple[str | int, ...], value: object
) -> None:
    with pytest.raises(SpecError) as error:
        Template(changed(where, value), namespace=NAMESPACE)

    assert error.value.where[:3] == where[: min(3, len(error.value.where))]
    last = [step for step in error.value.where if isinstance(step, str)][-1]
    assert last in error.value.message


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ((*POD, "runtimeClassName"), "gvisor"),
        ((*POD, "nodeSelector"), {"darkroom/jobs": "yes"}),
        ((*POD, "tolerations"), []),
        ((*POD, "hostUsers"), False),
        ((*POD, "imagePullSecrets"), [{"name": "registry"}]),
        ((*WORK, "resources", "limits", "cpu"), "2"),
        (("metadata", "labels", "helm.sh/chart"), "domain-1.0.0"),
    ],
)
def test_the_chart_may_say_where_pods_run(where: tuple[str | int, ...], value: object) -> None:
    job = Template(changed(where, value), namespace=NAMESPACE)

    assert job.filled(Holes(**HOLES))["kind"] == "Job"


HOLES = {
    "name": job_name("t"),
    "image": IMAGE,
    "limits": LIMITS,
    "slot": 0,
    "exchange": "north-exchange",
    "job": "tasks/x/job",
    "kept": "tasks/x/kept",
}


def test_a_filled_template_has_no_hole_and_is_restricted() -> None:
    data = Place(claim="north-footage-pi-b", path="people/3f")

    job = filled(data=data, parts=Place(claim="north-exchange", path="tasks/x/parts"))

    assert "hole" not in str(job)
    pod = job["spec"]["template"]["spec"]
    assert violations(pod) == []
    work = pod["initContainers"][0]
    assert work["securityContext"]["runAsUser"] == 64203
    assert work["resources"]["limits"]["memory"] == f"{256 + 4 + 64 + 40}Mi"
    mounts = {m["mountPath"]: m for m in work["volumeMounts"]}
    assert mounts["/data"] == {
        "name": "data",
        "mountPath": "/data",
        "subPath": "people/3f",
        "readOnly": True,
    }
    assert job["metadata"]["labels"][TASK_LABEL] == job["metadata"]["name"]


def test_the_word_that_follows_a_job_is_on_its_pods_and_on_no_others() -> None:
    job = filled(correlation="0123456789abcdef")
    for metadata in (job["metadata"], job["spec"]["template"]["metadata"]):
        assert metadata["labels"]["darkroom/correlation"] == "0123456789abcdef"
    assert "darkroom/correlation" not in str(filled())


def test_what_a_task_has_not_is_not_mounted() -> None:
    pod = filled()["spec"]["template"]["spec"]

    assert {v["name"] for v in pod["volumes"]} == {"exchange", "out", "tmp", "report"}
    mounted = {m["mountPath"] for m in pod["initContainers"][0]["volumeMounts"]}
    assert mounted == {"/job", "/out", "/tmp", "/report"}


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"memory_mib": 4096}, "memory of the container work"),
        ({"output_mib": 1024}, "sizeLimit of the volume out"),
        ({"wall_seconds": 7000}, "activeDeadlineSeconds"),
    ],
)
def test_a_job_that_asks_for_more_than_the_domain_allows_is_told(
    limits: dict[str, int], words: str
) -> None:
    with pytest.raises(IsolationError, match=words):
        filled(limits=Limits(**limits))
    known = Template(template(), namespace=NAMESPACE)
    assert words in known.oversize(Limits(**limits))
    assert known.oversize(LIMITS) == ""


def test_the_template_is_not_changed_by_filling() -> None:
    content = template()
    before = copy.deepcopy(content)

    Template(content, namespace=NAMESPACE).filled(Holes(**HOLES))

    assert content == before


@given(st.text())
def test_a_name_has_nothing_of_the_task_id(task_id: str) -> None:
    name = job_name(task_id)

    assert len(name) == 37
    assert name == job_name(task_id)
    assert set(name.removeprefix("task-")) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("text", "number"),
    [("512Mi", 512 << 20), ("1Gi", 1 << 30), ("5", 5), (7, 7), ("1.5Gi", None), ("-1", None)],
)
def test_quantities(text: object, number: int | None) -> None:
    assert bytes_of(text) == number
