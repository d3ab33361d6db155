"""`darkroom ingest --sandbox`: pods decode, and what comes out is in reach of every machine.

Clips and a world, as an operator types it beside a node that serves; then a split job over the
new version, by the real assembly of a node. The API server is a FAKE, the machines are stand-in
kubelets that run real containers; the object store is a real S3 server. As with helm/domain,
the exchange is the only volume that all machines reach: footage lies there and nowhere else.
"""

import json
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from darkroom.adapters.sandbox.kubernetes.sandbox import KubernetesSandbox
from darkroom.bootstrap import cluster_sandbox
from darkroom.bootstrap.cluster_sandbox import INBOX
from darkroom.bootstrap.footage import placed_footage
from darkroom.bootstrap.ingest import Request, plan_of
from darkroom.bootstrap.ingest_in_pods import decoding, house_in_pods
from darkroom.cli.ingest import ingest
from darkroom.config import domain_config
from darkroom.errors import DarkroomError, InputError
from darkroom.model.canonical import digest_bytes
from darkroom.model.job import Environment, Limits
from darkroom.ports import Runtime
from tests.conformance.s3_server import S3Server, s3_server  # noqa: F401 - a fixture
from tests.ingest.clips import write_pictures, write_video
from tests.kubernetes.cluster import FakeCluster
from tests.kubernetes.machines import (
    IMAGE,
    NAMESPACE,
    TOKENS,
    Cluster,
    require_machines,
    template,
    wait_until,
)
from tests.node.village import Village


pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

EXCHANGE, RECIPE = "north-exchange", "of-no-repository.yaml"
CAMERAS = ("gate", "yard")
WORLD = {
    "seed": 1,
    "duration": 60,
    "cameras": [{"id": name, "width": 96, "height": 64, "fps": 0.1} for name in CAMERAS],
}
# Long enough that both shards are seen at work.
FILES = {
    "job.py": b"""
def count(data, params):
    import time
    time.sleep(3)
    return {"counts": {"frames": data.count()}}
"""
}
LARGE = Limits(memory_mib=1024)  # two do not fit on one machine


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two machines that share the exchange."""
    require_machines()
    folder = tmp_path_factory.mktemp("cluster")
    server = FakeCluster(folder, TOKENS)
    found = Cluster(server, folder, claims={EXCHANGE: ["pi-a", "pi-b"]})
    try:
        for name in ("pi-a", "pi-b"):
            found.start_machine(name, memory="1900Mi")
        yield found
    finally:
        found.close()
        server.close()


class Site:
    """A node of that cluster, and the files that its chart mounts."""

    def __init__(self, cluster: Cluster, folder: Path, footage: str) -> None:
        self.cluster, self.folder = cluster, folder
        folder.mkdir()
        self.exchange = cluster.volume(EXCHANGE)
        (self.exchange / INBOX).mkdir(exist_ok=True)
        self.village = Village(folder / "village", workers=2)
        (folder / "domain.yaml").write_text(
            yaml.safe_dump(
                {
                    "domain": "north",
                    "title": "North",
                    "environments": {"tflite": "litert"},
                    "footage": footage,
                    "cameras": [{"id": name} for name in CAMERAS],
                    "datasets": [{"name": "plaza", "source": f"data/worlds/{RECIPE}"}],
                }
            )
        )
        content = {
            "namespace": NAMESPACE,
            "template": "job.yaml",
            "environments": {"tflite": {"image": IMAGE, "interpreter": "litert"}},
            "mounts": [{"path": str(self.exchange), "claim": EXCHANGE}],
            "canaries": [cluster.server.url.removeprefix("https://")],
            "exchange": str(self.exchange),
            "api": {
                "server": cluster.server.url,
                "token": str(cluster.folder / "token"),
                "ca": str(cluster.server.ca),
            },
        }
        (folder / "sandbox.yaml").write_text(json.dumps(content))
        (folder / "job.yaml").write_text(json.dumps(template()))

    def ingest(self, *words: object) -> str:
        """The version that the command made."""
        fixed = ["--domain", self.folder, "--dataset", "plaza", "--state", self.village.state]
        sandbox = ["--sandbox", self.folder / "sandbox.yaml"]
        result = CliRunner().invoke(ingest, [str(word) for word in (*words, *fixed, *sandbox)])
        if isinstance(result.exception, DarkroomError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout.split()[-1]

    def count(self, version: str) -> int:
        """The frames that a job split over two machines sees."""
        village = self.village
        sandbox: KubernetesSandbox = self.cluster.sandbox()
        village.sandbox, village.runtimes = sandbox, {"tflite": self.cluster.runtime()}
        village.footage = placed_footage(
            village.state, domain_config(self.folder), self.exchange, village.said.append
        )
        village.restart()
        assert village.node.walls.fit
        request = village.in_force().request(
            split="camera",
            limits=LARGE,
            dataset_version=version,
            files={path: digest_bytes(data) for path, data in FILES.items()},
            environment=Environment(name="tflite", lock_hash=self.cluster.runtime().lock_hash),
        )
        village.submit(request, files=FILES)
        village.settle()
        village.approve(request)
        village.poll()
        seen: set[str] = set()
        watching = threading.Thread(target=self._watch, args=(seen,))
        watching.start()
        village.settle()
        watching.join()
        assert village.state_of(request.job_id) == "produced", village.job(request.job_id).reasons
        assert seen == {"pi-a", "pi-b"}
        (asked,) = village.owner.letters("release.request")
        return json.loads(asked.attachments["output/counts"])["frames"]

    def _watch(self, seen: set[str]) -> None:
        def both() -> bool:
            seen.clear()
            for pod in self.cluster.pods():
                for status in pod["status"].get("initContainerStatuses", ()):
                    if "running" in status["state"]:
                        seen.add(pod["spec"]["nodeName"])
            return len(seen) == 2

        wait_until(60, both)


@pytest.fixture
def site(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Site]]:
    monkeypatch.setattr(cluster_sandbox, "PACKAGE", cluster.image / "darkroom")
    made: list[Site] = []

    def make(footage: str) -> Site:
        made.append(Site(cluster, tmp_path / "north", footage))
        return made[-1]

    yield make
    for each in made:
        each.village.store.close()


def test_shards_over_ingested_clips_run_on_both_machines(site: Callable[[str], Site]) -> None:
    north = site("folder")
    inbox = north.exchange / INBOX
    clip = write_video(inbox / "gate.avi", 12)
    pictures = write_pictures(inbox / "yard", 7)
    running = north.exchange / "tasks" / f"task-{'1' * 32}-00000000"  # of the node that serves
    running.mkdir(parents=True)

    version = north.ingest(clip, pictures, "--camera", "gate", "--camera", "yard")

    assert running.is_dir()
    running.rmdir()
    assert not list((north.exchange / "ingest").iterdir())
    assert list((north.exchange / "footage" / "plaza").glob(f"*{version[7:]}"))
    assert north.count(version) == 19


def test_a_world_goes_sealed_into_the_store_and_from_there_to_both_machines(
    site: Callable[[str], Site],
    s3_server: S3Server,  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DARKROOM_S3_ENDPOINT", s3_server.endpoint)
    monkeypatch.setenv("DARKROOM_S3_ACCESS_KEY", s3_server.access_key)
    monkeypatch.setenv("DARKROOM_S3_SECRET_KEY", s3_server.secret_key)
    north = site("s3://north-footage")
    (north.exchange / INBOX / RECIPE).write_text(yaml.safe_dump(WORLD))
    jpeg = b"\xff\xd8\xff\xe0"

    version = north.ingest()

    assert not (north.exchange / "footage" / version[7:]).exists()
    stored = [path for path in (s3_server.root / "north-footage").rglob("*") if path.is_file()]
    assert stored
    assert not any(jpeg in path.read_bytes() for path in stored)
    assert north.count(version) == 12
    assert (north.exchange / "footage" / version[7:]).is_dir()


def test_a_source_where_no_pod_sees_it_is_refused_before_anything_runs(
    site: Callable[[str], Site],
) -> None:
    north = site("folder")
    inbox = north.exchange / INBOX
    clip = write_video(north.folder / "gate.avi", 3)
    (inbox / "link.avi").symlink_to(clip)

    for source in (clip, inbox / "link.avi"):
        with pytest.raises(InputError, match="does not lie in") as error:
            north.ingest(source, "--camera", "gate")
        assert str(inbox) in error.value.next_step

    assert not north.cluster.jobs()


def test_pods_may_read_what_was_copied_with_the_rights_of_a_private_file(
    site: Callable[[str], Site],
) -> None:
    north = site("folder")
    inbox = north.exchange / INBOX
    clip, pictures = write_video(inbox / "private.avi", 3), write_pictures(inbox / "private", 2)
    parts = [clip, pictures, *pictures.iterdir()]
    for part in parts:
        part.chmod(0o700 if part.is_dir() else 0o600)
    domain = domain_config(north.folder)
    request = Request(
        dataset=domain.dataset("plaza"), sources=(clip, pictures), cameras=CAMERAS, start=0.0
    )

    with ExitStack() as closing:
        house_in_pods(
            plan_of(request, domain),
            north.folder / "sandbox.yaml",
            domain=domain,
            state=north.village.state,
            closing=closing,
            say=print,
        )

    assert [stat.S_IMODE(p.stat().st_mode) for p in parts] == [0o640, 0o750, 0o640, 0o640]


def test_the_environment_with_an_interpreter_decodes() -> None:
    def runtime(name: str, interpreter: str) -> Runtime:
        return Runtime(
            name=name, python=Path("/p"), paths=(), lock_hash="", interpreter=interpreter
        )

    large, small = runtime("tensorflow", ""), runtime("tflite", "litert")

    assert decoding({"tensorflow": large, "tflite": small}) is small
    assert decoding({"tensorflow": large}) is large
