"""What a job declares beside its folder: read in one form, or refused."""

import contextlib
import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.adapters.pysyft.declaration import MAX_MODELS, Declaration, require_model_name
from darkroom.errors import SpecError
from darkroom.model.canonical import canonical
from darkroom.model.domain_config import MODEL_NAME
from darkroom.model.job import Environment, Limits
from darkroom.model.output import Histogram, Model, Scalars, Table
from tests.model.shapes import JSON


SHA = "sha256:" + "0" * 64
FULL = Declaration(
    dataset="plaza",
    dataset_version=SHA,
    environment=Environment(name="tflite", lock_hash=SHA),
    outputs={
        "counts": Scalars(names=("people",), counts=("people",)),
        "rows": Table(columns={"n": "int", "label": "text"}, max_rows=9, bounds={"n": (0, 9)}),
        "sizes": Histogram(edges=(0, 0.5, 1)),
        "trained": Model(format="npz", max_bytes=1000),
    },
    models={"detector.tflite": SHA, "weights.npz": SHA},
    tier="mock",
    project="counting",
    limits=Limits(memory_mib=64),
)


def test_what_is_written_is_what_is_read():
    assert Declaration.from_mapping(FULL.to_mapping()) == FULL


def test_all_but_the_data_and_the_outputs_has_a_default():
    some = Declaration(
        dataset="plaza", dataset_version=SHA, environment=FULL.environment, outputs=FULL.outputs
    )
    assert (some.models, some.tier, some.project) == ({}, "reviewed", "default")
    assert Declaration.from_mapping(some.to_mapping()) == some


@pytest.mark.parametrize("gone", FULL.to_mapping())
def test_nothing_is_left_out_on_the_way(gone):
    """A field that is not there would be a default on one side and not on the other."""
    with pytest.raises(SpecError, match="declaration of the job"):
        Declaration.from_mapping({k: v for k, v in FULL.to_mapping().items() if k != gone})


@pytest.mark.parametrize(
    "more",
    [
        {"moon": 1}, {"dataset": "Plaza"}, {"dataset": "../plaza"}, {"dataset": None},
        {"environment": "tflite"}, {"environment": {"name": "tflite"}},
        {"environment": {"name": "tflite", "lock_hash": "sha256:0"}},
        {"environment": {"name": "tflite", "lock_hash": 7}},
        {"environment": {"name": "tflite", "lock_hash": SHA, "python": "3.11"}},
        {"limits": {"memory_mib": 0}}, {"limits": {"network": 1}}, {"limits": {}}, {"limits": None},
        {"outputs": []}, {"outputs": {"x": {"type": "image"}}}, {"outputs": {"x": None}},
        {"outputs": {"x": {"type": "scalars"}}}, {"outputs": {"x": {"type": "scalars", "names": []}}},
        {"outputs": {"x": {"type": "scalars", "names": ["n"]}}},
        {"models": []}, {"models": [["detector.tflite", SHA]]}, {"models": None},
        {"models": {"detector.tflite": "0" * 64}}, {"models": {"detector.tflite": SHA.upper()}},
        {"models": {"detector.tflite": SHA + "\n"}}, {"models": {"detector.tflite": None}},
        {"models": {"Detector.tflite": SHA}}, {"models": {"../detector.tflite": SHA}},
        {"models": {"models/detector.tflite": SHA}}, {"models": {"detector.onnx": SHA}},
        {"models": {"": SHA}}, {"models": {".npz": SHA}}, {"models": {"détecteur.npz": SHA}},
        {"models": {f"m{n}.npz": SHA for n in range(MAX_MODELS + 1)}},
    ],
    ids=lambda more: str(more)[:60],
)  # fmt: skip
def test_another_form_is_refused(more):
    with pytest.raises(SpecError) as caught:
        Declaration.from_mapping(FULL.to_mapping() | more)
    assert caught.value.next_step


@given(JSON)
def test_anything_else_is_refused_with_our_error(value):
    with pytest.raises(SpecError):
        Declaration.from_mapping(value)


def places(value, so_far=()):
    """Every place in a value, the value itself left out."""
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*so_far, key)
            yield from places(inner, (*so_far, key))


@settings(max_examples=200)
@given(st.data())
def test_with_anything_in_any_place_it_is_refused_or_read_as_it_stands(data):
    value = copy.deepcopy(FULL.to_mapping())
    place = data.draw(st.sampled_from([*places(value)]))
    inner = value
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = data.draw(JSON)
    with contextlib.suppress(SpecError):
        assert canonical(Declaration.from_mapping(value).to_mapping()) == canonical(value)


@given(st.from_regex(MODEL_NAME, fullmatch=True))
def test_every_model_that_a_domain_may_register_may_be_named(name):
    assert require_model_name(name) == name
