"""The Job of a batch: pinned as a golden manifest, valid, and within Pod Security."""

from pathlib import Path

import pytest
import yaml

from darkroom.adapters.batch.job_manifest import config_map_manifest, job_manifest
from darkroom.errors import InputError
from tests.batch.orders import an_order
from tests.kubernetes.restricted import violations


GOLDEN = Path(__file__).with_name("golden_job.yaml")
STORED = {"metadata": {"uid": "00000000-0000-0000-0000-000000000000"}}
FULL = {"run_log_secret": "mlflow", "state_claim": "robot-state"}


def manifests(**changed):
    order = an_order(**changed)
    return [job_manifest(order), config_map_manifest(order, STORED)]


def test_it_is_the_golden_manifest():
    assert list(yaml.safe_load_all(GOLDEN.read_text())) == manifests()


@pytest.mark.parametrize("changed", [{}, FULL, {"data": None, "notebook": "/opt/n.ipynb"}])
def test_every_object_is_valid_to_the_letter(changed):
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed"
    )
    for manifest in manifests(**changed):
        validate.validate(manifest, "1.32", strict=True)


@pytest.mark.parametrize("changed", [{}, FULL])
def test_the_pod_holds_to_the_house_rules(changed):
    job = job_manifest(an_order(**changed))
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert [] == violations(pod)
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert set(container["resources"]["limits"]) == {"cpu", "memory", "ephemeral-storage"}
    assert job["spec"]["activeDeadlineSeconds"] > 600
    assert job["spec"]["backoffLimit"] == 0
    writable = {m["name"] for m in container["volumeMounts"] if not m.get("readOnly")}
    assert writable == {"keys", "state", "work", "tmp"}
    keys = next(v for v in pod["volumes"] if v["name"] == "keys")
    assert keys["emptyDir"]["medium"] == "Memory"


def test_a_password_of_the_run_log_stays_in_its_secret():
    pod = job_manifest(an_order(**FULL))["spec"]["template"]["spec"]

    given = [e for e in pod["containers"][0]["env"] if e["name"].startswith("MLFLOW")]
    assert len(given) == 3
    assert all(e["valueFrom"]["secretKeyRef"]["name"] == "mlflow" for e in given)


def test_a_notebook_of_the_image_is_not_carried():
    job, carried = manifests(data=None, notebook="/opt/n.ipynb")

    assert "/opt/n.ipynb" in job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert set(carried["data"]) == {"parameters.yaml"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"image": "darkroom-singleuser:latest"}, "digest"),
        ({"namespace": "Robot_1"}, "--namespace"),
        ({"identity_secret": "../x"}, "--identity-secret"),
        ({"state_claim": "x y"}, "--state-claim"),
        ({"cpu": "lots"}, "--cpu"),
    ],
)
def test_what_a_cluster_must_not_be_asked_is_refused(changed, said):
    with pytest.raises(InputError, match=said):
        an_order(**changed)


def test_a_strange_file_name_becomes_a_plain_one():
    job, carried = manifests(notebook="mein Büro $(x).ipynb")

    assert "/batch/notebook.ipynb" in job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert "notebook.ipynb" in carried["data"]
