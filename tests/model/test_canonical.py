import contextlib
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.canonical import canonical, digest, digest_bytes
from tests.model.shapes import JSON


def nfc(value):
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {nfc(k): nfc(v) for k, v in value.items()}
    if isinstance(value, list):
        return [nfc(v) for v in value]
    return value


@given(JSON)
def test_it_reads_back_as_the_same_value(value):
    try:
        data = canonical(value)
    except (ValueError, UnicodeEncodeError):
        return  # two keys that normalise to one
    assert json.loads(data) == nfc(value)


@given(st.dictionaries(st.text(max_size=5), st.integers()))
def test_the_order_of_keys_does_not_matter(value):
    backwards = dict(reversed(list(value.items())))
    with contextlib.suppress(ValueError):  # two keys that normalise to one
        assert canonical(value) == canonical(backwards)


@given(JSON)
def test_writing_what_was_read_changes_nothing(value):
    try:
        data = canonical(value)
    except ValueError:
        return
    assert canonical(json.loads(data)) == data


def test_it_has_no_white_space_and_sorted_keys():
    assert canonical({"b": [1, 2], "a": "é"}) == '{"a":"é","b":[1,2]}'.encode()


def test_one_look_is_one_value():
    assert digest("e\u0301") == digest("\u00e9")
    assert digest({"e\u0301": 1}) == digest({"\u00e9": 1})


def test_two_keys_that_look_the_same_are_refused():
    with pytest.raises(ValueError, match="normalisation"):
        canonical({"e\u0301": 1, "\u00e9": 2})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_numbers_that_are_none_are_refused(value):
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical(value)


@pytest.mark.parametrize("value", [{1: 2}, {None: 1}, b"x", {1, 2}, object(), {"a": b""}])
def test_what_is_no_json_is_refused(value):
    with pytest.raises(TypeError):
        canonical(value)


def test_a_lone_surrogate_is_refused():
    with pytest.raises(ValueError, match="surrogates"):
        canonical("\ud800")


def test_truth_one_and_one_point_naught_are_three_values():
    assert len({digest(True), digest(1), digest(1.0)}) == 3


def test_a_digest_names_its_algorithm():
    assert digest_bytes(b"") == (
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
