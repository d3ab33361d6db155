"""T2: a rule that approves some code is satisfied by something else than what runs."""

import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom.model.canonical import digest, digest_bytes
from darkroom.model.job import JobSpec
from tests.attack.worlds import by_rule, slip_job
from tests.node.village import CODE, Village, spec


TREE = {"job.py": CODE, "lib/helper.py": b"LIMIT = 3\n", "files/table.csv": b"a,b\n1,2\n"}
EVIL = b"import os\n"
METADATA = (".DS_Store", "Thumbs.db", "._job.py", ".git/config", "__pycache__/job.pyc", "~job.py")
LAUNCHERS = ("run.sh", "main.py", "sitecustomize.py", "job.pth", "setup.py", "conftest.py")


def approved(files: dict[str, bytes]) -> JobSpec:
    return spec(files={path: digest_bytes(data) for path, data in files.items()})


def opened(folder: Path) -> Village:
    """A domain whose rule approves exactly `TREE`."""
    return Village(folder).in_force(**by_rule(approved(TREE).code_digest))


def runs(village: Village, files: dict[str, bytes]) -> bool:
    """Whether a submission of that tree gets as far as the sandbox."""
    before = len(village.sandbox.started)
    slip_job(village, files)
    village.settle()
    return len(village.sandbox.started) > before


@pytest.fixture
def ruled(tmp_path):
    village = opened(tmp_path)
    assert runs(village, TREE)
    yield village
    village.store.close()


def loose(self: JobSpec) -> str:
    """As PySyft 0.10 compared: base names, without launchers and what looks like metadata."""
    names = {
        Path(path).name: sha256
        for path, sha256 in self.files.items()
        if Path(path).name not in (*LAUNCHERS, *(Path(m).name for m in METADATA))
    }
    return digest(names)


CLASSES = {
    "an unapproved launcher": {**TREE, "run.sh": EVIL},
    "the same base name in a subfolder": {**TREE, "lib/deep/job.py": CODE},
    "an ignored name": {**TREE, "__pycache__/job.pyc": EVIL},
}


@pytest.mark.attack("T2", control="off")
@pytest.mark.parametrize("tree", CLASSES.values(), ids=CLASSES)
def test_a_digest_over_base_names_approves_other_trees(tmp_path, monkeypatch, tree):
    monkeypatch.setattr(JobSpec, "code_digest", property(loose))
    village = opened(tmp_path)

    assert runs(village, tree)
    village.store.close()


@pytest.mark.attack("T2", control="on")
@pytest.mark.parametrize("tree", CLASSES.values(), ids=CLASSES)
def test_one_file_more_is_other_code(ruled, tree):
    assert not runs(ruled, tree)


@pytest.mark.attack("T2", control="on")
@pytest.mark.parametrize("name", [*METADATA, *LAUNCHERS])
def test_no_name_is_ignored(ruled, name):
    assert not runs(ruled, {**TREE, name: EVIL})
    assert not runs(ruled, {**TREE, f"lib/{name}": EVIL})


LOOKS_LIKE_JOB = (
    "Job.py", "JOB.PY", "jоb.py", "ｊob.py", "job.py\u200b", "job\u00ad.py", "job.py ", "job.py.",
    "./job.py", "lib/../job.py", "job.py/", "job.py\0", "job.рy", "jo\u0301b.py",
)  # fmt: skip


@pytest.mark.attack("T2", control="on")
@pytest.mark.parametrize("name", LOOKS_LIKE_JOB, ids=ascii)
def test_a_name_that_looks_like_the_approved_one_is_another(ruled, name):
    beside = {**TREE, name: EVIL}
    instead = {name: EVIL, **{p: d for p, d in TREE.items() if p != "job.py"}}

    assert not runs(ruled, beside)
    assert not runs(ruled, instead)


names = st.sampled_from([*TREE, *METADATA, *LAUNCHERS, *LOOKS_LIKE_JOB]) | st.text(
    "jobpy./_-aéñа\u0301 ", min_size=1, max_size=20
)
contents = st.sampled_from([*TREE.values(), EVIL, b""])


@st.composite
def trees(draw: st.DrawFn) -> dict[str, bytes]:
    """The approved tree after a few changes that an attacker would think of."""
    tree = dict(TREE)
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(sorted(tree)) if tree else names)
        match draw(st.sampled_from(["add", "drop", "move", "case", "form", "bytes"])):
            case "add":
                tree[draw(names)] = draw(contents)
            case "drop":
                tree.pop(path, None)
            case "move":
                folder = draw(st.sampled_from(["lib", "a/b", "files", "__pycache__"]))
                tree[f"{folder}/{path}"] = tree.pop(path, EVIL)
            case "case":
                tree[path.swapcase()] = tree.pop(path, EVIL)
            case "form":
                tree[unicodedata.normalize("NFD", path)] = tree.pop(path, EVIL)
            case "bytes":
                tree[path] = draw(contents)
    return tree


@pytest.mark.attack("T2", control="on")
def test_only_the_very_same_tree_is_approved_by_its_rule():
    with TemporaryDirectory() as folder:
        village = opened(Path(folder))

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(trees())
        def fuzz(tree):
            assert runs(village, tree) == (tree == TREE)

        fuzz()
        village.store.close()
