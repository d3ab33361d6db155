"""Amounts, values and declarations as a sheet says them."""

import pytest

from darkroom.model.output import Histogram, Model, Scalars, Table
from darkroom.owner.wording import price_rows, size_words, value_words
from tests.owner.town import PRICE, job, review_body


def test_a_price_has_its_units():
    assert (
        ("price", "1 release, 501 rows"),
        ("at most carried", "1,000,000 bits, as much as 122.1 KiB"),
    ) == price_rows(PRICE)


def test_a_privacy_loss_is_said_exactly():
    rows = dict(price_rows({**PRICE, "epsilon": "1/3", "delta": "0.25"}))
    assert "epsilon 1/3, delta 0.25" == rows["privacy loss"]


def test_work_on_mock_is_free():
    free = {"releases": 0, "rows": 0, "bits": 0, "epsilon": "0", "delta": "0"}
    assert "free" in price_rows(free)[0][1]


@pytest.mark.attack
@pytest.mark.parametrize(
    "told", [{}, [], "1", 3, {**PRICE, "bits": -1}, {**PRICE, "bits": True}, {**PRICE, "more": 1},
             {**PRICE, "epsilon": 0.1e-30}],
    ids=range(8),
)  # fmt: skip
def test_a_price_of_another_shape_is_called_that(told):
    assert "makes no sense" in price_rows(told)[0][1]


def test_no_price_is_said_to_be_none():
    assert (("price", "the domain told none"),) == price_rows(None)


def test_sizes_have_a_unit_that_can_be_read():
    assert ["12 bytes", "1.5 KiB", "64.0 MiB", "3.0 GiB"] == [
        size_words(n) for n in (12, 1536, 64 << 20, 3 << 30)
    ]


def test_a_long_value_is_cut_and_has_its_hash_also_with_half_a_character_in_it():
    assert "x … (9 characters; sha256 " in value_words("x" + "\ud800" * 8, most=1)


def test_what_is_declared_is_said_with_what_narrows_it(town):
    spec = {
        "outputs": {
            "busy": Table(
                columns={"zone": "text", "people": "int", "speed": "float", "note": "text"},
                max_rows=24,
                counts=("people",),
                bounds={"speed": (0, 3.5)},
                labels={"zone": ("door", "hall")},
            ),
            "hours": Histogram(edges=(0, 1, 2)),
            "weights": Model(format="npz", max_bytes=5_000),
            "totals": Scalars(names=("n",)),
        }
    }
    town.ask_review(body=review_body(job(**spec)))
    (digest,) = town.desk.reviews()
    sections = {s.heading: s.rows for s in town.desk.show(digest).sheet.sections}

    assert (
        (
            "busy",
            "table: zone (text, one of door / hall), people (int, a count), "
            "speed (float, 0 to 3.5), note (text, any text)",
            "24 rows",
        ),
        ("hours", "histogram from 0 to 2", "2 counts"),
        ("weights", "model (npz)", "5,000 bytes"),
        ("totals", "scalars: n", "one number each"),
    ) == sections["What would leave"]
