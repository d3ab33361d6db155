"""PySyft's client between two domains, one of which means harm: the other one is not held up."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from syft.sync.events.file_change_event import FileChangeEvent, FileChangeEventsMessage

from darkroom.adapters.pysyft.submitted_folder import require_dependencies
from darkroom.bootstrap.mock_shop import MockFaces
from darkroom.bootstrap.pysyft_scientist import client_for
from darkroom.errors import DeniedError, InputError, SpecError, UnknownNameError
from darkroom.model.canonical import canonical, digest_bytes
from darkroom.model.dataset import Camera
from tests.scientist.conftest import a_card, a_profile, bench, keys  # noqa: F401 - fixtures
from tests.scientist.pysyft_bench import DECLARED, SCRIPT, QuickMocks


ME, NORTH, EAST = "alice@darkroom", "north@darkroom", "east@darkroom"
MODEL = b"a model"
ENDPOINT = {
    "version": "0.10.0",
    "models": {"detector.tflite": {"sha256": digest_bytes(MODEL), "size": len(MODEL)}},
}
N = canonical({"n": 3})


class Between:
    """Alice's client; `north` may do what it likes, `east` is honest."""

    def __init__(self, bench: Any, folder: Path) -> None:  # noqa: F811 - the fixture's value
        self.bench, self.folder = bench, folder
        self.north, self.east = bench.domains["north"], bench.domains["east"]
        for name in bench.domains:
            self.publish(name, a_profile(name, pysyft=ENDPOINT), a_card(name))
        self.session = bench.session
        self.session._mocks = MockFaces(folder / "mocks", say=bench.said.append)
        self.session.run_mock = QuickMocks()
        self.model = folder / "detector.tflite"
        self.model.write_bytes(MODEL)
        self.code = folder / "code"
        self.code.mkdir()
        (self.code / "main.py").write_text(SCRIPT)
        (self.code / "darkroom.json").write_text(DECLARED)
        self.client = self.quietly(
            client_for, self.session, folder / "box", discover=None,
            models={"detector.tflite": self.model},
        )  # fmt: skip

    def publish(self, name: str, profile: dict[str, Any], *cards: Any) -> None:
        ring = self.bench.domains[name].keyring
        self.bench.exchange.profiles[name] = ring.sign("profile", profile)
        signed = [ring.sign("card", card.to_mapping()) for card in cards]
        self.bench.exchange.cards[name] = signed

    @staticmethod
    def quietly(do: Any, *args: Any, **kwargs: Any) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            return do(*args, **kwargs)

    def sync(self) -> None:
        self.bench.clock.time += 10  # what was heard is stale
        self.quietly(self.client.sync)

    def submit(self, to: str, name: str = "job", **more: Any) -> Any:
        self.quietly(self.client.submit_python_job, to, str(self.code), job_name=name, **more)
        return self.session.jobs[0].row.jobs[0].request

    def job(self, at: str, name: str = "job") -> Any:
        self.sync()
        jobs = self.client.job_client.jobs
        return next(j for j in jobs if (j.datasite_owner_email, j.name) == (at, name))

    def files(self) -> set[str]:
        box = self.folder / "box"
        return {p.relative_to(box).as_posix() for p in box.rglob("*") if p.is_file()}


@pytest.fixture
def between(bench: Any, tmp_path: Path) -> Between:  # noqa: F811
    return Between(bench, tmp_path)


# --------------------------------------------------------------------- letters of a domain


def test_one_name_at_two_domains_is_two_jobs(between):
    for domain, address in ((between.north, NORTH), (between.east, EAST)):
        domain.say(between.submit(address).job_id, "screened", "wait")

    assert between.job(NORTH).status == between.job(EAST).status == "pending"


def test_a_result_that_does_not_verify_stops_no_other(between):
    mine, other = between.submit(NORTH), between.submit(EAST)
    between.north.release(mine, {"n": N}, job_digest="sha256:" + "0" * 64)
    between.north.send("job.state", {"job_id": mine.job_id, "state": [], "seq": "x"})
    between.east.release(other, {"n": N})

    assert between.job(EAST).status == "done"
    assert between.job(NORTH).status == "failed"
    assert "does not hold" in between.job(NORTH).review_reason
    assert between.job(NORTH).job_review_path.joinpath("outputs").exists() is False


def test_a_domain_has_no_say_in_jobs_of_another(between):
    other = between.submit(EAST)
    between.north.say(other.job_id, "rejected", "mine now")
    between.north.release(other, {"n": N})

    assert between.job(EAST).status == "received"


@pytest.mark.parametrize("name", ["state.yaml", "release.json", "log", "more", "x/y"])
def test_an_output_of_another_name_is_written_nowhere(between, name):
    mine = between.submit(NORTH)
    between.sync()
    before = between.files()
    statement = between.north.keyring.sign(
        "release",
        {
            **between.north.release_body(mine, {"n": N}),
            "outputs": {name: {"type": "scalars", "sha256": digest_bytes(N), "bytes": len(N)}},
        },
    )
    between.north.send_result(mine, statement.to_mapping(), {name: N})

    job = between.job(NORTH)

    assert job.status == "failed"
    assert between.files() == before


def test_words_of_a_domain_are_no_html_and_no_control_characters(between):
    mine = between.submit(NORTH)
    between.north.say(mine.job_id, "rejected", "<script>alert(1)</script>\x1b[2J\u202e & more")

    job = between.job(NORTH)

    assert job.status == "rejected"
    assert "‹script›alert(1)‹/script›" in job.review_reason
    assert not {"<", ">", "&", "\x1b", "\u202e"} & set(job.review_reason)
    assert "<script>alert" not in job._repr_html_()


def test_what_a_job_printed_is_no_html_and_no_command_of_a_terminal(between):
    mine = between.submit(NORTH)
    between.north.release(mine, {"n": N, "log": b"<img src=x onerror=alert(1)>\x1b[2J\n\x07"})

    job = between.job(NORTH)

    assert str(job.stdout) == "<img src=x onerror=alert(1)> [2J\n "
    assert "<img" not in job.stdout._repr_html_()


# ------------------------------------------------------------------- cards and profiles


@pytest.mark.parametrize(
    "changed",
    [
        {"cameras": (Camera(id="c", width=100_000, height=100_000, fps=1.0, frames=90),)},
        {"cameras": (Camera(id="c", width=64, height=48, fps=1e-300, frames=9),)},
        {"cameras": tuple(Camera(id=f"c{n}", width=1, height=1, fps=1.0, frames=1)
                          for n in range(65))},
        {"name": "v1"},
        {"start": 10**30},
        {"look": {"light": "none such"}},
    ],
)  # fmt: skip
def test_an_absurd_card_is_left_out_and_said(between, changed):
    between.publish("north", a_profile("north", pysyft=ENDPOINT), a_card("north", **changed))

    between.sync()

    names = {(d.owner, d.name) for d in between.client.dataset_manager.get_all()}
    assert names == {(EAST, "detector"), (EAST, "plaza"), (NORTH, "detector")}
    said = [line for line in between.bench.said if "is not shown" in line]
    assert len(said) == 1
    between.sync()
    assert len([line for line in between.bench.said if "is not shown" in line]) == 1


@pytest.mark.filterwarnings("ignore:All connected peers")
def test_a_broken_profile_takes_only_its_domain_away(between):
    between.publish("north", {"domain": "north", "title": 3}, a_card("north"))
    between.sync()

    versions = {p.email: p.version for p in between.client.peer_manager.syncable_peers}
    assert versions[NORTH] is None
    assert versions[EAST].syft_client_version == "0.10.0"
    with pytest.raises(InputError, match="domain north cannot be asked: the profile of north"):
        between.quietly(
            between.client.submit_python_job, NORTH, str(between.code), ignore_peer_version=True
        )
    between.submit(EAST)


@pytest.mark.parametrize("asked", ["torch", "numpy>=99", "numpy[extra]", "syft==0.9.5", "./code"])
def test_what_an_environment_lacks_is_refused_before_anything_is_sent(between, asked):
    offers = a_profile("north", pysyft=ENDPOINT)
    offers["environments"]["tflite"]["packages"] = {"numpy": "1.26.4"}
    between.publish("north", offers, a_card("north"))
    between.sync()
    before = between.files()

    with pytest.raises(SpecError) as refused:
        between.submit(NORTH, dependencies=["numpy>=1.26", asked])

    with pytest.raises(SpecError) as by_the_node:
        require_dependencies((asked,), {"numpy": "1.26.4"}, "tflite")
    assert str(refused.value) == str(by_the_node.value)
    assert [*between.session.jobs] == []
    assert between.files() == before
    assert between.session.run_mock.tasks == []
    between.submit(NORTH, dependencies=["numpy>=1.26"])


def test_a_domain_that_does_not_say_what_it_has_decides_itself(between):
    between.submit(NORTH, dependencies=["torch"])


def test_a_new_version_replaces_the_files_of_the_old(between):
    between.sync()
    before = {f for f in between.files() if f.startswith(f"{NORTH}/public/syft_datasets/plaza/")}
    camera = Camera(id="cam9", width=64, height=48, fps=2.0, frames=9)
    card = a_card("north", version="sha256:" + "7" * 64, cameras=(camera,))
    between.publish("north", a_profile("north", pysyft=ENDPOINT), card)

    between.sync()

    after = {f for f in between.files() if f.startswith(f"{NORTH}/public/syft_datasets/plaza/")}
    assert {f for f in before if "/segments/" in f}.isdisjoint(after)
    assert {f.rpartition("/")[2] for f in after} >= {"dataset.yaml", "manifest.json"}


def test_a_dataset_that_is_withdrawn_goes_away(between):
    between.sync()
    between.publish("north", a_profile("north", pysyft=ENDPOINT))

    between.sync()

    names = {(d.owner, d.name) for d in between.client.dataset_manager.get_all()}
    assert (NORTH, "plaza") not in names
    assert (EAST, "plaza") in names


def test_a_model_that_is_not_here_is_not_shown_and_names_the_cure(between):
    between.model.unlink()
    (between.code / "darkroom.json").write_text(
        json.dumps({**json.loads(DECLARED), "models": ["detector.tflite"]})
    )
    between.sync()

    assert {d.name for d in between.client.dataset_manager.get_all()} == {"plaza"}
    with pytest.raises(InputError, match="is not on this machine") as refused:
        between.submit(NORTH)
    assert "login_ds(models=" in refused.value.next_step


# -------------------------------------------------------- what an event may write: A17


@pytest.mark.parametrize(
    ("datasite", "path"),
    [
        (EAST, f"app_data/job/review/{ME}/v1/job/state.yaml"),  # another owner's tree
        (ME, "private/crypto_keys.json"),  # our own keys
        (NORTH, "../../../escaped"),
        (NORTH, "syft.pub.yaml"),
        (NORTH, f"app_data/job/review/{ME}/v1/other/state.yaml"),
        (NORTH, f"app_data/job/inbox/{ME}/v1/job/code/main.py"),
        (NORTH, "public/syft_datasets/plaza/manifest.json"),
    ],
)
@pytest.mark.parametrize("is_deleted", [False, True])
def test_an_event_that_was_not_announced_writes_nothing(between, datasite, path, is_deleted):
    between.submit(NORTH)
    between.submit(EAST)
    between.sync()
    before = {f: (between.folder / "box" / f).read_bytes() for f in between.files()}
    event = FileChangeEvent(
        id=uuid4(), path_in_datasite=path, datasite_email=datasite, content="status: done",
        new_hash="0", is_deleted=is_deleted, submitted_timestamp=1.0, timestamp=1.0,
    )  # fmt: skip
    cache = between.client.sync_engine.datasite_watcher_syncer.datasite_watcher_cache

    cache.apply_event_message(FileChangeEventsMessage(events=[event]))

    assert {f: (between.folder / "box" / f).read_bytes() for f in between.files()} == before
    assert not (between.folder / "escaped").exists()


# ---------------------------------------------------------------- what the engine may send


def test_a_file_that_is_no_job_is_refused(between):
    watcher = between.client.sync_engine.datasite_watcher_syncer

    with pytest.raises(SpecError, match="lies outside the sender's own inbox"):
        watcher.on_file_change(f"{NORTH}/public/x.txt", content="hello")


def test_nobody_else_is_asked(between):
    watcher = between.client.sync_engine.datasite_watcher_syncer

    with pytest.raises(UnknownNameError, match="no domain that you are enrolled at"):
        watcher.on_file_change("south@darkroom/x.txt", content="hello")


def test_an_interrupted_submission_leaves_nothing(between):
    def interrupted(task: Any) -> Any:
        raise KeyboardInterrupt

    between.session.run_mock = interrupted
    with pytest.raises(KeyboardInterrupt):
        between.submit(NORTH)

    between.session.run_mock = QuickMocks()
    between.submit(NORTH)
    assert between.job(NORTH).status == "received"


def test_a_job_that_was_never_sent_says_so(between):
    """The kernel died while the job ran on mock."""
    connection = between.client.peer_manager.connection_router.connections[0]
    connection.begin(NORTH, "job")
    job_client = between.client.job_client
    super(type(job_client), job_client).submit_python_job(NORTH, str(between.code), "job")

    job = between.job(NORTH)

    assert (job.status, job.review_reason) == ("failed", "it was never sent; submit it again")


def test_collections_are_not_made_here(between):
    with pytest.raises(DeniedError):
        between.client.sync_engine.create_collection_folder("syft_datasetcollection", "x", "1")


def test_the_same_code_runs_once_on_one_mock(between):
    between.submit(NORTH, "one")
    between.submit(NORTH, "two")
    between.submit(EAST, "one")

    assert len(between.session.run_mock.tasks) == 2
