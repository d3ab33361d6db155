"""A cluster that is to hold a domain: machines, walls round the jobs' namespace, what must exist."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from darkroom.adapters.clock import SystemClock
from darkroom.bootstrap.cluster_look import ClusterLook
from darkroom.bootstrap.doctor import Check, Finding, fail, ok, warn
from darkroom.errors import DeniedError, UnknownNameError


OLDEST = 30  # minor version: ValidatingAdmissionPolicy is on from here
SMALL_MIB = 3 << 10  # of a Pi with 4 GB
SKEW, LEASE_LATE = 5.0, 60.0  # seconds
UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "k": 10**3, "M": 10**6, "G": 10**9}
# A label or a name that tells which of them holds network policies here.
ENFORCERS = ("calico", "cilium", "kube-router", "weave-net", "antrea", "canal")
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")


class ClusterDoctor:
    """Asks the API server about one domain. Changes nothing; of a Secret it asks only whether."""

    def __init__(self, look: ClusterLook, domain: str) -> None:
        """Take a connection and the domain's name."""
        self._look = look
        self._domain = domain
        self._home = f"darkroom-{domain}"
        self._jobs = f"darkroom-{domain}-jobs"

    def checks(self) -> list[tuple[str, Check]]:
        """In order."""
        return [
            ("api", self._version),
            ("machines", self._allowed(self._machines)),
            ("clocks", self._allowed(self._clocks)),
            ("enforcement", self._allowed(self._enforcement)),
            ("namespace", self._allowed(self._namespaces)),
            ("secret", self._allowed(self._secret)),
            ("walls", self._allowed(self._walls)),
            ("storage", self._allowed(self._storage)),
            ("node", self._allowed(self._node)),
        ]

    @staticmethod
    def _allowed(check: Check) -> Check:
        """What may not be looked at is no fault of the cluster."""

        def careful() -> Iterator[Finding]:
            try:
                yield from check()
            except DeniedError as error:
                yield warn("rights", error.message, error.next_step)

        return careful

    def _version(self) -> Iterator[Finding]:
        said = self._look.get("/version")
        minor = int(re.sub(r"\D.*", "", str(said.get("minor", "0"))) or 0)
        words = f"{self._look.server} runs Kubernetes {str(said.get('gitVersion', '?'))[:40]}"
        if minor < OLDEST:
            cure = f"upgrade to 1.{OLDEST} or later"
            yield warn("api", f"{words}: without ValidatingAdmissionPolicy", cure)
        else:
            yield ok("api", words)

    def _machines(self) -> Iterator[Finding]:
        for machine in self._look.items("/api/v1/nodes"):
            name = _text(machine, "metadata", "name")
            yield from _machine(f"machine {name}", machine.get("status") or {})

    def _clocks(self) -> Iterator[Finding]:
        leases = list(
            self._look.items("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")
        )
        server = self._look.server_time
        ours = SystemClock().now() - server
        if abs(ours) > SKEW:
            words = f"our clock is {ours:+.0f} s from the API server's"
            yield warn("clocks", words, "sudo timedatectl set-ntp true, on both")
        late = 0
        for lease in leases:
            # Each kubelet renews its own every ten seconds, by its own clock.
            name = _text(lease, "metadata", "name")
            apart = server - _seconds(_text(lease, "spec", "renewTime"))
            if not -SKEW <= apart <= LEASE_LATE:
                late += 1
                words = f"machine {name} last said that it lives {apart:+.0f} s ago"
                yield fail("clocks", words, "it is down, or its clock is wrong: install chrony")
        if leases and not late:
            yield ok("clocks", f"{len(leases)} machines, all in step")

    def _enforcement(self) -> Iterator[Finding]:
        proof = (
            "the node's own probe is the proof: no job runs before its canaries failed "
            "(darkroom_sandbox_fit); helm test tries it from a pod"
        )
        kubelets = [
            _text(m, "status", "nodeInfo", "kubeletVersion")
            for m in self._look.items("/api/v1/nodes")
        ]
        pods = {_text(p, "metadata", "name") for p in self._look.items(
            "/api/v1/namespaces/kube-system/pods"
        )}  # fmt: skip
        seen = [name for name in ENFORCERS if any(pod.startswith(name) for pod in pods)]
        if seen:
            yield ok("enforcement", f"{seen[0]} holds network policies; {proof}")
        elif any("+k3s" in version for version in kubelets):
            words = "k3s holds network policies unless it runs with --disable-network-policy"
            yield ok("enforcement", f"{words}; {proof}")
        else:
            yield warn(
                "enforcement",
                "nothing is seen here that holds a NetworkPolicy (flannel alone does not)",
                f"install Calico or Cilium; {proof}",
            )

    def _namespaces(self) -> Iterator[Finding]:
        for namespace in (self._home, self._jobs):
            try:
                found = self._look.get(f"/api/v1/namespaces/{namespace}")
            except UnknownNameError:
                cure = f"helm install {self._domain} helm/domain, with the values and files of docs/helm-domain.md"
                yield fail("namespace", f"there is no namespace {namespace}", cure)
                continue
            labels = (found.get("metadata") or {}).get("labels") or {}
            held = labels.get("pod-security.kubernetes.io/enforce")
            if held == "restricted":
                yield ok("namespace", f"{namespace} enforces Pod Security restricted")
            else:
                cure = (
                    f"kubectl label ns {namespace} pod-security.kubernetes.io/enforce=restricted "
                    "--overwrite"
                )
                yield fail("namespace", f"{namespace} enforces {held or 'nothing'}", cure)

    def _secret(self) -> Iterator[Finding]:
        name = f"{self._domain}-keys"
        path = f"/api/v1/namespaces/{self._home}/secrets/{name}"
        try:
            self._look.get(path, metadata_only=True)
        except UnknownNameError:
            cure = (
                f"once: darkroom node secret --domain domains/{self._domain} | kubectl create -f -"
            )
            yield fail("secret", f"there is no Secret {name} in {self._home}", cure)
        else:
            yield ok("secret", f"{name} is there; it was not read")

    def _walls(self) -> Iterator[Finding]:
        base = f"/apis/networking.k8s.io/v1/namespaces/{self._jobs}/networkpolicies"
        shut = {
            way for policy in self._look.items(base) for way in _shuts(policy.get("spec") or {})
        }
        again = "helm upgrade it: somebody took it away"
        if shut == {"Ingress", "Egress"}:
            yield ok("walls", f"{self._jobs} lets nothing in or out by default")
        else:
            open_ways = ", ".join(sorted({"Ingress", "Egress"} - shut))
            yield fail("walls", f"{self._jobs} has no default-deny for {open_ways}", again)
        quotas = list(self._look.items(f"/api/v1/namespaces/{self._jobs}/resourcequotas"))
        if not quotas:
            yield fail("quota", f"{self._jobs} has no ResourceQuota", again)
        for quota in quotas:
            hard = (quota.get("status") or {}).get("hard") or {}
            used = (quota.get("status") or {}).get("used") or {}
            full = [n for n in hard if _amount(used.get(n, "0")) >= _amount(hard[n]) > 0]
            if full:
                cure = "wait for jobs to end, or raise the quota in values.yaml"
                yield warn("quota", f"{', '.join(map(str, full))} is used up", cure)
            else:
                yield ok("quota", f"{len(hard)} limits, none used up")

    def _storage(self) -> Iterator[Finding]:
        for namespace in (self._home, self._jobs):
            base = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
            for claim in self._look.items(base):
                name, phase = _text(claim, "metadata", "name"), _text(claim, "status", "phase")
                if phase == "Bound":
                    yield ok("storage", f"{namespace}/{name} is bound")
                else:
                    cure = f"kubectl -n {namespace} describe pvc {name}"
                    yield fail("storage", f"{namespace}/{name} is {phase or 'unknown'}", cure)

    def _node(self) -> Iterator[Finding]:
        name = f"{self._domain}-node"
        try:
            found = self._look.get(f"/apis/apps/v1/namespaces/{self._home}/deployments/{name}")
        except UnknownNameError:
            yield warn("node", f"{name} is not installed", "helm install it")
            return
        status = found.get("status") or {}
        if status.get("readyReplicas"):
            yield ok("node", f"{name} is ready")
        else:
            cure = f"kubectl -n {self._home} exec deploy/{name} -- darkroom doctor node …"
            yield fail("node", f"{name} is not ready", cure)


def _machine(check: str, status: dict[str, Any]) -> Iterator[Finding]:
    architecture = _text(status, "nodeInfo", "architecture")
    mib = _amount((status.get("allocatable") or {}).get("memory", "0")) >> 20
    states = {_text(c, "type"): _text(c, "status") for c in status.get("conditions") or ()}
    words = f"{architecture}, {mib} MiB for pods"
    pressed = [name for name in PRESSURES if states.get(name) == "True"]
    if architecture not in {"amd64", "arm64"}:
        yield fail(check, f"{words}: there are no images for it", "use a 64-bit system")
    elif states.get("Ready") != "True":
        yield fail(check, f"{words}: not ready", "look at its kubelet; is it switched on?")
    elif pressed:
        yield warn(check, f"{words}: {', '.join(pressed)}", "make room there")
    elif mib < SMALL_MIB:
        cure = "give it no TensorFlow jobs: lower limits.memory_mib, or use a Pi with 4 GB or more"
        yield warn(check, f"{words}: little for jobs", cure)
    else:
        yield ok(check, words)


def _shuts(spec: dict[str, Any]) -> list[str]:
    """Which ways a policy shuts for every pod; one with exceptions shuts none."""
    if spec.get("podSelector"):
        return []
    return [
        way
        for way in ("Ingress", "Egress")
        if way in (spec.get("policyTypes") or ()) and not spec.get(way.lower())
    ]


def _text(value: Any, *path: str) -> str:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return "".join(c for c in value if c.isprintable())[:200] if isinstance(value, str) else ""


def _amount(text: object) -> int:
    found = re.fullmatch(r"([0-9]{1,18})(Ki|Mi|Gi|k|M|G)?", str(text))
    return int(found[1]) * UNITS[found[2] or ""] if found else 0


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
