from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.errors import SpecError
from darkroom.model.approval_rule import Allowed, ApprovalRule
from tests.model.shapes import ALLOWED, JSON, REQUESTS, RULES, SHA
from tests.policy.test_screening import REQUEST


DIGEST = "sha256:" + "a" * 64


# -------------------------------------------------------------------- values of a parameter


@given(ALLOWED)
def test_allowed_values_survive_the_wire(allowed):
    assert Allowed.from_mapping(allowed.to_mapping()) == allowed


@given(st.integers() | st.floats(allow_nan=False), st.integers() | st.floats(allow_nan=False))
def test_a_range_holds_what_lies_in_it(low, value):
    assert Allowed(maximum=5).holds(value) == (value <= 5)
    if isinstance(low, int) or abs(low) < 1e300:
        assert Allowed(minimum=low).holds(value) == (value >= low)


@pytest.mark.parametrize(
    ("allowed", "value", "held"),
    [
        (Allowed(minimum=1, maximum=3), 1, True),
        (Allowed(minimum=1, maximum=3), 3.0, True),
        (Allowed(minimum=1, maximum=3), 0, False),
        (Allowed(minimum=1, maximum=3), 3.1, False),
        (Allowed(minimum=0), True, False),  # True is no number
        (Allowed(minimum=0), "1", False),
        (Allowed(minimum=0), float("nan"), False),
        (Allowed(one_of=(1, "a")), 1, True),
        (Allowed(one_of=(1, "a")), 1.0, False),
        (Allowed(one_of=(1, "a")), True, False),
        (Allowed(one_of=(1, "a")), "a", True),
        (Allowed(one_of=(True,)), 1, False),
        (Allowed(anything=True), "whatever", True),
    ],
)
def test_what_is_held_is_typed(allowed, value, held):
    assert held == allowed.holds(value)


@pytest.mark.parametrize(
    ("given_", "where"),
    [
        ({}, ()), ({"anything": False}, ()), ({"anything": 1}, ()),
        ({"minimum": 1, "anything": True}, ()), ({"minimum": 1, "one_of": [1]}, ()),
        ({"one_of": [1], "anything": True}, ()), ({"minimum": 3, "maximum": 1}, ()),
        ({"minimum": "1"}, ()), ({"minimum": True}, ()), ({"maximum": float("inf")}, ()),
        ({"one_of": "abc"}, ("one_of",)), ({"one_of": [[]]}, ("one_of",)),
        ({"one_of": [None]}, ("one_of",)), ({"least": 1}, ("least",)), (7, ()),
    ],
)  # fmt: skip
def test_values_said_wrongly_are_refused(given_, where):
    with pytest.raises(SpecError) as caught:
        Allowed.from_mapping(given_)
    assert where == caught.value.where


# ------------------------------------------------------------------------------- the rule


@given(RULES)
def test_a_rule_survives_the_wire(rule):
    assert ApprovalRule.from_mapping(rule.to_mapping()) == rule


@given(JSON)
def test_anything_else_is_refused_with_our_error(value):
    with pytest.raises(SpecError):
        ApprovalRule.from_mapping(value)


GOOD = {"name": "known", "code_digest": DIGEST}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"name": "K"}, ("name",)), ({"code_digest": ""}, ()), ({"tier": "mock"}, ()),
        ({"code_digest": "sha256:a"}, ("code_digest",)), ({"code_digest": 7}, ("code_digest",)),
        ({"code_digest": None}, ("code_digest",)),
        ({"code_digest": "", "tier": "reviewed"}, ("tier",)),
        ({"release": "always"}, ("release",)), ({"release": ["auto"]}, ("release",)),
        ({"scientists": "alice"}, ("scientists",)), ({"scientists": [7]}, ("scientists",)),
        ({"datasets": ["A"]}, ("datasets",)), ({"parameters": []}, ("parameters",)),
        ({"parameters": {"n": 7}}, ("parameters", "n")),
        ({"parameters": {"n": {"minimum": 1, "maxi": 2}}}, ("parameters", "n", "maxi")),
        ({"parameters": {"N": {"minimum": 1}}}, ("parameters", "N")),
        ({"code_digest": "", "tier": "mock", "parameters": {"n": {"minimum": 1}}}, ("parameters",)),
        ({"more": 1}, ("more",)),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_is_refused_with_its_place(change, where):
    with pytest.raises(SpecError) as caught:
        ApprovalRule.from_mapping({**GOOD, **change})
    assert where == caught.value.where
    assert caught.value.next_step


def test_a_rule_has_a_name():
    with pytest.raises(SpecError, match="no name"):
        ApprovalRule.from_mapping({"code_digest": DIGEST})


def reviewed(request, tier="reviewed"):
    return replace(request, spec=replace(request.spec, tier=tier))


def rule_for(request, **more):
    values = {name: Allowed(anything=True) for name in request.parameters}
    fields = {"code_digest": request.spec.code_digest, "parameters": values, **more}
    return ApprovalRule(name="known", **fields)


@settings(max_examples=25, deadline=None)
@given(REQUESTS.map(reviewed))
def test_a_rule_admits_its_own_code_with_any_value_that_it_allows(request):
    assert "" == rule_for(request).against(request)


@settings(max_examples=25, deadline=None)
@given(REQUESTS.map(reviewed), SHA)
def test_a_rule_admits_no_other_code(request, other):
    rule = rule_for(request, code_digest=other)
    assert (other == request.spec.code_digest) == (rule.against(request) == "")


@settings(max_examples=25, deadline=None)
@given(REQUESTS.map(reviewed).filter(lambda request: request.parameters), st.data())
def test_a_parameter_that_is_not_named_is_not_covered(request, data):
    name = data.draw(st.sampled_from(sorted(request.parameters)))
    rule = rule_for(request)
    without = {n: a for n, a in rule.parameters.items() if n != name}
    assert name in replace(rule, parameters=without).against(request)


@settings(max_examples=25, deadline=None)
@given(REQUESTS)
def test_a_rule_on_code_never_admits_work_on_mock_nor_the_other_way_round(request):
    mock = reviewed(request, "mock")
    on_mock = ApprovalRule(name="rehearsal", tier="mock")
    assert rule_for(mock).against(mock)
    assert "" == on_mock.against(mock)
    assert on_mock.against(reviewed(request))


@settings(max_examples=25, deadline=None)
@given(REQUESTS.map(reviewed))
def test_a_rule_names_for_whom_and_on_what(request):
    assert "" == rule_for(request, scientists=(request.submitter, "x")).against(request)
    assert "" == rule_for(request, datasets=("x", request.dataset)).against(request)
    nobody = "nobody-" + "x" * 40
    assert "scientists" in rule_for(request, scientists=(nobody,)).against(request)
    assert "datasets" in rule_for(request, datasets=(nobody,)).against(request)


def test_a_value_outside_its_range_is_not_covered():
    def against(value):
        spec = replace(REQUEST.spec, parameter_schema={"n": "int"})
        request = replace(REQUEST, spec=spec, parameters={"n": value})
        rule = rule_for(request, parameters={"n": Allowed(minimum=1, maximum=3)})
        return rule.against(request)

    assert "" == against(3)
    assert "parameter n" in against(4)
