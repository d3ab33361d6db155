"""What a job costs, from its declaration alone: never from data, never from how it ended.

The price is the most that the declared outputs can carry once they passed the airlock, so
that a hostile job cannot get more through than was paid for.
"""

from math import comb

from darkroom.model.airlock import Airlock
from darkroom.model.amount import NOTHING, Amount
from darkroom.model.domain_config import MAX_WORKERS
from darkroom.model.job import JobSpec
from darkroom.model.output import MAX_TEXT, Histogram, Output, Scalars, Table
from darkroom.policy.disclosure import SHORTEST
from darkroom.policy.transitions import MAX_ATTEMPTS


# In which words a job ends: its code, merge and inspection in one of 33 ways each, or one of
# 17 names with one of 10 problems; at one of 3 attempts. Fewer than 2^10.
OUTCOME_BITS = 12
ENDING_BITS = OUTCOME_BITS + 4  # the least: of a job that is not split, up to half an hour
INSPECTION = 120  # seconds at most
FREE_TIERS = ("mock",)
NUMBER_BITS = 64
CHARACTER_BITS = 21  # of one Unicode character


def price(spec: JobSpec, airlock: Airlock) -> Amount:
    """What one run of a job reserves. Work on mock is free: nothing private is in it."""
    if spec.tier in FREE_TIERS:
        return NOTHING
    total = Amount(releases=1, bits=ending_bits(spec))
    for output in spec.outputs.values():
        total += carried(output, airlock)
    return total


def ending_bits(spec: JobSpec) -> int:
    """What a job tells by how and when it ends, and by its progress: an upper bound in bits.

    Time is told in powers of two, and at such moments also how many workers are done. For `n`
    workers and `t` moments there are `comb(t + n - 1, n)` ways for that to grow until the end.
    An attempt that was interrupted has told its progress as well. How many workers a domain
    has is not in the declaration, so a split job pays for the most.
    """
    workers = MAX_WORKERS if spec.split else 1  # one after the other, when all are busy
    moments = _moments((workers + 1) * spec.limits.wall_seconds + INSPECTION)
    told = OUTCOME_BITS + _bits(moments)
    if spec.split:
        told += MAX_ATTEMPTS * _bits(comb(moments + workers - 1, workers))
    return told


def _moments(seconds: int) -> int:
    """Powers of two that can be told of so many seconds: two more, for waiting and stopping."""
    count, moment = 1, SHORTEST
    while moment < seconds:
        count, moment = count + 1, moment * 2
    return count + 2


def log_price(most: int) -> Amount:
    """What it costs to release a log of at most so many bytes: all of them."""
    return Amount(bits=8 * most)


def carried(output: Output, airlock: Airlock) -> Amount:
    """Rows and bits that one output can carry at most."""
    match output:
        case Table():
            columns = sum(_column_bits(output, name, airlock) for name in output.columns)
            # How many rows there are is a message too.
            return Amount(
                rows=output.max_rows,
                bits=output.max_rows * columns + _bits(output.max_rows + 1),
            )
        case Scalars():
            return Amount(rows=len(output.names), bits=len(output.names) * NUMBER_BITS)
        case Histogram():
            bins = len(output.edges) - 1
            return Amount(rows=bins, bits=bins * NUMBER_BITS)
        case _:
            return Amount(bits=8 * output.max_bytes)


def _column_bits(table: Table, name: str, airlock: Airlock) -> int:
    kind = table.columns[name]
    if kind == "text":
        labels = table.labels.get(name)
        return _bits(len(labels)) if labels else MAX_TEXT * CHARACTER_BITS
    if name not in table.bounds:
        return NUMBER_BITS
    low, high = table.bounds[name]
    if kind == "int":
        step = airlock.round_counts if name in table.counts else 1
        return min(NUMBER_BITS, _bits(int((high - low) // step) + 2))
    steps = (high - low) * 10**airlock.decimals
    return NUMBER_BITS if steps >= 1 << NUMBER_BITS else min(NUMBER_BITS, _bits(int(steps) + 2))


def _bits(values: int) -> int:
    """Bits that tell one of so many values from the others."""
    return (values - 1).bit_length()
