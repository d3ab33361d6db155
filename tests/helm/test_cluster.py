"""The chart of a domain at a real API server: install, what holds there, upgrade, what stays."""

import json
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import yaml
from click.testing import CliRunner

from darkroom.cli.node import node as node_command
from tests.helm.breaches import BREACHES, HONEST, JOBS, job
from tests.helm.chart import CHART, Changes, arguments, folder, objects, of_kind
from tests.helm.pods import pods_of
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.tools import tool


ADMIN, NODE = "administrator", "node"
ACCOUNT = "system:serviceaccount:darkroom-north:north-node"
SPACE = "darkroom-north"
# A policy, a quota and a ServiceAccount are in force a moment after they are there.
SECONDS = 60.0


class Cluster:
    """The API server as an operator sees it: through helm, and through its API."""

    def __init__(self, folder, server):
        self._folder, self._url = folder, server.url
        self._trust = ssl.create_default_context(cafile=str(server.ca))

    def helm(self, *command, sets=(), chart=CHART):
        """`helm <command> north <chart> …`; `uninstall` has no chart."""
        given = [str(chart), *arguments("north", Changes(sets=sets))]
        where = ["-n", SPACE] if command[0] == "uninstall" else given
        return subprocess.run(
            [str(tool("helm")), command[0], "north", *where, *command[1:]],
            capture_output=True,
            text=True,
            timeout=100,
            env={"HOME": str(self._folder), "KUBECONFIG": str(self._folder / "kubeconfig")},
        )

    def call(self, path, body=None, *, patch=False, user=ADMIN):
        """The code, and the answer: of GET, or of POST or PATCH where there is a body."""
        data = None if body is None else json.dumps(body).encode()
        kind = "application/merge-patch+json" if patch else "application/json"
        headers = {"Authorization": f"Bearer {user}", "Content-Type": kind}
        method = "PATCH" if patch else None
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=self._trust, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def items(self, path):
        """Name -> object."""
        code, found = self.call(path)
        assert code == 200, found
        return {each["metadata"]["name"]: each for each in found["items"]}

    def until(self, done, what):
        """Ask until it is so."""
        deadline = time.monotonic() + SECONDS
        while not done():
            assert time.monotonic() < deadline, what
            time.sleep(0.2)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api-server")
    server = ApiServer(folder, {ADMIN: "system:masters", NODE: ACCOUNT})
    try:
        cluster = Cluster(folder, server)
        for name in ("pi-a", "pi-b"):
            meta = {"name": name, "labels": {"kubernetes.io/hostname": name}}
            status = {"capacity": {"memory": "8252928Ki"}}  # a Pi 5
            assert cluster.call("/api/v1/nodes", {"metadata": meta, "status": status})[0] == 201
        yield cluster
    finally:
        server.close()


@pytest.fixture(scope="module")
def refusal(cluster):
    """What `helm install` says while there is no Secret."""
    return cluster.helm("install", "--create-namespace")


@pytest.fixture(scope="module")
def installed(cluster, refusal, tmp_path_factory):
    """The chart as it was one version ago, with the Secrets of `darkroom node secret`."""
    del refusal  # before there are Secrets
    for more in ([], ["--store"]):
        made = CliRunner().invoke(node_command, ["secret", "--domain", str(folder("north")), *more])
        for each in map(json.loads, made.stdout.split("---\n")[1:]):
            kind = "namespaces" if each["kind"] == "Namespace" else f"namespaces/{SPACE}/secrets"
            code, answer = cluster.call(f"/api/v1/{kind}", each)
            # Helm made the namespace in vain, so this is what `kubectl create` meets, too.
            assert code == 201 or (code, each["kind"]) == (409, "Namespace"), answer
    previous = shutil.copytree(CHART, tmp_path_factory.mktemp("previous") / "domain")
    about = previous / "Chart.yaml"
    about.write_text(about.read_text().replace("\nversion: 0.1.0", "\nversion: 0.0.9"))
    done = cluster.helm("install", chart=previous)
    assert done.returncode == 0, done.stderr
    # By hand what `darkroom node secret` does for a namespace that it makes.
    restricted = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    assert cluster.call(f"/api/v1/namespaces/{SPACE}", restricted, patch=True)[0] == 200
    cluster.until(
        lambda: cluster.call(f"/api/v1/namespaces/{JOBS}/serviceaccounts/default")[0] == 200,
        "no default ServiceAccount",
    )
    cluster.until(lambda: quota(cluster), "the quota is not counted")
    cluster.until(
        lambda: post_job(cluster, job(image="x@sha256:" + "0" * 64))[0] != 201,
        "the admission policy is not in force",
    )
    return done.stdout


def quota(cluster):
    return cluster.items(f"/api/v1/namespaces/{JOBS}/resourcequotas")["jobs"]["status"].get("used")


def post_job(cluster, made):
    """As the node; nothing is made."""
    return cluster.call(f"/apis/batch/v1/namespaces/{JOBS}/jobs?dryRun=All", made, user=NODE)


def post_pod(cluster, spec, space=JOBS):
    """As an administrator; nothing is made."""
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    return cluster.call(f"/api/v1/namespaces/{space}/pods?dryRun=All", body)


def test_an_install_without_its_secret_names_it_and_the_command_that_makes_it(refusal):
    assert refusal.returncode != 0
    assert "Secret north-keys is missing in namespace darkroom-north" in refusal.stderr
    assert "darkroom node secret --domain domains/north" in refusal.stderr


def test_the_install_says_what_comes_next_and_what_is_not_enforced(installed):
    for words in ("Next:", "install -d", "helm test north", "Not enforced", "What stays"):
        assert words in installed


def test_the_node_may_do_these_things_and_nothing_else(cluster, installed):
    rules = {
        ("batch", "jobs"): {"create", "get", "delete"},
        ("", "pods"): {"get", "list"},
    }
    verbs = ("create", "get", "list", "watch", "update", "patch", "delete", "deletecollection")
    asked = [("batch", "jobs"), ("", "pods"), ("", "secrets"), ("", "configmaps")]
    asked += [("", "pods/exec"), ("", "pods/log"), ("", "pods/attach"), ("", "pods/portforward")]
    asked += [("", "persistentvolumeclaims"), ("", "serviceaccounts/token"), ("", "nodes")]
    for space in (JOBS, SPACE, "kube-system"):
        for group, kind in asked:
            for verb in verbs:
                name, _, part = kind.partition("/")
                what = {"namespace": space, "verb": verb, "group": group}
                what |= {"resource": name, "subresource": part}
                groups = ["system:serviceaccounts", "system:authenticated"]
                spec = {"user": ACCOUNT, "groups": groups, "resourceAttributes": what}
                path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
                body = {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
                _, answer = cluster.call(path, {**body, "spec": spec})
                may = space == JOBS and verb in rules.get((group, kind), ())
                assert answer["status"]["allowed"] == may, what


def test_every_pod_of_the_release_is_admitted_under_pod_security(cluster, installed):
    kinds = {"Deployment": "deployments", "StatefulSet": "statefulsets"}
    found = [
        {**each, "kind": kind}
        for kind, plural in kinds.items()
        for each in cluster.items(f"/apis/apps/v1/namespaces/{SPACE}/{plural}").values()
    ]
    pods = pods_of(found)
    assert len(pods) == 2
    for pod in pods:
        code, answer = post_pod(cluster, pod.spec, SPACE)
        assert code == 201, answer
    bad = {**pods[0].spec, "hostNetwork": True}
    code, answer = post_pod(cluster, bad, SPACE)
    assert (code, "PodSecurity" in answer["message"]) == (403, True)


@pytest.mark.parametrize("task", HONEST.values(), ids=HONEST)
def test_the_node_makes_a_job_and_its_pod_is_admitted(cluster, installed, task):
    made = job(**task)
    code, answer = post_job(cluster, made)
    assert code == 201, answer
    code, answer = post_pod(cluster, made["spec"]["template"]["spec"])
    assert code == 201, answer


def test_the_pod_of_helm_test_is_admitted_in_the_place_of_a_job(cluster, installed):
    spec = of_kind(objects("north"), "Pod")[f"{JOBS}/north-walls"]["spec"]
    code, answer = post_pod(cluster, spec)
    assert code == 201, answer
    (container,) = spec["containers"]
    other = {**container, "command": [*container["command"][:3], "import os"]}
    code, answer = post_pod(cluster, {**spec, "containers": [other]})
    assert code == 422, answer
    assert "work and collect, and no other" in answer["message"]


def test_the_secrets_that_pull_images_have_room_beside_jobs_and_no_other(cluster, installed):
    def put(name):
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
        return cluster.call(f"/api/v1/namespaces/{JOBS}/secrets?dryRun=All", body)

    code, answer = put("registry-login")
    assert (code, "exceeded quota" in answer["message"]) == (403, True)
    assert cluster.helm("upgrade", sets=("images.pullSecrets={registry-login}",)).returncode == 0
    path = f"/api/v1/namespaces/{JOBS}/resourcequotas/jobs"
    cluster.until(
        lambda: cluster.call(path)[1]["status"]["hard"]["count/secrets"] == "1",
        "the quota does not change",
    )
    cluster.until(lambda: put("registry-login")[0] == 201, "the Secret has no room")
    real = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry-login"}}
    assert cluster.call(f"/api/v1/namespaces/{JOBS}/secrets", real)[0] == 201
    cluster.until(lambda: put("another")[0] == 403, "there is room for another one")
    assert cluster.helm("upgrade").returncode == 0


@pytest.mark.parametrize(("change", "words"), BREACHES.values(), ids=BREACHES)
def test_the_admission_policy_refuses(cluster, installed, change, words):
    """As a Job from the node, and as a pod from whoever may make pods."""
    made = job()
    change(made["spec"]["template"]["spec"])
    code, answer = post_job(cluster, made)
    assert code in (403, 422), answer
    assert words in answer["message"]
    code, answer = post_pod(cluster, made["spec"]["template"]["spec"])
    assert code in (403, 422), answer
    # Pod Security may be first, and a token is a volume by the time that the policy sees it.
    assert "darkroom-north-pods" in answer["message"] or "PodSecurity" in answer["message"]


LOOSE = {
    "root": lambda spec: spec["securityContext"].update(runAsNonRoot=False, runAsUser=0),
    "host network": lambda spec: spec.update(hostNetwork=True),
    "capabilities": lambda spec: spec["containers"][0]["securityContext"].pop("capabilities"),
    "seccomp": lambda spec: spec["securityContext"].pop("seccompProfile"),
}


@pytest.mark.parametrize("change", LOOSE.values(), ids=LOOSE)
def test_pod_security_refuses(cluster, installed, change):
    spec = job()["spec"]["template"]["spec"]
    change(spec)
    code, answer = post_pod(cluster, spec)
    assert code == 403, answer
    assert 'violates PodSecurity "restricted:latest"' in answer["message"]


def test_no_container_gets_more_than_the_template_allows(cluster, installed):
    spec = job()["spec"]["template"]["spec"]
    for kind in ("requests", "limits"):
        spec["initContainers"][0]["resources"][kind]["memory"] = "3201Mi"
    code, answer = post_pod(cluster, spec)
    assert code == 403, answer
    assert "maximum memory usage per Container is 3200Mi" in answer["message"]


def held(cluster):
    """What must outlive everything: uid by name."""
    claims = cluster.items(f"/api/v1/namespaces/{SPACE}/persistentvolumeclaims")
    volumes = cluster.items("/api/v1/persistentvolumes")
    secrets = cluster.items(f"/api/v1/namespaces/{SPACE}/secrets")
    kept = {n: v for n, v in volumes.items() if not n.endswith("-jobs")}
    mine = {n: s for n, s in secrets.items() if s["type"] == "Opaque"}
    return {n: o["metadata"]["uid"] for each in (claims, kept, mine) for n, o in each.items()}


def test_an_upgrade_changes_what_it_is_told_and_keeps_the_data(cluster, installed):
    before = held(cluster)
    assert {"north-state", "north-keys", "north-store", "darkroom-north-state"} <= set(before)
    done = cluster.helm("upgrade", sets=("jobs.memoryMiB=2048",))
    assert done.returncode == 0, done.stderr
    assert held(cluster) == before
    sandbox = cluster.items(f"/api/v1/namespaces/{SPACE}/configmaps")["north-sandbox"]["data"]
    pod = yaml.safe_load(sandbox["job.yaml"])["spec"]["template"]["spec"]
    assert pod["initContainers"][0]["resources"]["limits"]["memory"] == "2048Mi"


def test_what_ran_before_an_upgrade_of_the_images_can_still_be_tidied_up(cluster, installed):
    """The job controller takes a finalizer off a pod whose image is none of ours any more."""
    path = f"/api/v1/namespaces/{JOBS}/pods"
    spec = job()["spec"]["template"]["spec"]
    meta = {"name": "old", "finalizers": ["batch.kubernetes.io/job-tracking"]}
    code, answer = cluster.call(path, {"kind": "Pod", "metadata": meta, "spec": spec})
    assert code == 201, answer
    digest = "images.runtime.litert.digest=sha256:" + "7" * 64
    assert cluster.helm("upgrade", sets=(digest,)).returncode == 0
    cluster.until(lambda: post_job(cluster, job())[0] == 422, "the old image is still taken")
    other = {"spec": {"containers": [{**spec["containers"][0], "image": "busybox"}]}}
    assert cluster.call(f"{path}/old", other, patch=True)[0] == 422
    code, answer = cluster.call(f"{path}/old", {"metadata": {"finalizers": None}}, patch=True)
    assert code == 200, answer


def test_the_cluster_is_asked_where_its_api_server_is(cluster, installed):
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kubernetes"},
        "addressType": "IPv4",
        "ports": [{"name": "https", "port": 16443, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["192.168.10.77"]}],
    }
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    assert cluster.call(path, slice_)[0] == 201
    done = cluster.helm("upgrade", "--dry-run=server", sets=("network.apiServer=null",))
    assert done.returncode == 0, done.stderr
    assert '"192.168.10.77:16443"' in done.stdout  # the canary
    assert '{cidr: "192.168.10.77/32"}' in done.stdout  # and the way to it


def test_machines_that_are_not_what_the_values_say_are_named(cluster, installed):
    done = cluster.helm("upgrade", "--dry-run=server", sets=("pis[1].host=pi-c",))
    assert "the cluster has no machine pi-c" in done.stderr
    assert "there are: pi-a, pi-b" in done.stderr
    small = {"status": {"capacity": {"memory": "3884360Ki"}}}  # a Pi 4
    assert cluster.call("/api/v1/nodes/pi-b/status", small, patch=True)[0] == 200
    said = cluster.helm("upgrade", "--dry-run=server").stderr
    assert "pis[1] (pi-b): profile pi5 counts on 7900 MiB, and the machine has 3793" in said
    large = {"status": {"capacity": {"memory": "8252928Ki"}}}
    assert cluster.call("/api/v1/nodes/pi-b/status", large, patch=True)[0] == 200


def test_an_uninstall_leaves_keys_and_data_and_a_new_install_takes_them_up(cluster, installed):
    before = held(cluster)
    done = cluster.helm("uninstall")
    assert done.returncode == 0, done.stderr
    assert "north-state" in done.stdout  # helm lists what it kept
    assert held(cluster) == before
    assert cluster.items(f"/apis/apps/v1/namespaces/{SPACE}/deployments") == {}
    cluster.until(
        lambda: cluster.call(f"/api/v1/namespaces/{JOBS}")[0] == 404, "the jobs' namespace stays"
    )
    done = cluster.helm("install")
    assert done.returncode == 0, done.stderr
    assert held(cluster) == before
