import pytest
from hypothesis import given

from darkroom.errors import SpecError
from darkroom.model.airlock import Airlock
from tests.model.shapes import AIRLOCKS, JSON


@given(AIRLOCKS)
def test_an_airlock_survives_the_wire(airlock):
    assert Airlock.from_mapping(airlock.to_mapping()) == airlock


@given(JSON.filter(lambda value: value != {}))
def test_anything_else_is_refused_with_our_error(value):
    with pytest.raises(SpecError):
        Airlock.from_mapping(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_rows", 0), ("max_columns", True), ("min_count", 0), ("round_counts", 1.0),
        ("max_model_kib", "9"), ("decimals", -1), ("decimals", 10), ("decimals", True),
        ("free_text", 1), ("log", "no"), ("models", ["h5"]), ("models", "npz"), ("models", [7]),
        ("windows", 1),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_place(name, value):
    with pytest.raises(SpecError) as caught:
        Airlock.from_mapping({name: value})
    assert (name,) == caught.value.where
    assert caught.value.next_step


def test_models_may_be_forbidden():
    assert () == Airlock.from_mapping({"models": []}).models
