"""T6, T23: text of a scientist or a domain that acts on whoever reads it."""

import html
import io
import secrets
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from darkroom.display import grid, review_page, review_text
from darkroom.display.review_text import plain_text, print_sheet
from tests.attack.test_injected_results import request_of
from tests.owner.town import Town as OwnersTown
from tests.owner.town import job, review_body
from tests.scientist.conftest import a_card, a_profile


CORPUS = {
    "script": "<script>alert(1)</script>",
    "image": '"><img src=x onerror=alert(1)>',
    "style": "</style><style>*{display:none}</style>",
    "link": "<a href=javascript:alert(1)>approve</a>",
    "frame": "<iframe srcdoc='<script>1</script>'></iframe>",
    "comment": "--><script>alert(1)</script><!--",
    "entities": "&lt;script&gt;&#60;script&#62;",
    "clear screen": "\x1b[2J\x1b[H fine",
    "title": "\x1b]0;approved\x07",
    "hyperlink": "\x1b]8;;http://x\x1b\\click\x1b]8;;\x1b\\",
    "one byte control": "\x9b2J",
    "carriage return": "evil()\rcount()",
    "backspace": "evil\b\b\b\bgood",
    "override": "access = '\u202euser\u2066 # admin\u2069'",
    "isolate": "\u2067abc\u2069",
    "zero width": "ad\u200bmin\u200d\ufeff",
    "tag characters": "ok\U000e0065\U000e0076",
    "confusables": "\u0441ount = \u0430dmin",
    "fullwidth": "\uff45val",
    "combining": "x" + "\u0335" * 40,
    "line separator": "a\u2028evil()",
    "rich markup": "[bold red]approved[/bold red] [link=http://x]x[/link]",
    "our own notation": "⟨U+0041⟩",
}
BAD_TAGS = {"script", "img", "iframe", "a", "object", "embed", "form", "link", "svg", "meta"}
OBEYED = set("\x1b\x9b\x07\b\r\u202e\u2066\u2067\u2069\u200b\u200d\ufeff\u2028\U000e0065\U000e0076")


class Tags(HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self.shown = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [name for name, _ in attrs]))

    def handle_data(self, data):
        self.shown += data


def acts(page: str) -> bool:
    """Whether a page could run, load or lead anywhere because of what stands in it."""
    tags = Tags(page).found
    return any(
        (tag in BAD_TAGS and tag != "meta") or any(n.startswith("on") or n == "src" for n in names)
        for tag, names in tags
    )


def moves(text: str) -> bool:
    """Whether a terminal, or the order of reading, would obey something in it."""
    return bool(set(text) & OBEYED)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    town = OwnersTown(tmp_path_factory.mktemp("owner"))
    yield town
    town.store.close()


def sheet_of(town: OwnersTown, text: str):
    """What the owner is shown of a job with that text in code, file, mock and parameters."""
    files = {"job.py": text.encode(), "notes.txt": text.encode()}
    honest = job(files, job_id=secrets.token_hex(16))
    request = replace(
        honest,
        spec=replace(honest.spec, parameter_schema={"score": "text"}),
        parameters={"score": text},
    )
    mock = {"seconds": text, "frames": 1, "outputs": {text: {"type": text, "rows": text}}}
    town.ask_review(
        body=review_body(request, mock=mock),
        attachments={f"code/{path}": data for path, data in files.items()},
    )
    town.desk.reviews()
    return town.desk.show(request.job_digest)


# ---------------------------------------------------------------------------- the controls off


@pytest.mark.attack("T6", "T23", control="off")
@pytest.mark.parametrize("name", ["script", "image", "link", "frame"])
def test_a_page_that_does_not_escape_runs_it(town, monkeypatch, name):
    monkeypatch.setattr(review_page, "escape", lambda text, **_: text)

    assert acts(review_page.review_page(sheet_of(town, CORPUS[name]).sheet))


@pytest.mark.attack("T6", "T23", control="off")
@pytest.mark.parametrize("name", ["clear screen", "title", "override", "isolate", "zero width"])
def test_text_that_is_printed_as_it_is_moves_what_is_read(town, monkeypatch, name):
    shown = sheet_of(town, CORPUS[name])
    monkeypatch.setattr(review_text, "visible", lambda text, **_: text)

    assert moves(plain_text(shown.sheet))


@pytest.mark.attack("T6", "T23", control="off")
def test_rich_obeys_markup_in_foreign_text():
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(CORPUS["rich markup"])

    assert "\x1b[" in console.file.getvalue()


# ----------------------------------------------------------------------------- the controls on


@pytest.mark.attack("T6", "T23", control="on")
@pytest.mark.parametrize("name", CORPUS)
def test_no_page_terminal_or_notebook_of_the_owner_obeys(town, name):
    shown = sheet_of(town, CORPUS[name])
    page, fragment = review_page.review_page(shown.sheet), shown._repr_html_()
    coloured = Console(file=io.StringIO(), width=200, color_system=None)
    print_sheet(shown.sheet, coloured)
    terminals = [plain_text(shown.sheet), plain_text(shown.sheet, width=20), str(shown)]
    terminals += [coloured.file.getvalue(), str(town.desk.reviews())]

    for markup in (page, fragment, town.desk.reviews()._repr_html_()):
        assert not acts(markup)
        assert not moves(markup)
        assert not moves(html.unescape(markup))
    for text in terminals:
        assert not moves(text)
    if name == "rich markup":  # it is read as what it is
        assert all("[bold red]" in text for text in (Tags(page).shown, terminals[0]))


@pytest.mark.attack("T6", "T23", control="on")
def test_the_notation_for_hidden_characters_cannot_be_faked(town):
    text = str(sheet_of(town, CORPUS["our own notation"]))

    assert "⟨U+0041⟩" not in text.replace("\n", "")


@pytest.mark.attack("T6", "T23", control="on")
def test_words_of_a_domain_do_not_act_in_the_scientists_notebook(bench):
    submission, request = request_of(bench)
    north, shown = bench.domains["north"], []
    for text in CORPUS.values():
        north.say(request.job_id, "running", text, text * 3)
        submission.refresh()
        shown.append(submission)
        card = a_card("north", description=text).to_mapping()
        bench.exchange.cards["north"] = [north.keyring.sign("card", card)]
        bench.exchange.profiles["north"] = north.keyring.sign(
            "profile", a_profile("north", title=text)
        )
        domains = bench.session.domains
        shown += [domains, bench.session.datasets("plaza")]
        if "north" in domains:
            shown.append(domains["north"].datasets)
        for value in shown:
            assert not moves(repr(value))
            if hasattr(value, "_repr_html_"):
                assert not acts(value._repr_html_())
                assert not moves(html.unescape(value._repr_html_()))
        shown.clear()


@pytest.mark.attack("T6", "T23", control="on")
@pytest.mark.parametrize("name", CORPUS)
def test_no_cell_of_a_table_acts(name):
    table = grid.Grid(title=CORPUS[name], columns=(CORPUS[name],), rows=[(CORPUS[name],)],
                      note=CORPUS[name])  # fmt: skip

    assert not acts(grid.to_html(table))
    assert not moves(html.unescape(grid.to_html(table)))
    assert not moves(grid.to_text(table))
