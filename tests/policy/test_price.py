"""A price is the most that the declared outputs can carry once they passed the airlock."""

import json
import math
import sys
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.airlock import Airlock
from darkroom.model.amount import NOTHING, Amount
from darkroom.model.domain_config import MAX_WORKERS
from darkroom.model.job import Environment, JobSpec, Limits
from darkroom.model.output import MAX_TEXT, Histogram, Model, Scalars, Table
from darkroom.policy.price import (
    CHARACTER_BITS,
    ENDING_BITS,
    NUMBER_BITS,
    carried,
    ending_bits,
    log_price,
    price,
)
from darkroom.policy.transitions import MAX_ATTEMPTS
from darkroom.runtime.airlock import through


SHA = "sha256:" + "0" * 64
OPEN = Airlock()


def spec(tier="reviewed", split="", wall=600, **outputs) -> JobSpec:
    return JobSpec(
        name="count", tier=tier, split=split, limits=Limits(wall_seconds=wall), entrypoint="job:count", files={"job.py": SHA},
        environment=Environment(name="tflite", lock_hash=SHA),
        outputs=outputs or {"n": Scalars(names=("n",))},
    )  # fmt: skip


def table(kind="int", rows=1, **more) -> Table:
    return Table(columns={"value": kind}, max_rows=rows, **more)


def test_work_on_mock_is_free():
    assert price(spec("mock"), OPEN) == NOTHING


def test_a_run_is_one_release_and_all_that_it_declares():
    outputs = {"a": Scalars(names=("n", "m")), "b": Histogram(edges=(0.0, 1.0, 2.0))}
    assert price(spec(**outputs), OPEN) == Amount(
        releases=1, rows=4, bits=ENDING_BITS + 4 * NUMBER_BITS
    )


@pytest.mark.parametrize(
    ("output", "rows", "bits"),
    [
        (Scalars(names=("a", "b", "c")), 3, 192),
        (Histogram(edges=(0.0, 1.0)), 1, 64),
        (Model(format="tflite", max_bytes=1000), 0, 8000),
        (table("float"), 1, 64 + 1),  # how many rows there are is a message too
        (table("int", rows=4), 4, 4 * 64 + 3),  # none to four: five messages
        (table("int", rows=7), 7, 7 * 64 + 3),
        (table("text"), 1, MAX_TEXT * CHARACTER_BITS + 1),
        (table("text", labels={"value": ("a", "b", "c")}), 1, 2 + 1),
        (table("text", labels={"value": ("a",)}), 1, 0 + 1),
        (table("int", bounds={"value": (0, 6)}), 1, 3 + 1),
        (table("int", bounds={"value": (0, 7)}), 1, 4 + 1),
        (table("int", bounds={"value": (0, (1 << 53) - 2)}), 1, 53 + 1),
        (table("int", bounds={"value": (-(1 << 53), 1 << 53)}), 1, 55 + 1),
        (table("float", bounds={"value": (0.0, 1e300)}), 1, 64 + 1),
        (table("float", bounds={"value": (-1e308, 1e308)}), 1, 64 + 1),  # the width is inf
        (table("float", bounds={"value": (0.0, 1.0)}), 1, 20 + 1),  # six decimals
    ],
)
def test_what_an_output_can_carry(output, rows, bits):
    assert carried(output, OPEN) == Amount(rows=rows, bits=bits)


def test_a_coarser_airlock_makes_a_table_cheaper():
    counted = table("int", counts=("value",), bounds={"value": (0, 1000)})
    fine, coarse = carried(counted, OPEN), carried(counted, Airlock(round_counts=100))
    assert (fine.bits, coarse.bits) == (10 + 1, 4 + 1)
    share = table("float", bounds={"value": (0.0, 1.0)})
    assert carried(share, Airlock(decimals=0)).bits == 2 + 1
    six = table("float", bounds={"value": (0.0, 6.0)})  # the bounds need not lie on the grid
    assert carried(six, Airlock(decimals=0)).bits == 3 + 1
    free = table("int", bounds={"value": (0, 1000)})
    assert carried(free, Airlock(round_counts=100)) == carried(free, OPEN)  # it is no count


def test_every_character_there_is_is_paid_for_and_no_more():
    assert sys.maxunicode.bit_length() == CHARACTER_BITS


def test_a_log_costs_every_bit_of_it():
    assert log_price(0) == NOTHING
    assert log_price(1000) == Amount(bits=8000)


def passed(output: Table, values, airlock: Airlock) -> set:
    """The different cells that leave when a hostile job tries all these values."""
    leaving = (
        json.loads(through("t", output, {"columns": ["value"], "rows": [[v]]}, airlock))["rows"]
        for v in values
    )
    return {rows[0][0] for rows in leaving if rows}


@given(
    low=st.integers(-30, 30),
    width=st.integers(1, 40),
    step=st.integers(1, 12),
    least=st.integers(1, 6),
    counted=st.booleans(),
)
def test_no_more_different_whole_numbers_pass_than_are_paid_for(low, width, step, least, counted):
    low = max(low, 0) if counted else low
    output = table(
        "int", bounds={"value": (low, low + width)}, counts=("value",) if counted else ()
    )
    airlock = Airlock(round_counts=step, min_count=least if counted else 1)
    found = passed(output, range(0 if counted else low - 50, low + width + 50), airlock)
    assert len(found) <= 2 ** (carried(output, airlock).bits - 1)


@given(
    low=st.integers(-200, 200),
    width=st.integers(1, 100),
    scale=st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.5]),
    decimals=st.integers(0, 2),
)
def test_no_more_different_numbers_pass_than_are_paid_for(low, width, scale, decimals):
    bounds = (low * scale, (low + width) * scale)
    output = table("float", bounds={"value": bounds})
    airlock = Airlock(decimals=decimals)
    tried = [(low + n / 4) * scale for n in range(-4, 4 * width + 5)]
    tried += [edge + near for edge in bounds for near in (0.0, 1e-12, -1e-12)]
    assert len(passed(output, tried, airlock)) <= 2 ** (carried(output, airlock).bits - 1)


# ---------------------------------------------------------------------- how and when it ends


def endings(workers: int, wall: int) -> int:
    """Every way to end, counted one by one: words, and progress at each moment before."""
    words = 3 * 33 + 17 * 10
    last = math.ceil(math.log2((workers + 1) * wall + 120))
    moments = [2.0**n for n in range(-1, last + 1)]
    histories = {0: 1}  # workers done, as told last -> in how many ways
    found = 0
    for _ in moments:
        found += sum(histories.values())
        histories = {
            now: sum(ways for done, ways in histories.items() if done <= now)
            for now in range(workers)
        }
    return found * words


@pytest.mark.parametrize("wall", [1, 60, 600, 1800])
def test_a_job_that_is_not_split_pays_the_least_for_how_it_ends(wall):
    assert ending_bits(spec(wall=wall)) == ENDING_BITS
    assert endings(1, wall) <= 2**ENDING_BITS


@pytest.mark.parametrize("wall", [1, 600, 3600, 86_400, 10**6])
def test_no_more_endings_are_told_than_are_paid_for(wall):
    assert 3 * endings(1, wall) <= 2 ** ending_bits(spec(wall=wall))
    for workers in (1, 2, 4, 8, MAX_WORKERS):
        assert 3 * endings(workers, wall) <= 2 ** ending_bits(spec(split="camera", wall=wall))


def test_a_run_of_an_hour_and_its_inspection_fit_sixteen_bits():
    """Code and merge of 1988 s each and 120 s of inspection are 4096 s: 14 powers of two."""
    assert (ending_bits(spec(wall=1988)), ending_bits(spec(wall=1989))) == (16, 17)


@pytest.mark.parametrize(("wall", "moments"), [(1, 12), (600, 20)])
def test_a_split_job_pays_for_its_progress_in_each_attempt(wall, moments):
    told = [1] * (MAX_WORKERS + 1)  # ways in which so many workers are done, moment by moment
    for _ in range(moments - 1):
        told = list(accumulate(told))
    progress = math.ceil(math.log2(told[-1]))
    expected = 12 + math.ceil(math.log2(moments)) + MAX_ATTEMPTS * progress
    assert ending_bits(spec(split="camera", wall=wall)) == expected


def test_longer_limits_and_progress_cost_more():
    paid = [ending_bits(spec(wall=wall)) for wall in (1, 600, 86_400, 10**400)]
    assert paid == sorted(paid)
    assert paid[-2] > paid[0]
    assert price(spec(split="camera"), OPEN).bits > price(spec(), OPEN).bits
    assert ending_bits(spec(split="camera")) < 256  # bits: it stays a matter of a few numbers


def test_the_price_is_told_by_the_declaration_alone():
    """Nothing that is known only after the run goes into it."""
    same = spec(t=table("int", rows=9, bounds={"value": (0, 5)}))
    assert price(same, OPEN) == price(JobSpec.from_mapping(same.to_mapping()), OPEN)
