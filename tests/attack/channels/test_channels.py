"""E1 to E14: what a hostile job gets through, and that it is what the page says.

`make capacity` measures everything; here a quick part is measured again.
"""

import runpy
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.attack.channels import measure
from tests.attack.channels.arena import Arena
from tests.attack.channels.attempts import ATTEMPTS
from tests.attack.channels.measure import CHANNELS, Line
from tests.attack.channels.reactions import REACTIONS
from tests.attack.channels.score import bits
from tests.attack.channels.vault import SECRET


DOCS = Path(__file__).parents[3] / "docs"
COMMITTED = {(line.channel, line.how): line for line in measure.read()}
CLOSED = [
    ("E1", "a JPEG under the name of a table"),
    ("E1", "a PNG beside the declared output"),
    ("E2", "base64 in a text column"),
    ("E5", "printed, the log kept"),
    ("E7", "as the name of a column"),
    ("E8", "the order of rows"),
    ("E9", "a field beside the rows"),
    ("E13", "below the decimals of a float"),
]
CAPPED = [
    ("E3", "floats between 0 and 1, two decimals"),
    ("E3", "counts of 0 to 1600 in steps of 100"),
    ("E8", "the number of rows"),
]
TOLD = [
    ("E6", "the name and the text of an exception"),
]

Measure = Callable[[tuple[str, str]], Line]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measure]:
    """Measures a line, once."""
    arena = Arena(tmp_path_factory.mktemp("capacity") / "arena")
    attempts = {(a.channel, a.how): a for a in ATTEMPTS}
    reactions = {(r.channel, r.how): r for r in REACTIONS}

    @cache
    def line(key: tuple[str, str]) -> Line:
        if key in attempts:
            return measure.of_outputs(arena, attempts[key])
        return measure.of_reactions(arena, reactions[key])

    try:
        if arena.watched.real.problem is not None:
            pytest.skip(f"no sandbox here: {arena.watched.real.problem}")
        yield line
    finally:
        arena.close()


# ------------------------------------------------------------------------ measured again


@pytest.mark.slow
@pytest.mark.attack("T7", control="on")
@pytest.mark.parametrize("key", CLOSED, ids=" ".join)
def test_a_closed_channel_carries_nothing(measured: Measure, key: tuple[str, str]) -> None:
    line = measured(key)
    assert (line.mock, line.before, line.after) == (0, 0, 0)
    assert line == COMMITTED[key]


@pytest.mark.slow
@pytest.mark.attack("T7", control="off")
@pytest.mark.parametrize("key", CLOSED, ids=" ".join)
def test_before_the_airlock_the_same_reader_has_the_secret(
    measured: Measure, key: tuple[str, str]
) -> None:
    assert (measured(key).off or 0) >= 300


@pytest.mark.slow
@pytest.mark.attack("T7", control="on")
@pytest.mark.parametrize("key", CAPPED, ids=" ".join)
def test_a_channel_that_stays_open_carries_what_was_paid_for(
    measured: Measure, key: tuple[str, str]
) -> None:
    line = measured(key)
    assert (line.mock, line.before) == (0, 0)
    assert 0 < line.after <= (line.paid or 0)
    assert line == COMMITTED[key]


@pytest.mark.slow
@pytest.mark.attack("T8", control="on")
@pytest.mark.parametrize("key", TOLD, ids=" ".join)
def test_how_a_job_ends_tells_no_more_than_its_class(
    measured: Measure, key: tuple[str, str]
) -> None:
    line = measured(key)
    assert line.before == 0
    assert line == COMMITTED[key]


@pytest.mark.slow
@pytest.mark.attack("T8", control="off")
def test_the_sandbox_itself_knows_the_name_of_the_exception(measured: Measure) -> None:
    assert measured(TOLD[0]).off == 2


# ----------------------------------------------------------------------------- the numbers


def test_every_channel_has_a_line_for_every_tier() -> None:
    assert {line.channel for line in COMMITTED.values()} == set(CHANNELS)
    known = {(a.channel, a.how) for a in ATTEMPTS} | {(r.channel, r.how) for r in REACTIONS}
    assert known <= set(COMMITTED)


@pytest.mark.attack("T7", control="on")
def test_what_got_through_never_exceeds_what_was_paid_for() -> None:
    charged = [line for line in COMMITTED.values() if line.paid is not None]
    assert len(charged) > len(ATTEMPTS) - 1
    assert [line for line in charged if line.after > (line.paid or 0)] == []
    assert [line for line in charged if line.before > (line.paid or 0)] == []
    told = ("E6", "E11")  # before anybody decides, a job is heard of as having ended, and when
    assert [line for line in charged if line.before and line.channel not in told] == []


def test_nothing_private_is_carried_by_work_on_mock() -> None:
    assert [line for line in COMMITTED.values() if line.mock] == []


def test_each_closed_channel_was_shown_open() -> None:
    # An exit code is not kept anywhere, so there is no control to take away.
    closed = [ln for ln in COMMITTED.values() if not ln.after and ln.how != "the exit code"]
    assert [line for line in closed if not line.off] == []


def test_the_page_is_that_of_the_numbers() -> None:
    page = runpy.run_path(str(DOCS / "airlock_capacity.py"))["main"]()
    assert (DOCS / "airlock-capacity.md").read_text() == page, "run `make capacity`"


# --------------------------------------------------------------------------------- the score


@pytest.mark.parametrize(
    ("got", "worth"),
    [(b"", 0), (SECRET[:100], 800), (bytes(100), 0), (SECRET[1:101], 0), (b"\xff" * 3, 0)],
)
def test_noise_is_worth_nothing(got: bytes, worth: int) -> None:
    assert bits(got) == worth


def test_errors_are_paid_for() -> None:
    flipped = bytes(b ^ 1 for b in SECRET[:1000])  # one bit in eight is wrong
    assert 3500 < bits(flipped) < 3700
