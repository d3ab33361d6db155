"""`attacks.yaml` says what is there, and all that is there: rows, tests, and who holds the rest."""

from typing import Any

import pytest

from tests.attack import catalogue, conftest
from tests.attack.threats import CONTROLS, PYSYFT_ROWS, ROWS, read_mark


HOLDERS = ("issue 4", "issue 5", "issue 6", "not filed")
KEYS = {"threat", "tests", "no_off", "held_by", "why"}
# Tests of the tools, not of a control; and of input that is bad without being an attack.
UNMARKED = ("test_canaries.py", "test_catalogue.py", "test_refusals.py", "test_stock.py")
MANY = 20  # letters of a reason that says something

THREATS: dict[str, dict[str, Any]] = catalogue.read()["threats"]
PYSYFT: dict[str, dict[str, Any]] = catalogue.read()["pysyft"]
REGRESSIONS: dict[int, dict[str, Any]] = catalogue.read()["regressions"]
MARKED = catalogue.marked()


def listed(row: str, control: str) -> list[str]:
    return (THREATS | PYSYFT)[row].get("tests", {}).get(control, [])


# ------------------------------------------------------------------------------- every row


def test_every_row_of_the_threat_model_is_here_and_no_other():
    assert tuple(THREATS) == ROWS


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_played_or_held_by_somebody(row):
    entry = THREATS[row]

    assert entry.keys() <= KEYS
    assert entry["threat"].strip()
    assert set(entry.get("tests", {})) <= set(CONTROLS)
    assert listed(row, "on") or "held_by" in entry
    if "held_by" in entry:
        assert entry["held_by"] in HOLDERS
        assert len(entry["why"]) > MANY
    if entry.get("held_by") == "not filed":
        assert listed(row, "on"), "a test shows that a job of that kind is refused"


@pytest.mark.parametrize("row", [row for row in ROWS if "tests" in THREATS[row]])
def test_a_control_is_shown_on_and_off(row):
    assert listed(row, "on")
    assert listed(row, "off") or len(THREATS[row].get("no_off", "")) > MANY


def test_every_row_of_the_pysyft_table_is_here_and_no_other():
    assert tuple(PYSYFT) == PYSYFT_ROWS


@pytest.mark.parametrize("row", PYSYFT_ROWS)
def test_an_attack_on_pysyft_is_played_on_both_sides(row):
    """On the stock engine, whatever comes of it there, and on ours."""
    entry = PYSYFT[row]

    assert entry.keys() == {"attack", "stock", "tests"}
    assert entry["attack"].strip()
    assert entry["stock"] in ("succeeds", "blocked")
    assert listed(row, "on")
    assert listed(row, "off")
    assert all("test_stock_" in node or "stand_in" in node for node in listed(row, "off"))


# ------------------------------------------------------------------- the tests and their marks


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("row", ROWS + PYSYFT_ROWS)
def test_the_list_of_a_row_is_that_of_the_marks(row, control):
    """Each named test exists and says so itself; each test that says so is named."""
    said = {node for node, m in MARKED.items() if row in m.rows and m.control == control}

    assert len(set(listed(row, control))) == len(listed(row, control))
    assert set(listed(row, control)) == said, f"{row}, control {control}"


@pytest.mark.parametrize(
    "path",
    [path for f in (".", "pysyft") for path in sorted((catalogue.FOLDER / f).glob("test_*.py"))],
    ids=lambda p: p.name,
)
def test_every_attack_says_what_it_attacks(path):
    for name, marks in catalogue.tests_in(path):
        expected = 0 if path.name in UNMARKED else 1
        assert len(marks) == expected, name
        assert None not in marks, name


def test_the_classes_that_worked_elsewhere_are_kept_by_name():
    assert list(REGRESSIONS) == list(range(1, 11))
    for number, entry in REGRESSIONS.items():
        assert entry["attack"].strip()
        assert set(entry["tests"]) <= MARKED.keys(), number
        assert any(MARKED[test].control == "on" for test in entry["tests"]), number


# ----------------------------------------------------------------------------- the mark itself


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ((), {"control": "on"}),
        (("T0",), {"control": "on"}),
        (("T31",), {"control": "on"}),
        (("t3",), {"control": "on"}),
        (("A19",), {"control": "on"}),
        (("A3f",), {"control": "on"}),
        ((3,), {"control": "on"}),
        (("T3", "T3"), {"control": "on"}),
        (("T3",), {}),
        (("T3",), {"control": "maybe"}),
        (("T3",), {"control": True}),
        (("T3",), {"control": "on", "more": 1}),
    ],
)
def test_a_mark_that_says_too_little_stops_the_collection(request, rows, named):
    with pytest.raises(ValueError, match=r"row|control"):
        read_mark(rows, named)

    request.node.add_marker(pytest.mark.attack(*rows, **named))
    with pytest.raises(pytest.UsageError, match="the mark attack"):
        conftest.pytest_collection_modifyitems([request.node])


def test_a_mark_with_rows_and_control_is_fine(request):
    assert read_mark(("T3", "T29"), {"control": "off"}).rows == ("T3", "T29")

    request.node.add_marker(pytest.mark.attack("T3", "T29", control="off"))
    conftest.pytest_collection_modifyitems([request.node])
