"""docs/security-model.md names files that hold a boundary and tests that attack it: all exist."""

import re
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security-model.md"
SOURCE = ROOT / "src" / "darkroom"
ATTACKS = ROOT / "tests" / "attack"  # where a test lies that is named without a folder

TEXT = PAGE.read_text()
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w./-]+(?:/|\.(?:py|yaml|md|json))")
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


def paths(text: str) -> list[str]:
    """What is written as code and is a path; commands and words are left out."""
    return [code for code in CODE.findall(text) if PATH.fullmatch(code)]


def place(path: str) -> Path:
    """Where the page means: below the repository, the package, or the attacks."""
    if path.startswith("test_"):
        return ATTACKS / path
    top = path.split("/", maxsplit=1)[0]
    return (ROOT if top in ("tests", "bench", "docs") else SOURCE) / path


def boundaries() -> list[list[str]]:
    """The rows of the table: what, held by, attacked by."""
    section = TEXT.partition("\n## The boundaries\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize("path", sorted(set(paths(TEXT))))
def test_what_the_page_names_exists(path: str) -> None:
    found = place(path)

    assert found.is_dir() if path.endswith("/") else found.is_file(), path


@pytest.mark.parametrize("link", sorted(set(LINK.findall(TEXT))))
def test_its_links_lead_somewhere(link: str) -> None:
    assert (PAGE.parent / link).exists()


@pytest.mark.parametrize("row", boundaries(), ids=lambda row: row[0][:40])
def test_each_boundary_is_held_by_our_code_and_attacked_by_a_test(row: list[str]) -> None:
    _, held_by, attacked_by = row
    holders = [place(path) for path in paths(held_by)]

    assert holders
    assert all(SOURCE in holder.parents for holder in holders)
    assert any(Path(path).name.startswith("test_") for path in paths(attacked_by))


def test_a_path_is_told_from_other_code() -> None:
    text = "`pytest -m attack`, `post/`, `test_kernel.py`, `models: []`, `TRUE`, `a/b.py`"

    assert paths(text) == ["post/", "test_kernel.py", "a/b.py"]
    assert boundaries()
