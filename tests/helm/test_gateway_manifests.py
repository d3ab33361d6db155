"""The gateway's chart lints, renders what stands in the repository, and is walled in."""

import json

import kubernetes_validate
import pytest
import yaml

from darkroom.cli.gateway import serve_command
from tests.helm.chart import helm, of_kind
from tests.helm.gateway_chart import (
    CHART,
    EVERYTHING,
    GOLDEN,
    HERE,
    OFFLINE,
    PULL,
    REAL,
    STUB,
    arguments,
    attempt,
    chart,
    manifest,
    objects,
)
from tests.helm.pods import offences, pods_of
from tests.kubernetes.restricted import violations


AGAIN = "`python -m tests.helm.gateway_chart` writes it again; look at `git diff`"


@pytest.mark.parametrize("name", GOLDEN)
def test_the_chart_lints(name):
    found = helm("lint", "--strict", str(chart()), *arguments(
        *OFFLINE, *GOLDEN[name], "monitoring.serviceMonitors=false"))  # fmt: skip

    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("name", GOLDEN)
def test_it_renders_as_it_stands_in_the_repository(name):
    assert (HERE / "golden" / f"{name}.yaml").read_text() == manifest(*GOLDEN[name]), AGAIN


@pytest.mark.parametrize("name", GOLDEN)
def test_kubernetes_knows_every_object_and_every_field(name):
    unknown = []
    for each in objects(*GOLDEN[name]):
        try:
            kubernetes_validate.validate(each, "1.37", strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            unknown.append(each["kind"])

    assert unknown in ([], ["ServiceMonitor"])


@pytest.mark.parametrize("name", GOLDEN)
def test_no_pod_has_more_rights_than_it_needs(name):
    pods = pods_of(objects(*GOLDEN[name]))

    assert pods
    assert [] == [offence for pod in pods for offence in offences(pod)]
    assert [] == [offence for pod in pods for offence in violations(pod.spec)]


def test_every_part_has_a_namespace_an_account_and_a_uid_of_its_own():
    pods = {pod.of: pod for pod in pods_of(objects()) if pod.of.startswith("Deployment")}

    assert {
        "Deployment/darkroom-gateway/relay",
        "Deployment/darkroom-gateway/store",
        "Deployment/darkroom-mlflow/mlflow",
    } == set(pods)
    accounts = {(pod.namespace, pod.spec["serviceAccountName"]) for pod in pods.values()}
    assert len(pods) == len(accounts)
    assert len(pods) == len({pod.spec["securityContext"]["runAsUser"] for pod in pods.values()})


def test_what_a_pod_mounts_or_reads_is_made_by_the_chart_or_named_in_the_docs():
    made = {
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
        for each in objects("secrets=preview", *EVERYTHING)
    }
    for pod in pods_of(objects("secrets=preview", *EVERYTHING)):
        for volume in pod.spec.get("volumes", ()):
            for field, kind, name in (
                ("configMap", "ConfigMap", "name"),
                ("secret", "Secret", "secretName"),
                ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
            ):
                if field in volume:
                    assert (kind, pod.namespace, volume[field][name]) in made
        for _, container in pod.containers():
            for variable in container.get("env", ()):
                source = variable.get("valueFrom", {}).get("secretKeyRef")
                if source:
                    assert ("Secret", pod.namespace, source["name"]) in made


def test_a_preview_says_so_and_two_namespaces_share_what_they_must():
    secrets = of_kind(objects("secrets=preview"), "Secret")

    for secret in secrets.values():
        assert "do not apply" in secret["metadata"]["annotations"]["darkroom/preview"]
        assert "keep" == secret["metadata"]["annotations"]["helm.sh/resource-policy"]
    data = {name: each["data"] for name, each in secrets.items()}
    assert (
        data["darkroom-mlflow/mlflow-login"]["hub-token"]
        == data["darkroom-hub/hub-mlflow-token"]["token"]
    )
    values = [value for each in data.values() for value in each.values()]
    assert len(values) - 1 == len(set(values))  # only the token is there twice


def test_with_existing_secrets_the_chart_makes_none():
    assert {} == of_kind(objects(), "Secret")


def test_uninstall_keeps_data_keys_and_what_they_lie_in():
    kept = [
        each
        for each in objects("secrets=preview", "batch.enabled=true")
        if each["kind"] in ("Namespace", "PersistentVolumeClaim", "Secret")
    ]

    assert 13 == len(kept)
    for each in kept:
        assert "keep" == each["metadata"]["annotations"]["helm.sh/resource-policy"]


def test_a_long_poll_and_a_blob_pass_an_ingress():
    """The relay's longest wait is 50 s, its largest piece 4 MiB."""
    ingresses = of_kind(objects(), "Ingress")

    relay = ingresses["darkroom-gateway/relay"]["metadata"]["annotations"]
    assert 50 < int(relay["nginx.ingress.kubernetes.io/proxy-read-timeout"])
    assert 4 < int(relay["nginx.ingress.kubernetes.io/proxy-body-size"].removesuffix("m"))
    for ingress in ingresses.values():
        (tls,), (rule,) = ingress["spec"]["tls"], ingress["spec"]["rules"]
        assert [rule["host"]] == tls["hosts"]


def test_batch_makes_jobs_where_nothing_of_others_can_be_mounted():
    found = objects("batch.enabled=true")

    (role,) = of_kind(found, "Role").values()
    assert {
        "jobs": ["create", "get", "delete"],
        "configmaps": ["create"],
        "pods": ["get", "list"],
        "pods/log": ["get"],
    } == {kind: rule["verbs"] for rule in role["rules"] for kind in rule["resources"]}
    beside = {
        (each["kind"], each["metadata"]["name"])
        for each in objects("secrets=preview", "batch.enabled=true")
        if each["metadata"].get("namespace") == role["metadata"]["namespace"]
        and each["kind"] in ("Secret", "PersistentVolumeClaim")
    }
    assert {("PersistentVolumeClaim", "batch-state")} == beside
    assert {} == of_kind(objects(), "Role")


def test_dashboards_are_carried_as_they_are():
    files = sorted((CHART / "dashboards").glob("*.json"))
    assert files, "helm/gateway/dashboards has none"
    made = of_kind(objects("monitoring.dashboards=true"), "ConfigMap")

    for file in files:
        found = made[f"darkroom-gateway/dashboard-{file.stem}"]
        assert json.loads(file.read_text()) == json.loads(found["data"][file.name])
        assert "1" == found["metadata"]["labels"]["grafana_dashboard"]


def test_the_stub_stands_for_the_chart_that_is_pinned():
    (dependency,) = yaml.safe_load((CHART / "Chart.yaml").read_text())["dependencies"]
    stub = yaml.safe_load((STUB / "Chart.yaml").read_text())

    assert (dependency["name"], dependency["version"]) == (stub["name"], stub["version"])
    assert "jupyterhub.enabled" == dependency["condition"]


@pytest.fixture(scope="module")
def real():
    if not (REAL / "values.schema.json").is_file():
        pytest.skip(f"JupyterHub's chart is not on this machine; {PULL}")
    return REAL


def test_the_real_jupyterhub_chart_is_the_one_that_images_and_values_are_made_for(real):
    ours, theirs = (yaml.safe_load((at / "Chart.yaml").read_text()) for at in (CHART, real))

    assert ours["annotations"]["darkroom/jupyterhub-version"] == theirs["appVersion"]


def test_the_real_jupyterhub_chart_takes_our_values_and_only_what_it_knows(real):
    """Its own schema refuses what it does not know; Helm asks it at every rendering."""
    assert objects(jupyterhub=real)

    said = attempt(*OFFLINE, "jupyterhub.singleuser.memry.limit=2G", jupyterhub=real).stderr
    assert "additional properties 'memry' not allowed" in said


def test_pods_of_the_real_jupyterhub_chart_are_walled_in_too(real):
    ours = {pod.of for pod in pods_of(objects())}
    theirs = {pod.of: pod for pod in pods_of(objects(jupyterhub=real)) if pod.of not in ours}

    assert {"Deployment//hub", "Deployment//proxy"} == set(theirs)
    assert [] == [each for pod in theirs.values() for each in violations(pod.spec)]
    # The Hub starts notebooks, so it has a token, and its images are its chart's, by tag.
    assert ["Deployment//hub: a token is mounted"] == [
        each
        for pod in theirs.values()
        for each in offences(pod, digests=False)
        if "seccomp is not" not in each  # the proxy says it of its container; `violations` looked
    ]


def test_the_relay_knows_every_option_that_the_chart_gives_it():
    known = {name for option in serve_command.params for name in option.opts}

    for name, sets in GOLDEN.items():
        relay = of_kind(objects(*sets), "Deployment")["darkroom-gateway/relay"]
        (container,) = relay["spec"]["template"]["spec"]["containers"]
        assert ["gateway", "serve"] == container["args"][:2]
        given = {each.partition("=")[0] for each in container["args"][2:]}
        assert set() == given - known, name
