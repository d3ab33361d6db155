"""The chart lints, renders what stands in the repository, and every object is well formed."""

import copy
import json
import re

import pytest

from darkroom.adapters.sandbox.kubernetes.manifest import Template
from darkroom.config import domain_config
from darkroom.config.sandbox_file import sandbox_file
from tests.helm.chart import (
    ALL,
    CHART,
    EVERYTHING,
    Changes,
    arguments,
    folder,
    helm,
    job_template,
    manifest,
    objects,
    of_kind,
)
from tests.helm.golden import COPY, TEMPLATE, golden
from tests.helm.schemas import fault


AGAIN = "`python -m tests.helm.golden` writes it again; look at `git diff` before you keep it"


@pytest.mark.parametrize("domain", ALL)
def test_the_chart_lints_with_the_values_of_every_domain(domain, tmp_path):
    # Helm lints as a release of this name, and a domain has the name of its release.
    renamed = tmp_path / "domain.yaml"
    text = (folder(domain) / "domain.yaml").read_text()
    renamed.write_text(re.sub(r"(?m)^domain: .*$", "domain: test-release", text))
    sets = ("monitoring.serviceMonitors=false", "storage.nfs.path=/srv/test-release")
    changes = Changes(files=(("domain", str(renamed)),), sets=sets)
    found = helm("lint", "--strict", str(CHART), *arguments(domain, changes))
    assert found.returncode == 0, found.stdout
    assert "[WARNING]" not in found.stdout
    assert "funcMap fail" not in found.stderr, found.stderr  # lint goes on after a `fail`


@pytest.mark.parametrize("domain", ALL)
def test_every_domain_renders_as_it_stands_in_the_repository(domain):
    assert golden(domain).read_text() == manifest(domain), AGAIN


@pytest.mark.parametrize("domain", ALL)
def test_kubernetes_knows_every_object_and_every_field(domain):
    faults = [fault(each) for each in (*objects(domain), job_template(domain))]
    assert [each for each in faults if each] == []


def test_a_misspelt_field_of_an_object_is_seen():
    deployment = copy.deepcopy(of_kind(objects("east"), "Deployment")["darkroom-east/east-node"])
    spec = deployment["spec"]["template"]["spec"]
    spec["runtimeClass"] = "gvisor"
    assert "runtimeClass" in fault(deployment)


def test_the_chart_carries_the_locked_job_template_itself():
    assert COPY.read_text() == TEMPLATE.read_text(), AGAIN


@pytest.mark.parametrize("domain", ALL)
def test_the_node_accepts_the_sandbox_that_the_chart_describes(domain, tmp_path):
    space = f"darkroom-{domain}"
    data = of_kind(objects(domain), "ConfigMap")[f"{space}/{domain}-sandbox"]["data"]
    for name, text in data.items():
        (tmp_path / name).write_text(text.replace("/etc/darkroom/sandbox/", f"{tmp_path}/"))
    found = sandbox_file(tmp_path / "sandbox.yaml")
    Template(found.template.content, namespace=found.namespace)
    assert found.namespace == f"{space}-jobs"
    claims = of_kind(objects(domain), "PersistentVolumeClaim")
    assert {f"{space}-jobs/{mount.claim}" for mount in found.mounts} <= set(claims)


@pytest.mark.parametrize("domain", ALL)
def test_the_node_reads_the_domain_that_the_chart_was_given(domain):
    assert domain_config(folder(domain)).domain == domain


def test_what_a_domain_decides_of_its_jobs_reaches_the_template():
    job = job_template(EVERYTHING)
    pod = job["spec"]["template"]["spec"]
    assert job["spec"]["activeDeadlineSeconds"] == 3600
    assert pod["runtimeClassName"] == "gvisor"
    assert pod["imagePullSecrets"] == [{"name": "registry-login"}]
    assert pod["initContainers"][0]["resources"]["limits"]["memory"] == "2560Mi"


@pytest.mark.parametrize("domain", ALL)
def test_every_volume_of_a_pod_is_one_that_the_chart_makes(domain):
    made = {
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
        for each in objects(domain)
    }
    asked = set()
    for kind in ("Deployment", "StatefulSet"):
        for each in of_kind(objects(domain), kind).values():
            for volume in each["spec"]["template"]["spec"]["volumes"]:
                space = each["metadata"]["namespace"]
                if "persistentVolumeClaim" in volume:
                    name = volume["persistentVolumeClaim"]["claimName"]
                    asked.add(("PersistentVolumeClaim", space, name))
                elif "configMap" in volume and volume["name"] != "models":
                    asked.add(("ConfigMap", space, volume["configMap"]["name"]))
    assert asked
    assert asked <= made


@pytest.mark.parametrize("domain", ALL)
def test_a_volume_is_for_one_claim_alone_and_its_bytes_outlive_it(domain):
    claims = of_kind(objects(domain), "PersistentVolumeClaim")
    volumes = of_kind(objects(domain), "PersistentVolume")
    for name, volume in volumes.items():
        spec = volume["spec"]
        claim = claims["{namespace}/{name}".format(**spec["claimRef"])]["spec"]
        assert claim["volumeName"] == name
        assert claim["accessModes"] == spec["accessModes"]
        assert spec["persistentVolumeReclaimPolicy"] == "Retain"
        assert ("local" in spec) == ("nodeAffinity" in spec)  # jobs go to the footage
    assert len(volumes) == sum("volumeName" in claim["spec"] for claim in claims.values())


@pytest.mark.parametrize("domain", ALL)
def test_what_holds_data_is_kept_when_the_release_goes(domain):
    space = f"darkroom-{domain}"
    kept = {
        name
        for name, claim in of_kind(objects(domain), "PersistentVolumeClaim").items()
        if claim["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    of_domain = {
        name
        for name in of_kind(objects(domain), "PersistentVolumeClaim")
        if name.startswith(f"{space}/") and "-spool-" not in name
    }
    assert kept == of_domain
    assert {f"{space}/{domain}-state", f"{space}/{domain}-exchange"} < kept


def _node(changes):
    deployment = of_kind(objects("east", changes), "Deployment")["darkroom-east/east-node"]
    spec = deployment["spec"]["template"]["spec"]
    return spec, spec["initContainers"][0], spec["containers"][0]


def test_in_maintenance_the_keys_lie_with_the_state_and_nothing_serves():
    _, init, node = _node(Changes(sets=("maintenance=true",)))
    assert "--keys=/state/node/keys.json" in init["args"]
    assert "serve" not in node["command"]
    assert "ports" not in node
    assert not any(key.endswith("Probe") for key in node)
    _, init, node = _node(Changes())
    assert "--keys=/keys/keys.json" in init["args"]
    assert {"startupProbe", "livenessProbe", "readinessProbe"} < set(node)


def test_a_claim_of_one_s_own_takes_the_place_of_one_that_is_made():
    sets = ("storage.state.claim=mine", "storage.exchange.claim=ours")
    spec, _, _ = _node(Changes(sets=sets))
    claims = {v["name"]: v.get("persistentVolumeClaim", {}) for v in spec["volumes"]}
    assert claims["state"] == {"claimName": "mine"}
    assert claims["exchange"] == {"claimName": "ours"}
    made = of_kind(objects("east", Changes(sets=sets)), "PersistentVolumeClaim")
    assert set(made) == {
        "darkroom-east/east-footage-pi-east",
        "darkroom-east-jobs/east-footage-pi-east",
    }
    policies = of_kind(objects("east", Changes(sets=sets)), "ValidatingAdmissionPolicy")
    assert "'ours'" in json.dumps(policies["darkroom-east-pods"])


def test_dashboards_come_as_grafana_s_sidecar_looks_for_them():
    found = of_kind(objects("east", Changes(sets=("monitoring.dashboards=true",))), "ConfigMap")
    files = {path.name: path.read_text() for path in (CHART / "dashboards").glob("*.json")}
    shown = {
        name: text
        for each in found.values()
        if each["metadata"]["labels"].get("grafana_dashboard") == "1"
        for name, text in each["data"].items()
    }
    assert files
    assert shown == files
    assert all(json.loads(text)["title"] for text in shown.values())
