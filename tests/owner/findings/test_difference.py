"""Differences are those of the lines, and end somewhere."""

import pytest

from darkroom.owner.findings.difference import MAX_COLUMNS, MAX_LINES, difference


def test_only_what_changed_and_a_little_around_it():
    before = "\n".join(f"line {i}" for i in range(50))

    lines, more = difference(before, before.replace("line 20\n", "line twenty\n"))

    assert ["-line 20", "+line twenty"] == [x for x in lines if x[0] in "+-"]
    assert 9 == len(lines)
    assert 0 == more


def test_a_new_file_is_all_new():
    assert (["@@ -0,0 +1,2 @@", "+a", "+b"], 0) == difference("", "a\nb")


@pytest.mark.attack
def test_a_line_that_only_python_sees_is_a_line():
    lines, _ = difference("# calm", "# calm\rimport os")
    assert "+import os" in lines


@pytest.mark.attack
def test_long_differences_are_cut_and_counted():
    lines, more = difference("", "\n".join("x" * 2_000 for _ in range(1_000)))

    assert (MAX_LINES, 601) == (len(lines), more)
    assert MAX_COLUMNS + 2 == max(map(len, lines))


def test_too_many_lines_are_not_compared():
    assert "too long" in difference("a\n" * 6_000, "b")[0][0]
