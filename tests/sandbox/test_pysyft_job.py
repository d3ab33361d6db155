"""A PySyft job inside the walls: it finds its dataset and its model, and nothing else."""

import json
from pathlib import Path

from darkroom.adapters.pysyft.declaration import Declaration
from darkroom.adapters.pysyft.submitted_folder import SubmittedFolder
from darkroom.adapters.pysyft.translation import code_tree
from darkroom.model.job import Environment
from darkroom.model.output import Scalars, output_to_mapping
from darkroom.ports import Outcome
from tests.sandbox.workshop import Workshop, open_workshop  # noqa: F401  # the fixture


SCRIPT = """
import json, os
from pathlib import Path

import syft as sy
from darkroom import Dataset

data = Dataset(sy.resolve_dataset_file_path("street"))
assert os.environ["SYFT_IS_IN_JOB"] == "true"
assert Path("params.json").write_text("mine") == 4
names = ["frames", "model", "keys"]
values = [
    sum(frame.image.size > 0 for frame in data.frames()),
    len(sy.resolve_dataset_file_path("detector").read_bytes()),
    sum(len(files) for _, _, files in os.walk(os.environ["SYFTBOX_FOLDER"])),
]
json.dump(dict(zip(names, values)), open("outputs/seen.json", "w"))
"""
LINK = """
import os, syft as sy
os.symlink(sy.resolve_dataset_file_path("street"), "outputs/seen.json")
"""


def submit(workshop: Workshop, script: str) -> tuple[Outcome, Path]:
    """Run a script as the node does; the outcome and what came out."""
    output = Scalars(names=("frames", "model", "keys"))
    tree = code_tree(
        SubmittedFolder(
            job_name="Job - 1", entrypoint="main.py", launcher="", dependencies=(),
            code={"main.py": script, "params.json": "{}"},
        ),
        Declaration(
            dataset="street",
            dataset_version="sha256:" + "1" * 64,
            environment=Environment(name="tflite", lock_hash=workshop.runtime.lock_hash),
            outputs={"seen": output},
            models={"detector.tflite": "sha256:" + "2" * 64},
        ),
        datasite="north@darkroom",
    )  # fmt: skip
    tree["models/detector.tflite"] = b"a model"
    code = workshop.folder("tree")
    for path, content in tree.items():
        (code / path).parent.mkdir(mode=0o700, exist_ok=True)
        (code / path).write_bytes(content)
        (code / path).chmod(0o400)
    request = {
        "entrypoint": "pysyft_job:main",
        "parameters": {"pysyft_job": "Job - 1"},
        "outputs": {"seen": output_to_mapping(output)},
        "seed": 1,
    }
    task = workshop.task("", code=code, request=request)
    return workshop.sandbox().run(task), task.out


def test_a_script_finds_its_dataset_and_its_model(workshop: Workshop) -> None:
    outcome, out = submit(workshop, SCRIPT)

    assert outcome.status == "done", outcome.log
    # In its box: the link to the model. The dataset is a link to a folder; no key is there.
    assert json.loads((out / "seen").read_bytes()) == {"frames": 16, "model": 7, "keys": 1}


def test_a_link_among_its_outputs_is_not_followed(workshop: Workshop) -> None:
    outcome, out = submit(workshop, LINK)

    assert (outcome.status, outcome.error_class) == ("failed", "OutputError")
    assert not list(out.iterdir())
