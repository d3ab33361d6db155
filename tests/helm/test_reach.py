"""Whom the pods of a domain may talk to, and what the node may ask of the API server."""

import pytest

from tests.helm.chart import ALL, EVERYTHING, Changes, job_template, objects, of_kind


def test_the_node_may_make_jobs_and_read_pods_there_and_nothing_else():
    for domain in ALL:
        space = f"darkroom-{domain}-jobs"
        found = objects(domain)
        roles, bindings = of_kind(found, "Role"), of_kind(found, "RoleBinding")
        assert list(roles) == list(bindings) == [f"{space}/node"]
        assert roles[f"{space}/node"]["rules"] == [
            {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "delete"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        ]
        assert bindings[f"{space}/node"]["subjects"] == [
            {
                "kind": "ServiceAccount",
                "name": f"{domain}-node",
                "namespace": f"darkroom-{domain}",
            }
        ]
        assert not of_kind(found, "ClusterRole")
        assert not of_kind(found, "ClusterRoleBinding")
        assert not of_kind(found, "Secret")  # made once, by a person


@pytest.mark.parametrize("domain", ALL)
def test_both_namespaces_begin_with_nothing_in_and_nothing_out(domain):
    policies = of_kind(objects(domain), "NetworkPolicy")
    closed = {
        policy["metadata"]["namespace"]
        for policy in policies.values()
        if policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    assert closed == {f"darkroom-{domain}", f"darkroom-{domain}-jobs"}
    # Policies add up: in the jobs' namespace there is no other one.
    assert [n for n in policies if n.startswith(f"darkroom-{domain}-jobs/")] == [
        f"darkroom-{domain}-jobs/nothing-in-nothing-out"
    ]


def outward(domain: str, name: str) -> set[tuple[str, int]]:
    """(address, port) that a NetworkPolicy lets out; pods and namespaces as their labels."""
    policy = of_kind(objects(domain), "NetworkPolicy")[f"darkroom-{domain}/{domain}-{name}"]
    found = set()
    for rule in policy["spec"]["egress"]:
        for port in rule["ports"]:
            for to in rule["to"]:
                pods = to.get("podSelector", {}).get("matchLabels", {})
                who = to.get("ipBlock", {}).get("cidr") or pods.get(
                    "k8s-app", pods.get("app.kubernetes.io/component")
                )
                found.add((who, port["port"]))
    return found


def test_the_node_reaches_gateway_api_server_names_and_its_store():
    assert outward("east", "node") == {
        ("kube-dns", 53),
        ("203.0.113.10/32", 443),
        ("192.168.20.11/32", 6443),
    }
    assert outward(EVERYTHING, "node") == {
        ("kube-dns", 53),
        ("203.0.113.10/32", 8443),
        ("2001:db8::10/128", 8443),
        ("192.168.40.11/32", 6443),
        ("fd00::11/128", 6443),
        ("store", 7070),
    }


def test_an_ingest_reaches_the_cameras_of_its_pi_and_nothing_else():
    assert outward(EVERYTHING, "ingest-pi-1") == {
        ("192.168.40.21/32", 554),
        ("192.168.40.22/32", 8554),
        ("192.168.40.32/28", 554),
        ("kube-dns", 53),  # one of them has a name
    }
    # A device and a folder: no network at all.
    policies = of_kind(objects(EVERYTHING), "NetworkPolicy")
    assert f"darkroom-{EVERYTHING}/{EVERYTHING}-ingest-pi-2" not in policies


def test_only_the_node_reaches_the_store_and_only_prometheus_the_metrics():
    policies = of_kind(objects(EVERYTHING), "NetworkPolicy")
    space = f"darkroom-{EVERYTHING}/{EVERYTHING}"
    (store,) = policies[f"{space}-store"]["spec"]["ingress"]
    (who,) = store["from"]
    assert who["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "node"
    (metrics,) = policies[f"{space}-operations"]["spec"]["ingress"]
    assert metrics["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "prometheus"}}}
    ]
    assert [name for name, p in policies.items() if "ingress" in p["spec"]] == [
        f"{space}-store",
        f"{space}-operations",
    ]


@pytest.mark.parametrize("domain", ALL)
def test_jobs_are_held_to_pod_security_and_to_the_images_and_volumes_of_the_domain(domain):
    found = objects(domain)
    labels = of_kind(found, "Namespace")[f"darkroom-{domain}-jobs"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    policies = of_kind(found, "ValidatingAdmissionPolicy")
    bindings = of_kind(found, "ValidatingAdmissionPolicyBinding")
    assert set(policies) == set(bindings) == {f"darkroom-{domain}-{k}" for k in ("jobs", "pods")}
    for binding in bindings.values():
        assert binding["spec"]["validationActions"] == ["Deny"]
        assert binding["spec"]["policyName"] in policies


def test_a_cluster_without_admission_policies_gets_none():
    old = objects("east", Changes(flags=("--kube-version", "1.29.0")))
    assert not of_kind(old, "ValidatingAdmissionPolicy")


def test_the_canaries_of_a_job_are_what_its_node_reaches():
    text = of_kind(objects("east"), "ConfigMap")["darkroom-east/east-sandbox"]["data"]
    for canary in ("192.168.20.11:6443", "gateway.example.org:443"):
        assert canary in text["sandbox.yaml"]
    assert job_template("east")["metadata"]["namespace"] == "darkroom-east-jobs"
