"""What a domain asks of its Pis: little enough that the cameras keep their room."""

import pytest

from tests.helm.chart import ALL, AS_IT_IS, EVERYTHING, job_template, objects, of_kind
from tests.helm.sizes import memory, mib, resident, table


BASE, PER_CAMERA = 200, 80


def test_a_domain_asks_for_200_mib_and_80_for_each_camera_at_most():
    asked = {n: sum(pod[0] for pod in pods.values()) for n, pods in table().items()}
    assert all(mib_ <= BASE + PER_CAMERA * n for n, mib_ in asked.items())
    assert asked[3] - asked[1] == 2 * PER_CAMERA  # what a camera costs is what it is said to


def test_two_pis_still_share_one_base():
    asked = {pod.of: memory(pod, "requests") for pod in resident(EVERYTHING, AS_IT_IS)}
    cameras = 5
    store = sum(each for name, each in asked.items() if name.endswith("-store"))
    assert sum(asked.values()) - store <= BASE + PER_CAMERA * cameras


@pytest.mark.parametrize("domain", ALL)
def test_no_worker_gets_more_than_the_cameras_leave(domain):
    space = f"darkroom-{domain}-jobs"
    quota = of_kind(objects(domain), "ResourceQuota")[f"{space}/jobs"]["spec"]["hard"]
    (most,) = of_kind(objects(domain), "LimitRange")[f"{space}/jobs"]["spec"]["limits"]
    pod = job_template(domain)["spec"]["template"]["spec"]
    work, collect = (
        pod[kind][0]["resources"]["limits"] for kind in ("initContainers", "containers")
    )
    assert work["memory"] == most["max"]["memory"]
    assert work["cpu"] == collect["cpu"] == most["max"]["cpu"]
    assert mib(quota["limits.memory"]) >= mib(work["memory"])
