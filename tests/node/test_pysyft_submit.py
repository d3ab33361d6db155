"""HOP 4 in PySyft's dialect: the same admission, review, ledger, sandbox and release.

The messages are in the engine's form (`tests/adapters/pysyft/messages.py`).
"""

import json
import secrets
import time
from dataclasses import replace

import pytest

from darkroom.adapters.pysyft.declaration import Declaration
from darkroom.adapters.pysyft.endpoint import PysyftEndpoint, RegisteredModel
from darkroom.adapters.pysyft.translation import JOB_PARAMETER
from darkroom.adapters.pysyft.wire import MAX_MESSAGE
from darkroom.model.approval_rule import Allowed
from darkroom.model.canonical import digest_bytes
from darkroom.model.job import Environment
from darkroom.model.letter import Letter
from darkroom.model.output import Scalars
from darkroom.node import admit
from darkroom.post import codec
from darkroom.scientist.profile import read_profile
from tests.adapters.pysyft.messages import MAIN, address_of, job, message
from tests.node.village import ENVIRONMENT, LOCK, MODEL, Village, rule


DETECTOR = {"detector.tflite": digest_bytes(MODEL)}


def declaration(village: Village, **more) -> Declaration:
    fields = {
        "dataset": "plaza", "dataset_version": village.manifest.version,
        "environment": ENVIRONMENT, "outputs": {"result": Scalars(names=("n",))},
    }  # fmt: skip
    return Declaration(**(fields | more))


def say(village: Village, by=None, *, data=None, files=None, declared=None, **body) -> Letter:
    """Send a submission; `declared` and `body` replace parts of an honest one."""
    by = by or village.alice
    files = job(by=address_of(by.name)) if files is None else files
    fields = {
        "job_id": secrets.token_hex(16), "job_name": "count", "syft": "0.10.0",
        "declaration": declaration(village, **(declared or {})).to_mapping(),
        "mock": {"seconds": 0.5},
    }  # fmt: skip
    data = message(files, sender=address_of(by.name)) if data is None else data
    return by.say("pysyft.submit", fields | body, {"message": data})


def submitted(village: Village, by=None, **more) -> str:
    """A job that the node has taken in; its id."""
    letter = say(village, by, **more)
    village.settle()
    return letter.body["job_id"]


def told(village: Village, job_id: str, by=None) -> dict:
    """The last that its sender heard of a job."""
    return (by or village.alice).letters("job.state", job_id)[-1].body


# ------------------------------------------------------------------------------ what is taken


def test_from_a_pysyft_message_to_a_released_result(village):
    village.in_force()
    job_id = submitted(village, declared={"models": DETECTOR})

    assert village.state_of(job_id) == "screened"
    (asked,) = village.owner.letters("review.request", job_id)
    request = village.job(job_id).request
    assert asked.body["request"] == request.to_mapping()
    assert asked.body["mock"] == {"seconds": 0.5}
    assert request.parameters == {"pysyft_job": "count"}
    assert {n: digest_bytes(data) for n, data in asked.attachments.items()} == {
        f"code/{path}": sha256 for path, sha256 in request.spec.files.items()
    }
    assert asked.attachments["code/code/main.py"] == MAIN.encode()
    assert asked.attachments["code/run.sh"].startswith(b"#!/bin/bash")
    assert asked.attachments["code/models/detector.tflite"] == MODEL

    village.approve(request)
    village.settle()
    village.release(job_id)
    village.settle()

    assert village.state_of(job_id) == "released"
    (result,) = village.alice.letters("job.result", job_id)
    assert result.attachments == {"output/result": b'{"n":1}'}
    states = [letter.body["state"] for letter in village.alice.letters("job.state", job_id)]
    assert states == ["screened", "approved", "running", "produced", "released"]
    assert [task.program for task in village.sandbox.started] == ["run", "inspect"]


def test_a_rule_for_its_code_approves_the_same_folder_submitted_again(village):
    """The owner looks once; a name and a date of the scientist's are not in the code's digest."""
    village.in_force()
    first = submitted(village)
    known = replace(
        rule(village.job(first).code_digest), parameters={JOB_PARAMETER: Allowed(anything=True)}
    )
    village.in_force(version=2, rules=(known,))

    again = submitted(
        village,
        files=job("count, again", submitted_at="2026-12-24T00:00:00Z", code_path="/elsewhere"),
        job_name="count, again",
    )
    other = submitted(village, files=job(code={"main.py": MAIN + "\n"}))

    assert village.state_of(again) == "released"
    assert village.job(again).approved_by == f"rule {known.name}"
    assert village.state_of(other) == "screened"


def test_a_rule_that_does_not_name_the_one_parameter_covers_no_pysyft_job(village):
    """As with any parameter of any job: what a rule does not name, it does not let through."""
    village.in_force()
    known = rule(village.job(submitted(village)).code_digest)
    village.in_force(version=2, rules=(known,))
    assert village.state_of(submitted(village)) == "screened"


def test_the_same_name_twice_is_two_jobs(village):
    """A name is the scientist's own; what a job is goes by its id."""
    village.in_force()
    one, other = submitted(village), submitted(village)

    assert {record.job_id for record in village.store.jobs()} == {one, other}
    assert [village.state_of(job_id) for job_id in (one, other)] == ["screened", "screened"]


def test_two_scientists_have_the_same_job_name(village):
    village.in_force()
    hers, his = submitted(village), submitted(village, village.bob)
    records = [village.job(job_id) for job_id in (hers, his)]

    assert [record.submitter for record in records] == ["alice", "bob"]
    assert records[0].code_digest == records[1].code_digest
    assert records[0].job_digest != records[1].job_digest


def test_it_is_priced_and_charged_like_any_other(village):
    budget = replace(village.policy().budgets[0], releases=1)
    village.in_force(budgets=(budget,))
    first = submitted(village)
    ordinary = village.submitted()

    assert village.job(first).price == village.job(first).price | {"releases": 1}
    assert village.state_of(first) == "screened"
    assert village.state_of(ordinary.job_id) == "rejected"
    second = submitted(village)
    assert village.state_of(second) == "rejected"
    assert told(village, second)["reasons"] == told(village, ordinary.job_id)["reasons"]


def test_it_is_cancelled_like_any_other(village):
    village.in_force()
    job_id = submitted(village)
    village.alice.say("job.cancel", {"job_id": job_id})
    village.settle()
    assert village.state_of(job_id) == "cancelled"


# ---------------------------------------------------------------------------- what is refused


def refuses(village: Village, letter: Letter, said: str) -> None:
    """It became no job; both sides know why; bob is served."""
    before = {record.job_id for record in village.store.jobs()}
    aside = len(village.store.quarantined())
    village.settle()
    job_id = letter.body["job_id"]

    assert {record.job_id for record in village.store.jobs()} == before
    assert village.sandbox.started == []
    assert not any((village.state / "code").iterdir())
    state = told(village, job_id)
    assert state["state"] == "rejected"
    assert said in " ".join(state["reasons"])
    (_, sender, why), *_ = village.store.quarantined()[aside:]
    assert sender == "alice"
    assert said in why
    event, noted = next(
        (event, about)
        for event, _, about in village.store.events(None)
        if event == "submission-refused"
    )
    assert event
    assert said in str(noted)
    assert village.state_of(submitted(village, village.bob)) == "screened"


INBOX = "app_data/job/inbox/{}/v1/count/{}".format
ALICE, BOB = address_of("alice"), address_of("bob")
REFUSED = {
    "another sender inside": (
        {"data": message(job(by=BOB), sender=BOB)}, "another sender than the one who sent it"
    ),
    "the owner inside": (
        {"data": message(job(by=ALICE), sender="north@darkroom")}, "another sender than the one"
    ),
    "another's inbox": ({"files": job(by=BOB)}, "outside the sender's own inbox"),
    "a path that leaves": (
        {"files": job() | {"../../.bashrc": "x"}}, "outside the sender's own inbox"
    ),
    "a state beside it": (
        {"files": job() | {f"app_data/job/review/{ALICE}/v1/count/state.yaml": "approved"}},
        "outside the sender's own inbox",
    ),
    "a permission file": (
        {"files": job() | {"syft.pub.yaml": "rules: []"}}, "outside the sender's own inbox"
    ),
    "a binary": ({"data": message(job(), content_type="binary")}, "is not text"),
    "a library that is not there": (
        {"files": job(dependencies=["torch"])}, "'torch' is not in the environment tflite"
    ),
    "an older syft": ({"syft": "0.9.5"}, "this domain speaks 0.10.0"),
    "a newer syft": ({"syft": "0.11.0"}, "this domain speaks 0.10.0"),
    "too large": ({"data": bytes(MAX_MESSAGE + 1)}, "cannot be read: it has more than"),
    "no message": ({"data": b"hello"}, "cannot be read"),
    "another domain": (
        {"data": message(job(), datasite_email="east@darkroom")}, "for another datasite"
    ),
    "an unknown model": (
        {"declared": {"models": {"other.tflite": DETECTOR["detector.tflite"]}}},
        "registered no model other.tflite",
    ),
    "an unknown hash": (
        {"declared": {"models": {"detector.tflite": LOCK}}}, "no model detector.tflite with that"
    ),
    "an unknown environment": (
        {"declared": {"environment": Environment(name="gpu", lock_hash=LOCK)}},
        "offers no environment gpu",
    ),
    "a bash job": ({"files": job(type="bash")}, "only local Python jobs"),
    "another name": ({"job_name": "other"}, "names another job"),
    "no declaration": ({"declaration": {}}, "the declaration of the job"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_with_its_reason_put_aside_and_the_next_is_served(village, case):
    more, said = REFUSED[case]
    village.in_force()
    refuses(village, say(village, **more), said)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"dataset": "garage"}, "no access"),
        ({"dataset_version": LOCK}, "newer version"),
        ({"environment": Environment(name="tflite", lock_hash="sha256:" + "2" * 64)}, "tflite"),
        ({"tier": "root"}, "tier"),
    ],
    ids=["dataset", "version", "lock", "tier"],
)
def test_what_the_policy_does_not_allow_is_rejected_like_any_other(village, declared, said):
    village.in_force()
    job_id = submitted(village, declared=declared)
    assert said in " ".join(told(village, job_id)["reasons"])
    assert told(village, job_id)["state"] == "rejected"
    assert village.owner.letters("review.request") == []


def test_without_a_policy_everything_is_denied(village):
    job_id = submitted(village)
    assert village.state_of(job_id) == "rejected"
    assert "no policy" in told(village, job_id)["reasons"][0]


def test_a_letter_without_an_id_is_put_aside_and_nobody_is_told(village):
    village.in_force()
    for job_id in ("", "x", None, 7, "0" * 33):
        say(village, job_id=job_id)
    village.settle()
    assert village.alice.letters("job.state") == []
    assert len(village.store.quarantined()) == 5
    assert village.store.jobs() == []


def test_many_bad_letters_in_a_row_stop_nobody(village):
    """A5, A6b: the engine's sync ends at the first one, and at each later one again."""
    village.in_force()
    bad = [say(village, **more).body["job_id"] for more, _ in REFUSED.values()]
    good = say(village, village.bob).body["job_id"]
    village.settle()
    village.restart()
    village.settle()

    assert village.state_of(good) == "screened"
    assert [told(village, job_id)["state"] for job_id in bad] == ["rejected"] * len(bad)
    assert [sender for _, sender, _ in village.store.quarantined()] == ["alice"] * len(bad)


# ------------------------------------------------------------------------------------ again


def test_the_same_letter_again_is_one_job_even_after_a_restart(village):
    """A8: also when the gateway has forgotten that it delivered it."""
    village.in_force()
    letter = say(village)
    village.settle()
    for _ in range(2):
        village.exchange.taken.clear()
        village.alice.post.send(letter)
        village.restart()
        village.settle()

    job_id = letter.body["job_id"]
    assert [record.job_id for record in village.store.jobs()] == [job_id]
    assert village.events(job_id).count("job-received") == 1
    assert len(village.owner.letters("review.request")) == 1


def test_the_same_id_in_another_letter_changes_nothing(village):
    village.in_force()
    job_id = submitted(village)
    before = village.job(job_id)
    submitted(village, job_id=job_id, files=job(code={"main.py": "print('other')\n"}))

    assert village.job(job_id) == before
    assert len(village.owner.letters("review.request")) == 1


def test_somebody_elses_id_is_not_taken_over_and_not_told_apart(village):
    village.in_force()
    job_id = submitted(village)
    submitted(village, village.bob, job_id=job_id)
    bad = say(village, village.bob, job_id=job_id, syft="0.9")
    village.settle()

    assert bad.body["job_id"] == job_id
    assert village.job(job_id).submitter == "alice"
    assert village.bob.letters("job.state") == []
    assert len(village.alice.letters("job.state", job_id)) == 1


def test_one_dialect_does_not_take_over_the_ids_of_the_other(village):
    village.in_force()
    ordinary = village.submitted()
    submitted(village, job_id=ordinary.job_id)
    assert village.job(ordinary.job_id).request == ordinary
    assert len(village.owner.letters("review.request")) == 1


def test_one_scientist_cannot_fill_the_house_in_two_dialects(village, monkeypatch):
    monkeypatch.setattr(admit, "MAX_OPEN_JOBS", 2)
    village.in_force()
    village.submitted(), submitted(village)
    third = submitted(village)

    assert village.state_of(third) == "rejected"
    assert "waiting here already" in told(village, third)["reasons"][0]
    assert village.state_of(submitted(village, village.bob)) == "screened"


def test_a_disk_without_room_says_so(village):
    village.in_force()
    village.free_bytes = admit.RESERVE
    job_id = submitted(village)
    assert "no room" in told(village, job_id)["reasons"][0]


def test_code_with_more_than_the_caps_is_denied_before_it_is_kept(village, monkeypatch):
    village.in_force()
    monkeypatch.setattr(admit, "MAX_FILE_BYTES", 1000)
    job_id = submitted(village, files=job(code={"main.py": "#" * 1001}))
    assert "MiB" in told(village, job_id)["reasons"][0]
    assert not any((village.state / "code").iterdir())


def test_only_a_scientist_may_say_it(village):
    """The owner's keys open no second way in."""
    village.in_force()
    fields = {
        "job_id": "0" * 32, "job_name": "count", "syft": "0.10.0", "mock": {},
        "declaration": declaration(village).to_mapping(),
    }  # fmt: skip
    owner = village.owner.keyring
    forged = Letter(
        id="ab" * 16, kind="pysyft.submit", sender="olga", recipient="north",
        sent_at=village.clock.now(), body=fields,
        attachments={"message": (data := message(job(by="olga@darkroom"), sender="olga@darkroom"))},
    )  # fmt: skip
    sealed = owner.seal(
        codec.encode_letter(forged, {"message": data}, {}), village.keyring.identity
    )
    village.owner.relay.send("north", "cd" * 16, sealed, expires_in=60.0)
    village.settle()

    assert village.store.jobs() == []
    assert len(village.store.quarantined()) == 1


# ------------------------------------------------------------------------------- the profile


def test_the_profile_that_scientists_read_names_version_and_models(village):
    village.in_force()
    profile = read_profile("north", village.exchange.profiles["north"].body)
    assert profile.pysyft == "0.10.0"
    assert profile.models == {"detector.tflite": (digest_bytes(MODEL), len(MODEL))}


class Bare(Village):
    """A domain that registers no model."""

    def parts(self):
        endpoint = PysyftEndpoint(
            domain="north", pins=self.store.get, parse_yaml=lambda text, name: {},
            installed=lambda name: {"numpy": "1.26.4"}, models={},
        )  # fmt: skip
        return replace(super().parts(), endpoint=endpoint)


def test_a_domain_without_models_says_so_and_refuses_jobs_that_name_one(tmp_path):
    bare = Bare(tmp_path).in_force()
    profile = read_profile("north", bare.exchange.profiles["north"].body)
    assert (profile.pysyft, profile.models) == ("0.10.0", {})
    job_id = submitted(bare, declared={"models": DETECTOR})
    assert told(bare, job_id)["state"] == "rejected"
    bare.store.close()


class Swapped(Village):
    """A domain whose operator replaced a model after the node started."""

    def parts(self):
        endpoint = super().parts().endpoint
        endpoint._models["detector.tflite"] = RegisteredModel(
            sha256=DETECTOR["detector.tflite"], size=len(MODEL), read=lambda: MODEL + b"x"
        )
        return replace(super().parts(), endpoint=endpoint)


def test_a_model_whose_bytes_changed_is_not_the_one_that_was_named(tmp_path):
    village = Swapped(tmp_path).in_force()
    job_id = submitted(village, declared={"models": DETECTOR})
    assert village.state_of(job_id) == "rejected"
    assert "models/detector.tflite is not the one" in told(village, job_id)["reasons"][0]
    village.store.close()


# ----------------------------------------------------- what an attacker found, and what holds it


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"outputs": {"n": {"type": "scalars", "names": ["n"], "counts": []}}}, "outputs"),
        ({"dataset": "other"}, "dataset"),
        ({"limits": {"memory_mib": 1}}, "limits"),
        ({"project": "other"}, "project"),
        ({"tier": "mock"}, "tier"),
        ({"environment": "tensorflow"}, "environment"),
        ({"models": ["detector.tflite"]}, "models"),
    ],
)
def test_a_reviewer_never_reads_another_declaration_than_the_one_that_counts(village, said, key):
    village.in_force()
    job_id = submitted(village, files=job(more={"code/darkroom.json": json.dumps(said)}))

    assert "rejected" == told(village, job_id)["state"]
    assert f"darkroom.json: {key}" in told(village, job_id)["reasons"][0]


def test_a_declaration_that_says_the_same_twice_is_taken(village):
    village.in_force()
    said = {"dataset": "plaza", "models": ["detector"], "tier": "reviewed"}
    files = job(more={"code/darkroom.json": json.dumps(said)})

    job_id = submitted(village, files=files, declared={"models": DETECTOR})

    assert "screened" == village.state_of(job_id)


def test_a_rule_for_pysyft_code_lets_nobody_pass_it_any_text(village):
    """The rule says that a name may be anything; what a name is, only its own dialect checks."""
    village.in_force()
    first = submitted(village)
    request = village.job(first).request
    anything = rule(village.job(first).code_digest)
    village.sign_policy(
        village.policy(
            2, rules=(replace(anything, parameters={JOB_PARAMETER: Allowed(anything=True)}),)
        )
    )
    village.settle()
    native = replace(
        request, job_id=secrets.token_hex(16), parameters={JOB_PARAMETER: "<script>" * 9_000}
    )
    (asked,) = village.owner.letters("review.request", first)

    village.alice.say("job.submit", {"request": native.to_mapping(), "mock": {}}, asked.attachments)
    village.settle()

    assert "rejected" == village.state_of(native.job_id)
    assert "PySyft's client" in told(village, native.job_id)["reasons"][0]


def test_a_small_letter_with_a_huge_config_is_refused_at_once(village):
    """A kilobyte of gzip could be 64 KiB of YAML, which took seconds to read."""
    village.in_force()
    for text in ("a: [" + "b," * 30_000 + "]", "a:\n" + "- b\n" * 7_000):
        began = time.process_time()
        job_id = submitted(village, files=job(more={"config.yaml": text}))
        assert time.process_time() - began < 1
        assert "rejected" == told(village, job_id)["state"]
