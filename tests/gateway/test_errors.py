"""Errors cross the wire one to one: the table is total, and both halves fit."""

import json

import pytest

from darkroom import errors
from darkroom.adapters.http.answers import BY_CODE, error_of
from darkroom.gateway.answers import (
    STATUS,
    LoginNeededError,
    TooFastError,
    error_answer,
    status_of,
)


def tree(root=errors.DarkroomError):
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


ALL = sorted(set(tree()), key=lambda kind: kind.__name__)


def test_every_error_has_a_status_and_a_code_of_its_own():
    assert set(ALL) == set(STATUS)
    assert len(ALL) == len({kind.code for kind in ALL}) == len(BY_CODE)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_arrives_as_it_was_raised(kind):
    sent = kind("what happened, where", next_step="do this now")

    answer = error_answer(sent)
    received = error_of(answer.status_code, answer.body)

    assert kind is type(received)
    assert ("what happened, where", "do this now") == (received.message, received.next_step)
    assert answer.status_code == STATUS[kind] == status_of(sent)
    assert {"code", "message", "next_step"} == set(json.loads(answer.body))


def test_only_a_missing_session_is_401():
    assert 401 == status_of(LoginNeededError())
    assert 401 not in STATUS.values()
    assert errors.TrustError is type(error_of(401, error_answer(LoginNeededError()).body))


def test_too_fast_says_when_to_come_back():
    answer = error_answer(TooFastError(1.25))

    assert (429, "1.2") == (answer.status_code, answer.headers["retry-after"])
    assert errors.QuotaError is type(error_of(429, answer.body))
