"""`domains/*` are read strictly: what is wrong is named, with file and line."""

from pathlib import Path

import pytest

from darkroom import config
from darkroom.errors import SpecError, UnknownNameError
from darkroom.model.site_policy import SitePolicy
from darkroom.policy.consistency import UnsoundPolicyError


REPOSITORY = Path(__file__).resolve().parents[2]
GOOD = """\
domain: west
title: West gate
environments: {tflite: litert}
cameras:
  - id: door
    masks: [[[0, 0], [9, 0], [9, 9]]]
  - id: fence
datasets:
  - name: gate
    cameras: [door]
    start: 2026-06-01T12:00:00Z
    retention_days: 30
"""


def written(tmp_path, text, name="west"):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "domain.yaml").write_text(text)
    return folder


@pytest.mark.parametrize("name", ["north", "east", "south"])
def test_the_shipped_domains_and_their_policies_fit_together(name):
    folder = REPOSITORY / "domains" / name
    domain = config.domain_config(folder)
    policy = config.policy_proposal(folder / "policy.yaml")
    assert domain.domain == policy.domain == name
    assert policy == config.sound_policy(folder / "policy.yaml")
    assert {d.name for d in domain.datasets} == set(policy.grants[0].datasets)
    assert all(dataset.cameras for dataset in domain.datasets)


# ------------------------------------------------------------------------------ domain.yaml


def test_a_good_file_gives_frozen_values(tmp_path):
    domain = config.domain_config(written(tmp_path, GOOD))
    gate = domain.dataset("gate")
    assert ("gate", 1780315200.0, 30) == (gate.name, gate.start, gate.retention_days)
    assert ((((0, 0), (9, 0), (9, 9)),)) == domain.cameras_of(gate)["door"].masks
    assert ["door"] == [*domain.cameras_of(gate)]


def test_a_dataset_that_names_no_camera_may_have_any_of_the_domain(tmp_path):
    domain = config.domain_config(written(tmp_path, GOOD.replace("    cameras: [door]\n", "")))
    assert ["door", "fence"] == [*domain.cameras_of(domain.dataset("gate"))]


def test_models_have_the_names_of_files_and_no_dataset_is_called_like_one(tmp_path):
    registered = "title: W\nmodels: {gate.v2.npz: weights.npz, gate.npz.tflite: data/gate.tflite}"
    domain = config.domain_config(written(tmp_path, GOOD.replace("title: West gate", registered)))
    assert {"gate.v2.npz": "weights.npz", "gate.npz.tflite": "data/gate.tflite"} == domain.models


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("title:", "titel:"), ":2: domain.yaml has the unknown key 'titel'"),
        (("title: West gate", "title: [West]"), ":2: title"),
        (("title: West gate\n", ""), ":1: domain.yaml has no title"),
        (("title: West gate", "schema: 2\ntitle: W"), ":2: this domain.yaml has schema 2"),
        (("title: West gate", "title: W\nworkers: 0"), ":3: workers"),
        (("title: West gate", "title: W\nworkers: 1.0"), ":3: workers"),
        (("title: West gate", "title: W\nfootage: ftp://x"), ":3: footage"),
        (("domain: west", "domain: West"), ":1: domain 'West'"),
        (("domain: west", "domain: east"), " names domain east in the folder west"),
        (("{tflite: litert}", "{}"), ":3: environments"),
        (("{tflite: litert}", "{tflite: torch}"), ":3: environment tflite"),
        (("title: West gate", "title: W\nmodels: [a.npz]"), ":3: models is not a mapping"),
        (("title: West gate", "title: W\nmodels: {a.onnx: x}"), ":3: model 'a.onnx' is no file"),
        (("title: West gate", "title: W\nmodels: {A.npz: x}"), ":3: model 'A.npz' is no file"),
        (("title: West gate", "title: W\nmodels: {../a.npz: x}"), ":3: model '../a.npz' is no"),
        (("title: West gate", "title: W\nmodels: {a.npz: 7}"), ":3: the path of a model"),
        (("title: West gate", "title: W\nmodels: {gate.npz: x}"), ":3: model gate.npz and a data"),
        (
            ("title: West gate", "title: W\nmodels:\n  a.npz: x\n  a.tflite: x"),
            ":5: model a.tflite and a dataset, or another model",
        ),
        (("{tflite: litert}", "{TFLite: litert}"), ":3: environment 'TFLite'"),
        (("- id: fence", "- id: door"), ":7: cameras lists door twice"),
        (("- id: fence", "- id: Fence"), ":7: camera 'Fence'"),
        (("- id: fence", "- name: fence"), ":7: a camera has the unknown key 'name'"),
        (("- id: fence", "- description: x"), ":7: a camera has no id"),
        (("[9, 9]]]", "[9]]]"), ":6: a mask"),
        (("[9, 9]]]", "[9, -1]]]"), ":6: a mask"),
        (("[9, 9]]]", "[9, 9.5]]]"), ":6: a mask"),
        ((", [9, 9]]]", "]]"), ":6: a mask"),
        (("[[[0, 0], [9, 0], [9, 9]]]", "all"), ":6: masks is not a list"),
        (("[[[0, 0], [9, 0], [9, 9]]]", "[7]"), ":6: a mask is not a list"),
        (("cameras: [door]", "cameras: [dor]"), ":10: dataset gate names the camera dor"),
        (("cameras: [door]", "cameras: door"), ":10: cameras is not a list"),
        (("cameras: [door]", "cameras: [door, door]"), ":10: cameras of dataset gate"),
        (("cameras: [door]", "masks: {}"), ":10: a dataset has the unknown key 'masks'"),
        (("cameras: [door]", "classes: [7]"), ":10: classes"),
        (("cameras: [door]", "classes: ['']"), ":10: a class"),
        (("cameras: [door]", "look: day"), ":10: look"),
        (("cameras: [door]", "look: {light: [day]}"), ":10: look"),
        (("cameras: [door]", 'description: "a\\nb"'), ":10: description"),
        (("cameras: [door]", 'description: "a\\eb"'), ":10: description"),
        (("2026-06-01T12:00:00Z", "yesterday"), ":11: start 'yesterday'"),
        (("2026-06-01T12:00:00Z", "2026-13-01"), ":11: start"),
        (("2026-06-01T12:00:00Z", "-1"), ":11: start"),
        (("2026-06-01T12:00:00Z", "true"), ":11: start"),
        (("retention_days: 30", "retention_days: 0"), ":12: retention_days"),
        (("retention_days: 30", "retention_days: 30.5"), ":12: retention_days"),
        (("datasets:\n", "datasets: ["), ":8: "),
        (("title: West gate", "title: East\ntitle: West"), ":3: the key 'title' stands twice"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(tmp_path, change, named):
    assert change[0] in GOOD
    folder = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(SpecError) as caught:
        config.domain_config(folder)
    assert f"domain.yaml{named}" in caught.value.message
    assert caught.value.next_step


def test_an_unknown_dataset_lists_the_known_ones(tmp_path):
    domain = config.domain_config(written(tmp_path, GOOD))
    with pytest.raises(UnknownNameError, match="gate"):
        domain.dataset("gait")


# ------------------------------------------------------------------------------ policy.yaml

POLICY = """\
version: 3
domain: west
grants:
  - scientist: alice
    datasets: [gate]
    tiers: [reviewed]
budgets:
  - {name: week, per: dataset, period_days: 7, releases: 9}
"""


def proposed(tmp_path, text):
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    return path


def faults(path, domain=None):
    with pytest.raises(UnsoundPolicyError) as caught:
        config.sound_policy(path, domain)
    return caught.value.faults


def test_a_proposal_is_a_policy(tmp_path):
    policy = config.policy_proposal(proposed(tmp_path, POLICY))
    assert isinstance(policy, SitePolicy)
    assert (3, "west", "alice") == (policy.version, policy.domain, policy.grants[0].scientist)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("version: 3", "version: 3\nrelaese: auto"), ":2: the policy has the unknown key"),
        (("version: 3", "schema: 9\nmoon: 1\nversion: 3"), ":1: this policy has schema 9"),
        (("version: 3\n", ""), ":1: the policy has no version"),
        (("version: 3", "version: three"), ":1: a policy's version"),
        (("datasets: [gate]", "datasets: gate"), ":5: datasets is not a list"),
        (("tiers: [reviewed]", "tiers: [root]"), ":6: the grant of alice"),
        (("scientist: alice", "scientist: Alice"), ":4: scientist 'Alice'"),
        (("releases: 9", "releases: -1"), ":8: releases"),
        (("releases: 9", "epsilon: lots"), ":8: epsilon"),
        ((", releases: 9", ""), ":8: the budget week caps nothing"),
        (("per: dataset", "per: scientist"), ":5: alice may ask for gate without end"),
        (("datasets: [gate]", "datasets: &all [gate]\n    projects: *all"), ":6: aliases"),
    ],
)
def test_a_mistake_in_a_policy_is_named_with_file_and_line(tmp_path, change, named):
    assert change[0] in POLICY
    path = proposed(tmp_path, POLICY.replace(*change))
    with pytest.raises(SpecError) as caught:
        config.policy_proposal(path)
    assert f"{path}{named}" in caught.value.message
    assert caught.value.next_step
    assert [caught.value.message] == [fault.message for fault in faults(path)]


def test_everything_that_is_wrong_is_told_in_the_order_of_the_lines(tmp_path):
    folder = written(tmp_path, GOOD)
    path = proposed(
        folder,
        POLICY.replace("domain: west", "domain: east")
        .replace("[gate]", "[gate, yard]")
        .replace("per: dataset", "per: dataset, datasets: [gate, shed]"),
    )
    assert [f"{path}:2", f"{path}:5", f"{path}:5", f"{path}:8", f"{path}:8"] == [
        fault.message.partition(": ")[0] for fault in faults(path)
    ]


def test_names_are_held_against_the_domain_yaml_that_is_named(tmp_path):
    folder = written(tmp_path, GOOD)
    path = proposed(tmp_path, POLICY.replace("[gate]", "[yard]"))
    assert "west" == config.sound_policy(path).domain  # there is none beside it
    (fault,) = faults(path, folder / "domain.yaml")
    assert "domain.yaml has no dataset yard" in fault.message
    (folder / "domain.yaml").write_text("domain: [")
    (fault,) = faults(path, folder / "domain.yaml")
    assert "domain.yaml:" in fault.message


def test_the_object_store_has_no_default_keys(monkeypatch):
    monkeypatch.delenv("DARKROOM_S3_ACCESS_KEY", raising=False)
    with pytest.raises(SpecError, match="DARKROOM_S3_ACCESS_KEY"):
        config.s3_keys()
