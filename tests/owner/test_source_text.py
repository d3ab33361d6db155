"""A reviewer sees the lines that Python would run."""

import pytest

from darkroom.display.highlight import MAX_LINE, python_spans
from darkroom.owner.source_text import read_source


def test_ordinary_code_is_lines_without_alerts():
    source = read_source("job.py", b"import os\n\nprint(1)\n")

    assert ("import os", "", "print(1)") == source.lines
    assert "python" == source.language
    assert () == source.alerts


@pytest.mark.attack
def test_code_after_a_bare_carriage_return_has_a_line_of_its_own():
    source = read_source("job.py", b"# a harmless comment\rimport os\n")

    assert ("# a harmless comment", "import os") == source.lines
    assert "carriage return" in source.alerts[0]


@pytest.mark.attack
@pytest.mark.parametrize("cookie", [b"utf-7", b"unicode_escape", b"latin-1", b"no-such"])
def test_an_encoding_under_which_python_reads_something_else_is_called_out(cookie):
    source = read_source("job.py", b"# -*- coding: " + cookie + b" -*-\n# +AAo-import os\n")

    assert "Do not approve" in source.alerts[0]


def test_windows_line_ends_and_a_byte_order_mark_are_fine():
    source = read_source("job.py", b"\xef\xbb\xbfimport os\r\nprint(1)\r\n")

    assert 2 == len(source.lines)
    assert () == source.alerts


@pytest.mark.attack
def test_code_far_to_the_right_is_called_out():
    source = read_source("job.py", b"x = 1" + b" " * 400 + b"; import os\n")

    assert "a line of 416 characters" in source.alerts[0]


@pytest.mark.parametrize("name", ["a.so", "a.PYC", "b.zip", "c.pth", "d.pkl", "e.pt"])
def test_files_that_can_carry_code_are_called_out(name):
    assert "carry code" in read_source(name, b"\0").alerts[0]


def test_a_model_is_neither_shown_nor_called_out():
    source = read_source("files/m.tflite", b"TFL3\0\xff")

    assert ((), ()) == (source.lines, source.alerts)


@pytest.mark.attack
@pytest.mark.parametrize("data", [b"\0", b"\xff", b"x" * (2 << 20)])
def test_python_that_cannot_be_shown_is_called_out(data):
    source = read_source("job.py", data)

    assert () == source.lines
    assert "not text" in source.alerts[0]


def test_an_empty_file_has_one_empty_line():
    assert ("",) == read_source("__init__.py", b"").lines


# ---------------------------------------------------------------------------------- colours


def test_keywords_strings_and_comments_are_coloured():
    spans = python_spans(["def f():  # hm", '    return """a', 'b"""'])

    assert [(0, 3, "k"), (10, 14, "c")] == spans[0]
    assert [(4, 10, "k"), (11, MAX_LINE, "s")] == spans[1]
    assert [(0, 4, "s")] == spans[2]


@pytest.mark.attack
@pytest.mark.parametrize(
    "lines",
    [
        ["'" * 999] * 50,
        ["(" * 999] * 50,
        ["\\"] * 3_000,
        ['"""'] * 3_001,
        ["x" * 100_000],
        ["\x0c\x0b\x1c\u2028\u0085"],
        [" " * i for i in range(200)],
        ["\0"],
        ["é" * 500],
    ],
    ids=range(9),
)
def test_hostile_code_costs_little_and_keeps_its_lines(lines):
    assert len(lines) == len(python_spans(lines))
