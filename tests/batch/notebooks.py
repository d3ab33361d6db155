"""Small notebooks that need no domain, and an identity that is enrolled nowhere."""

import json
from pathlib import Path

import nbformat.v4 as nb
from nbformat import write

from darkroom.adapters.pysyft.keyring import SycKeyring


def a_notebook(path: Path, *cells: str, parameters: str = "") -> Path:
    """A notebook with these code cells, after one that is tagged `parameters`."""
    notebook = nb.new_notebook()
    if parameters:
        tagged = nb.new_code_cell(parameters)
        tagged.metadata.tags = ["parameters"]
        notebook.cells.append(tagged)
    notebook.cells += [nb.new_markdown_cell("# A batch"), *map(nb.new_code_cell, cells)]
    write(notebook, path)
    return path


def a_home(folder: Path, keys: SycKeyring) -> Path:
    """A home as `darkroom enrol` leaves it, with nobody pinned yet."""
    from darkroom.adapters.sqlite.pins import SqlitePins

    folder.mkdir(parents=True)
    keys.save(folder / "keys.json")
    profile = {"name": keys.identity.name, "gateway": "http://127.0.0.1:9"}
    (folder / "profile.json").write_text(json.dumps(profile))
    SqlitePins(folder / "pins.sqlite").close()
    return folder
