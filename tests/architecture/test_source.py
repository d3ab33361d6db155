"""What no line of the source may do, read from its syntax trees."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "darkroom"
FILES = sorted(SOURCE.rglob("*.py"))

# Formats that run code when they are read.
CODE_IN_DATA = {"pickle", "_pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}
SAFE_YAML = {
    "safe_load",
    "safe_load_all",
    "safe_dump",
    "safe_dump_all",
    "YAMLError",
    "MarkedYAMLError",
    "MappingNode",
    "SafeLoader",
}
# What imports a module whose name is a text.
BY_NAME = {"import_module", "__import__", "find_spec", "run_module", "reload", "exec_module"}
# The one place that runs submitted code: inside the sandbox, in a process without keys.
RUNS_SUBMITTED_CODE = "runtime/"
# The one place that knows PySyft, whose interfaces still change.
KNOWS_PYSYFT = "adapters/pysyft"
# Who may read the environment: config/; bootstrap/, which hands a chosen few of its names on
# to the processes it starts; and files that another program starts and sets up through it (the
# Hub's configuration, MLflow's login, the worker inside the sandbox).
READS_ENVIRONMENT = (
    "config/environment.py",
    "bootstrap/",
    "adapters/jupyterhub_config.py",
    "adapters/mlflow_login/__init__.py",
    "runtime/",
    "walls/worker.py",
)


def short(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def dotted(node: ast.AST) -> str:
    """Write `a.b.c` for a chain of names; the last name of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return ""


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and module of every import, those in a function or by name in a text as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
        elif isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in BY_NAME:
            names = [*node.args, *(keyword.value for keyword in node.keywords)]
            constants = [name.value for name in names if isinstance(name, ast.Constant)]
            yield from ((node.lineno, name) for name in constants if isinstance(name, str))


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func)


def is_constant(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def bad_imports(place: str, tree: ast.AST) -> Iterator[str]:
    for line, module in imports(tree):
        top = module.split(".")[0]
        if top in CODE_IN_DATA:
            yield f"{place}:{line}: imports {module}, which runs code out of data"
        if top.startswith("syft") and not place.startswith(KNOWS_PYSYFT):
            yield f"{place}:{line}: imports {module}; only {KNOWS_PYSYFT}/ knows PySyft"


def bad_calls(place: str, tree: ast.AST) -> Iterator[str]:
    for node, name in calls(tree):
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        pickled = keywords.get("allow_pickle")
        faults = {
            "without allow_pickle=False": name in {"np.load", "numpy.load"}
            and not is_constant(pickled, False),
            "with allow_pickle=True": is_constant(pickled, True),
            "is not the safe loader": name.startswith("yaml.")
            and name.removeprefix("yaml.") not in SAFE_YAML,
            "through a shell": "shell" in keywords and not is_constant(keywords["shell"], False),
            "is a shell": name in {"os.system", "os.popen"},
            f"outside darkroom.{RUNS_SUBMITTED_CODE.strip('/')}": name in {"eval", "exec"}
            and not place.startswith(RUNS_SUBMITTED_CODE),
        }
        yield from (
            f"{place}:{node.lineno}: {name} {what}" for what, is_so in faults.items() if is_so
        )


def bad_reads(place: str, tree: ast.AST) -> Iterator[str]:
    if place.startswith(READS_ENVIRONMENT):
        return
    for node in ast.walk(tree):
        if dotted(node) in {"os.environ", "os.getenv", "os.environb"}:
            yield f"{place}:{node.lineno}: reads the environment; config/environment.py does that"


def offences(path: Path, tree: ast.AST) -> Iterator[str]:
    """Yield each thing in a file that may not be there."""
    for check in (bad_imports, bad_calls, bad_reads):
        yield from check(short(path), tree)


@pytest.mark.parametrize("path", FILES, ids=short)
def test_source_stays_clean(path: Path) -> None:
    assert [] == list(offences(path, ast.parse(path.read_text())))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import pickle", "imports pickle"),
        ("from joblib import load", "imports joblib"),
        ("import numpy as np\nnp.load('a')", "without allow_pickle"),
        ("np.load('a', allow_pickle=True)", "allow_pickle=True"),
        ("import yaml\nyaml.load('a')", "not the safe loader"),
        ("subprocess.run('ls', shell=True)", "through a shell"),
        ("os.system('ls')", "is a shell"),
        ("eval('1')", "eval outside"),
        ("import os\nos.environ['A']", "reads the environment"),
        ("import syft_job", "knows PySyft"),
        ("import os, syft", "knows PySyft"),
        ("from syft.sync import x", "knows PySyft"),
        ("def f():\n    import syft_crypto_python as c", "knows PySyft"),
        ("if TYPE_CHECKING:\n    from syft_rds.client import X", "knows PySyft"),
        ("import importlib\nimportlib.import_module('syft.sync')", "knows PySyft"),
        ("from importlib import import_module\nimport_module(name='syft')", "knows PySyft"),
        ("importlib.import_module('.client', 'syft_rds')", "knows PySyft"),
        ("__import__('syft_perms')", "knows PySyft"),
        ("importlib.util.find_spec('syft')", "knows PySyft"),
        ("runpy.run_module('syft_bg')", "knows PySyft"),
        ("__import__('pickle')", "imports pickle"),
    ],
)
def test_the_test_sees(source: str, said: str) -> None:
    found = list(offences(SOURCE / "node" / "seeded.py", ast.parse(source)))

    assert any(said in line for line in found), found


@pytest.mark.parametrize(
    "source",
    [
        "np.load('a', allow_pickle=False)",
        "yaml.safe_load('a: 1')",
        "subprocess.run(['ls'], shell=False)",
        "model.eval()",
        "import json",
        "from darkroom.runtime import syft_names",
        "importlib.import_module('darkroom.adapters.pysyft.client')",
        "print('syft')",
    ],
)
def test_the_test_lets_pass(source: str) -> None:
    assert [] == list(offences(SOURCE / "node" / "seeded.py", ast.parse(source)))
