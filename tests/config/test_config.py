"""`domains/*` are read strictly: what is wrong is named, with the file."""

from pathlib import Path

import pytest

from darkroom import config
from darkroom.errors import SpecError, UnknownNameError


REPOSITORY = Path(__file__).resolve().parents[2]
GOOD = """
domain: west
title: West gate
environments: {tflite: litert}
datasets:
  - name: gate
    start: 2026-06-01T12:00:00Z
"""


def written(tmp_path, text, name="west"):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "domain.yaml").write_text(text)
    return folder


@pytest.mark.parametrize("name", ["north", "east", "south"])
def test_the_shipped_domains_and_their_policies_are_well_formed(name):
    folder = REPOSITORY / "domains" / name
    domain = config.domain_config(folder)
    policy = config.policy_proposal(folder / "policy.yaml")
    assert domain.domain == policy.domain == name
    assert {d.name for d in domain.datasets} >= set(policy.grants[0].datasets)


def test_a_good_file_gives_frozen_values(tmp_path):
    domain = config.domain_config(written(tmp_path, GOOD))
    assert "gate" == domain.dataset("gate").name
    assert 1780315200.0 == domain.dataset("gate").start


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("title:", "titel:"), "titel"),
        (("environments: {tflite: litert}", "environments: {}"), "environments"),
        (("domain: west", "domain: West"), "West"),
        (("domain: west", "domain: east"), "east"),
        (("2026-06-01T12:00:00Z", "yesterday"), "start"),
        (("title: West gate", "title: West gate\nworkers: 0"), "workers"),
        (("datasets:\n", "datasets: ["), "line"),
        (
            ("title: West gate", "title: East gate\ntitle: West gate"),
            "line 4: the key 'title' stands twice",
        ),
    ],
)
def test_a_mistake_is_named_with_the_file(tmp_path, change, named):
    folder = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(SpecError) as caught:
        config.domain_config(folder)
    assert named in str(caught.value)
    assert caught.value.next_step


def test_an_unknown_dataset_lists_the_known_ones(tmp_path):
    domain = config.domain_config(written(tmp_path, GOOD))
    with pytest.raises(UnknownNameError, match="gate"):
        domain.dataset("gait")


def test_a_policy_with_an_unknown_key_names_file_and_key(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\ndomain: west\nrelaese: auto\n")
    with pytest.raises(SpecError, match=r"policy\.yaml.*relaese"):
        config.policy_proposal(path)


def test_the_object_store_has_no_default_keys(monkeypatch):
    monkeypatch.delenv("DARKROOM_S3_ACCESS_KEY", raising=False)
    with pytest.raises(SpecError, match="DARKROOM_S3_ACCESS_KEY"):
        config.s3_keys()
