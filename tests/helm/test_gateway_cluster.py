"""Install, upgrade, uninstall against the real API server: passwords are made once and kept."""

import base64
import json
import shutil
import ssl
import subprocess
import urllib.request

import pytest

from tests.helm.gateway_chart import arguments, chart
from tests.helm.pods import pods_of
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.tools import tool


ADMIN = "administrator"
HERE = "network.apiServer={192.168.1.10:6443}"


class Cluster:
    """The API server as an operator sees it: through helm, and through its API."""

    def __init__(self, folder, server):
        self._folder, self._url = folder, server.url
        self._trust = ssl.create_default_context(cafile=str(server.ca))

    def helm(self, *command, at=None, sets=(HERE,)):
        """`helm <command> darkroom <chart> …`; without a chart for `uninstall`."""
        where = [str(at), *arguments(*sets)] if at else ["-n", "darkroom-hub"]
        return subprocess.run(
            [str(tool("helm")), command[0], "darkroom", *where, *command[1:]],
            capture_output=True,
            text=True,
            timeout=100,
            env={"HOME": str(self._folder), "KUBECONFIG": str(self._folder / "kubeconfig")},
        )

    def call(self, path, body=None):
        """GET, or POST what is not None."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, data, headers)
        with urllib.request.urlopen(request, context=self._trust, timeout=30) as answer:
            return json.load(answer)

    def secret(self, namespace, name):
        found = self.call(f"/api/v1/namespaces/{namespace}/secrets/{name}")["data"]
        return {key: base64.b64decode(value).decode() for key, value in found.items()}

    def secrets(self):
        """Every Secret of the chart's."""
        return {
            f"{namespace}/{each['metadata']['name']}": self.secret(
                namespace, each["metadata"]["name"]
            )
            for namespace in ("darkroom-gateway", "darkroom-mlflow", "darkroom-hub")
            for each in self.call(f"/api/v1/namespaces/{namespace}/secrets")["items"]
            if each["type"] == "Opaque"
        }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api-server")
    server = ApiServer(folder, {ADMIN: "system:masters"})
    try:
        yield Cluster(folder, server)
    finally:
        server.close()


@pytest.fixture(scope="module")
def previous(tmp_path_factory):
    """The chart as it was one version ago: a copy under a lower number."""
    copy = shutil.copytree(chart(), tmp_path_factory.mktemp("previous") / "gateway")
    about = copy / "Chart.yaml"
    about.write_text(about.read_text().replace("\nversion: 0.1.0", "\nversion: 0.0.9"))
    return copy


@pytest.fixture(scope="module")
def first(cluster, previous):
    """The Secrets after the first install, of the previous version, as docs/helm-gateway.md does it.

    A namespace that holds the certificate is there before the chart.
    """
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "darkroom-gateway"}}
    cluster.call("/api/v1/namespaces", space)
    refused = cluster.helm("install", "--create-namespace", at=previous)
    assert "exists and cannot be imported" in refused.stderr
    done = cluster.helm("install", "--create-namespace", "--take-ownership", at=previous)
    assert done.returncode == 0, done.stderr
    assert "hub-passwords -o jsonpath='{.data.alice}'" in done.stdout
    return cluster.secrets()


def test_passwords_are_made_at_the_first_install_and_no_two_are_alike(first):
    assert {"alice", "bob"} == set(first["darkroom-hub/hub-passwords"])
    made = [value for name in first for value in first[name].values() if len(value) >= 24]
    shared = {
        first["darkroom-hub/hub-mlflow-token"]["token"],
        first["darkroom-mlflow/mlflow-login"]["hub-token"],
    }
    assert 1 == len(shared)
    assert 10 == len(made)  # two users, three of MLflow, one token again, three of S3, users.json
    assert 9 == len(set(made))
    accounts = json.loads(first["darkroom-gateway/store-accounts"]["users.json"])["accessAccounts"]
    for name, namespace in (("relay", "gateway"), ("mlflow", "mlflow")):
        key = first[f"darkroom-{namespace}/{name}-store-key"]
        assert key["secret-key"] == accounts[key["access-key"]]["secret"]


def test_an_upgrade_keeps_them_and_gives_a_new_user_one(cluster, first):
    done = cluster.helm("upgrade", at=chart(), sets=(HERE, "hub.users={alice,bob,carol}"))

    assert done.returncode == 0, done.stderr
    after = cluster.secrets()
    carol = after["darkroom-hub/hub-passwords"].pop("carol")
    assert 24 == len(carol)
    assert first == after


def test_a_pod_of_each_deployment_is_admitted_where_it_would_run(cluster, first):
    """The namespaces enforce Pod Security `restricted`; nothing is made."""
    deployments = [
        each
        for namespace in ("darkroom-gateway", "darkroom-mlflow")
        for each in cluster.call(f"/apis/apps/v1/namespaces/{namespace}/deployments")["items"]
    ]
    pods = pods_of([{**each, "kind": "Deployment"} for each in deployments])
    assert 3 == len(pods)
    for pod in pods:
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": pod.spec}
        made = cluster.call(f"/api/v1/namespaces/{pod.namespace}/pods?dryRun=All", body)
        assert "Pending" == made["status"]["phase"]


def test_secrets_that_somebody_should_have_made_are_all_named(cluster, first):
    sets = (HERE, "secrets=existing", "namespaces.gateway=elsewhere", "hub.users={alice,dora}")

    said = cluster.helm("upgrade", "--dry-run=server", at=chart(), sets=sets).stderr

    for missing in ("elsewhere/relay-store-key: secret-key", "darkroom-hub/hub-passwords: dora"):
        assert missing in said
    assert "hub-passwords: alice" not in said
    assert "secrets: generate" in said


def test_uninstall_leaves_data_and_keys_and_an_install_finds_them_again(cluster, first):
    before = cluster.secrets()

    assert 0 == cluster.helm("uninstall").returncode
    claims = cluster.call("/api/v1/namespaces/darkroom-gateway/persistentvolumeclaims")["items"]
    assert {"relay-state", "store-state"} == {each["metadata"]["name"] for each in claims}
    assert before == cluster.secrets()
    assert [] == cluster.call("/apis/apps/v1/namespaces/darkroom-gateway/deployments")["items"]

    done = cluster.helm("install", at=chart())
    assert done.returncode == 0, done.stderr
    assert first == cluster.secrets()
