"""Who sees which folder: a Pi its own part of the exchange, a domain its own of a machine."""

import stat
import subprocess
import sys

import pytest

from tests.helm.chart import ALL, EVERYTHING, Changes, attempt, folder, objects, of_kind


def pod(domain: str, name: str):
    deployments = of_kind(objects(domain), "Deployment")
    return deployments[f"darkroom-{domain}/{domain}-{name}"]["spec"]["template"]["spec"]


def ingests(domain: str) -> dict[str, dict]:
    """Pi -> the pod that records there."""
    found = of_kind(objects(domain), "Deployment").values()
    return {
        each["metadata"]["labels"]["darkroom/pi"]: each["spec"]["template"]["spec"]
        for each in found
        if "darkroom/pi" in each["metadata"]["labels"]
    }


def mounts_of_the_exchange(spec) -> list[dict]:
    containers = (*spec.get("initContainers", ()), *spec["containers"])
    return [m for c in containers for m in c["volumeMounts"] if m["name"] == "exchange"]


def test_an_ingest_sees_of_the_exchange_what_it_says_and_what_it_is_told():
    found = ingests(EVERYTHING)
    assert {"pi-1", "pi-2"} == set(found)
    for pi, spec in found.items():
        arrivals, orders = f"arrivals/{pi}", f"orders/{pi}"
        assert mounts_of_the_exchange(spec) == [
            {"name": "exchange", "mountPath": f"/exchange/{arrivals}", "subPath": arrivals},
            {
                "name": "exchange",
                "mountPath": f"/exchange/{orders}",
                "subPath": orders,
                "readOnly": True,
            },
        ]


@pytest.mark.parametrize("domain", ALL)
def test_the_node_makes_what_ingests_mount_for_its_group(domain, tmp_path):
    (made,) = [c for c in pod(domain, "node")["initContainers"] if c["name"] == "exchange"]
    assert ["python", "-I", "-c"] == made["command"]
    program, root, *folders = made["args"]
    assert root == "/exchange"
    for _ in range(2):  # a node that starts again finds them there
        command = [sys.executable, "-I", "-c", program, str(tmp_path), *folders]
        subprocess.run(command, check=True, timeout=30)
    for spec in ingests(domain).values():
        for mount in mounts_of_the_exchange(spec):
            mode = stat.S_IMODE((tmp_path / mount["subPath"]).stat().st_mode)
            assert 0o770 == mode & 0o777


def local_folders(domain: str) -> set[str]:
    volumes = of_kind(objects(domain), "PersistentVolume").values()
    return {volume["spec"]["local"]["path"] for volume in volumes if "local" in volume["spec"]}


def test_two_domains_on_one_machine_share_no_folder():
    seen = [local_folders(domain) for domain in ALL]
    assert all(seen)
    assert sum(map(len, seen)) == len(set.union(*seen))
    for domain, paths in zip(ALL, seen, strict=True):
        assert {path.rpartition("/")[0] for path in paths} == {f"/var/lib/darkroom/{domain}"}


def test_a_folder_of_a_camera_is_named_as_it_lies_on_the_machine(tmp_path):
    text = (folder(EVERYTHING) / "domain.yaml").read_text()
    file = tmp_path / "domain.yaml"
    file.write_text(text.replace("folder: /spool/", "folder: /srv/"))
    done = attempt(EVERYTHING, Changes(files=(("domain", str(file)),)))
    assert f"/var/lib/darkroom/{EVERYTHING}/spool" in done.stderr


@pytest.mark.parametrize("path", ["/srv/darkroom", "/srv/darkroom/east", "/srv/northern"])
def test_an_export_is_of_one_domain(path):
    done = attempt("north", Changes(sets=(f"storage.nfs.path={path}",)))
    assert done.returncode != 0
    assert "storage.nfs.path" in done.stderr
    assert "/north" in done.stderr


def test_the_jobs_namespace_has_room_for_the_secrets_that_pull_images_alone():
    for domain, room in (("north", "0"), (EVERYTHING, "1")):
        quota = of_kind(objects(domain), "ResourceQuota")[f"darkroom-{domain}-jobs/jobs"]
        assert room == quota["spec"]["hard"]["count/secrets"]
