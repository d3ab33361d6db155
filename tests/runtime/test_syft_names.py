"""`import syft` inside a job, held against the functions of PySyft on a box that it made."""

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from darkroom.adapters.pysyft.wire import SUPPORTED
from darkroom.runtime import syft_names as ours


with warnings.catch_warnings():  # pydantic's, of how PySyft is written
    warnings.simplefilter("ignore", DeprecationWarning)
    import syft
    import syft.utils as stock
    from syft_datasets.dataset_manager import SyftDatasetManager
    from syft_datasets.dataset_storage import DatasetSourceFiles


OWNER = "olga@north.example"


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data owner's box, made by PySyft: one dataset with a file, a folder and code."""
    for face in ("mock", "private"):
        files = tmp_path / face
        (files / "segments").mkdir(parents=True)
        (files / "manifest.json").write_text(face)
        (files / "helpers.py").write_text(f"FACE = {face!r}")
        (files / "segments" / "nested.py").write_text(f"FACE = {face!r}")
    manager = SyftDatasetManager(syftbox_folder_path=tmp_path / "box", email=OWNER)
    manager.storage.create_dataset(
        name="plaza",
        source=DatasetSourceFiles(mock=tmp_path / "mock", private=tmp_path / "private"),
        protocol_versions=["1"],
    )
    monkeypatch.setenv("SYFTBOX_FOLDER", str(tmp_path / "box"))
    monkeypatch.setenv("SYFTBOX_EMAIL", OWNER)
    monkeypatch.setenv("SYFT_IS_IN_JOB", "true")
    return tmp_path / "box"


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Modules that a test loaded."""
    known = dict(sys.modules)
    finders = list(sys.meta_path)
    yield
    sys.meta_path[:] = finders
    for name in set(sys.modules) - set(known):
        del sys.modules[name]
    sys.modules.update(known)


def answer(call: Callable[[ModuleType], object], module: ModuleType) -> object:
    """What a call gives, or the built-in kind of error that it ends with."""
    try:
        value = call(module)
    except (ValueError, TypeError, OSError) as error:
        return next(c for c in type(error).__mro__ if c.__module__ == "builtins")
    if isinstance(value, ModuleType):
        return value.__name__, value.__file__, value.FACE
    return sorted(value) if isinstance(value, list) else value


@pytest.mark.parametrize(
    "call",
    [
        lambda sy: sy.resolve_dataset_files_path("plaza"),
        lambda sy: sy.resolve_dataset_files_path("plaza", owner_email=OWNER),
        lambda sy: sy.resolve_dataset_files_path("plaza", None, OWNER, None),
        lambda sy: sy.resolve_dataset_file_path("plaza", client=None).parent,
        lambda sy: sy.resolve_dataset_files_path("plazza"),
        lambda sy: sy.resolve_dataset_files_path("../v1/plaza"),
        lambda sy: sy.resolve_dataset_files_path(""),
        lambda sy: sy.resolve_dataset_files_path(None),
        lambda sy: sy.resolve_dataset_files_path("plaza", owner_email="nobody@darkroom"),
        lambda sy: sy.resolve_dataset_files_path(),
        lambda sy: sy.resolve_dataset_files_path(name="plaza"),
        lambda sy: sy.load_dataset_code("plaza.helpers"),
        lambda sy: sy.load_dataset_code("plaza.segments.nested"),
        lambda sy: sy.load_dataset_code("plaza.helpers", module_name="mine"),
        lambda sy: sy.load_dataset_code("plaza"),
        lambda sy: sy.load_dataset_code("plaza.nothing"),
        lambda sy: sy.load_dataset_code("plazza.helpers"),
        lambda sy: sy.resolve_path("syft://olga@north.example/public"),
        lambda sy: sy.resolve_path(Path("syft://olga@north.example/public")),
        lambda sy: sy.resolve_path("syft://"),
        lambda sy: sy.resolve_path("syft://x", "/elsewhere"),
        lambda sy: sy.resolve_path("/x"),
    ],
)
def test_answers_and_kinds_of_errors_are_pysyfts(
    box: Path, call: Callable[[ModuleType], object]
) -> None:
    assert answer(call, ours) == answer(call, stock)


def test_a_given_box_is_used(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYFTBOX_FOLDER")
    for module in (stock, ours):
        with pytest.raises(ValueError, match="SYFTBOX_FOLDER"):
            module.resolve_dataset_files_path("plaza")
    (found,) = {module.resolve_dataset_file_path("plaza", box).parent for module in (stock, ours)}
    assert found.is_relative_to(box)


def test_without_an_owner_nothing_is_resolved(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYFTBOX_EMAIL")
    for module in (stock, ours):
        with pytest.raises(ValueError, match="SYFTBOX_EMAIL"):
            module.resolve_dataset_files_path("plaza")


def test_an_unknown_dataset_is_answered_with_what_there_is(box: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"(?s)'plazza'.*This job has: plaza\."):
        ours.resolve_dataset_file_path("plazza")


def test_it_calls_itself_by_the_release_that_is_spoken() -> None:
    assert ours.__version__ == syft.__version__ == SUPPORTED


def test_what_a_notebook_needs_is_not_there_and_what_is_is_named() -> None:
    assert not hasattr(ours, "login_ds")
    with pytest.raises(AttributeError, match=r"login_ds.*resolve_dataset_file_path"):
        ours.login_ds  # noqa: B018 - read for its error


def test_import_finds_these_names_also_where_pysyft_is_installed() -> None:
    ours.install()

    import syft as found
    from syft.utils import resolve_dataset_file_path

    assert found is ours
    assert resolve_dataset_file_path is ours.resolve_dataset_file_path
    assert found.utils is ours


@pytest.mark.parametrize("name", ["syft_rds", "syft_datasets.dataset_manager", "syft.sync.login"])
def test_the_rest_of_the_engine_is_not_there_and_says_so(name: str) -> None:
    for known in [n for n in sys.modules if n.partition(".")[0] in ours.ENGINE]:
        del sys.modules[known]
    ours.install()

    with pytest.raises(ModuleNotFoundError, match=r"inside a job.*resolve_dataset_file_path"):
        importlib.import_module(name)


def test_other_modules_of_a_job_are_none_of_its_business(tmp_path: Path) -> None:
    (tmp_path / "syft_of_mine.py").write_text("N = 1")
    sys.path.insert(0, str(tmp_path))
    ours.install()
    try:
        assert importlib.import_module("syft_of_mine").N == 1
    finally:
        sys.path.remove(str(tmp_path))
