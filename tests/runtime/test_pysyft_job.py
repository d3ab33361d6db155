"""The script of a PySyft job: what it finds, and what becomes of what it leaves."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.pysyft.declaration import Declaration
from darkroom.adapters.pysyft.submitted_folder import SubmittedFolder
from darkroom.adapters.pysyft.translation import code_tree
from darkroom.model.job import Environment
from darkroom.model.output import Model, Output, Scalars, Table, output_to_mapping
from darkroom.runtime import pysyft_job
from darkroom.runtime.local import LocalOutcome, run_task_locally
from tests.runtime.faces import write_face


N: dict[str, Output] = {"n": Scalars(names=("n",))}
MODEL = b"a registered model"
DISCOVER = """
from darkroom.runtime import pysyft_job as runner

def main(data, params):
    return runner.discover(
        data, entrypoint="code/main.py", datasite="north@darkroom", dataset="plaza", models={}
    )
"""


@dataclass
class Bench:
    """Runs scripts as the node and the mock runner do: by the module that is generated."""

    folder: Path
    runs: int = 0

    def run(
        self,
        script: str,
        outputs: dict[str, Output] = N,
        *,
        entrypoint: str = "main.py",
        dataset: str = "plaza",
        models: tuple[str, ...] = ("detector.tflite",),
        discover: bool = False,
        **others: str,
    ) -> LocalOutcome:
        self.runs += 1
        code = {entrypoint: dedent(script), **{k.replace("__", "/"): v for k, v in others.items()}}
        submitted = SubmittedFolder(
            job_name="Job - 1", entrypoint=entrypoint, code=code, launcher="rm -rf /",
            dependencies=(),
        )  # fmt: skip
        declaration = Declaration(
            dataset=dataset,
            dataset_version="sha256:" + "1" * 64,
            environment=Environment(name="tflite", lock_hash="sha256:" + "2" * 64),
            outputs=outputs,
            models=dict.fromkeys(models, "sha256:" + "3" * 64),
        )
        tree = code_tree(submitted, declaration, datasite="north@darkroom")
        tree |= {f"models/{name}": MODEL for name in models}
        if discover:
            tree["pysyft_job.py"] = DISCOVER.encode()
        job = self.folder / f"job-{self.runs}"
        for path, content in tree.items():
            (job / path).parent.mkdir(parents=True, exist_ok=True)
            (job / path).write_bytes(content)
            (job / path).chmod(0o400)
        self.out = self.folder / f"out-{self.runs}"
        self.out.mkdir()
        return run_task_locally(
            "run",
            {
                "entrypoint": "pysyft_job:main",
                "parameters": {"pysyft_job": "Job - 1"},
                "outputs": {name: output_to_mapping(output) for name, output in outputs.items()},
                "merge": "unused:here" if discover else "",
            },
            out=self.out,
            code=job,
            dataset=self.folder / "face",
        )

    def output(self, name: str) -> Any:
        return json.loads((self.out / name).read_bytes())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    write_face(tmp_path / "face")
    return Bench(tmp_path)


def failed(outcome: LocalOutcome, error_class: str = "OutputError") -> str:
    """The log of a run that ended so."""
    log = outcome.log.decode()
    assert (outcome.status, outcome.error_class) == ("failed", error_class), log
    return log


def write(value: str) -> str:
    """A script that leaves one text as its output."""
    return f"open('outputs/n.json', 'w').write({value!r})"


GOOD = write('{"n": 1}')


def test_a_script_as_pysyfts_documentation_has_it(bench: Bench) -> None:
    outcome = bench.run(
        """
        import json
        from pathlib import Path
        import syft as sy
        from darkroom import Dataset

        if __name__ == "__main__":
            data = Dataset(sy.resolve_dataset_file_path("plaza"))
            Path("outputs").mkdir(exist_ok=True)
            with open("outputs/n.json", "w") as file:
                json.dump({"n": len(data)}, file)
            with open("outputs/seen.json", "w") as file:
                json.dump([{"camera": c.id, "frames": data.count(c.id)} for c in data.cameras], file)
        """,
        N | {"seen": Table(columns={"camera": "text", "frames": "int"}, max_rows=9)},
    )

    assert outcome.status == "done", outcome.log
    assert bench.output("n") == {"n": 16}
    assert bench.output("seen")["rows"] == [["gate", 8], ["yard", 8]]


def test_it_starts_in_its_own_folder_with_its_own_modules(bench: Bench) -> None:
    outcome = bench.run(
        """
        import json, os, sys
        from pathlib import Path
        import near, far
        params = json.loads(Path("params.json").read_text())
        Path("params.json").write_text("a script may write here")
        assert Path(sys.argv[0]) == Path(__file__) == Path.cwd() / "sub" / "main.py"
        assert os.listdir("outputs") == []
        json.dump({"n": near.N + far.N + params["n"]}, open("outputs/n.json", "w"))
        """,
        entrypoint="sub/main.py",
        **{
            "sub__near.py": "N = 1",
            "far.py": "N = 10",
            "params.json": '{"n": 100}',
            "outputs__n.json": '{"n": 5}',
        },
    )

    assert outcome.status == "done", outcome.log
    assert bench.output("n") == {"n": 111}


def test_its_environment_is_the_one_that_pysyfts_runner_sets(bench: Bench) -> None:
    outcome = bench.run(
        """
        import json, os
        from pathlib import Path
        import syft as sy
        box = Path(os.environ["SYFTBOX_FOLDER"])
        facts = [
            os.environ["SYFT_IS_IN_JOB"] == "true",
            os.environ["SYFTBOX_EMAIL"] == "north@darkroom",
            sy.resolve_dataset_file_path("detector").read_bytes() == b"a registered model",
            sy.resolve_dataset_files_path("detector")[0].name == "detector.tflite",
            sy.resolve_dataset_file_path("plaza").name == "manifest.json",
            sy.resolve_dataset_file_path("plaza").is_relative_to(box / "north@darkroom"),
            sy.resolve_path("syft://north@darkroom/private").is_dir(),
        ]
        json.dump({"n": sum(facts)}, open("outputs/n.json", "w"))
        """
    )

    assert outcome.status == "done", outcome.log
    assert bench.output("n") == {"n": 7}


@pytest.mark.parametrize(
    ("line", "error_class", "says"),
    [
        ("import syft_rds", "ModuleNotFoundError", "syft_rds is not there inside a job"),
        ("import syft.sync", "ModuleNotFoundError", "syft.sync is not there inside a job"),
        ("from syft import login_ds", "ImportError", "login_ds"),
        ("import syft; syft.login_ds()", "AttributeError", "resolve_dataset_file_path"),
        (
            "import syft; syft.resolve_dataset_file_path('detektor')",
            "FileNotFoundError",
            "This job has: detector, plaza.",
        ),
    ],
)
def test_what_is_not_there_says_what_is(
    bench: Bench, line: str, error_class: str, says: str
) -> None:
    assert says in failed(bench.run(line), error_class)


def test_an_exception_shows_the_line_of_the_script(bench: Bench) -> None:
    log = failed(bench.run("\n\nx = {}['a']"), "KeyError")

    assert 'main.py", line 3' in log
    assert "x = {}['a']" in log


@pytest.mark.parametrize("end", ["sys.exit()", "sys.exit(0)", "raise SystemExit"])
def test_a_script_may_end_itself_well(bench: Bench, end: str) -> None:
    outcome = bench.run(f"import sys; {GOOD}; {end}")

    assert outcome.status == "done", outcome.log


def test_a_file_that_is_left_open_is_written(bench: Bench) -> None:
    outcome = bench.run(
        """
        file = open("outputs/n.json", "w")
        def main():
            file.write('{"n": 1}')
        main()
        """
    )

    assert outcome.status == "done", outcome.log


@pytest.mark.parametrize(("end", "says"), [("3", "SystemExit: 3"), ("'no night'", "no night")])
def test_a_script_that_ends_itself_badly_has_failed(bench: Bench, end: str, says: str) -> None:
    outcome = bench.run(f"import sys; {GOOD}; sys.exit({end})")

    assert says in failed(outcome, "SystemExit")
    assert not list(bench.out.iterdir())


def test_a_table_as_csv(bench: Bench) -> None:
    columns = {"camera": "text", "frames": "int", "share": "float"}
    outcome = bench.run(
        """
        import csv
        with open("outputs/seen.csv", "w", newline="") as file:
            rows = csv.DictWriter(file, ["camera", "frames", "share"])
            rows.writeheader()
            rows.writerow({"camera": "7", "frames": 8, "share": 1e-05})
            rows.writerow({"camera": "a, b", "frames": -3, "share": 2})
        """,
        {"seen": Table(columns=columns, max_rows=9)},  # type: ignore[arg-type]
    )

    assert outcome.status == "done", outcome.log
    assert bench.output("seen")["rows"] == [["7", 8, 1e-05], ["a, b", -3, 2.0]]


CELLS = st.fixed_dictionaries(
    {
        "camera": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        "frames": st.integers(-(2**53), 2**53),
        "share": st.floats(allow_nan=False, allow_infinity=False),
    }
)


@given(st.lists(CELLS, min_size=1))
def test_a_csv_file_says_what_was_written(rows: list[dict[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    kinds = {"camera": "text", "frames": "int", "share": "float"}

    read = pysyft_job._value("seen", ".csv", text.getvalue().encode(), kinds)

    assert read == rows
    assert all(type(row[name]) is type(rows[0][name]) for row in read for name in row)


def test_a_model_as_a_file(bench: Bench) -> None:
    outcome = bench.run(
        "import numpy as np; np.savez('outputs/weights.npz', w=np.arange(3.0))",
        {"weights": Model(format="npz", max_bytes=4096)},
    )

    assert outcome.status == "done", outcome.log
    assert (bench.out / "weights").read_bytes().startswith(b"PK")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("", "no file for outputs/n\n"),
        ("open('outputs/m.json', 'w').write('1')", "not declared"),
        (f"{GOOD}; open('outputs/n.csv', 'w').write('a\\n1')", "two for one output"),
        ("open('outputs/n.png', 'w')", "never leaves"),
        ("open('outputs/.json', 'w')", "never leaves"),
        ("import os; os.mkdir('outputs/more')", "never leaves"),
        ("import os; os.mkdir('outputs/n.json')", "no regular file"),
        ("import os; os.mkfifo('outputs/n.json')", "no regular file"),
        ("import os; os.symlink('/etc/passwd', 'outputs/n.json')", "no regular file"),
        (
            "import os, syft; "
            "os.symlink(syft.resolve_dataset_file_path('plaza'), 'outputs/n.json')",
            "no regular file",
        ),
        (f"import os; {GOOD}; os.link('outputs/n.json', 'another')", "no regular file"),
        ("import os; os.rmdir('outputs')", "took its folder outputs/ away"),
        ("import os; os.rmdir('outputs'); os.symlink('..', 'outputs')", "took its folder"),
        ("open('outputs/n.json', 'wb').truncate((64 << 20) + 1)", "more than 64 MiB"),
        ("[open(f'outputs/{i}.json', 'w') for i in range(65)]", "more than 64 files"),
        (write("[" * 100_000), "not JSON that can be read"),
        (write('{"n": NaN}'), "not JSON that can be read"),
        (write("9" * 5000), "not JSON that can be read"),
        ("open('outputs/n.json', 'wb').write(b'\\xff')", "not JSON that can be read"),
        ("open('outputs/n.csv', 'w').write('a,a\\n1,2\\n')", "not CSV that can be read"),
        ("open('outputs/n.csv', 'w').write('a,b\\n1\\n')", "not CSV that can be read"),
        ("open('outputs/n.csv', 'w').write('a\\n' + 'x' * 200_000)", "not CSV that can be read"),
        (write('{"m": 1}'), "has other names"),
    ],
)
def test_what_is_no_output_is_refused_with_what_to_do(bench: Bench, script: str, says: str) -> None:
    log = failed(bench.run(script))

    assert says in log, log
    assert "\n  Next: " in log
    assert not list(bench.out.iterdir())


def test_a_model_with_the_name_of_the_dataset_is_refused(bench: Bench) -> None:
    log = failed(bench.run("", dataset="detector"), "InputError")

    assert "both called detector" in log


def test_what_a_script_leaves_can_be_discovered_on_mock(bench: Bench) -> None:
    outcome = bench.run(
        """
        import json, numpy as np
        json.dump({"ap50": 0.5}, open("outputs/quality.json", "w"))
        open("outputs/counts.csv", "w").write("camera,code,n\\ngate,01,1\\nyard,2,2.5\\n")
        np.savez("outputs/w.npz", w=np.zeros(9))
        """,
        {},
        models=(),
        discover=True,
    )

    assert outcome.status == "done", outcome.log
    part = json.loads((bench.out / "part" / "part.json").read_text())
    assert part.pop("w.npz")["bytes"] > 72
    assert part == {
        "quality.json": {"value": {"ap50": 0.5}},
        "counts.csv": {
            "value": [
                {"camera": "gate", "code": "01", "n": 1},
                {"camera": "yard", "code": "2", "n": 2.5},
            ]
        },
    }
