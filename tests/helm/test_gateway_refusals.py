"""Bad values are refused before anything is created, naming the field and the cure."""

import shutil

import pytest

from tests.helm.chart import helm
from tests.helm.gateway_chart import CHART, OFFLINE, arguments, chart, refusal


TYPOS = {
    "realy.publicUrl=x": "",
    "relay.publcUrl=x": "/relay",
    "images.gateway.digst=x": "/images/gateway",
    "images.mlflow.digest=sha256:12": "/images/mlflow/digest",
    "store.external.cidr=x": "/store/external",
    "mlflow.publicUrl=http://mlflow.example.org": "/mlflow/publicUrl",
    "relay.state.size=4": "/relay/state/size",
    "store.resources.limits=null": "/store/resources",
    "relay.trustedProxies={everybody}": "/relay/trustedProxies/0",
    "hub.users={Alice}": "/hub/users/0",
    "hub.groups.a={bob,bob}": "/hub/groups/a",
    "hub.login=anybody": "/hub/login",
    "secrets=changeme": "/secrets",
    "network.apiServer={192.168.1.10}": "/network/apiServer/0",
    "jupyterhub.enabled=maybe": "/jupyterhub/enabled",
}


def test_typos_and_values_of_no_sense_are_refused_by_the_schema_all_at_once():
    said = refusal(*TYPOS)

    assert "don't meet the specifications of the schema" in said
    for value, field in TYPOS.items():
        assert f"- at '{field}'" in said, value


@pytest.mark.parametrize(
    ("values", "field", "cure"),
    [
        (["relay.publicUrl="], "relay.publicUrl: it is missing", "https://name.example.org"),
        (["mlflow.publicUrl=https://a.example.org/x"], "mlflow.publicUrl", "without a path"),
        (["hub.publicUrl=https://gateway.example.org"], "publicUrl", "Give each its own"),
        (["relay.tlsSecret="], "relay.tlsSecret", "kubectl create secret tls relay-tls"),
        (["hub.tlsSecret="], "hub.tlsSecret", "ingress.clusterIssuer"),
        (["images.gateway.digest="], "images.gateway.digest", "Add -f images.yaml"),
        (["images.store.digest="], "images.store.digest", "imagetools inspect ghcr.io/versity"),
        (["hub.users=null"], "hub.users: nobody is listed", "hub.login: oidc"),
        (["hub.groups.plaza={carol}"], "hub.groups.plaza: carol", "Add them there"),
        (["hub.login=oidc"], "authenticator_class", "Set it to generic-oauth"),
        (
            ["hub.login=oidc", "jupyterhub.hub.config.JupyterHub.authenticator_class=dummy"],
            "authenticator_class",
            "Set it to generic-oauth",
        ),
        (
            ["jupyterhub.hub.config.JupyterHub.authenticator_class=generic-oauth"],
            "authenticator_class: generic-oauth is set",
            "hub.login: oidc",
        ),
        (
            ["jupyterhub.singleuser.cloudMetadata.blockWithIptables=true"],
            "blockWithIptables",
            "Leave it false",
        ),
        (["namespaces.mlflow=darkroom-hub"], "namespaces", "Release into the Hub's"),
        (["store.enabled=false"], "store.external.endpoint", "leave store.enabled true"),
        (
            ["store.enabled=false", "store.external.endpoint=https://s3.example.org"],
            "store.external.cidrs",
            "203.0.113.7/32",
        ),
        (["mlflow.databaseSecret=pg"], "mlflow.databaseCidrs", "10.0.0.5/32"),
        (["network.apiServer=null"], "network.apiServer", "endpointslices kubernetes"),
        (["secrets=generate"], "secrets: there is no cluster to ask", "secrets: existing"),
    ],
)
def test_what_is_missing_or_contradictory_is_named_with_its_cure(values, field, cure):
    said = refusal(*OFFLINE, *values)

    assert field in said
    assert cure in said


def test_monitoring_without_the_operator_is_refused():
    given = arguments(*OFFLINE, "monitoring.serviceMonitors=true")
    done = helm("template", "darkroom", str(chart()), *given)

    assert "monitoring.serviceMonitors: this cluster does not know ServiceMonitor" in done.stderr
    assert "Install the Prometheus operator" in done.stderr


def test_without_its_dependency_helm_says_what_to_do(tmp_path):
    """The message of docs/helm-gateway.md#when-it-does-not-work."""
    copy = shutil.copytree(CHART, tmp_path / "gateway", ignore=shutil.ignore_patterns("charts"))
    done = helm("template", "darkroom", str(copy), *arguments(*OFFLINE))

    assert "missing in charts/ directory: jupyterhub" in done.stderr
