"""Minutes of a camera go for good; what was made from them is marked, and nothing else changes."""

import secrets
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from darkroom.adapters.footage.folder import FolderFootage
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.bootstrap.ingest import Request, _registered
from darkroom.bootstrap.node import locked
from darkroom.cli.forget import forget
from darkroom.errors import InputError, StateError, UnknownNameError
from darkroom.model.canonical import digest
from darkroom.model.domain_config import DatasetConfig
from darkroom.model.forget import Forget
from darkroom.model.stale import KIND, Stale
from darkroom.model.statement import Statement
from darkroom.node.forget import ENDED, LOOK_EVERY, Forgetting, bar_new
from darkroom.node.ingest import Ingested
from darkroom.node.journal import Journal
from darkroom.policy.forget import made_from
from tests.node.village import card_of, rule, spec


DOMAIN_YAML = """
domain: north
title: North
workers: 1
environments: {tflite: litert}
footage: folder
datasets:
  - {name: plaza, description: a square, source: data/worlds/north.yaml}
"""
WORDS = "a guest asked for it"


DOMAIN = SimpleNamespace(domain="north")


def order(camera="cam1", since=0.0, until=60.0, **more):
    return Forget(
        id=secrets.token_hex(16), dataset="", camera=camera, since=since, until=until, **more
    )


def forgetting(village, footage=None, elsewhere=None, datasets=()):
    return Forgetting(
        store=village.store,
        journal=Journal(
            store=village.store, clock=village.clock, domain="north", owner="olga",
            close=lambda record: None,
        ),
        sign=village.keyring.sign,
        footage=footage or village.footage,
        clock=village.clock,
        domain="north",
        say=village.said.append,
        elsewhere=elsewhere,
        datasets=datasets,
    )  # fmt: skip


def pictures(village, camera):
    """The bytes of every piece of a camera, by hash."""
    face = village.footage.materialise(village.manifest.version)
    return {
        s.sha256: (face / "segments" / f"{s.sha256}.zip").read_bytes()
        for s in village.manifest.segments
        if s.camera == camera
    }


def on_disk(folder, content):
    """Whether these bytes are in any file below a folder, whole or within another one."""
    return [p for p in folder.rglob("*") if p.is_file() and content in p.read_bytes()]


def shut(village):
    """A mock face of its own, so that the private one can go."""
    kept = village.folder / "mock-face"
    shutil.copytree(village.mock_face[0], kept)
    village.mock_face = (kept, village.mock_face[1])


def stale_letters(village, job_id):
    return village.alice.letters("release.stale", job_id)


def test_a_camera_minute_goes_and_its_neighbours_stay_as_they_were(village):
    village.in_force()
    old, gone = village.manifest.version, pictures(village, "cam1")
    kept = pictures(village, "cam0") | pictures(village, "cam2")
    worker = forgetting(village)
    found = worker.preview(order())
    assert (found.frames, found.minutes, found.versions) == (6, 1, (("plaza", old),))

    worker.order(order())
    village.poll()

    (new,) = village.footage.versions("plaza")
    manifest = village.footage.manifest(new)
    assert made_from(manifest) == old
    assert {s.sha256 for s in manifest.segments} == set(kept)
    assert [(c.id, c.frames) for c in manifest.cameras] == [("cam0", 9), ("cam2", 3)]
    face = village.footage.materialise(new)
    assert kept == {h: (face / "segments" / f"{h}.zip").read_bytes() for h in kept}
    for content in gone.values():
        assert [] == on_disk(village.footage._root, content)
    assert village.store.datasets()["plaza"].version == new
    assert worker.done()
    village.poll()
    assert village.exchange.cards["north", "plaza"].body["version"] == new


def test_a_job_runs_on_the_new_version_and_none_on_the_old_one(village):
    village.in_force(rules=(rule(spec().code_digest),))
    forgetting(village).order(order())
    refused = village.submitted()
    assert village.state_of(refused.job_id) == "rejected"

    (new,) = village.footage.versions("plaza")
    again = village.submitted(dataset_version=new)
    assert village.state_of(again.job_id) == "released"


def test_from_the_order_on_nothing_starts_and_nothing_leaves(village):
    """Also before the footage is erased: the order alone, as another process writes it."""
    village.in_force()
    screened, approved, shown = village.submitted(), village.approved(), village.produced()
    mock = village.approved(tier="mock")
    assert village.state_of(approved.job_id) == "produced"  # it ran meanwhile
    approved = village.approved()

    forgetting(village).order(order())

    for request in (screened, approved):
        assert village.state_of(request.job_id) == "rejected"
        assert village.job(request.job_id).reasons == (ENDED,)
    assert village.state_of(shown.job_id) == "withheld"
    village.settle()
    assert any(shown.job_id in n.body["text"] for n in village.owner.letters("owner.notice"))
    assert village.state_of(mock.job_id) != "rejected"
    village.settle()
    assert not stale_letters(village, shown.job_id)


def test_a_result_that_waits_in_the_outbox_does_not_leave_any_more(village):
    """Released before the order, to a mailbox that was full. It stays charged."""
    village.in_force()
    request, other = village.produced(), village.produced(tier="mock")
    village.exchange.full.add("alice")
    for job in (request, other):
        village.release(job.job_id)
        village.settle()
    spent = village.store.reservation(request.job_id)

    forgetting(village).order(order())
    village.exchange.full.clear()
    village.clock.forward(86400)
    village.settle()

    assert not village.alice.letters("job.result", request.job_id)
    last = max(village.alice.letters("job.state", request.job_id), key=lambda n: n.body["seq"])
    assert (last.body["state"], last.body["reasons"]) == ("withheld", [ENDED])
    assert "letter-given-up" in village.events(request.job_id)
    assert any(request.job_id in n.body["text"] for n in village.owner.letters("owner.notice"))
    assert village.store.reservation(request.job_id) == spent
    assert village.alice.letters("job.result", other.job_id)  # it never saw a frame


def test_a_run_is_stopped(village):
    village.in_force()
    request = village.approved()

    def job(task):
        forgetting(village).order(order())
        village.node.runner.heed_wishes()
        return {"counts": {"frames": 1}}

    village.sandbox.job = job
    village.settle()
    assert village.state_of(request.job_id) == "rejected"
    assert "output-released" not in village.events(request.job_id)


def test_whoever_holds_a_result_of_it_is_told_once_signed(village):
    village.in_force(rules=(rule(spec().code_digest),))
    request, mock = village.submitted(), village.submitted(tier="mock")
    (result,) = village.alice.letters("job.result", request.job_id)
    forgetting(village).order(order(words=WORDS))
    village.settle()
    village.clock.forward(LOOK_EVERY)
    village.settle()

    (letter,) = stale_letters(village, request.job_id)
    statement = Statement.from_mapping(letter.body["stale"])
    body = SycVerifier().check_statement(statement, KIND, village.keyring.identity)
    stale = Stale.from_body(body)
    assert stale.release == digest(result.body["release"]["body"])
    assert stale.dataset_version == village.manifest.version
    assert [stale.replaced_by] == village.footage.versions("plaza")
    assert stale.words == WORDS
    assert "cam1" not in str(letter.body)  # nor when: that is nobody's business
    assert village.events(request.job_id).count("release-stale") == 1
    assert village.state_of(mock.job_id) != "released" or not stale_letters(village, mock.job_id)


def test_a_release_on_footage_that_was_erased_before_is_stale_as_well(village):
    village.in_force(rules=(rule(spec().code_digest),))
    request = village.submitted()
    village.footage.erase(village.manifest.version)  # past its retention
    worker = forgetting(village)
    assert worker.preview(order()).gone == (("plaza", village.manifest.version),)
    assert worker.preview(order(camera="cam9")).gone == ()

    worker.order(order())
    village.settle()
    (letter,) = stale_letters(village, request.job_id)
    assert letter.body["stale"]["body"]["replaced_by"] == ""


def test_retention_marks_nothing(village):
    village.in_force(rules=(rule(spec().code_digest),))
    request = village.submitted()
    village.footage.erase(village.manifest.version)
    village.settle()
    assert not stale_letters(village, request.job_id)
    assert village.store.stale(request.job_id) is None


def test_a_dataset_of_which_nothing_is_left_is_gone(village):
    village.in_force(rules=(rule(spec().code_digest),))
    for camera in ("cam0", "cam1", "cam2"):
        forgetting(village).order(order(camera=camera))
    village.settle()
    assert [] == village.footage.versions("plaza")
    assert village.state_of(village.submitted().job_id) == "rejected"


def test_an_order_stands_for_footage_that_comes_later_or_comes_back(village):
    village.in_force()
    face = village.folder / "copy"
    shutil.copytree(village.footage.materialise(village.manifest.version), face)
    forgetting(village).order(order())
    village.settle()
    (rest,) = village.footage.versions("plaza")

    village.footage.put(face, village.manifest)  # from a copy of the disk
    later = replace(village.manifest, source="ingested again")
    village.footage.put(face, later)
    assert bar_new(village.store, later)
    village.clock.forward(LOOK_EVERY)
    village.settle()
    left = [village.footage.manifest(v) for v in village.footage.versions("plaza")]
    assert {c.id for m in left for c in m.cameras} == {"cam0", "cam2"}
    assert village.store.datasets()["plaza"].version != village.manifest.version
    assert rest in [m.version for m in left]


def test_the_rest_of_an_older_version_does_not_come_into_force(village):
    village.in_force()
    face = village.footage.materialise(village.manifest.version)
    newer = replace(
        village.manifest,
        segments=tuple(replace(s, start=600.0) for s in village.manifest.segments),
    )
    village.footage.put(face, newer)
    village.store.register_dataset(card_of(newer), newer.version)

    forgetting(village).order(order())
    village.settle()
    assert village.store.datasets()["plaza"].version == newer.version
    assert len(village.footage.versions("plaza")) == 2
    assert newer.version in village.footage.versions("plaza")


def test_footage_that_is_ingested_again_is_cut_before_it_is_offered(village):
    """As `darkroom ingest` registers it."""
    shut(village)
    forgetting(village).order(order())
    village.settle()
    again = replace(village.manifest, source="ingested again")
    face = village.folder / "face"
    shutil.copytree(village.mock_face[0], face)
    village.footage.put(face, again)
    asked = Request(dataset=DatasetConfig(name="plaza"), sources=())
    done, card = _registered(village.store, Ingested(manifest=again, warnings=()), asked, DOMAIN)
    assert "footage to forget" in done.warnings[0]
    assert {c.id for c in card.cameras} == {"cam0", "cam2"}
    assert not village.store.has_version("plaza", again.version)
    village.clock.forward(LOOK_EVERY)
    village.settle()
    assert village.store.datasets()["plaza"] == replace(card, description="a square")

    for camera in ("cam0", "cam2"):
        forgetting(village).order(order(camera=camera))
    with pytest.raises(InputError, match="all of this footage"):
        _registered(village.store, Ingested(manifest=again, warnings=()), asked, DOMAIN)


def test_footage_of_a_dataset_that_was_never_registered_goes_as_well(village):
    """Its first ingest was cut off between the store and the node's database."""
    shut(village)
    face = village.folder / "face"
    shutil.copytree(village.mock_face[0], face)
    garden = replace(village.manifest, dataset="garden")
    village.footage.put(face, garden)
    worker = forgetting(village, datasets=("plaza", "garden"))
    assert ("garden", garden.version) in worker.preview(order()).versions

    worker.order(order())
    worker.tend()

    assert worker.done()
    (rest,) = village.footage.versions("garden")
    assert {s.camera for s in village.footage.manifest(rest).segments} == {"cam0", "cam2"}


STEPS = ("put", "erase", "manifest", "materialise", "versions")


class Killed(BaseException):
    """The process is gone."""


class Dying:
    """The store of a process that is killed at the n-th call, before it or after it."""

    def __init__(self, footage, number, after):
        self._footage, self._left, self._after = footage, number, after

    def __getattr__(self, name):
        real = getattr(self._footage, name)
        if name not in STEPS:
            return real

        def call(*args):
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Killed
            result = real(*args)
            if self._left == 0:
                raise Killed
            return result

        return call


def test_killed_at_any_step_it_goes_on(village):
    village.in_force(rules=(rule(spec().code_digest),))
    request = village.submitted()
    gone = pictures(village, "cam1")
    original = village.folder / "original"
    shutil.copytree(village.footage.materialise(village.manifest.version), original)
    forgetting(village).order(order())
    step, died = 0, 0
    while True:
        step += 1
        try:
            forgetting(village, Dying(village.footage, (step + 1) // 2, step % 2)).tend()
        except Killed:
            died += 1
            continue
        break
    village.settle()
    assert died >= 8
    (new,) = village.footage.versions("plaza")
    assert made_from(village.footage.manifest(new)) == village.manifest.version
    for content in gone.values():
        assert [] == on_disk(village.footage._root, content)
    assert len(stale_letters(village, request.job_id)) == 1
    assert village.events().count("footage-forgotten") == 1
    village.store.verify()


def test_what_fails_is_said_once_and_tried_again(village):
    class Full:
        def __getattr__(self, name):
            return getattr(village.footage, name)

        def put(self, face, manifest):
            raise StateError("the disk is full", next_step="make room")

    worker = forgetting(village, Full())
    worker.order(order())
    assert not worker.tend()
    assert not worker.tend()
    assert 1 == sum("not gone yet: the disk is full" in line for line in village.said)
    village.settle()
    with pytest.raises(UnknownNameError):
        village.footage.manifest(village.manifest.version)


def test_the_audit_log_stays_valid_and_its_details_can_be_erased(village):
    village.in_force(rules=(rule(spec().code_digest),))
    village.submitted()
    forgetting(village).order(order())
    village.settle()
    names = [e.number for e in village.store.audit_log() if "cam1" in (e.detail or "")]
    assert len(names) == 1  # the order alone says which camera
    village.store.erase_details(names, at=1.0, by="olga", why="forgotten")
    village.store.verify()
    assert not any("cam1" in (e.detail or "") for e in village.store.audit_log())


# ------------------------------------------------------------------------------- the command


@pytest.fixture
def command(village, tmp_path):
    """`darkroom forget`, of a node in the village's state folder that does not serve."""
    shutil.copytree(village.footage._root, village.state / "footage")
    village.keyring.save(village.state / "keys.json")
    village.store.set_fact("owner", "olga")
    folder = tmp_path / "north"
    folder.mkdir()
    (folder / "domain.yaml").write_text(DOMAIN_YAML)

    def run(*more):
        asked = ["--state", village.state, "--domain", folder, "--camera", "cam1", *more]
        return CliRunner().invoke(forget, [str(each) for each in asked], input="y\n")

    return run


MINUTE = ("--from", "1970-01-01T00:00:00Z", "--to", "1970-01-01T00:01:00Z")


def test_the_command_shows_asks_and_erases(village, command):
    village.in_force(rules=(rule(spec().code_digest),))
    request = village.submitted()
    store = FolderFootage(village.state / "footage")
    half = village.state / "ingest" / "plaza-0123456789abcdef"
    half.mkdir(parents=True)

    done = command(*MINUTE, "--reason", WORDS, "--dataset", "plaza")
    assert done.exit_code == 0, done.output
    assert "cam1: 6 frames in 1 minutes" in done.output
    assert "1 releases become stale" in done.output
    assert "done: nothing of it is left" in done.output
    (new,) = store.versions("plaza")
    assert {c.id for c in store.manifest(new).cameras} == {"cam0", "cam2"}
    assert not half.exists()
    village.settle()  # the letter waited for the node
    (letter,) = stale_letters(village, request.job_id)
    assert letter.body["stale"]["body"]["words"] == WORDS


def test_the_command_beside_a_node_that_serves_leaves_it_to_the_node(village, command):
    with locked(village.state):
        done = command(*MINUTE, "--wait", "0")
    assert done.exit_code == 1
    assert "not done yet" in done.output
    village.settle()
    assert forgetting(village).done()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--from", "1970-01-01T00:00:00Z", "--to", "2999-01-01T00:00:00Z"), "not over yet"),
        (("--from", "1970-01-01T00:01:00Z", "--to", "1970-01-01T00:00:00Z"), "before it begins"),
        (("--from", "yesterday", "--to", "1970-01-01T00:00:00Z"), "is not a time"),
        (("--from", "1980-01-01", "--to", "1980-01-02"), "no footage of a camera cam1"),
        ((*MINUTE, "--reason", "x\u202ey"), "nobody sees"),
        ((*MINUTE, "--dataset", "yard"), "yard"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(village, command, more, why):
    done = command(*more)
    assert isinstance(done.exception, InputError)
    assert why in done.exception.message
    assert village.store.forgets() == []
