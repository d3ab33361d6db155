"""Parameters of a batch: typed as papermill types them, known to the notebook, or refused."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.batch.job_manifest import _as_yaml
from darkroom.bootstrap.batch_notebook import gather_parameters, git_commit, read_notebook, typed
from darkroom.config import parse_yaml
from darkroom.errors import InputError, SpecError
from tests.batch.notebooks import a_notebook


TYPED = ["3", "-3", "1_000", "0.5", "1e3", "True", "true", "None", "null", "", "010", "x", "1.2.3"]


@pytest.fixture
def notebook(tmp_path):
    return read_notebook(
        a_notebook(tmp_path / "n.ipynb", "rate", parameters="rate = 1\nname: str = 'x'  # whose")
    )


def test_types_are_those_of_papermill():
    asked = "import sys, json; from papermill.cli import _resolve_type as t; " \
            "print(json.dumps([t(x) for x in sys.argv[1:]]))"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", asked, *TYPED], capture_output=True, text=True)

    assert json.loads(done.stdout) == [typed(text) for text in TYPED]


def test_what_is_named_later_wins_and_a_text_stays_one(notebook, tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("rate: 2\nname: [a, 1]\n")

    found = gather_parameters(notebook, [file], [("rate", "3")], [("name", "007")])

    assert found == {"rate": 3, "name": "007"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("rote", "3", "rate, name"),
        ("import", "3", "Python accepts"),
        ("rate; exit()", "3", "Python accepts"),
        ("rate", "nan", "-r rate"),
        ("rate", "1e999", "-r rate"),
        ("rate", "9" * 40, "-r rate"),
        ("name", "\udcff", "UTF-8"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_by_name(notebook, name, value, said):
    with pytest.raises(InputError) as refused:
        gather_parameters(notebook, [], [(name, value)], [])

    assert said in refused.value.next_step


def test_a_file_is_read_strictly_and_blamed_with_its_line(notebook, tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("rate: 2\nrate: 3\n")

    with pytest.raises(SpecError, match=r"p\.yaml:2: .*twice"):
        gather_parameters(notebook, [file], [], [])


def test_a_notebook_without_a_cell_of_parameters_takes_none(tmp_path):
    notebook = read_notebook(a_notebook(tmp_path / "n.ipynb", "1"))

    assert gather_parameters(notebook, [], [], []) == {}
    with pytest.raises(InputError, match="no cell tagged"):
        gather_parameters(notebook, [], [("rate", "1")], [])


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"nbformat": 3, "cells": []}', b"\xff"])
def test_what_is_no_notebook_is_said(tmp_path, text):
    path = tmp_path / "n.ipynb"
    path.write_bytes(text)

    with pytest.raises(InputError, match="not a notebook"):
        read_notebook(path)


@given(
    st.dictionaries(
        st.text(st.characters(categories=("Ll",), max_codepoint=127), min_size=1, max_size=5),
        st.one_of(
            st.none(), st.booleans(), st.integers(-(10**17), 10**17),
            st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20),
        ),
        min_size=1,
        max_size=5,
    )
)  # fmt: skip
def test_parameters_reach_the_pod_as_they_are(parameters):
    assert parse_yaml(_as_yaml(parameters), "parameters.yaml") == parameters


def test_the_commit_is_that_of_the_notebook_and_says_when_it_was_changed(tmp_path):
    notebook = a_notebook(tmp_path / "n.ipynb", "1")
    assert git_commit(notebook) == ""

    def git(*words: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        return subprocess.run(
            ["git", "-C", tmp_path, *identity, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    git("add", "n.ipynb")
    git("commit", "--quiet", "--message", "a notebook")
    assert git_commit(notebook) == git("rev-parse", "HEAD")
    a_notebook(notebook, "2")
    assert git_commit(notebook) == git("rev-parse", "HEAD") + "+changed"
