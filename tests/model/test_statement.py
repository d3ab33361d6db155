import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import TrustError
from darkroom.model.statement import Statement, pre_authentication_encoding
from tests.model.shapes import JSON


KINDS = st.sampled_from(["card", "decision", "policy", "release", "invitation", "profile"])


def test_the_framing_is_that_of_dsse():
    assert pre_authentication_encoding("card", b"{}") == (
        b"DSSEv1 34 application/vnd.darkroom.card+json 2 {}"
    )


@given(KINDS, st.binary(max_size=20), KINDS, st.binary(max_size=20))
def test_two_things_are_never_signed_as_one(kind, payload, other_kind, other_payload):
    same = pre_authentication_encoding(kind, payload) == pre_authentication_encoding(
        other_kind, other_payload
    )
    assert same == ((kind, payload) == (other_kind, other_payload))


@given(KINDS, st.dictionaries(st.sampled_from("abc"), st.integers()))
def test_a_statement_reads_back(kind, body):
    statement = Statement(kind=kind, body=body, key="0", signature="1")
    assert Statement.from_mapping(statement.to_mapping()) == statement


@given(JSON)
def test_anything_else_is_refused_with_our_error(value):
    with pytest.raises(TrustError):
        Statement.from_mapping(value)


GOOD = {"kind": "card", "body": {}, "key": "0", "signature": "0"}


@pytest.mark.parametrize("field", GOOD)
@pytest.mark.parametrize("value", [None, 7, [], b"x"], ids=repr)
def test_a_field_of_another_type_is_refused(field, value):
    with pytest.raises(TrustError):
        Statement.from_mapping({**GOOD, field: value})


def test_the_order_of_a_body_does_not_matter():
    first = Statement(kind="card", body={"a": 1, "b": 2}, key="", signature="")
    second = Statement(kind="card", body={"b": 2, "a": 1}, key="", signature="")
    assert first.signed_bytes() == second.signed_bytes()
