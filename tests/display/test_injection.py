"""Whatever a hostile text says, and wherever: shown as it is, obeyed nowhere.

One corpus goes through every field that a scientist, a job's outputs or a broken domain can
fill, and each sheet is written down for the terminal, as a page and for a notebook.
"""

import io
import json
import re
import unicodedata
from html.parser import HTMLParser

import numpy as np
import pytest

from darkroom.display.review_page import review_page
from darkroom.display.review_text import plain_text
from darkroom.display.visible import visible
from darkroom.model.output import Table
from darkroom.model.plain_text import hides, is_composed
from darkroom.owner.sheet import Section, Sheet
from tests.owner.town import Town, job, release_body, review_body


pytestmark = pytest.mark.attack

CORPUS = {
    "ansi": "\x1b[2J\x1b[31mAPPROVED\x1b[0m",
    "osc link": "\x1b]8;;http://evil\x07click\x1b]8;;\x07",
    "eight bit": "\x9b2J\x9d0;title\x9c",
    "carriage": "bad\rgood",
    "backspace": "bad\x08\x08\x08good",
    "new row": "x\nversion  sha256:0000",
    "other lines": "x\u2028y\u2029z\x85\x0b\x0c",
    "bidi": "a\u202egnp.exe\u2066b\u2069",
    "zero width": "pa\u200bss\ufeff\u2060\u00ad",
    "confusable": "p\u0430yp\u0430l \u0391 \uff41 \u0131",
    "tag": "\U000e0041\U000e007f",
    "filler": "\u3164\uffa0\u115f\u2800",
    "combining": "x\u0489\u20dd",
    "surrogate": "\ude00\ud83d x \udcff",
    "faked mark": "⟨U+202E⟩",
    "markup": "</td></table><script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": "\" onmouseover='alert(1)' style=\"x",
    "entity": "&lt;b&gt;&#27;&amp;",
    "comment": "--><!--]]><![CDATA[",
    "style": "</style><style>*{display:none}",
    "rich": "[bold red]no[/bold red] [link=http://evil]x[/link] :warning:",
    "long": "A" * 1_500,
}  # fmt: skip
# What a letter can bring: JSON on the wire has no half characters.
TEXTS = {name: text for name, text in CORPUS.items() if name != "surrogate"}
WIDE = 3_000  # no folded cells, whose lines would stand between those of their neighbours
KNOWN_TAGS = {
    "html", "head", "meta", "title", "style", "body", "div", "h1", "h2", "p", "ul", "li", "table",
    "tr", "th", "td", "span", "mark",
}  # fmt: skip


class Html(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = set(), [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name) for name, _ in attrs]

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def unknown_decl(self, data):
        raise AssertionError(f"a declaration: {data}")


def renderings(shown):
    """(name, what a person sees) of each display, checked for what it would make one obey."""
    terminal = plain_text(shown.sheet, width=WIDE)
    assert not dangerous(terminal), dangerous(terminal)
    yield "terminal", terminal
    for name, html in (("page", review_page(shown.sheet)), ("notebook", shown._repr_html_())):
        assert not dangerous(html), dangerous(html)
        html.encode()
        found = Html(html)
        assert found.tags <= KNOWN_TAGS
        assert {("div", "class"), ("mark", "title")} | set(found.attributes) <= {
            (tag, attribute)
            for tag in KNOWN_TAGS
            for attribute in ("class", "title", "lang", "charset", "http-equiv", "content", "name")
        }
        yield name, "".join(found.text)


def dangerous(text):
    """Characters that a terminal or a browser would obey, and nobody would see."""
    return {
        f"U+{ord(c):04X}"
        for c in text
        if (unicodedata.category(c)[0] in "CM" and c not in "\n\t")
        or c in "\u2028\u2029\u3164\uffa0\u115f\u2800"
        or unicodedata.bidirectional(c) in ("R", "AL", "AN")
    }


def squeezed(text):
    return re.sub(r"\s+", "", text)


def assert_shown(shown, texts=None):
    """All of them are there, written out; a long one at least by its beginning."""
    for name, seen in renderings(shown):
        for hostile in (TEXTS if texts is None else texts).values():
            assert squeezed(visible(hostile[:60])) in squeezed(seen), (name, hostile)


@pytest.fixture
def town(tmp_path):
    town = Town(tmp_path)
    yield town
    town.store.close()


def show(town, subject="code"):
    town.mailroom.refresh()
    return town.desk.show(f"job:{'ab' * 16}", subject)


def review(town, spec=None, **body):
    request = job(**(spec or {}))
    town.ask_review(body=review_body(request) | body)
    return show(town)


# ------------------------------------------------------------------------------------ reviews


def test_in_parameters(town):
    values = {f"p{i}": text for i, text in enumerate(TEXTS.values())}
    spec = {"parameters": values, "parameter_schema": dict.fromkeys(values, "text")}
    assert_shown(review(town, spec))


def test_in_labels_of_a_declared_table(town):
    """Hidden characters cannot be declared; markup and look-alikes can."""
    cut = {name: text[:80] for name, text in TEXTS.items()}
    possible = {n: t for n, t in cut.items() if t and not hides(t) and is_composed(t)}
    assert 3 <= len(possible) < len(cut)
    table = Table(columns={"v": "text"}, max_rows=9, labels={"v": tuple(possible.values())})
    assert_shown(review(town, {"outputs": {"people": table}}), possible)


def test_in_the_reasons_of_the_domain(town):
    assert_shown(review(town, verdict={"reasons": list(TEXTS.values()), "policy_version": 1}))


def test_in_the_name_of_a_rule(town):
    rule = "".join(TEXTS.values())
    verdict = {"reasons": [], "policy_version": 1, "rule": rule, "price": {rule: rule}}
    assert_shown(review(town, verdict=verdict))


def test_in_what_the_scientist_says_of_the_mock(town):
    claims = {f"o{i}": text for i, text in enumerate(TEXTS.values())}
    shown = review(town, mock={"seconds": "\x1b[2J", "frames": "<b>", "outputs": claims})
    assert_shown(shown)


@pytest.mark.parametrize("field", ["outputs", "parameters"])
def test_in_names_that_the_scientist_gives_on_mock(town, field):
    assert_shown(review(town, mock={field: dict.fromkeys(TEXTS.values(), 1)}))


def test_deep_in_claims(town):
    """Shown as JSON, which writes control characters out itself."""
    shown = review(town, mock={"outputs": {"o": {"rows": [list(TEXTS.values())]}}})
    assert 3 == len(list(renderings(shown)))


def test_in_code_and_its_difference(town):
    common = "".join(f"x = {i}\n" for i in range(60)).encode()
    source = common + "".join(f"# {t}\n" for t in CORPUS.values()).encode(errors="replace")
    town.ask_review({"job.py": common, "notes.txt": b"y"}, job_id="01" * 16)
    town.mailroom.refresh()
    town.desk.approve("job:" + "01" * 16)
    town.ask_review({"job.py": source, "notes.txt": source})
    shown = show(town)

    assert ["Changed: job.py", "Changed: notes.txt"] == [
        s.heading for s in shown.sheet.sections if s.language == "diff"
    ]
    lines = {t: text for t, text in TEXTS.items() if not set(text) & set("\r\n")}
    assert_shown(shown, lines)


def test_in_names_that_code_gives(town):
    """Python takes letters of all scripts in names; findings repeat some of them."""
    source = "@\u0440egister\ndef \u0441ount(): ...\nimport socket as \u0455\n\u05d0 = 1\n"
    town.ask_review({"job.py": source.encode()})
    for _, seen in renderings(show(town)):
        assert "the decorator \u0440⟨U+0440⟩egister" in " ".join(seen.split())


def test_in_notices_about_a_job(town):
    town.ask_review()
    for text in TEXTS.values():
        body = {"level": text[:20], "text": f"job {'ab' * 16}: {text}"}
        town.north.post.send(town.north.post.write("owner.notice", "north-owner", body))
    shown = show(town)

    assert_shown(shown, dict(list(TEXTS.items())[-20:]))  # the latest are on the sheet


def test_in_the_owners_own_reason(town):
    """A reason may be pasted from what a scientist wrote."""
    town.ask_review()
    town.mailroom.refresh()
    reason = "".join(text[:40] for text in TEXTS.values())[:1_000]
    town.desk.reject(f"job:{'ab' * 16}", reason)
    for _, seen in renderings(show(town)):
        assert squeezed(visible(reason)) in squeezed(seen)


# ----------------------------------------------------------------------------------- releases


OUTPUTS = {
    "cells": ("table", {"columns": {"v": "text"}, "rows": [[t] for t in CORPUS.values()]}),
    "columns": ("table", {"columns": dict.fromkeys(CORPUS.values(), "text"),
                          "rows": [["x"] * len(CORPUS)]}),
    "scalars": ("scalars", dict.fromkeys(CORPUS.values(), 1)),
    "values": ("scalars", {f"n{i}": t for i, t in enumerate(CORPUS.values())}),
    "counts": ("histogram", {"edges": list(range(len(CORPUS) + 1)),
                             "counts": list(CORPUS.values())}),
    "types": ("table", {"columns": {f"n{i}": t for i, t in enumerate(CORPUS.values())},
                        "rows": [["x"] * len(CORPUS)]}),
}  # fmt: skip


@pytest.mark.parametrize("field", OUTPUTS)
def test_in_outputs(town, field):
    """Half a character is possible here: an output is JSON of its own."""
    kind, value = OUTPUTS[field]
    town.ask_release(job(), {"people": (kind, json.dumps(value).encode())})
    shown = show(town, "output")

    # What is not of its type is not shown at all.
    assert_shown(shown, {} if field in ("columns", "types", "values") else CORPUS)
    if field == "columns":  # too many to stand side by side
        for name, seen in renderings(shown):
            marks = [c for c in squeezed(visible("".join(CORPUS.values()))) if c == "⟨"]
            assert seen.count("⟨") >= len(marks), name


def test_in_a_log(town):
    log = "\n".join(CORPUS.values()).encode(errors="surrogatepass")
    town.ask_release(job(), {"log": ("log", log)})
    lines = {t: text for t, text in TEXTS.items() if "\n" not in text}
    assert_shown(show(town, "output"), lines)


@pytest.mark.parametrize("where", ["values", "names"])
def test_in_the_facts_of_a_run(town, where):
    texts = TEXTS.values()
    facts = dict.fromkeys(texts, 1) if where == "names" else dict(enumerate(texts))
    town.ask_release(job(), facts={str(name): value for name, value in facts.items()})
    assert_shown(show(town, "output"))


def test_in_the_type_of_an_output_and_the_price(town):
    kind = "".join(TEXTS.values())
    town.ask_release(job(), {"people": (kind, b"1")}, price={kind: kind})
    for _, seen in renderings(show(town, "output")):
        assert squeezed(visible(CORPUS["ansi"])) in squeezed(seen)


def test_in_names_of_a_request_that_does_not_hold(town):
    for number, text in enumerate(TEXTS.values()):
        body, _ = release_body(job(job_id=f"{number:032x}"))
        body["outputs"] = {text[:60]: {"type": "table"}}
        town.north.post.send(town.north.post.write("release.request", "north-owner", body, {}))
    town.mailroom.refresh()

    list(renderings(town.desk.show("job:" + "0" * 32)))
    for name, seen in renderings(town.desk.releases()):
        assert squeezed(visible(CORPUS["ansi"])) in squeezed(seen), name


def test_in_names_of_arrays(town):
    names = [text[:60] for text in TEXTS.values() if "\0" not in text and "/" not in text]
    target = io.BytesIO()
    np.savez(target, **dict.fromkeys(names, np.zeros(3, "f4")))
    town.ask_release(job(), {"model": ("model", target.getvalue())})

    assert_shown(show(town, "output"), dict(enumerate(names)))


# ---------------------------------------------------------------------------------- any sheet


@pytest.mark.parametrize("hostile", CORPUS.values(), ids=CORPUS.keys())
def test_in_every_field_of_any_sheet(hostile):
    """Also in those that only we fill today."""

    class Shown:
        sheet = Sheet(
            title=hostile,
            lead=hostile,
            alerts=(hostile,),
            sections=tuple(
                Section(
                    heading=hostile,
                    note=hostile,
                    columns=(hostile, "b") if language != "python" else (),
                    rows=((hostile, hostile),),
                    lines=(f"+{hostile}", f'x = "{hostile}"'),
                    language=language,
                    commands=((hostile, hostile),),
                )
                for language in ("", "python", "diff")
            ),
        )

        def _repr_html_(self):
            from darkroom.display.review_page import review_fragment

            return review_fragment(self.sheet)

    for _, seen in renderings(Shown()):
        assert squeezed(seen).count(squeezed(visible(hostile[:60]))) >= 20


def test_a_text_cannot_begin_a_row_of_its_own(town):
    """A line break in a value would look like another fact of the sheet."""
    spec = {
        "parameters": {"score": "0.3\npolicy version  99"},
        "parameter_schema": {"score": "text"},
    }
    text = plain_text(review(town, spec, mock={"outputs": {"n\nversion  x": 1}}).sheet, width=200)

    assert "0.3⟨U+000A LF⟩policy version  99" in text
    for label in ("policy version", "version "):
        assert 1 == len([line for line in text.splitlines() if line.startswith(label)])
