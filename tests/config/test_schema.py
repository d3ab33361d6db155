"""The published schemas are those of the nouns, and say no where a file would be refused."""

import copy
import json
import re
import runpy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from darkroom.config import domain_config, read_yaml, sound_policy
from darkroom.errors import SpecError
from darkroom.model.domain_config import DomainConfig
from darkroom.model.site_policy import SitePolicy
from tests.model.shapes import DOMAINS, JSON, POLICIES


ROOT = Path(__file__).parents[2]
NOUNS = {"policy": SitePolicy, "domain": DomainConfig}
SCHEMAS = {
    name: json.loads((ROOT / "docs" / "schema" / f"{name}.schema.json").read_text())
    for name in NOUNS
}
VALID = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
EXAMPLES = sorted(path for path in (ROOT / "domains").glob("*/*.yaml") if path.stem in NOUNS)


def taken(name, value):
    try:
        NOUNS[name].from_mapping(value)
    except SpecError:
        return False
    return True


def test_the_published_files_are_current():
    pages = runpy.run_path(str(ROOT / "docs" / "schema.py"))["pages"]
    for name, text in pages().items():
        published = (ROOT / "docs" / "schema" / name).read_text(encoding="utf-8")
        assert text == published, "run: python docs/schema.py"


@pytest.mark.parametrize("name", NOUNS)
def test_a_schema_is_one(name):
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_example_is_valid_and_names_its_schema(path):
    name = path.stem
    VALID[name].validate(read_yaml(path))
    first = path.read_text().partition("\n")[0]
    assert "yaml-language-server: $schema=" in first
    assert (path.parent / first.partition("=")[2]).resolve() == (
        ROOT / "docs" / "schema" / f"{name}.schema.json"
    )


@settings(max_examples=50, deadline=None)
@given(POLICIES)
def test_every_policy_is_valid(policy):
    mapping = json.loads(json.dumps(policy.to_mapping()))
    assert taken("policy", mapping)
    VALID["policy"].validate(mapping)


@settings(max_examples=50, deadline=None)
@given(DOMAINS)
def test_every_domain_is_valid(mapping):
    assert taken("domain", mapping)
    VALID["domain"].validate(mapping)


def places(value, so_far=()):
    """Every place in a value, the value itself left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items if isinstance(value, (dict, list)) else ():
        yield (*so_far, key)
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*so_far, key))


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(sorted(NOUNS)))
def test_a_schema_refuses_nothing_that_is_taken(data, name):
    """Something in a good file is replaced by anything; then the two may not disagree."""
    if name == "policy":
        value = json.loads(json.dumps(data.draw(POLICIES).to_mapping()))
    else:
        value = copy.deepcopy(data.draw(DOMAINS))
    place = data.draw(st.sampled_from([*places(value)]))
    inner = value
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = data.draw(JSON)
    assert VALID[name].is_valid(value) or not taken(name, value)


GOOD = {
    "policy": {
        "version": 1,
        "domain": "north",
        "grants": [{"scientist": "alice", "datasets": ["plaza"], "tiers": ["reviewed"]}],
        "rules": [{"name": "known", "code_digest": "sha256:" + "0" * 64}],
        "budgets": [{"name": "week", "per": "dataset", "period_days": 7, "releases": 9}],
    },
    "domain": {
        "domain": "north",
        "title": "North",
        "environments": {"tflite": "litert"},
        "models": {"detector.tflite": "data/models/detector.tflite"},
        "cameras": [{"id": "door", "masks": [[[0, 0], [9, 0], [9, 9]]]}],
        "datasets": [{"name": "plaza", "cameras": ["door"]}],
    },
}
BROKEN = [
    ("policy", (), "moon", 1),
    ("policy", (), "version", 0),
    ("policy", (), "version", "1"),
    ("policy", (), "schema", 2),
    ("policy", (), "domain", "North"),
    ("policy", (), "grants", {}),
    ("policy", (), "hosted_identities", 1),
    ("policy", (), "limits", {"memory_mib": 0}),
    ("policy", (), "limits", {"network": 1}),
    ("policy", (), "reviews", {"approval_days": 367}),
    ("policy", (), "reviews", {"reviewers": [{"name": "carol"}]}),
    ("policy", (), "reviews", {"reviewers": [{"name": "carol", "fingerprint": "sha256:1"}]}),
    ("policy", (), "airlock", {"models": ["h5"]}),
    ("policy", (), "airlock", {"decimals": 10}),
    ("policy", ("grants", 0), "tiers", ["root"]),
    ("policy", ("grants", 0), "tiers", []),
    ("policy", ("grants", 0), "datasets", ["Plaza"]),
    ("policy", ("grants", 0), "datasets", "plaza"),
    ("policy", ("rules", 0), "tier", "mock"),
    ("policy", ("rules", 0), "code_digest", "sha256:0"),
    ("policy", ("rules", 0), "code_digest", ""),
    ("policy", ("rules", 0), "release", "always"),
    ("policy", ("rules", 0), "parameters", {"n": {}}),
    ("policy", ("rules", 0), "parameters", {"n": {"minimum": 1, "anything": True}}),
    ("policy", ("rules", 0), "parameters", {"n": {"one_of": []}}),
    ("policy", ("budgets", 0), "per", "planet"),
    ("policy", ("budgets", 0), "period_days", 0),
    ("policy", ("budgets", 0), "releases", -1),
    ("policy", ("budgets", 0), "releases", None),
    ("policy", ("budgets", 0), "epsilon", "lots"),
    ("policy", ("budgets", 0), "epsilon", -1),
    ("domain", (), "moon", 1),
    ("domain", (), "schema", 2),
    ("domain", (), "workers", 65),
    ("domain", (), "footage", "ftp://x"),
    ("domain", (), "environments", {}),
    ("domain", (), "environments", {"tflite": "torch"}),
    ("domain", (), "models", ["detector.tflite"]),
    ("domain", (), "models", {"detector.onnx": "x"}),
    ("domain", (), "models", {"Detector.tflite": "x"}),
    ("domain", (), "models", {"../detector.tflite": "x"}),
    ("domain", (), "models", {"detector.tflite": 7}),
    ("domain", (), "models", {"detector.tflite": "x" * 501}),
    ("domain", (), "models", {f"m{n}.npz": "x" for n in range(33)}),
    ("domain", ("cameras", 0), "id", "Door"),
    ("domain", ("cameras", 0), "masks", [[[0, 0], [9, 9]]]),
    ("domain", ("cameras", 0), "masks", [[[0, 0], [9, 0], [9]]]),
    ("domain", ("cameras", 0), "masks", [[[0, 0], [9, 0], [9, -1]]]),
    ("domain", ("datasets", 0), "masks", {}),
    ("domain", ("datasets", 0), "retention_days", 0),
    ("domain", ("datasets", 0), "cameras", ["door", "door"]),
    ("domain", ("datasets", 0), "start", True),
    ("domain", ("datasets", 0), "look", {"light": []}),
    ("domain", ("datasets", 0), "record", {"every_minutes": 0}),
    ("domain", ("datasets", 0), "record", {"keep_gib": 0}),
    ("domain", ("datasets", 0), "record", {"every": 5}),
    ("domain", ("cameras", 0), "url", "http://door.local/x"),
    ("domain", ("cameras", 0), "url", "rtsp://viewer:secret@door.local/x"),
    ("domain", ("cameras", 0), "url", "rtsp://door.local/x y"),
    ("domain", ("cameras", 0), "device", "video0"),
    ("domain", ("cameras", 0), "folder", "spool"),
    ("domain", ("cameras", 0), "credentials", "../key"),
    ("domain", ("cameras", 0), "fps", 0),
]


@pytest.mark.parametrize(("name", "place", "key", "value"), BROKEN, ids=str)
def test_a_broken_file_is_refused_by_both(name, place, key, value):
    broken = copy.deepcopy(GOOD[name])
    assert VALID[name].is_valid(broken)
    inner = broken
    for step in place:
        inner = inner[step]
    inner[key] = value
    assert not VALID[name].is_valid(broken)
    assert not taken(name, broken)


# ------------------------------------------------------------------------------------ the pages


def example(page, tmp_path):
    text = (ROOT / "docs" / page).read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    folder = tmp_path / "north"
    folder.mkdir()
    path = folder / ("policy.yaml" if page == "policy.md" else "domain.yaml")
    path.write_text(block)
    return path


def keys_of(schema):
    nouns = [schema, *schema["$defs"].values()]
    return {key for noun in nouns for key in noun["properties"]}


def test_the_example_of_the_policy_page_holds_and_shows_every_key(tmp_path):
    path = example("policy.md", tmp_path)
    assert "north" == sound_policy(path).domain
    written = set(re.findall(r"(?:^|[{\s,-])(\w+):", path.read_text()))
    assert set() == keys_of(SCHEMAS["policy"]) - written


def test_the_example_of_the_node_page_holds_and_shows_every_key(tmp_path):
    path = example("node.md", tmp_path)
    assert "plaza" == domain_config(path.parent).datasets[0].name
    written = set(re.findall(r"(?:^|[{\s,-])(\w+):", path.read_text()))
    assert {"schema"} == keys_of(SCHEMAS["domain"]) - written
