"""Who reaches whom, worked out from the rendered NetworkPolicies alone."""

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

import pytest

from tests.helm.chart import of_kind
from tests.helm.gateway_chart import RELAY_ALONE, objects


@dataclass(frozen=True)
class End:
    """A pod by namespace and labels, or an address outside."""

    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    address: str = ""


def ours(namespace: str, component: str) -> End:
    labels = {"app.kubernetes.io/part-of": "darkroom", "app.kubernetes.io/instance": "darkroom"}
    return End(namespace, {**labels, "app.kubernetes.io/component": component})


def theirs(component: str) -> End:
    labels = {"app": "jupyterhub", "release": "darkroom", "component": component}
    return End("darkroom-hub", labels)


ENDS = {
    "relay": ours("darkroom-gateway", "relay"),
    "store": ours("darkroom-gateway", "store"),
    "mlflow": ours("darkroom-mlflow", "mlflow"),
    "batch": ours("darkroom-batch", "batch"),
    "hub": theirs("hub"),
    "proxy": theirs("proxy"),
    "notebook": theirs("singleuser-server"),
    "controller": End("kube-system", {"any": "label"}),
    "prometheus": End("monitoring", {"any": "label"}),
    "stranger": End("default", {"any": "label"}),
    "api server": End(address="192.168.1.10"),
    "camera": End(address="192.168.1.77"),
    "metadata": End(address="169.254.169.254"),
    "internet": End(address="203.0.113.9"),
    "s3 elsewhere": End(address="203.0.113.7"),
}


def _selected(selector: dict, labels: dict[str, str]) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items()


def _is(peer: dict, end: End, home: str) -> bool:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        return bool(end.address) and (
            ip_address(end.address) in ip_network(block["cidr"])
            and not any(
                ip_address(end.address) in ip_network(out) for out in block.get("except", ())
            )
        )
    space = {"kubernetes.io/metadata.name": end.namespace}
    inside = (
        _selected(peer["namespaceSelector"], space)
        if "namespaceSelector" in peer
        else end.namespace == home
    )
    return inside and not end.address and _selected(peer.get("podSelector", {}), end.labels)


def _open(policies, of: End, to: End, port: int, way: str) -> bool:
    if of.address:
        return True
    mine = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == of.namespace
        and _selected(policy["spec"]["podSelector"], of.labels)
        and way.title() in policy["spec"]["policyTypes"]
    ]
    peers = {"ingress": "from", "egress": "to"}[way]
    return not mine or any(
        (peers not in rule or any(_is(peer, to, of.namespace) for peer in rule[peers]))
        and ("ports" not in rule or port in [each["port"] for each in rule["ports"]])
        for policy in mine
        for rule in policy["spec"].get(way, ())
    )


def reaches(start: str, end: str, port: int, *sets: str) -> bool:
    policies = of_kind(objects(*sets), "NetworkPolicy").values()
    one, other = ENDS[start], ENDS[end]
    return _open(policies, one, other, port, "egress") and _open(
        policies, other, one, port, "ingress"
    )


@pytest.mark.parametrize(
    ("start", "end", "port"),
    [
        ("controller", "relay", 8400),
        ("controller", "mlflow", 5000),
        ("controller", "proxy", 8000),
        ("relay", "store", 7070),
        ("mlflow", "store", 7070),
        ("mlflow", "hub", 8081),
        ("hub", "api server", 6443),
        ("notebook", "controller", 8443),
        ("batch", "controller", 443),
        ("relay", "controller", 53),  # DNS, in kube-system
        ("notebook", "controller", 53),
    ],
)
def test_what_has_to_talk_can(start, end, port):
    assert reaches(start, end, port, "batch.enabled=true")


@pytest.mark.parametrize("start", ENDS)
def test_everything_else_is_shut(start):
    """All pairs of ends, at every port that one of ours listens on."""
    wanted = {
        "controller": {("relay", 8400), ("mlflow", 5000), ("proxy", 8000)},
        "relay": {("store", 7070)},
        "mlflow": {("store", 7070), ("hub", 8081)},
        "hub": {("api server", 6443)},
    }
    walled = {"relay", "store", "mlflow", "batch", "hub", "proxy", "notebook"}
    found = {
        (end, port)
        for end in ENDS
        for port in (80, 443, 5000, 6443, 7070, 8000, 8081, 8400, 8443, 8888, 9466)
        if end != start and (start in walled or end in walled)
        if reaches(start, end, port, "batch.enabled=true")
    }
    if start in ("notebook", "batch"):
        wanted[start] = {("controller", 443), ("controller", 8443)}

    assert wanted.get(start, set()) == found


def test_a_notebook_on_the_internet_still_reaches_no_neighbour_and_no_cloud_key():
    assert reaches("notebook", "internet", 443, "hub.internet=true")

    for end, port in (("camera", 554), ("metadata", 80), ("api server", 6443), ("store", 7070)):
        assert not reaches("notebook", end, port, "hub.internet=true")


def test_metrics_are_read_by_prometheus_alone():
    assert reaches("prometheus", "relay", 9466, "monitoring.serviceMonitors=true")

    for start in set(ENDS) - {"prometheus"}:
        assert not reaches(start, "relay", 9466, "monitoring.serviceMonitors=true")


def test_a_relay_with_its_own_certificate_is_reached_by_everybody_and_reaches_its_store():
    assert reaches("internet", "relay", 8400, *RELAY_ALONE)
    assert not reaches("relay", "internet", 443, *RELAY_ALONE)
    assert not reaches("stranger", "relay", 9466, *RELAY_ALONE)
    assert reaches("relay", "s3 elsewhere", 443, *RELAY_ALONE)


def test_a_public_address_beyond_the_ingress_is_opened_by_name_of_its_port_only():
    sets = (
        "network.publicAddresses={203.0.113.9/32}",
        "mlflow.publicUrl=https://m.example.org:8443",
    )

    assert reaches("notebook", "internet", 443, *sets)
    assert reaches("notebook", "internet", 8443, *sets)
    assert not reaches("notebook", "internet", 80, *sets)
    assert not reaches("notebook", "s3 elsewhere", 443, *sets)
