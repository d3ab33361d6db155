"""PySyft's addresses are a spelling of our names: no two share one."""

import contextlib

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from darkroom.adapters.pysyft.address import PLACE, address_of, name_of
from darkroom.errors import SpecError
from tests.model.shapes import NAMES


def test_a_name_is_an_address_here():
    assert (address_of("north"), name_of("north@darkroom")) == ("north@darkroom", "north")
    assert address_of("olga@town.example") == name_of("olga@town.example") == "olga@town.example"


@given(NAMES)
def test_an_address_leads_back_to_its_name(name):
    assume(not name.endswith(PLACE))
    assert "@" in address_of(name)
    assert name_of(address_of(name)) == name


@given(NAMES)
def test_nobody_has_the_address_of_somebody_else(name):
    with pytest.raises(SpecError, match="has the address of"):
        address_of(name[:40] + PLACE)


@given(st.text() | st.none() | st.integers() | st.lists(st.text()))
@example("North@darkroom")
@example("north")
@example("north@darkroom\n")
@example("north@darkroom@darkroom")
@example("@darkroom")
@example("../north@darkroom")
@example("nörth@darkroom")
@example("")
def test_what_is_nobodys_address_is_refused(value):
    with contextlib.suppress(SpecError):
        assert address_of(name_of(value)) == value


@pytest.mark.parametrize("name", ["", "North", "a/b", "..", "a b", None, 7])
def test_what_is_no_name_has_no_address(name):
    with pytest.raises(SpecError):
        address_of(name)
