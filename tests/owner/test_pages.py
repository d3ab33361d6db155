"""The page, the terminal and the notebook show the same facts, and obey nothing in them."""

import base64
import hashlib
import re
from dataclasses import fields
from html.parser import HTMLParser

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.display.review_page import review_page
from darkroom.display.review_text import plain_text
from darkroom.display.visible import visible
from darkroom.model.canonical import canonical
from tests.owner.town import CODE, code, job, review_body


HOSTILE = (
    b"# </div><script>alert(1)</script> &lt;b&gt;\n"
    b"note = '\xe2\x80\xae gnirts \x1b[2J'\n"
    b"\xd1\x81ount = 1\n"
    b"[bold red]not markup[/bold red]\n"
)


class Page(HTMLParser):
    """All tags, all attributes, and the text that a browser shows."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)

    @property
    def shown(self):
        return "".join(self.text)


def words(text):
    """Without white space, as columns are folded differently."""
    return re.sub(r"\s+", "", text)


@pytest.fixture
def review(town):
    town.ask_review({"job.py": CODE, "files/model.tflite": b"TFL3\0" * 100, "notes.txt": b"hello"})
    (digest,) = town.desk.reviews()
    return town.desk.show(digest).sheet


def facts_of(sheet):
    """Every field of every section, whatever a later change adds to them."""
    yield from (sheet.title, sheet.lead, *sheet.alerts)
    for section in sheet.sections:
        for field in fields(section):
            if field.name != "language":
                yield from texts(getattr(section, field.name))


def texts(value):
    if isinstance(value, str):
        yield value
    else:
        for part in value:
            yield from texts(part)


def renderings(shown):
    """Terminal, page and notebook, as the owner reads them."""
    return {
        "terminal": words(plain_text(shown.sheet, width=400)),
        "page": words(Page(review_page(shown.sheet)).shown),
        "notebook": words(Page(shown._repr_html_()).shown),
    }


def test_terminal_page_and_notebook_show_every_field_of_one_and_the_same_sheet(town):
    town.ask_review(job_id="01" * 16)
    town.desk.approve(*town.desk.reviews())
    files = {"job.py": b"import socket\n" + CODE, "files/m.tflite": b"\0\0\0\0TFL3" * 100}
    request = town.ask_review(files, parameters={"score": 0.7})
    shown = town.desk.show(request.job_digest)
    facts = [fact for fact in facts_of(shown.sheet) if fact]

    assert "import socket" in facts
    assert "+import socket" in facts
    assert any("speaks to a network" in fact for fact in facts)
    for place, seen in renderings(shown).items():
        missing = [fact for fact in facts if words(visible(fact, keep="\t")) not in seen]
        assert [] == missing, place


def test_a_release_is_one_sheet_in_all_three_as_well(town):
    release(town)
    shown = town.desk.show(*town.desk.releases())
    facts = [fact for fact in facts_of(shown.sheet) if fact]

    for place, seen in renderings(shown).items():
        missing = [fact for fact in facts if words(visible(fact, keep="\t")) not in seen]
        assert [] == missing, place


def test_the_owner_reads_all_that_the_approval_binds(town, review):
    (case,) = town.store.cases("code", waiting=True)
    request = town.desk.lookup.read(case).request
    page = Page(review_page(review)).shown

    for fact in (
        "alice", "plaza", "rush-hour", request.dataset_version, request.spec.code_digest,
        request.job_digest, request.submitter_fingerprint, "job:count", "tflite",
        "camera (text, any text), n (int)", "500 rows", "score", "0.3", "1,024", "files/model.tflite",
        "def count(data, params):", "240", "no rule approves this code digest",
        f"darkroom review approve {request.job_digest} --state 'my owner'",
        f"darkroom review reject {request.job_digest} --state 'my owner' --reason '…'",
    ):  # fmt: skip
        assert fact in page


@pytest.mark.attack
def test_hostile_code_becomes_neither_markup_nor_a_terminal_command(town):
    town.ask_review({"job.py": HOSTILE})
    (digest,) = town.desk.reviews()
    shown = town.desk.show(digest)
    html, text = review_page(shown.sheet), str(shown)
    page = Page(html)

    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.shown
    assert "⟨U+202E RIGHT-TO-LEFT OVERRIDE⟩" in page.shown
    assert "с⟨U+0441⟩ount" in page.shown
    assert "[bold red]not markup[/bold red]" in text
    assert "⟨U+001B ESC⟩" in text
    for output in (html, text):
        assert not set(output) & {"\x1b", "\u202e", "\r", "\x07"}
    assert any("hidden or look-alike" in line for line in text.splitlines())


@pytest.mark.attack
def test_the_page_loads_nothing_runs_nothing_and_says_so_to_the_browser(review):
    html = review_page(review)
    page = Page(html)

    assert {"script", "link", "img", "iframe", "object", "form", "a"}.isdisjoint(page.tags)
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in page.attributes)
    policies = [value for name, value in page.attributes if name == "content"]
    assert policies[0].startswith("default-src 'none'; style-src 'sha256-")
    assert "url(" not in html


def test_the_style_is_the_one_that_the_policy_allows(review):
    html = review_page(review)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in html
    assert " style=" not in html  # a style attribute would need 'unsafe-inline'


@pytest.mark.attack
def test_claims_of_the_scientist_are_shown_as_claims_and_cut(town):
    mock = {
        "seconds": "<b>fast</b>",
        "frames": None,
        "outputs": {f"o{i}\x1b": {"rows": "x" * 10_000} for i in range(80)},
    }
    request = job()
    town.ask_review(body=review_body(request, mock=mock))
    (digest,) = town.desk.reviews()
    html = review_page(town.desk.show(digest).sheet)

    assert "nobody checked it" in html
    assert "<b>fast" not in html
    assert len(html) < 100_000


def test_keys_on_the_hub_are_called_out(town):
    hosted = SycKeyring.generate("alice", "scientist", hosted=True).identity
    request = job(submitter=hosted)
    town.ask_review(body=review_body(request, submitter=hosted), attachments=code({"job.py": CODE}))
    (digest,) = town.desk.reviews()

    assert "lie on the Hub" in str(town.desk.show(digest))


# --------------------------------------------------------------------------------- releases


def release(town, outputs=None, *, reviewed=True):
    if reviewed:
        town.ask_review()
        town.desk.approve(*town.desk.reviews())
    body = town.ask_release(job(), outputs)
    town.desk.releases()
    return str(town.desk.show(body["output_digest"]))


def test_a_release_shows_what_leaves_where_it_goes_and_what_was_approved(town):
    text = words(release(town))

    for fact in ("count-people", "goes to", "alice", "plaza", "3 rows", "3 to 9, 3 values",
                 "2 texts (c1, c2)", "17", "litert", "⟨U+001B ESC⟩[2Jdone", job().job_digest):  # fmt: skip
        assert words(fact) in text


def test_a_release_of_code_that_a_rule_approved_is_shown_too(town):
    text = release(town, reviewed=False)

    assert "goes to" in text
    assert job().job_digest in words(text)


def test_every_text_of_a_long_table_is_listed_not_only_the_first_rows(town):
    rows = [["c1", i] for i in range(100)] + [["a message", 1]]
    table = canonical({"columns": {"camera": "text", "n": "int"}, "rows": rows})

    text = words(release(town, {"people": ("table", table)}))

    assert words("2 texts (a message, c1)") in text
    assert words("the first 20 of 101 rows") in text


def test_a_model_warns_that_weights_can_carry_footage(town):
    text = words(release(town, {"model": ("model", b"TFL3" * 1_000)}))

    assert words("weights can carry parts of the footage") in text
    assert "4,000" in text


@pytest.mark.attack
@pytest.mark.parametrize(
    "data",
    [
        b"", b"[", b"[]", b"{}", b'{"columns":{},"rows":[[1]]}', b"\xff", b"[" * 100_000,
        b'{"columns":{"a":"text"},"rows":[[{}]]}', b'{"columns":{"a":"int"},"rows":[["x"]]}',
        b'{"columns":{"a":"int"},"rows":[[]]}', b'{"columns":[],"rows":[]}',
    ],
    ids=range(11),
)  # fmt: skip
@pytest.mark.parametrize("kind", ["table", "scalars", "histogram", "video"])
def test_an_output_that_does_not_fit_its_form_is_size_and_hash(town, kind, data):
    text = release(town, {"people": (kind, data)}, reviewed=False)

    assert f"{len(data):,} bytes that cannot be shown" in text


def test_lists_fit_a_narrow_terminal_and_a_notebook(town):
    town.ask_review()
    waiting = town.desk.reviews()

    assert "count-people on plaza" in str(waiting)
    assert "count-people on plaza" in waiting._repr_html_()
    assert "No release waits for you" in str(town.desk.releases())


def test_the_owner_is_told_that_the_mock_ran_with_other_values(town):
    mock = {"seconds": 2.0, "frames": 60, "outputs": {}, "parameters": {"steps": 2}}
    town.ask_review(body=review_body(job({"job.py": CODE}), mock=mock))
    (digest,) = town.desk.reviews()
    assert "withothersteps2" in words(plain_text(town.desk.show(digest).sheet, width=200))
