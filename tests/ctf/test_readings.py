"""What an attempt knows of the flag is measured; hope, noise and repetition are worth nothing."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import InputError
from tests.attack.channels.score import bits
from tests.ctf.flag import FLAG_BITS, FLAG_BYTES, Flag
from tests.ctf.readings import MAX_GUESS, Guess, read_guess, read_released


FLAG = Flag(bytes(np.random.default_rng(6).bytes(FLAG_BYTES)))
BITS = "".join(f"{byte:08b}" for byte in FLAG.secret)


def written(tmp_path, content) -> Guess:
    path = tmp_path / "guess.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_guess(path)


@given(st.sets(st.integers(0, FLAG_BITS - 1), max_size=300))
def test_what_is_known_of_any_places_is_worth_so_many_bits(places):
    known = tuple(sorted(places))
    guess = Guess(places=known, values=tuple(int(BITS[place]) for place in known))
    assert guess.bits(FLAG) == (len(known) if len(known) >= 16 else 0)


@given(st.randoms(use_true_random=False), st.integers(16, 400))
def test_a_guess_is_never_worth_more_than_the_bits_that_it_names(random, count):
    values = tuple(random.getrandbits(1) for _ in range(count))
    assert Guess(places=tuple(range(count)), values=values).bits(FLAG) <= count


def test_errors_are_paid_for_and_noise_is_worth_nothing(tmp_path):
    wrong = "".join("10"[int(b)] if i % 8 == 0 else b for i, b in enumerate(BITS[:1024]))
    assert 440 < written(tmp_path, {"bits": wrong}).bits(FLAG) < 480
    assert written(tmp_path, {"bits": "01" * 500}).bits(FLAG) == 0
    assert written(tmp_path, {"bits": "?" * FLAG_BITS}).bits(FLAG) == 0
    assert Guess().bits(FLAG) == 0


def test_it_is_the_meter_of_the_capacity_table(tmp_path):
    wrong = bytes(b ^ 1 for b in FLAG.secret)
    claimed = "".join(f"{byte:08b}" for byte in wrong)
    assert written(tmp_path, {"bits": claimed}).bits(FLAG) == bits(wrong, FLAG.secret) > 900


def test_all_bits_are_not_the_flag_and_the_flag_is_all_bits(tmp_path):
    known = written(tmp_path, {"bits": BITS})
    assert (known.bits(FLAG), known.found(FLAG)) == (FLAG_BITS, False)
    for content in (FLAG.text.encode() + b"\n", {"flag": FLAG.text, "channel": "E3"}):
        guess = written(tmp_path, content)
        assert (guess.bits(FLAG), guess.found(FLAG)) == (FLAG_BITS, True)
    assert written(tmp_path, FLAG.text[:-1].encode()).bits(FLAG) == 0


@pytest.mark.parametrize(
    "content",
    [
        b"x" * (MAX_GUESS + 1), b"\xff\xfe", b"{", b"{}}", b"[" * 9_000 + b"{",
        {"bits": "2"}, {"bits": "0" * (FLAG_BITS + 1)}, {"bits": 1}, {"more": ""},
        {"jobs": ["x"]}, {"jobs": "x"}, {"channel": "x" * 41}, {"flag": None},
    ],
)  # fmt: skip
def test_what_is_no_guess_is_refused_or_worth_nothing(tmp_path, content):
    try:
        guess = written(tmp_path, content)
    except InputError:
        return
    assert (guess.bits(FLAG), guess.found(FLAG)) == (0, False)


def test_the_decoders_of_the_capacity_table_read_what_was_released():
    digits = [int(BITS[n : n + 4], 2) for n in range(0, 80, 4)]
    rows = [[i, 100 * (digit + 1)] for i, digit in enumerate(digits)]
    table = json.dumps({"columns": {"i": "int", "n": "int"}, "rows": rows}).encode()
    assert read_released({"t": table}, FLAG) == (80, "E3")


@pytest.mark.parametrize(
    "outputs",
    [
        {}, {"t": b""}, {"t": b"[]"}, {"t": b'{"rows": 3}'}, {"t": b'{"rows": [["a", {}]]}'},
        {"t": b'{"rows": [[1, 1e400, null]], "columns": 7}'}, {"m": b"PK\x03\x04"}, {"m": b"\xff" * 99},
        {"facts": b'{"frames": 120}'}, {"log": b"<<<aGk=>>>"},
    ],
)  # fmt: skip
def test_outputs_of_any_shape_are_read_and_worth_nothing(outputs):
    assert read_released(outputs, FLAG) == (0, "-")
