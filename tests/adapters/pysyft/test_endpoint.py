"""The endpoint reads letters: a draft of a job, or the reason why it is none. Nothing else."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.adapters.pysyft.declaration import Declaration
from darkroom.adapters.pysyft.endpoint import (
    MAX_DECLARATION,
    MAX_MOCK,
    PysyftEndpoint,
    RegisteredModel,
)
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.submitted_folder import read_folder
from darkroom.adapters.pysyft.translation import translate
from darkroom.adapters.pysyft.wire import SUPPORTED, read_proposal
from darkroom.config import parse_yaml
from darkroom.model.canonical import canonical, digest_bytes
from darkroom.model.draft import Draft
from darkroom.model.job import Environment
from darkroom.model.letter import Letter
from darkroom.model.output import Scalars
from tests.adapters.pysyft.messages import ALICE, BOB, NORTH, job, message, packed, proposal
from tests.model.shapes import JSON


SHA = "sha256:" + "0" * 64
MODEL = b"numbers"
DECLARATION = Declaration(
    dataset="plaza",
    dataset_version=SHA,
    environment=Environment(name="tflite", lock_hash=SHA),
    outputs={"result": Scalars(names=("n",))},
    models={"detector.tflite": digest_bytes(MODEL)},
)
IDENTITY = SycKeyring.generate("alice", "scientist").identity
BODY = {
    "job_id": "0" * 32, "job_name": "count", "syft": SUPPORTED,
    "declaration": DECLARATION.to_mapping(), "mock": {"seconds": 0.5},
}  # fmt: skip


def endpoint(read: Callable[[], bytes] = lambda: MODEL, **more) -> PysyftEndpoint:
    fields = {
        "domain": "north", "pins": {"alice": IDENTITY}.get, "parse_yaml": parse_yaml,
        "installed": {"tflite": {"numpy": "1.26.4"}}.get,
        "models": {
            "detector.tflite": RegisteredModel(
                sha256=digest_bytes(MODEL), size=len(MODEL), read=read
            )
        },
    }  # fmt: skip
    return PysyftEndpoint(**(fields | more))


def letter(body=None, data: bytes | None = None, **more) -> Letter:
    fields = {
        "id": "a" * 32, "kind": "pysyft.submit", "sender": "alice", "recipient": "north",
        "sent_at": 1.0, "body": BODY if body is None else body,
        "attachments": {"message": message(job()) if data is None else data},
    }  # fmt: skip
    return Letter(**(fields | more))


def against(draft: Draft) -> str:
    """The one reason of a draft that is no job."""
    assert draft.request is None
    assert (draft.files, draft.mock) == ({}, {})
    (why,) = draft.against
    assert 0 < len(why) < 1000
    assert why.isprintable()
    return why


def test_a_submission_is_a_job_with_exactly_its_files():
    draft = endpoint().read(letter())

    assert draft.against == ()
    assert draft.mock == {"seconds": 0.5}
    assert draft.request
    assert {p: digest_bytes(data) for p, data in draft.files.items()} == draft.request.spec.files
    assert draft.files["models/detector.tflite"] == MODEL
    assert (draft.request.submitter, draft.request.submitter_fingerprint) == (
        "alice", IDENTITY.fingerprint,
    )  # fmt: skip


def test_the_scientists_side_knows_the_digests_before_it_sends():
    folder = read_folder(
        read_proposal(message(job())), sender=ALICE, datasite=NORTH, parse_yaml=parse_yaml
    )
    expected = translate(
        folder, DECLARATION, job_id="0" * 32, submitter="alice",
        submitter_fingerprint=IDENTITY.fingerprint, domain="north",
    )  # fmt: skip
    assert endpoint().read(letter()).request == expected


WRONG_BODY = {
    "nothing": ({}, "a declaration and one message"),
    "a field more": (BODY | {"run": True}, "a declaration and one message"),
    "a field less": ({k: v for k, v in BODY.items() if k != "mock"}, "a declaration and one"),
    "an older syft": (BODY | {"syft": "0.9.5"}, "'0.9.5' does not fit: this domain speaks 0.10"),
    "a newer syft": (BODY | {"syft": "0.10.1"}, "does not fit"),
    "no syft": (BODY | {"syft": None}, "does not fit"),
    "a syft of lists": (BODY | {"syft": [["0.10.0"] * 9] * 9}, "does not fit"),
    "a short id": (BODY | {"job_id": "7"}, "job id is 32 hex"),
    "a number as id": (BODY | {"job_id": 7}, "job id is 32 hex"),
    "a path as id": (BODY | {"job_id": "../" * 10 + "ab"}, "job id is 32 hex"),
    "another name": (BODY | {"job_name": "other"}, "names another job than its message"),
    "no name": (BODY | {"job_name": None}, "job name None is not accepted"),
    "a name that leaves": (BODY | {"job_name": "../count"}, "is not accepted"),
    "a mock that is none": (BODY | {"mock": []}, "mock run is too large"),
    "a large mock": (BODY | {"mock": {"log": "x" * MAX_MOCK}}, "mock run is too large"),
    "no declaration": (BODY | {"declaration": None}, "declaration of the job"),
    "a large declaration": (BODY | {"declaration": {"x": "y" * MAX_DECLARATION}}, "too large"),
    "a large project": (
        BODY | {"declaration": DECLARATION.to_mapping() | {"project": "x" * 65}}, "project",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_BODY)
def test_a_letter_that_is_no_submission_is_refused_with_the_reason(case):
    body, said = WRONG_BODY[case]
    assert said in against(endpoint().read(letter(body)))


def declared(**more) -> dict:
    return BODY | {"declaration": replace(DECLARATION, **more).to_mapping()}


WRONG_DATA = {
    "no message": (b"", "cannot be read"),
    "another sender": (message(job(by=BOB), sender=BOB), "another sender than the one"),
    "another's inbox": (message(job(by=BOB)), "outside the sender's own inbox"),
    "another datasite": (message(job(), datasite_email="east@darkroom"), "another datasite"),
    "a binary": (message(job(), content_type="binary"), "is not text"),
    "a deletion": (message(job(), is_deleted=True), "would delete"),
    "a state beside it": (
        message(job() | {f"app_data/job/review/{ALICE}/v1/count/state.yaml": "status: approved"}),
        "outside the sender's own inbox",
    ),
    "a library": (message(job(dependencies=["syft==0.10.0", "torch"])), "'torch' is not in the"),
    "another release": (message(job(dependencies=["syft==0.9.5"])), "'syft==0.9.5' is not in"),
    "a bash job": (message(job(type="bash")), "only local Python jobs"),
}


@pytest.mark.parametrize("case", WRONG_DATA)
def test_a_message_that_is_no_job_is_refused_with_the_reason_and_what_to_do(case):
    data, said = WRONG_DATA[case]
    why = against(endpoint().read(letter(data=data)))
    assert said in why
    assert "; " in why  # what happened; what to do


@pytest.mark.parametrize("names", [(), ("message", "more"), ("Message",), ("code/main.py",)])
def test_a_submission_carries_one_attachment(names):
    sent = letter(attachments=dict.fromkeys(names, message(job())))
    assert "a declaration and one message" in against(endpoint().read(sent))


def test_an_environment_that_is_not_offered_is_named():
    body = declared(environment=Environment(name="gpu", lock_hash=SHA))
    why = against(endpoint(installed=lambda _: {}).read(letter(body)))
    assert "offers no environment gpu" in why


@pytest.mark.parametrize(
    "models",
    [{"detector.tflite": SHA}, {"other.tflite": digest_bytes(MODEL)}],
    ids=["hash", "name"],
)
def test_a_model_that_is_not_registered_is_refused(models):
    why = against(endpoint().read(letter(declared(models=models))))
    assert "registered no model" in why


def test_a_domain_without_models_takes_jobs_that_name_none():
    bare = endpoint(models={})
    assert "registered no model" in against(bare.read(letter()))
    assert bare.read(letter(declared(models={}))).request
    assert bare.profile() == {"version": SUPPORTED, "models": {}}


def test_a_model_that_cannot_be_read_any_more_is_the_operators_affair():
    def gone() -> bytes:
        raise FileNotFoundError(2, "No such file", "/srv/models/detector.tflite")

    why = against(endpoint(gone).read(letter()))
    assert "detector.tflite cannot be read here" in why
    assert "/srv" not in why


def test_a_sender_who_is_not_pinned_is_refused():
    assert "not enrolled here" in against(endpoint(pins=lambda _: None).read(letter()))


def test_a_name_that_looks_like_the_address_of_another_is_refused():
    """`alice@darkroom` would have the inbox of `alice`."""
    sly = endpoint(pins=lambda _: replace(IDENTITY, name="alice@darkroom"))
    assert "has the address of 'alice'" in against(sly.read(letter(sender="alice@darkroom")))


def test_the_profile_names_version_and_models():
    assert endpoint().profile() == {
        "version": "0.10.0",
        "models": {"detector.tflite": {"sha256": digest_bytes(MODEL), "size": len(MODEL)}},
    }
    assert canonical(endpoint().profile())


@settings(max_examples=80)
@given(st.data())
def test_whatever_comes_there_is_a_draft(data):
    """Never an exception: a letter of one scientist does not stop the next one's."""
    body = dict(BODY)
    for name in data.draw(st.sets(st.sampled_from(sorted(BODY)), max_size=2)):
        body[name] = data.draw(JSON)
    sent = data.draw(
        st.just(message(job()))
        | st.binary(max_size=200)
        | JSON.map(packed)
        | st.builds(
            lambda more: packed(proposal(job()) | more),
            st.dictionaries(st.sampled_from(["sender_email", "proposed_file_changes"]), JSON),
        )
    )
    draft = endpoint().read(letter(body, sent))
    assert (draft.request is None) == bool(draft.against)


def deep(levels: int) -> list:
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("name", sorted(BODY))
def test_something_very_deep_is_no_submission(name):
    assert against(endpoint().read(letter(BODY | {name: deep(5000)})))
