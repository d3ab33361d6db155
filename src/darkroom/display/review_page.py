"""One self-contained HTML page of a sheet: no script, nothing loaded, everything escaped.

The page states a content security policy that forbids all but its own style, in case a
later change forgets to escape.
"""

import base64
import hashlib
from html import escape

from darkroom.display.highlight import Span, python_spans
from darkroom.display.sheet import Section, Sheet
from darkroom.display.visible import marks_note, pieces, texts_of


_STYLE = """
.dr{font:15px/1.5 system-ui,sans-serif;color:#1c2430;max-width:62rem;margin:0 auto;text-align:left}
.dr h1{font-size:1.6rem;line-height:1.25;margin:0 0 .4rem}
.dr h2{font-size:1.05rem;margin:2rem 0 .5rem;border-bottom:1px solid #d5dae1;padding-bottom:.2rem}
.dr p{margin:.4rem 0}.dr .lead{font-size:1.05rem}.dr .note{color:#5a6675;font-size:.92rem}
.dr .alerts{background:#fff4e0;border-left:4px solid #d98200;padding:.6rem .9rem .6rem 2rem;margin:1rem 0}
.dr table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
.dr td,.dr th{text-align:left;vertical-align:top;padding:.3rem .7rem .3rem 0;border:0;
border-bottom:1px solid #e8ebf0;background:none;overflow-wrap:anywhere;white-space:pre-wrap}
.dr th{font-weight:600;color:#5a6675;font-size:.88rem}.dr table.facts th{width:13rem;white-space:normal}
.dr .code,.dr .cmd{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.dr .code{counter-reset:line;background:#f6f7f9;border:1px solid #e1e5ea;border-radius:4px;padding:.5rem 0;margin:0}
.dr .code div{counter-increment:line;position:relative;padding:0 .8rem 0 4rem;white-space:pre-wrap;
overflow-wrap:anywhere;tab-size:4;min-height:1.5em}
.dr .code div::before{content:counter(line);position:absolute;left:0;width:3.2rem;text-align:right;color:#8a95a3}
.dr .diff div{counter-increment:none;padding-left:.8rem}.dr .diff div::before{content:none}
.dr .add{background:#e3f6e8}.dr .del{background:#fdeaea}.dr .at{color:#5d6b7a}
.dr .c{color:#5d6b7a;font-style:italic}.dr .s{color:#0b6b3a}.dr .k{color:#7a1fa2;font-weight:600}
.dr mark{background:#ffd6d6;color:#9b0000;border-radius:2px;padding:0 .1em}
.dr .cmd{background:#1c2430;color:#f2f5f9;border-radius:4px;padding:.55rem .8rem;margin:.2rem 0 .8rem;
white-space:pre-wrap;overflow-wrap:anywhere}
.dr .cmd mark{background:none;color:#ffb3b3}
@media(prefers-color-scheme:dark){body.page{background:#141a22}
body.page .dr{color:#dde3ea}body.page .dr .code{background:#1b222c;border-color:#2c3643}
body.page .dr td,body.page .dr th{border-color:#2c3643}body.page .dr h2{border-color:#3a4553}
body.page .dr .alerts{background:#3a2c10}body.page .dr .note,body.page .dr th{color:#9aa7b5}
body.page .dr .add{background:#12331f}body.page .dr .del{background:#3d1a1a}body.page .dr .at{color:#98a5b3}
body.page .dr .s{color:#7fd6a4}body.page .dr .k{color:#d7a6f0}body.page .dr .c{color:#98a5b3}
body.page .dr mark{background:#5c1a1a;color:#ffc9c9}body.page .dr .cmd{background:#0c1016}}
body.page{margin:2rem 1rem 4rem}
"""


_CHANGES = {"+": "add", "-": "del", "@": "at"}


def review_page(sheet: Sheet) -> str:
    """A whole page, to be written to a file and opened in any browser."""
    style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name=referrer content="no-referrer">\n'
        '<meta name=viewport content="width=device-width,initial-scale=1">\n'
        f"<title>{_text(sheet.title, plain=True)}</title>\n"
        f"<style>{_STYLE}</style></head>\n<body class=page>\n{_body(sheet)}\n</body></html>\n"
    )


def review_fragment(sheet: Sheet) -> str:
    """The same sheet for a notebook cell."""
    return f"<style>{_STYLE}</style>\n{_body(sheet)}"


def _body(sheet: Sheet) -> str:
    parts = [f"<div class=dr><h1>{_text(sheet.title)}</h1>", _paragraph(sheet.lead, "lead")]
    alerts = [*sheet.alerts, *_marks(sheet)]
    if alerts:
        items = "".join(f"<li>{_text(alert)}</li>" for alert in alerts)
        parts.append(f"<ul class=alerts>{items}</ul>")
    parts += [_section(section) for section in sheet.sections]
    parts.append("</div>")
    return "\n".join(part for part in parts if part)


def _marks(sheet: Sheet) -> list[str]:
    """Where characters were written out, so that nobody overlooks them."""
    found = []
    for section in sheet.sections:
        note = marks_note(texts_of(section))
        if note:
            found.append(f"{section.heading}: {note}")
    return found


def _section(section: Section) -> str:
    parts = [f"<h2>{_text(section.heading)}</h2>", _paragraph(section.note, "note")]
    if section.rows:
        parts.append(_table(section))
    if section.lines:
        parts.append(_listing(section))
    parts += [
        f"<p>{_text(what)}</p><div class=cmd>{_text(line)}</div>" for what, line in section.commands
    ]
    return "\n".join(part for part in parts if part)


def _paragraph(text: str, kind: str) -> str:
    return f"<p class={kind}>{_text(text)}</p>" if text else ""


def _table(section: Section) -> str:
    if not section.columns:
        rows = "".join(
            f"<tr><th>{_text(row[0])}</th>"
            + "".join(f"<td>{_text(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in section.rows
        )
        return f"<table class=facts>{rows}</table>"
    head = "".join(f"<th>{_text(column)}</th>" for column in section.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>"
        for row in section.rows
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _listing(section: Section) -> str:
    if section.language == "diff":
        return f'<div class="code diff">{"".join(map(_changed, section.lines))}</div>'
    coloured = python_spans(section.lines) if section.language == "python" else []
    rows = [
        f"<div>{_line(line, coloured[index] if coloured else [])}</div>"
        for index, line in enumerate(section.lines)
    ]
    return f"<div class=code>{''.join(rows)}</div>"


def _changed(line: str) -> str:
    kind = _CHANGES.get(line[:1], "")
    return f"<div{f' class={kind}' if kind else ''}>{_text(line, keep=chr(9))}</div>"


def _line(line: str, spans: list[Span]) -> str:
    parts, at = [], 0
    for start, stop, kind in spans:
        parts.append(_text(line[at:start], keep="\t"))
        parts.append(f"<span class={kind}>{_text(line[start:stop], keep=chr(9))}</span>")
        at = stop
    parts.append(_text(line[at:], keep="\t"))
    return "".join(parts)


def _text(text: str, *, keep: str = "", plain: bool = False) -> str:
    """Foreign text as HTML: escaped, and nothing hidden."""
    parts = []
    for shown, why in pieces(text, keep=keep):
        if why and not plain:
            parts.append(f'<mark title="{escape(why)}">{escape(shown)}</mark>')
        else:
            parts.append(escape(shown))
    return "".join(parts)
