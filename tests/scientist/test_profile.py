"""What a domain says about itself is hostile until it is read."""

import contextlib
import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.errors import SpecError, UnknownNameError
from darkroom.model.airlock import Airlock
from darkroom.model.domain_config import MAX_MODELS
from darkroom.scientist.profile import MAX_PACKAGE, MAX_PACKAGES, Profile, read_profile
from tests.model.shapes import JSON


SHA = "sha256:" + "0" * 64
BODY = {
    "domain": "north", "title": "North", "owner": "olga",
    "environments": {"tflite": {"lock_hash": SHA, "interpreter": "litert"}}, "workers": 2,
    "limits": {
        "memory_mib": 1024, "cpu_seconds": 60, "wall_seconds": 60, "processes": 8, "files": 64,
        "output_mib": 4,
    },
    "airlock": Airlock().to_mapping(), "unfit": "",
    "pysyft": {"version": "0.10.0", "models": {"detector.tflite": {"sha256": SHA, "size": 7}}},
}  # fmt: skip


def read(**more: object) -> Profile:
    return read_profile("north", {k: v for k, v in (BODY | more).items() if v is not ...})


def test_the_endpoint_and_its_models_are_read():
    profile = read()
    assert (profile.pysyft, profile.models) == ("0.10.0", {"detector.tflite": (SHA, 7)})


@pytest.mark.parametrize("value", [None, ...], ids=["none", "left out"])
def test_a_domain_without_an_endpoint_has_no_version_and_no_models(value):
    profile = read(pysyft=value)
    assert (profile.pysyft, profile.models) == ("", {})


def test_an_endpoint_without_models_has_none():
    assert read(pysyft={"version": "0.10.0", "models": {}}).models == {}


def packages(value: object) -> dict:
    return {"tflite": {"lock_hash": SHA, "interpreter": "litert", "packages": value}}


def test_what_an_environment_holds_is_read():
    most = {f"p{n}": "1" for n in range(MAX_PACKAGES)}
    for held in ({"numpy": "1.26.4"}, {}, most):
        assert read(environments=packages(held)).packages == {"tflite": held}


def test_a_domain_of_an_older_release_says_nothing_of_what_an_environment_holds():
    assert read().packages == {}
    assert read(environments=packages(None)).packages == {}


@pytest.mark.parametrize(
    "value",
    [
        [], "numpy", 7, ["numpy"], {"numpy": None}, {"numpy": 1}, {"numpy": ["1"]}, {"": "1"},
        {"numpy": ""}, {"numpy": "1\n"}, {"num\x1bpy": "1"}, {"numpy": "1\u202e"},
        {"n" * (MAX_PACKAGE + 1): "1"}, {"numpy": "1" * (MAX_PACKAGE + 1)},
        {f"p{n}": "1" for n in range(MAX_PACKAGES + 1)},
    ],
    ids=lambda value: ascii(value)[:40],
)  # fmt: skip
def test_packages_in_another_form_are_refused_with_the_whole_profile(value):
    with pytest.raises(SpecError, match="profile of north has missing or mistyped fields"):
        read(environments=packages(value))


def models(name: object = "detector.tflite", **more: object) -> dict:
    return {"version": "0.10.0", "models": {name: {"sha256": SHA, "size": 7} | more}}


@pytest.mark.parametrize(
    "value",
    [
        [], "0.10.0", 7, {}, {"version": "0.10.0"}, {"models": {}}, {"version": 7, "models": {}},
        {"version": ["0.10.0"], "models": {}}, {"version": "0.10.0", "models": []},
        {"version": "0.10.0", "models": None}, {"version": "0.10.0", "models": ["detector.tflite"]},
        {"version": "0.10.0", "models": {"detector.tflite": None}},
        {"version": "0.10.0", "models": {"detector.tflite": [SHA, 7]}},
        models("../detector.tflite"), models("Detector.tflite"), models("detector.onnx"),
        models(""), models("a/b.npz"), models("détecteur.npz"), models("detector.tflite\n"),
        models(sha256="0" * 64), models(sha256=None), models(sha256=SHA + "\n"), models(sha256=7),
        models(size=-1), models(size=1.5), models(size=True), models(size="7"), models(size=None),
        {"version": "0.10.0", "models": {f"m{n}.npz": {} for n in range(MAX_MODELS + 1)}},
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_an_endpoint_in_another_form_is_refused_with_the_whole_profile(value):
    with pytest.raises(SpecError, match="profile of north has missing or mistyped fields"):
        read(pysyft=value)


def test_the_version_that_is_shown_is_short():
    assert len(read(pysyft={"version": "1" * 9000, "models": {}}).pysyft) <= 40


def test_an_environment_by_its_name():
    assert read().environment("tflite").lock_hash == SHA
    with pytest.raises(UnknownNameError, match="offers no environment"):
        read().environment("gpu")


def places(value, so_far=()):
    """Every place in a value, the value itself left out."""
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*so_far, key)
            yield from places(inner, (*so_far, key))


@settings(max_examples=100)
@given(st.data())
def test_with_anything_in_any_place_it_is_refused_or_a_profile(data):
    body = copy.deepcopy(BODY)
    place = data.draw(st.sampled_from([*places(body)]))
    inner = body
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = data.draw(JSON)
    with contextlib.suppress(SpecError):
        profile = read_profile("north", body)
        assert isinstance(profile.pysyft, str)
        assert all(sha.startswith("sha256:") and size >= 0 for sha, size in profile.models.values())
