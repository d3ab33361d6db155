"""T4: a job looks for everything that is not its dataset: keys, variables, other processes."""

import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from darkroom.walls.collect import Collector, RefusedOutputError
from tests.attack.canaries import search, word
from tests.sandbox.workshop import FIRST_UID, Workshop, as_root


# Reads whatever can be opened and prints what looks like a canary: the log is what leaves.
LOOK = r"""
import os, re, sys
halves = HALVES  # not whole, or the job would find its own code
words = [a + b for a, b in halves]
found = []
interpreter = (sys.prefix, sys.base_prefix)  # large, and the same for everybody
for top, folders, files in os.walk("/", followlinks=False):
    if top.startswith(("/proc", "/sys", "/usr", "/dev", *interpreter)):
        folders.clear()
        continue
    for name in files:
        try:
            found.append(open(os.path.join(top, name), "rb").read(1 << 16))
        except OSError:
            pass
for pid in [p for p in os.listdir("/proc") if p.isdecimal()] + ["self"]:
    for name in ("environ", "cmdline", "maps", "mountinfo", "stack", "auxv", "cgroup"):
        try:
            found.append(open(f"/proc/{pid}/{name}", "rb").read())
        except OSError:
            pass
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            found.append(os.readlink(f"/proc/{pid}/fd/{number}").encode())
    except OSError:
        pass
found.append(repr(os.environ).encode())
everything = b"\n".join(found)
for one in words:
    if one.encode() in everything:
        print(one)
n = sum(one.encode() in everything for one in words)
print("looked at", len(found) > 10)
return {"result": {"n": n}}
"""
PLANTED = ("environment", "keys", "other dataset")


def value(out: Path) -> float:
    return json.loads((out / "result").read_bytes())["n"]


def looking() -> str:
    words = [word(place) for place in PLANTED]
    return LOOK.replace("HALVES", repr([(w[:9], w[9:]) for w in words]))


@pytest.fixture
def planted(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Canaries in variables, a keys folder and another dataset; no file right protects them."""
    monkeypatch.setenv("CANARY_TOKEN", word("environment"))
    for name, place in (("keys", "keys"), ("footage", "other dataset")):
        folder = workshop.state / name
        folder.mkdir(exist_ok=True)
        (folder / "canary").write_text(word(place))
    above = [p for p in workshop.state.parents if p.stat().st_uid == os.geteuid()][:2]
    with opened(workshop.state, *above):
        yield


@contextmanager
def opened(*folders: Path) -> Iterator[None]:
    modes = [(folder, folder.stat().st_mode) for folder in folders]
    try:
        for folder, mode in modes:
            folder.chmod(mode | stat.S_IROTH | stat.S_IXOTH)
        yield
    finally:
        for folder, mode in modes:
            folder.chmod(mode)


@pytest.mark.attack("T4", control="off")
@pytest.mark.usefixtures("planted")
def test_without_the_new_root_keys_and_other_datasets_are_read(workshop: Workshop) -> None:
    outcome, out = workshop.run(looking(), without=("files",))

    assert outcome.status == "done", outcome.log
    assert value(out) >= 2
    assert {"keys", "other dataset"} <= {f.planted for f in search(outcome.log)}


@pytest.mark.attack("T4", control="on")
@pytest.mark.usefixtures("planted")
def test_canaries_of_the_host_are_out_of_sight(workshop: Workshop) -> None:
    outcome, out = workshop.run(looking())

    assert outcome.status == "done", outcome.log
    assert outcome.log.strip() == b"looked at True"
    assert value(out) == 0


VARIABLES = "import os\nn = 'CANARY' in os.environ\nreturn {'result': {'n': int(n)}}"


@pytest.mark.attack("T4", control="off")
def test_an_environment_that_is_not_cleared_is_inherited(workshop: Workshop) -> None:
    assert value(workshop.run(VARIABLES, without=("environment",))[1]) == 1


@pytest.mark.attack("T4", control="on")
def test_a_job_inherits_no_variable(workshop: Workshop) -> None:
    assert value(workshop.run(VARIABLES)[1]) == 0


PROCESSES = """
import os
n = sum(p.isdecimal() for p in os.listdir('/proc'))
return {'result': {'n': n}}
"""


@pytest.mark.attack("T4", control="off")
def test_in_the_hosts_namespace_other_processes_are_seen(workshop: Workshop) -> None:
    assert value(workshop.run(PROCESSES, without=("processes",))[1]) > 3


@pytest.mark.attack("T4", control="on")
def test_other_processes_are_not_there(workshop: Workshop) -> None:
    outcome, out = workshop.run(PROCESSES)

    assert outcome.status == "done"
    assert value(out) <= 2  # bubblewrap's own first process, and the job


@pytest.mark.attack("T4", control="on")
@pytest.mark.skipif(not as_root(), reason="needs a launcher that can give uids")
def test_each_job_has_a_user_of_its_own(workshop: Workshop) -> None:
    _, out = workshop.run("import os\nreturn {'result': {'n': os.getuid()}}")

    assert value(out) >= FIRST_UID


# ---------------------------------------------------------- links that the host would follow


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What a job left: a link to a secret of the host."""
    (tmp_path / "secret").write_text(word("secret"))
    folder = tmp_path / "left"
    folder.mkdir()
    (folder / "result").symlink_to(tmp_path / "secret")
    return folder


@pytest.mark.attack("T4", control="off")
def test_a_copy_that_follows_links_reads_for_the_job(left: Path, tmp_path: Path) -> None:
    shutil.copytree(left, tmp_path / "copy")

    assert search((tmp_path / "copy" / "result").read_bytes())


@pytest.mark.attack("T4", control="on")
def test_a_link_in_the_outputs_is_not_followed(left: Path, tmp_path: Path) -> None:
    assert refused(left, tmp_path / "copy") == "OutputLinkError"


@pytest.mark.attack("T4", control="on")
def test_a_file_that_becomes_a_link_between_check_and_use_is_not_followed(
    left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job swaps its file exactly after it was looked at."""
    path = left / "result"
    path.unlink()
    path.write_text("harmless")
    look = os.stat

    def look_and_swap(name, **more):
        info = look(name, **more)
        if name == "result":
            path.unlink()
            path.symlink_to(tmp_path / "secret")
        return info

    monkeypatch.setattr(os, "stat", look_and_swap)

    assert refused(left, tmp_path / "copy") == "ELOOP"


@pytest.mark.attack("T4", control="on")
def test_a_folder_that_becomes_a_link_between_check_and_use_is_not_followed(
    left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (left / "result").unlink()
    (left / "deep").mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text(word("secret"))
    look = os.stat

    def look_and_swap(name, **more):
        info = look(name, **more)
        if name == "deep":
            (left / "deep").rmdir()
            (left / "deep").symlink_to(outside)
        return info

    monkeypatch.setattr(os, "stat", look_and_swap)

    assert refused(left, tmp_path / "copy") in ("ELOOP", "ENOTDIR")


def refused(source: Path, target: Path) -> str:
    """Why the collector takes nothing; it must not take anything."""
    import errno

    target.mkdir()
    reading, writing = (os.open(p, os.O_RDONLY | os.O_DIRECTORY) for p in (source, target))
    try:
        Collector(most_bytes=1 << 20, most_files=10, owner=None).take(reading, writing)
    except RefusedOutputError as error:
        return error.error_class
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    finally:
        os.close(reading)
        os.close(writing)
        for path in target.rglob("*"):
            assert path.is_dir() or not search(path.read_bytes())
    return ""
