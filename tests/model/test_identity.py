from dataclasses import fields, replace

import pytest
from hypothesis import given, settings

from darkroom.errors import SpecError
from darkroom.model.identity import PublicIdentity, require_name
from tests.model.shapes import IDENTITIES, JSON


@settings(max_examples=25, deadline=None)
@given(IDENTITIES)
def test_an_identity_reads_back(identity):
    again = PublicIdentity.from_mapping(identity.to_mapping())
    assert again == identity
    assert again.fingerprint == identity.fingerprint


@given(JSON)
def test_anything_else_is_refused_with_our_error(value):
    with pytest.raises(SpecError):
        PublicIdentity.from_mapping(value)


@settings(max_examples=25, deadline=None)
@given(IDENTITIES)
def test_every_field_is_in_the_fingerprint(identity):
    others = [
        replace(identity, name=identity.name[:10] + "x"),
        replace(identity, role="owner" if identity.role != "owner" else "domain"),
        replace(identity, bundle={**identity.bundle, "one more": "x"}),
        replace(identity, statement_key=identity.statement_key[::-1] + ""),
        replace(identity, certificate=identity.certificate + "0"),
        replace(identity, hosted=not identity.hosted),
    ]
    assert len(others) == len(fields(PublicIdentity))
    for other in others:
        assert (other.fingerprint == identity.fingerprint) == (other == identity)


@pytest.mark.parametrize(
    "name",
    ["", "A", "a b", "ä", "аlice", ".a", "-a", "@a", "a" * 65, "a/b", "a\n", "a\x00", None, 7, []],
)
def test_a_name_that_could_look_like_another_is_refused(name):
    with pytest.raises(SpecError) as caught:
        require_name(name, "person")
    assert "person" in str(caught.value)


@pytest.mark.parametrize("name", ["a", "0", "alice@example.org", "a" * 64, "a-b_c.d"])
def test_a_plain_name_is_accepted(name):
    assert require_name(name, "person") == name


GOOD = {
    "name": "a", "role": "owner", "bundle": {}, "statement_key": "0" * 64,
    "certificate": "", "hosted": False,
}  # fmt: skip


@pytest.mark.parametrize("field", GOOD)
@pytest.mark.parametrize("value", [None, 7, [], "X"], ids=repr)
def test_a_field_of_another_type_is_refused(field, value):
    if field == "certificate" and value == "X":
        return  # any text; the verifier reads it
    with pytest.raises(SpecError):
        PublicIdentity.from_mapping({**GOOD, field: value})
