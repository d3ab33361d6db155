"""Every `darkroom …` line in the documents is one that the command line takes."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from darkroom.cli import cli
from darkroom.cli.ingest_live import live


REPOSITORY = Path(__file__).parents[2]
PATTERNS = (
    "*.md", "docs/**/*.md", "data/**/*.md", "domains/**/*.md", "images/**/*.md",
    "helm/**/*.md", "helm/*/templates/NOTES.txt",
)  # fmt: skip
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^(?: {4}|\t).*$", re.MULTILINE)
SPAN = re.compile(r"(?<!`)`(darkroom [^`]+)`(?!`)")
# Of the package, a release of Helm or an object of Kubernetes, the name is `darkroom`, too.
CALL = re.compile(
    r"(?<![\w./:@=\"'`-])(?<!import )(?<!install )(?<!upgrade )(?<!test )darkroom (?=[a-z-])(.*)"
)
END = re.compile(r" (?:#|\||&&|;|>)(?: |$)|;$")
AT_LEAST = 60  # so that a rule that finds nothing is no success


def blocks(path: Path) -> Iterator[str]:
    """What a reader would copy."""
    text = path.read_text()
    if path.suffix == ".txt":
        yield text
        return
    yield from FENCED.findall(text)
    yield from INDENTED.findall(FENCED.sub("", text).replace("\\\n", " "))
    yield from (" ".join(span.split()) for span in SPAN.findall(text))


def calls(path: Path) -> Iterator[list[str]]:
    """The words after each `darkroom`, without comments, other programs and brackets."""
    for block in blocks(path):
        for line in block.replace("\\\n", " ").splitlines():
            for found in CALL.findall(line):
                words = END.split(found, maxsplit=1)[0].replace("[", " ").replace("]", " ")
                yield words.split()


def fault(words: list[str]) -> str:
    """What click has against it; "" where nothing. Values and what is left out are not looked at."""
    command: click.Command = cli
    context = click.Context(command, info_name="darkroom")
    while True:
        try:
            _, words, _ = command.make_parser(context).parse_args(list(words))
        except click.UsageError as error:
            return f"{context.command_path}: {error.message}"
        if not isinstance(command, click.Group) or not words or words[0] == "…":
            return ""
        name, *words = words
        found = command.get_command(context, name)
        if found is None:
            return f"{context.command_path}: there is no {name}"
        if name == "ingest" and words[:1] == ["live"]:
            found, words = live, words[1:]
        command, context = found, click.Context(found, context, info_name=name)


def documents() -> list[Path]:
    return sorted({path for pattern in PATTERNS for path in REPOSITORY.glob(pattern)})


def test_every_command_line_of_the_documents_is_one() -> None:
    written = [(path, words) for path in documents() for words in calls(path)]
    wrong = [
        f"{path.relative_to(REPOSITORY)}: {reason} (darkroom {' '.join(words)})"
        for path, words in written
        if (reason := fault(words))
    ]

    assert wrong == []
    assert len(written) > AT_LEAST


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("darkroom nodes serve", "there is no nodes"),
        ("x -- darkroom node sing", "there is no sing"),
        ("darkroom node serve --state DIR [--nonsense 3]", "--nonsense"),
        ("darkroom ingest live --labels x", "--labels"),
        ("darkroom node serve --state", "requires an argument"),
        ("darkroom owner init \\\n  --nonsense", "--nonsense"),
    ],
)
def test_a_line_that_drifted_is_seen(tmp_path: Path, line: str, what: str) -> None:
    document = tmp_path / "x.md"
    document.write_text(f"# X\n\n```\n{line}\n```\n")

    ((words),) = calls(document)

    assert what in fault(words)


def test_what_is_no_call_is_none(tmp_path: Path) -> None:
    document = tmp_path / "x.md"
    document.write_text(
        "```\nhelm install darkroom helm/gateway\nhelm test darkroom -n x\nimport darkroom as dr\n```\n"
    )

    assert list(calls(document)) == []
