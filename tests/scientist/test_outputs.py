"""A domain is believed to have released what was declared, and nothing else."""

import pytest

from darkroom.errors import OutputError
from darkroom.model.canonical import canonical
from darkroom.model.output import Histogram, Scalars, Table
from darkroom.scientist.outputs import check_output, read_output


SEEN = Table(
    columns={"camera": "text", "people": "int", "share": "float"},
    max_rows=2,
    counts=("people",),
    bounds={"share": (0.0, 1.0)},
    labels={"camera": ("gate", "caf\u00e9")},
)
ROW = ["gate", 3, 0.5]
SUMS = Scalars(names=("n", "mean"), counts=("n",))
BINS = Histogram(edges=(0.0, 1.0, 2.0))


def table(*rows: list) -> bytes:
    return canonical({"columns": dict(SEEN.columns), "rows": list(rows)})


def test_what_fits_its_declaration_is_read():
    frame = read_output("t", SEEN, table(ROW, ["caf\u00e9", 0, 1.0]), domain="north")
    assert frame.to_dict("list") == {
        "camera": ["gate", "caf\u00e9"], "people": [3, 0], "share": [0.5, 1.0],
    }  # fmt: skip
    assert read_output("s", SUMS, b'{"mean":0.5,"n":3}', domain="north") == {"n": 3, "mean": 0.5}
    bins = read_output("h", BINS, b'{"counts":[3,0],"edges":[0.0,1.0,2.0]}', domain="north")
    assert bins["count"].tolist() == [3, 0]


@pytest.mark.parametrize(
    "row",
    [
        ["door", 3, 0.5],
        ["gate", -1, 0.5],
        ["gate", 3.0, 0.5],
        ["gate", True, 0.5],
        ["gate", 1 << 63, 0.5],
        ["gate", 3, 1.1],
        ["gate", 3, -0.1],
        ["gate", 3, "0.5"],
        ["gate", 3, 10**400],
        [None, 3, 0.5],
        ["gate", 3],
    ],
)
def test_a_cell_that_is_not_as_its_column_declares_is_refused(row):
    with pytest.raises(OutputError):
        check_output("t", SEEN, table(ROW, row))


def test_a_text_without_labels_is_short_and_printable():
    free = Table(columns={"a": "text"}, max_rows=1)
    for text, fits in (("gate", True), ("a\u202eb", False), ("a\nb", False), ("x" * 81, False)):
        data = canonical({"columns": {"a": "text"}, "rows": [[text]]})
        if fits:
            check_output("t", free, data)
        else:
            with pytest.raises(OutputError):
                check_output("t", free, data)


@pytest.mark.parametrize("value", ["-1", "0.5", "true", '"3"', "null", "1e400", "[]"])
def test_what_says_how_many_is_a_whole_number(value):
    for name, declared, data in (
        ("s", SUMS, f'{{"mean":0.5,"n":{value}}}'),
        ("h", BINS, f'{{"counts":[1,{value}],"edges":[0.0,1.0,2.0]}}'),
    ):
        with pytest.raises(OutputError):
            check_output(name, declared, data.encode())
