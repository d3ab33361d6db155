"""Values that cannot be right are refused before anything is sent: by field, with the cure."""

import re
from dataclasses import dataclass, field

import pytest

from tests.helm.chart import Changes, attempt, folder


@dataclass(frozen=True)
class Case:
    """Something wrong, and the words that say what and how to mend it."""

    says: tuple[str, ...]
    domain: str = "east"
    sets: tuple[str, ...] = ()
    without: str = ""
    domain_yaml: tuple[str, str] = ("", "")  # what stands in it, and what instead
    live: bool = False  # the first dataset is recorded
    flags: tuple[str, ...] = field(default=())


LIVE = ("  - id: depot", "  - id: depot\n    url: rtsp://depot.example/live")
CASES = {
    "a typo": Case(sets=("pi=x",), says=("'pi' not allowed",)),
    "a typo within": Case(sets=("gateway.adresses={}",), says=("/gateway", "'adresses'")),
    "another type": Case(sets=("jobs.memoryMiB=lots",), says=("/jobs/memoryMiB", "integer")),
    "no domain.yaml": Case(without="domain", says=("domain.yaml is missing", "--set-file domain=")),
    "no owner": Case(without="owner", says=("owner:", "--set-file owner=owner.json")),
    "another domain's file": Case(
        domain_yaml=("domain: east", "domain: west"),
        says=("names west", "called east", "helm install west"),
    ),
    "a name that no object can have": Case(
        domain_yaml=("domain: east", "domain: east@home"), says=("east@home", "a-z, 0-9 and '-'")
    ),
    "no YAML": Case(domain_yaml=("domain: east", "domain: [east"), says=("is not YAML", "Mend")),
    "no Pi": Case(sets=("pis=null",), says=("pis: no machine", "write pis:")),
    "two Pis of one name": Case(
        sets=("pis[1].name=pi-east", "pis[1].profile=pi4"),
        says=("pis[1].name", "two Pis of the name pi-east", "Rename"),
    ),
    "one machine twice": Case(
        sets=("pis[1].name=b", "pis[1].host=pi-east", "pis[1].profile=pi4"),
        says=("pis[1].host", "pi-east", "listed twice"),
    ),
    "a profile that nobody knows": Case(sets=("pis[0].profile=pi3",), says=("/pis/0/profile",)),
    "custom without memory": Case(sets=("pis[0].profile=custom",), says=("memoryMiB",)),
    "two cameras of one name": Case(
        domain_yaml=("- id: market", "- id: depot"),
        says=("cameras[1].id", "depot", "another camera", "Rename"),
    ),
    "a camera that is not there": Case(
        sets=("pis[0].cameras={depott}",), says=("no camera depott", "depot, market, corner")
    ),
    "a camera at two Pis": Case(
        domain="north",
        sets=("pis[1].cameras={fountain}",),
        says=("pis[1].cameras", "fountain", "pi-a already"),
    ),
    "a camera at no Pi": Case(
        domain="north",
        domain_yaml=("  - id: steps", "  - id: steps\n    url: rtsp://192.0.2.1/"),
        live=True,
        sets=("pis[1].cameras={walk}",),
        says=("cameras[2]", "no Pi records steps", "pis[].cameras"),
    ),
    "a dataset at two Pis": Case(
        domain="north",
        domain_yaml=(
            "  - id: arcade\n  - id: steps",
            "  - {id: arcade, url: 'rtsp://192.0.2.1/'}\n  - {id: steps, url: 'rtsp://192.0.2.2/'}",
        ),
        live=True,
        says=("plaza", "pi-a and pi-b", "a dataset for each Pi"),
    ),
    "a camera by name, and no address": Case(
        domain_yaml=LIVE, live=True, says=("cameras.addresses", "depot.example", "CIDR")
    ),
    "a device without a plugin": Case(
        domain_yaml=("  - id: depot", "  - {id: depot, device: /dev/video0}"),
        live=True,
        says=("cameras.device", "/dev/video0", "device plugin"),
    ),
    "a folder that no pod sees": Case(
        domain_yaml=("  - id: depot", "  - {id: depot, folder: /srv/depot}"),
        live=True,
        says=("cameras[0].folder", "/var/lib/darkroom/east/spool", "/spool/depot"),
    ),
    "credentials without a Secret": Case(
        domain_yaml=("  - id: depot", "  - {id: depot, url: 'rtsp://192.0.2.1/', credentials: d}"),
        live=True,
        says=("cameras.secret", "kubectl create secret generic east-cameras"),
    ),
    "more workers than fit": Case(
        domain_yaml=("workers: 1", "workers: 9"),
        says=("workers: 9", "room for 2 jobs of 3200 MiB", "add a Pi"),
    ),
    "a Pi with too little memory": Case(
        domain="south",
        sets=("jobs.memoryMiB=3200",),
        says=("pis[0] (pi-south, pi4)", "3200", "lower jobs.memoryMiB", "larger Pi"),
    ),
    "too many cameras for a Pi": Case(
        domain="south",
        domain_yaml=(
            "  - id: gate",
            "".join(f"  - {{id: c{n}, url: 'rtsp://192.0.2.{n}/'}}\n" for n in range(1, 9))
            + "  - id: gate",
        ),
        live=True,
        says=("pi-south", "8 cameras", "move cameras"),
    ),
    "no gateway": Case(sets=("gateway.url=",), says=("gateway.url", "https://")),
    "a gateway without TLS": Case(sets=("gateway.url=http://gateway",), says=("/gateway/url",)),
    "a gateway by name, and no address": Case(
        sets=("gateway.addresses=null",),
        says=("gateway.addresses", "getent ahosts gateway.example.org"),
    ),
    "no API server": Case(
        sets=("network.apiServer=null",),
        says=("network.apiServer", "kubectl get endpointslices kubernetes"),
    ),
    "an image without a digest": Case(
        sets=("images.node.digest=", "images.node.tag=v1"),
        says=("images.node.digest", "images.yaml", "images.allowTags: true"),
    ),
    "a job's image without a digest, tags or not": Case(
        sets=(
            "images.runtime.litert.digest=",
            "images.runtime.litert.tag=v1",
            "images.allowTags=true",
        ),
        says=("images.runtime.litert.digest", "always"),
    ),
    "an environment without an image": Case(
        domain_yaml=('tensorflow: ""', 'torch: ""'), says=("images.runtime.torch", "torch")
    ),
    "two Pis and no folder between them": Case(
        domain="north",
        sets=("storage.nfs.server=",),
        says=("storage.nfs", "2 Pis", "storage.exchange.claim"),
    ),
    "S3 and no store": Case(
        domain="north",
        sets=("store.enabled=false",),
        says=("s3://north-footage", "store.enabled: true", "store.endpoint"),
    ),
    "a store that nobody uses": Case(sets=("store.enabled=true",), says=("store:", "s3://east-")),
    "models that no pod has": Case(
        sets=("models.configMap=",),
        says=("models.configMap", "kubectl create configmap east-models", "--from-file="),
    ),
    "ServiceMonitors that the cluster does not know": Case(
        sets=("monitoring.serviceMonitors=true",),
        flags=("--api-versions", "none"),
        says=("monitoring.serviceMonitors", "Prometheus operator"),
    ),
    "an old cluster": Case(flags=("--kube-version", "1.27.9"), says=("kubeVersion: >=1.28",)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_refused_and_told_how_to_mend_it(case, tmp_path):
    files = [(case.without, "")] if case.without else []
    found, instead = case.domain_yaml
    if found:
        text = (folder(case.domain) / "domain.yaml").read_text()
        assert found in text
        text = text.replace(found, instead, 1)
        if case.live:
            text = re.sub(r"(?m)^    cameras: .*$", "    record: {}", text, count=1)
        changed = tmp_path / "domain.yaml"
        changed.write_text(text)
        files = [("domain", str(changed))]
    answer = attempt(case.domain, Changes(sets=case.sets, files=tuple(files), flags=case.flags))
    assert answer.returncode != 0, "it was rendered"
    said = re.sub(r"\s+", " ", answer.stderr)
    assert [words for words in case.says if words.lower() not in said.lower()] == [], said


def test_a_tag_may_do_to_try_things_out():
    sets = ("images.node.digest=", "images.node.tag=dev", "images.allowTags=true")
    assert "darkroom-node:dev" in attempt("east", Changes(sets=sets)).stdout
