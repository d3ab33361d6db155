"""A YAML file is read strictly, and what is wrong in it is told with its line."""

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from darkroom.config.yaml_file import MAX_BYTES, MAX_DEPTH, open_yaml, parse_yaml, read_yaml
from darkroom.errors import SpecError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("yaml")


def written(folder, text):
    path = folder / "some.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
# What is in the file -> what is said; the line is in it.
REFUSED = {
    "a billion laughs": (LAUGHS, ":2: aliases"),
    "one alias": ("a: &a 1\nb: *a\n", ":2: aliases"),
    "an alias as a key": ("a: &a x\n*a : 1\n", ":2: aliases"),
    "a merge": ("a: &a {x: 1}\nb:\n  <<: *a\n", ":3: aliases"),
    "deep lists": (f"a:\n  {'[' * MAX_DEPTH}{']' * MAX_DEPTH}\n", ":2: this is nested more"),
    "very deep lists": ("a: " + "[" * 60_000, ":1: this is nested more"),
    "deep blocks": ("\n".join(" " * n + "a:" for n in range(200)), ":16: this is nested more"),
    "a key twice": ("a: 1\nb:\n  c: 1\n  c: 2\n", ":4: the key 'c' stands twice"),
    "a key twice, escaped": ('a: 1\n"\\x61": 2\n', ":2: the key 'a' stands twice"),
    "a list as a key": ("? [a]\n: 1\n", ":1: a key is a text"),
    "a number as a key": ("a: 1\n7: 2\n", ":2: a key is a text"),
    "a python object": ("a: !!python/object/apply:os.system [id]\n", ":1: the tag"),
    "a binary": ("a: !!binary aGk=\n", ":1: the tag"),
    "a set": ("a: !!set {x}\n", ":1: the tag"),
    "a date by tag": ("a: !!timestamp 2026-13-41\n", ":1: the tag"),
    "a tag of somebody": ("a: !secret x\n", ":1: the tag"),
    "a text that says it is a mapping": ("a: 1\nb: !!map x\n", ":2: the tag"),
    "a text that says it is a list": ("a: !!seq x\n", ":1: the tag"),
    "a list that says it is a mapping": ("a: !!map [x]\n", ":1: the tag"),
    "a list that says it is a text": ("a: !!str [x]\n", ":1: the tag"),
    "a mapping that says it is a text": ("a: !!str {=: x}\n", ":1: the tag"),
    "a file that says it is a mapping": ("!!map x\n", ":1: the tag"),
    "no number": ("a: !!int many\n", ":1: a whole number"),
    "a long number": (f"a: 1{'0' * 5000}\n", ":1: a whole number"),
    "no real number": ("a: !!float pi\n", ":1: this is no finite number"),
    "infinity": ("a: 1.0e999\n", ":1: this is no finite number"),
    "no truth": ("a: !!bool maybe\n", ":1: write true or false"),
    "two documents": ("a: 1\n---\nb: 2\n", ":2: "),
    "a list": ("- a\n", ":1: this is not a mapping"),
    "a text": ("hello\n", ":1: this is not a mapping"),
    "nothing": ("# a comment\n", ":1: this is not a mapping"),
    "open bracket": ("a: 1\nb: [\n", ":3: "),
    "a tab": ("a:\n\t- b\n", ":2: "),
    "a control character": ("a: 1\nb: \x07\n", ":2: a character that YAML does not have"),
    "Latin-1": (b"a: caf\xe9\n", " is not UTF-8"),
    "a picture": (b"\xff\xd8\xff\xe0", " is not UTF-8"),
    "too much": ("a: " + "x" * MAX_BYTES, " has more than 64 KiB"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_we_do_not_take_is_refused_with_its_line(folder, case):
    text, said = REFUSED[case]
    with pytest.raises(SpecError) as caught:
        open_yaml(written(folder, text))
    assert f"some.yaml{said}" in caught.value.message
    assert caught.value.next_step


@pytest.mark.parametrize("case", [name for name in REFUSED if isinstance(REFUSED[name][0], str)])
def test_a_text_that_somebody_sent_is_read_as_strictly_as_a_file(case):
    text, said = REFUSED[case]
    with pytest.raises(SpecError) as caught:
        parse_yaml(text, "config.yaml")
    assert caught.value.message.startswith(f"config.yaml{said}")


def test_a_text_that_somebody_sent_and_that_no_file_could_hold_is_refused():
    with pytest.raises(SpecError, match=r"config\.yaml is not UTF-8"):
        parse_yaml("a: \ud800", "config.yaml")


def test_a_text_gives_the_mapping_that_a_file_gives(folder):
    assert read_yaml(written(folder, TEXT)) == parse_yaml(TEXT, "some.yaml")


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(SpecError, match="cannot be read"):
            open_yaml(path)


def test_values_are_those_of_json(folder):
    """`no` is a text, ten is ten, and a date is what is written."""
    text = "{a: no, b: 010, c: 1:30, d: 2026-06-01, e: 1e3, f: .5, g: ~, h: , i: true, j: 'true'}"
    assert {
        "a": "no", "b": 10, "c": "1:30", "d": "2026-06-01", "e": 1000.0, "f": 0.5,
        "g": None, "h": None, "i": True, "j": "true",
    } == read_yaml(written(folder, text))  # fmt: skip


TEXT = """\
# a comment
version: 1

grants:
  - scientist: alice
    tiers:
      - mock
      - reviewed
  - {scientist: bob,
     tiers: [mock]}
"""


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (("version",), 2), (("grants",), 4), (("grants", 0), 5), (("grants", 0, "tiers"), 6),
        (("grants", 0, "tiers", 1), 8), (("grants", 1), 9), (("grants", 1, "tiers"), 10),
        (("grants", 1, "projects"), 9), (("grants", 7), 4), (("budgets", 0), 2), ((), 2),
        (("grants", "x"), 4), (("version", 0), 2), ((7,), 2),
    ],
)  # fmt: skip
def test_a_place_has_a_line(folder, where, line):
    assert line == open_yaml(written(folder, TEXT)).line(where)


def test_an_error_about_the_content_gets_file_and_line(folder):
    file = open_yaml(written(folder, TEXT))
    with pytest.raises(SpecError) as caught, file.blamed():
        raise SpecError("wrong", next_step="mend it", where=("grants", 1, "tiers"))
    assert f"{file.path}:10: wrong" == caught.value.message
    assert ("mend it", ("grants", 1, "tiers")) == (caught.value.next_step, caught.value.where)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.text("{}[]:,-&*!|>'\"#%@` \n\tax10.?<~", max_size=60))
@example("? ")
@example("!!float ''")
@example("a: !!null x")
@example("\ufeffa: 1")
@example("%YAML 9.9\n---\na: 1")
def test_any_text_is_a_mapping_or_our_error(folder, text):
    path = written(folder, text.encode("utf-8", "surrogatepass"))
    content = None
    with contextlib.suppress(SpecError):
        content = open_yaml(path).content
        assert isinstance(content, dict)
    with contextlib.suppress(SpecError):
        assert parse_yaml(text, "some.yaml") == content
