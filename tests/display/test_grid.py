"""Tables: everything foreign is escaped and made visible, in HTML and in text."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.display.grid import Code, Grid, Link, to_html, to_text
from darkroom.display.nouns import age, card, cards, declared, identity, size
from darkroom.model.dataset import Camera, DatasetCard
from darkroom.model.identity import PublicIdentity
from darkroom.model.output import Histogram, Model, Scalars, Table


ALLOWED = {"div", "table", "thead", "tbody", "tr", "th", "td", "code", "br", "a", "span"}
ATTRIBUTES = {"style", "href", "rel", "target"}


class Tags(HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name == "href"]


def a_grid(*cells, **changed) -> Grid:
    fields = {"title": "t", "columns": [f"c{n}" for n in range(len(cells))], "rows": [cells]}
    return Grid(**{**fields, **changed})


ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></table><h1>approved</h1>",
    "javascript:alert(1)",
    "a\x1b[2Jb",
    "abc\u202edef",
    "zero\u200bwidth",
    "\x00",
]


@pytest.mark.attack
@pytest.mark.parametrize("text", ATTACKS)
@pytest.mark.parametrize("kind", [str, Code, Link])
def test_no_cell_can_bring_its_own_markup(text, kind):
    grid = Grid(title=text, columns=(text, "b"), rows=[(kind(text), kind(text))], note=text)

    page, plain = Tags(to_html(grid)), to_text(grid)

    assert page.seen <= ALLOWED - {"a"}
    assert page.attributes <= ATTRIBUTES
    assert not any(c in plain for c in "\x1b\u202e\u200b\x00")


@given(st.text(), st.text(), st.one_of(st.text(), st.integers(), st.floats(), st.none()))
def test_any_text_gives_only_our_own_tags(title, head, cell):
    grid = Grid(title=title, columns=(head,), rows=[(cell,)], note=title)

    page = Tags(to_html(grid))

    assert page.seen <= ALLOWED
    assert page.attributes <= ATTRIBUTES
    to_text(grid)


def test_only_web_addresses_become_links():
    assert Tags(to_html(a_grid(Link("http://127.0.0.1/#/a")))).links == ["http://127.0.0.1/#/a"]
    assert Tags(to_html(a_grid(Link("javascript:alert(1)")))).links == []


def test_numbers_stand_to_the_right_and_columns_align():
    grid = Grid(title="", columns=("name", "n"), rows=[("a", 1), ("bb", 1000)])

    assert to_text(grid).splitlines() == ["  name      n", "  ────  ─────", "  a         1",
                                          "  bb    1,000"]  # fmt: skip
    assert to_html(grid).count("text-align:right") == 3


@pytest.mark.parametrize(
    ("value", "shown"), [(1.25, "1.25"), (2.0, "2"), (True, "yes"), (None, ""), (1234, "1,234")]
)
def test_cells_read_well(value, shown):
    assert to_text(a_grid(value, columns=("",))).splitlines()[-1].strip() == shown


def test_long_tables_say_how_much_is_left_out():
    grid = Grid(title="", columns=("n",), rows=[(n,) for n in range(500)])

    assert "300 more rows" in to_text(grid)
    assert "300 more rows" in to_html(grid)


def test_long_cells_are_cut():
    assert len(to_text(a_grid("x" * 10_000))) < 1_000


# ------------------------------------------------------------------------------- the nouns


def a_card(**changed) -> DatasetCard:
    fields = {
        "domain": "north", "name": "plaza", "version": "sha256:" + "1" * 64,
        "description": "<b>A square</b>", "classes": ("person",), "annotations": "synthetic",
        "cameras": (Camera(id="cam1", width=64, height=48, fps=1.25, frames=300),),
        "split_frames": {"train": 225, "test": 75}, "start": 1_780_315_200,
        "look": {"light": "day"},
    }  # fmt: skip
    return DatasetCard(**{**fields, **changed})


def test_a_card_tells_all_that_is_public():
    text = to_text(card(a_card()))

    for fact in ("cam1", "64 × 48", "1.25", "300", "person", "225 train", "2026-06-01", "light"):
        assert fact in text
    assert "<b>" not in to_html(card(a_card()))
    assert "north/plaza" in to_text(cards([a_card()]))


def test_an_identity_shows_its_fingerprint():
    someone = PublicIdentity(
        name="alice", role="scientist", bundle={}, statement_key="0" * 64, certificate="00"
    )

    assert someone.fingerprint in to_text(identity(someone))


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (Table(columns={"a": "int"}, max_rows=5), "table (a: int), at most 5 rows"),
        (Scalars(names=("a", "b")), "numbers a, b"),
        (Histogram(edges=(0.0, 1.0, 2.0)), "histogram of 2 bins"),
        (Model(format="tflite", max_bytes=2048), "tflite model, at most 2.0 KiB"),
    ],
)
def test_what_may_leave_in_words(output, words):
    assert declared(output) == words


@pytest.mark.parametrize(("count", "text"), [(5, "5 B"), (2048, "2.0 KiB"), (3 << 20, "3.0 MiB")])
def test_sizes(count, text):
    assert size(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(3, "3 s"), (75, "1 min 15 s"), (7300, "2 h 1 min")])
def test_durations(seconds, text):
    assert age(seconds) == text
