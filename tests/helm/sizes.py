"""What the pods of a domain ask for, in MiB. `python -m tests.helm.sizes` prints the table."""

import tempfile
from pathlib import Path

from tests.helm.chart import Changes, objects
from tests.helm.pods import Pod, pods_of


def mib(quantity: str) -> int:
    """A quantity of Kubernetes."""
    for unit, factor in (("Mi", 1), ("Gi", 1024)):
        if quantity.endswith(unit):
            return int(quantity.removesuffix(unit)) * factor
    raise ValueError(quantity)


def memory(pod: Pod, kind: str) -> int:
    """`requests` or `limits` of a pod: those of all containers, or of the largest before them."""
    spec = pod.spec
    together, before = (
        [mib(c["resources"][kind]["memory"]) for c in spec.get(group, ())]
        for group in ("containers", "initContainers")
    )
    return max(sum(together), *before, 0)


def resident(domain: str, changes: Changes) -> list[Pod]:
    """The pods that are there all the time: no job, no test."""
    pods = pods_of(objects(domain, changes))
    return [pod for pod in pods if pod.of.partition("/")[0] in ("Deployment", "StatefulSet")]


def with_cameras(number: int, folder: Path) -> Changes:
    """East, a domain of one Pi 5, with that many cameras."""
    cameras = "".join(
        f"  - {{id: cam-{n}, url: 'rtsp://192.168.20.{100 + n}/'}}\n" for n in range(number)
    )
    file = folder / f"{number}.yaml"
    file.write_text(
        f"domain: east\ntitle: East\nenvironments: {{tflite: litert}}\ncameras:\n{cameras}"
        "datasets:\n  - {name: yard, record: {}}\n"
    )
    return Changes(files=(("domain", str(file)),))


def table(numbers: tuple[int, ...] = (1, 3, 8)) -> dict[int, dict[str, tuple[int, int]]]:
    """Number of cameras -> pod -> (request, limit)."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            number: {
                pod.of.rpartition("/")[2]: (memory(pod, "requests"), memory(pod, "limits"))
                for pod in resident("east", with_cameras(number, Path(folder)))
            }
            for number in numbers
        }


def main() -> None:
    """Print the table, and the sum of the requests."""
    for number, pods in table().items():
        print(f"{number} cameras: domain_requests_mib {sum(asked for asked, _ in pods.values())}")
        for name, (asked, most) in pods.items():
            print(f"  {name}: {asked} MiB requested, {most} MiB at most")


if __name__ == "__main__":
    main()
