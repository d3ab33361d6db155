"""The notebooks as files: valid, without outputs, one cell with parameters, no secrets.

That they run is shown end to end, against real processes.
"""

import ast
import re
from pathlib import Path

import nbformat
import pytest


FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# A machine path, an address with a password, a digest, an invitation.
UNWANTED = re.compile(r"/home/|/root/|/tmp/|://[^/\s]+:[^/\s]+@|[0-9a-f]{40}|darkroom1:[A-Za-z0-9]")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def cells(notebook, kind="code"):
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def test_the_set_is_complete():
    assert [path.stem for path in NOTEBOOKS] == [
        "00_start_here",
        "01_the_mock_data",
        "02_remote_detection",
        "03_remote_training",
        "04_pysyft_client",
        "10_the_owners_review",
        "11_policy_and_budget",
        "12_try_to_steal_a_frame",
        "20_the_auditors_desk",
    ]


def test_it_is_valid(notebook):
    nbformat.validate(notebook)


def test_no_output_is_committed(notebook):
    assert [c.id for c in cells(notebook) if c.outputs or c.execution_count] == []


def test_one_cell_has_the_parameters_and_each_has_a_comment(notebook):
    (tagged,) = [c for c in cells(notebook) if "parameters" in c.metadata.get("tags", [])]

    tree = ast.parse(tagged.source)
    assert all(isinstance(node, ast.Assign) for node in tree.body)
    names = {target.id for node in tree.body for target in node.targets}
    assert "report" in names
    assert all(isinstance(ast.literal_eval(n.value), str | int | float) for n in tree.body)


def test_its_last_cell_writes_the_report(notebook):
    last = cells(notebook)[-1]

    assert "report" in last.metadata.tags
    assert "Path(report).write_text" in last.source


def test_every_cell_is_python_and_reads_well(notebook):
    for cell in cells(notebook):
        ast.parse(cell.source)
        assert max(map(len, cell.source.splitlines())) <= 100


def test_it_begins_with_words_and_explains_each_part(notebook):
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    assert len(cells(notebook, "markdown")) >= 5


def test_nothing_of_one_machine_is_in_it(notebook):
    assert [m[0] for c in notebook.cells for m in UNWANTED.finditer(c.source)] == []


def test_links_between_notebooks_lead_somewhere(notebook):
    for cell in cells(notebook, "markdown"):
        for target in re.findall(r"\]\(([^)#]+\.ipynb)\)", cell.source):
            assert (FOLDER / target).is_file()


def test_cells_have_stable_names(notebook):
    ids = [cell.id for cell in notebook.cells]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"\d\d-\d\d", i) for i in ids)
