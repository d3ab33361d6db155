"""A checkout may lie anywhere, also in `/tmp`, where the job has a folder of its own."""

import venv
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from darkroom.adapters.sandbox.process import ProcessSandbox
from darkroom.adapters.sandbox.runtimes import describe_runtime
from tests.sandbox.workshop import FIRST_UID, Workshop, open_workshop  # noqa: F401  # the fixture


@pytest.mark.parametrize("place", ["/tmp", "/var/tmp"])  # the point of the test
def test_an_environment_below_a_folder_of_the_job_still_starts(
    workshop: Workshop, place: str
) -> None:
    with TemporaryDirectory(dir=place) as folder:
        Path(folder).chmod(0o755)  # as a clone is; the ordinary user's rung needs it
        environment = Path(folder, "clone", "venv")
        venv.create(environment, symlinks=True, with_pip=False)
        runtime = describe_runtime(
            "tflite", environment / "bin" / "python", Path("pyproject.toml"), interpreter="litert"
        )
        task = replace(workshop.task("return {'result': {'n': 1}}"), runtime=runtime)
        with ProcessSandbox(
            runtimes=[runtime], roots=[workshop.state], first_uid=FIRST_UID
        ) as sandbox:
            assert "done" == sandbox.run(task).status
