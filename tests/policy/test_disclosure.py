import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import SpecError
from darkroom.model.canonical import digest
from darkroom.model.output import Scalars
from darkroom.policy.disclosure import BLIND, LOG, MAX_LOG, leaving, output_digest, seconds_bucket
from tests.policy.test_screening import SPEC


OUTPUTS = st.dictionaries(
    st.sampled_from(["a", "b", LOG]),
    st.fixed_dictionaries({"type": st.just("table"), "sha256": st.text(), "bytes": st.integers(0)}),
)


@given(st.floats(0, 1e6))
def test_a_bucket_holds_its_time_and_is_a_power_of_two_of_half_seconds(seconds):
    bucket = seconds_bucket(seconds)
    assert bucket >= seconds
    assert bucket == 0.5 or bucket / 2 < seconds
    assert math.log2(bucket).is_integer()


@given(OUTPUTS, OUTPUTS)
def test_a_digest_stands_for_one_set_of_outputs(first, second):
    assert (output_digest(first) == output_digest(second)) == (first == second)


@given(OUTPUTS, st.booleans())
def test_the_log_leaves_only_when_it_is_said(outputs, with_log):
    out = leaving(outputs, with_log=with_log)
    assert set(outputs) - set(out) <= ({LOG} if not with_log else set())
    assert (LOG in out) == (with_log and LOG in outputs)


def test_a_log_counts_by_a_digest_that_nobody_computes_without_its_blind():
    entry = {"type": "log", "sha256": "sha256:" + "0" * 64, "bytes": 3}
    table = {"type": "table", "sha256": "sha256:" + "1" * 64, "bytes": 3}
    one, other = ({**entry, BLIND: hex_digit * 32} for hex_digit in "ab")

    assert output_digest({LOG: one}) != output_digest({LOG: other})
    assert output_digest({"t": table, LOG: one}) == digest({"t": table, LOG: digest(one)})
    assert leaving({LOG: one}, with_log=True) == {LOG: entry}  # the blind itself never leaves so


def test_no_declared_output_can_be_taken_for_the_log():
    with pytest.raises(SpecError, match="reserved"):
        replace(SPEC, outputs={LOG: Scalars(names=("n",))})


def test_a_log_is_short():
    assert MAX_LOG == 65_536
