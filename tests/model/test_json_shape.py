import math
from dataclasses import dataclass

import pytest
from hypothesis import given

from darkroom.errors import SpecError
from darkroom.model.json_shape import (
    are_texts,
    as_fields,
    as_tuple,
    is_number,
    is_whole,
    require_schema,
    within,
)
from tests.model.shapes import JSON


@dataclass
class Noun:
    one: int
    two: int = 0


@given(JSON)
def test_numbers_are_what_they_look_like(value):
    assert is_number(value) == (type(value) in (int, float))
    assert is_whole(value) == (type(value) is int and value >= 0)
    assert are_texts([value]) == isinstance(value, str)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "1", None])
def test_what_is_no_number(value):
    assert not is_number(value)
    assert not is_whole(value)


def test_whole_numbers_may_have_a_least():
    assert is_whole(1, 1)
    assert not is_whole(0, 1)
    assert is_whole(-3, -3)


def test_a_text_is_no_list_of_its_letters():
    assert not are_texts("ab")
    with pytest.raises(SpecError):
        as_tuple("ab", "letters")
    assert ("a",) == as_tuple(["a"], "letters") == as_tuple(("a",), "letters")


def test_fields_are_a_fresh_mapping():
    value = {"one": 1}
    read = as_fields(value, Noun, "a noun")
    read["two"] = 2
    assert {"one": 1} == value


@pytest.mark.parametrize(
    ("value", "where"), [(7, ()), (["one"], ()), ({"ome": 1}, ("ome",)), ({1: 1}, ())]
)
def test_unknown_keys_are_named_with_the_known_ones(value, where):
    with pytest.raises(SpecError) as caught:
        as_fields(value, Noun, "a noun")
    assert where == caught.value.where
    if isinstance(value, dict):
        assert "one, two" in caught.value.next_step


def test_the_way_to_an_error_is_told_outermost_first():
    with pytest.raises(SpecError) as caught, within("grants"), within(1, "tiers"):
        raise SpecError("wrong", next_step="mend it", where=("x",))
    assert ("grants", 1, "tiers", "x") == caught.value.where


def test_other_errors_pass():
    with pytest.raises(KeyError), within("grants"):
        raise KeyError


@pytest.mark.parametrize("given_", [0, 2, True, 1.0, "1", None])
def test_only_the_known_schema_is_read(given_):
    require_schema(1, 1, "policy")
    with pytest.raises(SpecError, match="this program knows 1") as caught:
        require_schema(given_, 1, "policy")
    assert ("schema",) == caught.value.where
