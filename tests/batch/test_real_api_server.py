"""The same against the REAL API server, its Job controller and its garbage collector.

There is no kubelet: the test says what one would say of the pod.
"""

import ssl
import threading
import time

import httpx
import pytest

from darkroom.bootstrap import batch_cluster
from tests.batch.orders import an_order
from tests.batch.stand_in import ADMIN, PERSON, RESTRICTED, RULES, SPACE, TOKENS, kubeconfig
from tests.kubernetes.api_server import ApiServer


pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
RBAC = "rbac.authorization.k8s.io"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = ApiServer(tmp_path_factory.mktemp("api-server"), TOKENS)
    yield running
    running.close()


@pytest.fixture(scope="module")
def admin(server):
    trust = ssl.create_default_context(cafile=str(server.ca))
    headers = {"Authorization": f"Bearer {ADMIN}"}
    with httpx.Client(base_url=server.url, verify=trust, headers=headers, timeout=30) as client:
        make(client, "/api/v1/namespaces", {"metadata": {"name": SPACE, "labels": RESTRICTED}})
        roles = f"/apis/{RBAC}/v1/namespaces/{SPACE}"
        make(client, f"{roles}/roles", {"metadata": {"name": "batch"}, "rules": RULES})
        subject = {"apiGroup": RBAC, "kind": "User", "name": TOKENS[PERSON]}
        reference = {"apiGroup": RBAC, "kind": "Role", "name": "batch"}
        binding = {"metadata": {"name": "b"}, "roleRef": reference, "subjects": [subject]}
        make(client, f"{roles}/rolebindings", binding)
        yield client


def make(client: httpx.Client, path: str, content: dict) -> None:
    answer = client.post(path, json=content)
    assert answer.status_code == 201, answer.text


def until(found):
    end = time.monotonic() + 60
    while not (value := found()):
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.1)
    return value


def test_the_job_is_admitted_followed_and_removed_with_all_that_is_its(
    server, admin, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch_cluster, "POLL_SECONDS", 0.2)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    (tmp_path / "kubeconfig").write_text(kubeconfig(server))
    spaced, said, codes = f"/api/v1/namespaces/{SPACE}", [], []

    def items(kind: str) -> list:
        return admin.get(f"{spaced}/{kind}").raise_for_status().json()["items"]

    until(lambda: items("serviceaccounts"))
    order = an_order(namespace=SPACE)
    access = batch_cluster.person_access()
    run = threading.Thread(
        target=lambda: codes.append(batch_cluster.run_on_cluster(order, access, say=said.append))
    )
    run.start()
    (pod,) = until(lambda: items("pods"))  # Pod Security `restricted` let it in
    mine = [m for m in items("configmaps") if m["metadata"]["name"] == order.name]
    assert mine[0]["data"]["count.ipynb"]
    ended = {
        "name": "notebook", "ready": False, "restartCount": 0, "image": order.image,
        "imageID": "", "state": {"terminated": {"exitCode": 1, "reason": "Error"}},
    }  # fmt: skip
    status = {"status": {"phase": "Failed", "containerStatuses": [ended]}}
    answer = admin.patch(
        f"{spaced}/pods/{pod['metadata']['name']}/status",
        json=status,
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert answer.is_success, answer.text
    run.join(60)

    assert codes == [1]
    assert "pod: ended" in said
    until(lambda: not items("pods"))
    until(lambda: all(m["metadata"]["name"] != order.name for m in items("configmaps")))
