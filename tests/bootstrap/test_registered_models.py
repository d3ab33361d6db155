"""The models of a domain: read as the node starts, and held as they were."""

import os

import pytest

from darkroom.bootstrap.registered_models import registered_models
from darkroom.config import REPOSITORY
from darkroom.errors import StateError
from darkroom.model.canonical import digest_bytes
from darkroom.model.domain_config import DomainConfig
from darkroom.model.job import MAX_FILE_BYTES


def domain(path) -> DomainConfig:
    return DomainConfig(
        domain="north", title="North", environments={"tflite": "litert"},
        models={"detector.tflite": str(path)},
    )  # fmt: skip


def test_a_model_has_hash_size_and_bytes(tmp_path):
    file = tmp_path / "some.tflite"
    file.write_bytes(b"numbers")
    model = registered_models(domain(file))["detector.tflite"]
    assert (model.sha256, model.size, model.read()) == (digest_bytes(b"numbers"), 7, b"numbers")
    assert model.read() == b"numbers"  # as often as it is asked for


def test_a_file_that_is_replaced_or_out_of_reach_stays_what_it_was(tmp_path):
    file = tmp_path / "some.tflite"
    file.write_bytes(b"numbers")
    model = registered_models(domain(file))["detector.tflite"]
    (tmp_path / "new").write_bytes(b"others")
    (tmp_path / "new").replace(file)
    assert model.read() == b"numbers"
    file.unlink()
    assert model.read() == b"numbers"


def test_a_file_that_is_changed_in_its_place_is_read_as_it_is(tmp_path):
    """Then its hash is not that of the profile, and a job that names it is refused."""
    file = tmp_path / "some.tflite"
    file.write_bytes(b"numbers")
    model = registered_models(domain(file))["detector.tflite"]
    file.write_bytes(b"others")
    assert digest_bytes(model.read()) != model.sha256


def test_a_relative_path_is_one_of_the_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = registered_models(domain("LICENSE"))["detector.tflite"]
    assert model.read() == (REPOSITORY / "LICENSE").read_bytes()


def test_what_is_no_file_that_a_job_could_carry_ends_the_start(tmp_path):
    large = tmp_path / "large.tflite"
    with large.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    os.mkfifo(tmp_path / "pipe.tflite")
    for path in (large, tmp_path / "none.tflite", tmp_path, tmp_path / "pipe.tflite"):
        with pytest.raises(StateError, match=r"the model detector\.tflite") as caught:
            registered_models(domain(path))
        assert caught.value.next_step
