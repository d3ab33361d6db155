"""A job as the stock client writes it down is read whole; every other folder is refused."""

import contextlib
import warnings
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field

from darkroom.adapters.pysyft.submitted_folder import (
    MAX_DEPENDENCIES,
    MAX_DEPENDENCY,
    MAX_NAME,
    SubmittedFolder,
    read_folder,
    require_dependencies,
    require_job_name,
)
from darkroom.adapters.pysyft.wire import Change, Proposal, read_proposal
from darkroom.config import parse_yaml
from darkroom.errors import SpecError
from tests.adapters.pysyft.messages import ALICE, BOB, LAUNCHER, MAIN, NORTH, config, job, message


with warnings.catch_warnings():  # syft 0.10 is written for an older pydantic
    warnings.simplefilter("ignore")
    from syft.sync.connections.base_connection import SyftboxPlatformConnection
    from syft.sync.connections.connection_router import ConnectionRouter
    from syft.sync.peers.peer_store import PeerStore
    from syft.sync.sync.caches.datasite_watcher_cache import (
        DataSiteWatcherCache,
        DataSiteWatcherCacheConfig,
    )
    from syft.sync.sync.datasite_watcher_syncer import DatasiteWatcherSyncer
    from syft_job.client import JobClient
    from syft_job.config import SyftJobConfig


def read(files: dict[str, str], *, sender: str = ALICE, inner: str = "", **more: str):
    """The folder of a message that proposes these files.

    Args:
        sender: who really sent it.
        inner: whom the message names as its sender, where that is another.
        more: `datasite`, of the changes.
    """
    changes = tuple(
        Change(path=path, text=text, datasite=more.get("datasite", NORTH))
        for path, text in files.items()
    )
    return read_folder(
        Proposal(sender=inner or sender, changes=changes),
        sender=sender, datasite=NORTH, parse_yaml=parse_yaml,
    )  # fmt: skip


def refusal(files: dict[str, str], **more: str) -> str:
    with pytest.raises(SpecError) as caught:
        read(files, **more)
    assert caught.value.next_step
    assert caught.value.message.isprintable()
    return caught.value.message


# ------------------------------------------------------------------------- the stock client


class Mailbag(SyftboxPlatformConnection):
    """A transport that keeps what it is given."""

    sent: list[tuple[str, bytes]] = Field(default_factory=list)

    def watcher_send_raw_bytes_to_inbox(self, recipient: str, filename: str, data: bytes) -> None:
        self.sent.append((recipient, data))


class Desk:
    """The stock client of a scientist: `JobClient` writes the folder, the engine sends it."""

    def __init__(self, folder: Path, address: str) -> None:
        self.box = folder / "box"
        self.jobs = JobClient(SyftJobConfig(syftbox_folder=self.box, current_user_email=address))
        self.jobs.peer_install_sources[NORTH] = "syft==0.10.0"
        self.mail = Mailbag()
        self.engine = DatasiteWatcherSyncer(
            syftbox_folder=self.box,
            email=address,
            connection_router=ConnectionRouter(
                connections=[self.mail], peer_store=PeerStore(email=address)
            ),
            datasite_watcher_cache=DataSiteWatcherCache.from_config(
                DataSiteWatcherCacheConfig(
                    email=address, use_in_memory_cache=False, syftbox_folder=self.box
                )
            ),
        )

    def submit(self, source: Path, name: str, **more: object) -> tuple[bytes, Path]:
        """The message of a job, and its folder; as `SyftRDSClient.submit_python_job` does it."""
        place = self.jobs.submit_python_job(NORTH, str(source), name, **more)
        files = [path for path in place.rglob("*") if path.is_file()]
        for path in files:
            self.engine.on_file_change(path.relative_to(self.box), process_now=path == files[-1])
        ((recipient, data),) = self.mail.sent
        self.mail.sent.clear()
        assert recipient == NORTH
        return data, place


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path, ALICE)


def read_message(data: bytes, sender: str = ALICE) -> SubmittedFolder:
    return read_folder(
        read_proposal(data), sender=sender, datasite=NORTH, parse_yaml=parse_yaml
    )  # fmt: skip


FOLDER = {
    "main.py": "import syft as sy\nfrom lib.count import count\n",
    "lib/count.py": "def count():\n    return 'é😀\\n'\n",
    "lib/__init__.py": "",
    "params.json": '{"threshold": 0.5}',
    "darkroom.json": '{"dataset": "plaza"}',
    "pyproject.toml": "[project]\nname = 'job'\n",
    "deep/er/and/deeper/notes.md": "# notes\n",
}


def test_a_file_is_submitted(desk, tmp_path):
    script = tmp_path / "count_people.py"
    script.write_text(MAIN)
    data, place = desk.submit(script, "Count people (12)", dependencies=["numpy>=1.26"])

    folder = read_message(data)

    assert folder == SubmittedFolder(
        job_name="Count people (12)",
        entrypoint="count_people.py",
        code={"count_people.py": MAIN},
        launcher=(place / "run.sh").read_text(),
        dependencies=("syft==0.10.0", "numpy>=1.26"),
    )


@pytest.mark.parametrize("entrypoint", [None, "main.py", "lib/count.py"])
def test_a_folder_is_submitted(desk, tmp_path, entrypoint):
    for path, text in FOLDER.items():
        (tmp_path / "job" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "job" / path).write_text(text, encoding="utf-8")
    data, place = desk.submit(tmp_path / "job", "", entrypoint=entrypoint)

    folder = read_message(data)

    assert folder.code == FOLDER
    assert folder.entrypoint == entrypoint or (entrypoint, folder.entrypoint) == (None, "main.py")
    assert folder.job_name == place.name
    assert folder.job_name.startswith("Job - ")
    assert folder.launcher == (place / "run.sh").read_text()


def test_one_job_after_the_other_is_submitted_under_any_name_that_we_take(desk, tmp_path):
    script = tmp_path / "main.py"
    script.write_text(MAIN)
    for name in ("a", "x" * MAX_NAME, "it is (not) quoted", "a.b", "-rf", "v1.0", "$(id)"):
        assert read_message(desk.submit(script, name)[0]).job_name == name


def test_a_bash_job_is_refused_before_it_is_looked_at(desk):
    place = desk.jobs.submit_bash_job(NORTH, "rm -rf ~", "clean")
    files = {
        path.relative_to(desk.box / NORTH).as_posix(): path.read_text()
        for path in place.rglob("*")
        if path.is_file()
    }
    assert "only local Python jobs" in refusal(files)


def test_a_job_made_by_hand_is_as_the_client_makes_it(desk, tmp_path):
    """So what is said here of jobs made by hand is said of the client's."""
    (tmp_path / "main.py").write_text(MAIN)
    real = read_message(desk.submit(tmp_path / "main.py", "count")[0])
    by_hand = read_message(message(job()))

    assert by_hand == read(job())
    assert (by_hand.code, by_hand.entrypoint) == (real.code, real.entrypoint)
    assert by_hand.dependencies == real.dependencies
    assert parse_yaml(config(), "config.yaml").keys() == (
        parse_yaml((tmp_path / f"box/{NORTH}/app_data/job/inbox/{ALICE}/v1/count/config.yaml")
        .read_text(), "config.yaml").keys()
    )  # fmt: skip


# --------------------------------------------------------------------------- whose it is


def test_the_sender_is_who_sealed_the_letter():
    assert read(job(by=BOB), sender=BOB).code == {"main.py": MAIN}
    for inner in (ALICE, NORTH, "", f"{BOB} ", BOB.upper(), f"{BOB}\0"):
        said = refusal(job(by=BOB), sender=BOB, inner=inner or " ")
        assert "another sender than the one who sent it" in said


@pytest.mark.parametrize("datasite", ["east@darkroom", "north", "", "NORTH@darkroom", ALICE])
def test_a_message_for_another_datasite_is_refused(datasite):
    assert "for another datasite" in refusal(job(), datasite=datasite)


MINE = f"app_data/job/inbox/{ALICE}/v1/count"
OUTSIDE = {
    "another sender's inbox": f"app_data/job/inbox/{BOB}/v1/count/code/main.py",
    "in other case": f"app_data/job/inbox/{ALICE.upper()}/v1/count/code/main.py",
    "a longer name": f"app_data/job/inbox/{ALICE}m/v1/count/code/main.py",
    "an own state": f"app_data/job/review/{ALICE}/v1/count/state.yaml",
    "an own output": f"app_data/job/review/{ALICE}/v1/count/outputs/result.json",
    "a state beside the job": f"app_data/job/inbox/{ALICE}/v1/state.yaml",
    "a permission file at the top": "syft.pub.yaml",
    "a permission file of the inbox": f"app_data/job/inbox/{ALICE}/syft.pub.yaml",
    "a permission file of the version": f"app_data/job/inbox/{ALICE}/v1/syft.pub.yaml",
    "private": "private/plaza/frame.jpg",
    "public": "public/syft_datasets/plaza/dataset.yaml",
    "private by way of public": "public/../private/plaza/frame.jpg",
    "keys": "private/crypto_keys.json",
    "up": "../../../.bashrc",
    "up from the inbox": f"app_data/job/inbox/{ALICE}/v1/../../{BOB}/v1/count/code/main.py",
    "up and back": f"app_data/job/inbox/{ALICE}/../{ALICE}/v1/count/code/main.py",
    "up within the job": f"{MINE}/code/../run.sh",
    "here": f"{MINE}/./code/main.py",
    "absolute": f"/{MINE}/code/main.py",
    "absolute elsewhere": "/etc/passwd",
    "home": "~/.bashrc",
    "a double slash": f"{MINE}//code/main.py",
    "a double slash at the top": f"app_data//job/inbox/{ALICE}/v1/count/code/main.py",
    "a slash at the end": f"{MINE}/code/main.py/",
    "a folder": f"{MINE}/code/",
    "the job itself": MINE,
    "the inbox itself": f"app_data/job/inbox/{ALICE}/v1",
    "nothing": "",
    "a NUL": f"{MINE}/code/main.py\0.txt",
    "a new line": f"{MINE}/code/main.py\n",
    "an escape": f"{MINE}/code/\x1b[2Jmain.py",
    "right to left": f"{MINE}/code/\u202eyp.main",
    "a backslash": MINE.replace("/", "\\") + "\\code\\main.py",
    "a drive": f"C:/{MINE}/code/main.py",
    "dots of Unicode": f"app_data/job/inbox/{ALICE}/v1/\u2024\u2024/code/main.py".replace("v1", "v2"),
    "a slash of Unicode": MINE.replace("/", "\u2215"),
    "other letters that look alike": MINE.replace("a", "а", 1),
    "other case": f"App_Data/job/inbox/{ALICE}/v1/count/code/main.py",
    "another layout": f"app_data/job/inbox/{ALICE}/v2/count/code/main.py",
    "the layout of old": f"app_data/job/inbox/{ALICE}/count/code/main.py",
    "a space in front": f" {MINE}/code/main.py",
}  # fmt: skip


@pytest.mark.parametrize("case", OUTSIDE)
def test_a_path_outside_of_the_senders_inbox_refuses_the_whole_message(case):
    said = refusal(job() | {OUTSIDE[case]: "x"})
    assert "lies outside the sender's own inbox" in said
    assert len(said) < 300


INSIDE = {
    "a permission file": "syft.pub.yaml",
    "a state": "state.yaml",
    "an output": "outputs/result.json",
    "a log": "stdout.txt",
    "a second launcher": "run2.sh",
    "a launcher in a folder": "run.sh/x",
    "a configuration in a folder": "config.yaml/x",
    "code that is a file": "code",
    "a virtual environment": ".venv/bin/python",
    "other case": "Code/main.py",
    "the launcher in other case": "RUN.SH",
}


@pytest.mark.parametrize("case", INSIDE)
def test_a_job_folder_holds_its_three_entries_and_nothing_else(case):
    assert "does not belong into a job folder" in refusal(job(more={INSIDE[case]: "x"}))


FILES = {
    "a hidden file": ".bashrc", "a hidden folder": ".git/config", "an option": "-rf",
    "a space": "my file.py", "a backslash": "a\\b.py", "a colon": "c:b.py",
    "letters of Unicode": "größe.py", "half of a pair": "\ud800.py",
    "dots of Unicode": "\u2025/main.py", "a long name": "x" * 101, "a long path": "d/" * 120 + "x",
    "a star": "*.py", "a quote": '".py',
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_files_of_the_code_have_plain_names(case):
    said = refusal(job(code={"main.py": MAIN, FILES[case]: "x"}))
    assert "not an acceptable file path" in said or "outside the sender's own inbox" in said


def test_a_file_is_no_folder_as_well():
    for code in ({"main.py": MAIN, "a": "x", "a/b": "x"}, {"a/b/c": "", "main.py": "", "a": ""}):
        assert "lies in a folder that is a file" in refusal(job(code=code))
    assert read(job(code={"main.py": "", "a": "", "ab/c": ""})).code.keys() == {
        "main.py", "a", "ab/c",
    }  # fmt: skip


# ----------------------------------------------------------------------------- one whole job


def test_several_jobs_in_one_message_are_refused():
    assert "files of several jobs" in refusal(job("count") | job("other"))
    assert "files of several jobs" in refusal(job() | {f"{MINE}2/code/x.py": ""})


def test_a_file_twice_is_refused():
    changes = [Change(path=p, text=t, datasite=NORTH) for p, t in job().items()]
    for again in changes:
        proposal = Proposal(sender=ALICE, changes=(*changes, again))
        with pytest.raises(SpecError, match="stands twice"):
            read_folder(proposal, sender=ALICE, datasite=NORTH, parse_yaml=parse_yaml)


def test_a_part_of_a_job_is_refused():
    for gone in job():
        assert "not a whole job" in refusal({p: t for p, t in job().items() if p != gone})
    with pytest.raises(SpecError):
        read({})


def test_the_launcher_is_only_read():
    """It may say what it likes: it is text that the owner sees."""
    for text in ("", "rm -rf /\n", "\0\x1b[2J", "x" * 100_000):
        assert read(job(more={"run.sh": text})).launcher == text


CONFIGS = {
    "empty": ("", "config.yaml"),
    "a list": ("[python]", "not a mapping"),
    "not YAML": ("{", "config.yaml:1"),
    "a tag": ("type: !!python/object/apply:os.system [id]\n", "tag"),
    "an alias": ("a: &a [x]\nb: *a\n", "aliases"),
    "a key twice": (config() + "type: python\n", "stands twice"),
    "two documents": (config() + "---\n" + config(), "config.yaml"),
    "deep": ("a: " + "[" * 5000, "nested"),
    "large": (config() + "#" * (64 << 10), "KiB"),
    "half a character": (config() + "\ud800", "UTF-8"),
    "bash": (config(type="bash"), "only local Python jobs"),
    "no type": (config(type=...), "only local Python jobs"),
    "another type": (config(type="Python"), "only local Python jobs"),
    "a list of types": (config(type=["python"]), "only local Python jobs"),
    "an enclave": (config(job_type="enclave"), "only local Python jobs"),
    "nowhere": (config(job_type=None), "only local Python jobs"),
    "no entry point": (config(entrypoint=None), "entry point"),
    "an entry point that is not there": (config(entrypoint="other.py"), "entry point"),
    "the launcher": (config(entrypoint="../run.sh"), "entry point"),
    "up": (config(entrypoint="../code/main.py"), "entry point"),
    "here": (config(entrypoint="./main.py"), "entry point"),
    "absolute": (config(entrypoint="/code/main.py"), "entry point"),
    "with its folder": (config(entrypoint="code/main.py"), "entry point"),
    "in other case": (config(entrypoint="MAIN.PY"), "entry point"),
    "no Python": (config(entrypoint="notes.md"), "entry point"),
    "with an argument": (config(entrypoint="main.py --all"), "entry point"),
    "a folder of code": (config(entrypoint="lib"), "entry point"),
    "a list of entry points": (config(entrypoint=["main.py"]), "entry point"),
    "a number": (config(entrypoint=7), "entry point"),
    "dependencies in a text": (config(dependencies="numpy"), "no list"),
    "dependencies that are numbers": (config(dependencies=[7]), "no list"),
    "dependencies by name": (config(dependencies={"numpy": "1"}), "no list"),
    "no dependencies": (config(dependencies=None), "no list"),
    "many dependencies": (config(dependencies=["numpy"] * (MAX_DEPENDENCIES + 1)), "no list"),
    "a long dependency": (config(dependencies=["n" * (MAX_DEPENDENCY + 1)]), "no list"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_configuration_of_anything_but_a_python_job_is_refused(case):
    text, said = CONFIGS[case]
    code = {"main.py": MAIN, "notes.md": "", "lib/count.py": ""}
    assert said in refusal(job(code=code, more={"config.yaml": text}))


def test_what_the_configuration_says_of_people_and_places_counts_nothing():
    """Who sent it, where to and under which name is said by the letter and the path."""
    said = {
        "submitted_by": BOB, "datasite_email": "east@darkroom", "name": "v1/../../x",
        "code_path": "/etc/shadow", "files": ["../../x"], "submitted_at": "never",
        "headers": {"x": "y"}, "datasets": {BOB: ["plaza"]}, "moon": 1,
    }  # fmt: skip
    assert read(job(more={"config.yaml": config(**said)})) == read(job())
    assert read(job(dependencies=...)).dependencies == ()


# ------------------------------------------------------------------------------- job names


@pytest.mark.parametrize(
    "name",
    [
        "", " ", " a", "a ", ".", "..", ".hidden", "a\nb", "a\tb", "a\0b", "\x1b[2J", "\x7f",
        "a/b", "a\\b", "C:x", "x" * (MAX_NAME + 1), "größe", "\u202eevil", "a\u00a0b", "\ud800",
        "<b>", "a&b", "it's", "v1", "v0", "v17", "v" + "9" * 90, None, 7, ["a"], b"a",
    ],
    ids=lambda name: ascii(name)[:20],
)  # fmt: skip
def test_a_job_name_that_is_not_one_plain_line_is_refused(name):
    with pytest.raises(SpecError) as caught:
        require_job_name(name)
    assert len(caught.value.message) < 120
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "name", ["a", "Job - 1a2b3c4d", "x" * MAX_NAME, "v1a", "V1", "v", "-", "~"]
)
def test_a_plain_line_is_a_job_name(name):
    assert require_job_name(name) == name
    assert read(job(name)).job_name == name


@given(st.text(max_size=120))
@example("v1\n")
def test_a_job_name_is_one_piece_of_a_path_and_shows_as_it_is(name):
    with contextlib.suppress(SpecError):
        assert require_job_name(name) == name
        assert Path("/box", name).parent == Path("/box")
        assert name.isascii()
        assert name.isprintable()
        assert name == name.strip()


# ---------------------------------------------------------------------------- dependencies

OFFERED = {"numpy": "1.26.4", "opencv-python-headless": "4.10.0.84", "ai-edge-litert": "1.0.1"}


@pytest.mark.parametrize(
    "text",
    [
        "numpy", "NumPy", "numpy==1.26.4", "numpy>=1", "numpy>=1,<2", "numpy~=1.26", "numpy (>=1)",
        "numpy!=1.25", "numpy===1.26.4", "opencv_python.headless", "ai-edge-litert", "syft",
        "syft==0.10.0", "Syft>=0.10", "syft-client==0.10.0", "syft_client",
    ],
)  # fmt: skip
def test_what_is_installed_may_be_asked_for(text):
    require_dependencies((text,), OFFERED, "tflite")


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "torch", "numpy==2.0", "numpy>=2", "numpy===1.26", "syft==0.9", "syft<0.10",
        "syft-rds", "syft-flwr", "numpy[all]", "syft[job]", 'numpy; python_version > "3"',
        "numpy @ https://example.org/numpy.whl", "numpy @ file:///tmp/numpy.whl",
        "git+https://github.com/OpenMined/PySyft@dev", "syft @ git+https://example.org/x",
        "https://example.org/numpy.whl", "/home/alice/PySyft", "./numpy", "-r requirements.txt",
        "--index-url https://example.org numpy", "-e .", "numpy\ntorch", "numpy torch", "numpy#x",
        "numpy==1.26.4 --hash=sha256:0", "numpy==*", "numpy>=one", "nump\u0443", "opencv-python",
        "numpy; " + "(" * 150, "\ud800", "$(id)", "`id`", "numpy;id", "numpy && id",
    ],
    ids=lambda text: ascii(text)[:30],
)  # fmt: skip
def test_what_is_not_installed_is_refused_by_its_name_and_nothing_is_fetched(text):
    with pytest.raises(SpecError) as caught:
        require_dependencies(("numpy", text), OFFERED, "tflite")
    assert f"the dependency {ascii(text)[:80]} is not in the environment tflite" in (
        caught.value.message
    )
    assert "numpy" in caught.value.next_step


@settings(max_examples=150)
@given(
    st.text(max_size=MAX_DEPENDENCY) | st.text("numpysft-_.=<>~!,;@[]()0123456789'\" ", max_size=40)
)
def test_any_text_is_installed_or_refused(text):
    with contextlib.suppress(SpecError):
        require_dependencies((text,), OFFERED, "tflite")
        assert text.strip().lower().startswith(("numpy", "opencv", "ai", "syft"))


# -------------------------------------------------------------------------------- all else


PIECES = st.sampled_from(
    ["app_data", "job", "inbox", ALICE, BOB, "v1", "count", "code", "main.py", "run.sh",
     "config.yaml", "..", ".", "", "private", "syft.pub.yaml", "a b", "\0", "ü"]
)  # fmt: skip
PATHS = st.lists(PIECES, max_size=9).map("/".join) | st.text(max_size=30)


@settings(max_examples=200)
@given(st.dictionaries(PATHS, st.text(max_size=20), max_size=4), st.booleans())
def test_any_files_are_refused_or_a_job_of_the_senders_own_inbox(files, whole):
    with contextlib.suppress(SpecError):
        proposed = (job() if whole else {}) | files
        folder = read(proposed)
        below = f"app_data/job/inbox/{ALICE}/v1/{folder.job_name}"
        assert {f"{below}/code/{path}": text for path, text in folder.code.items()} | {
            f"{below}/run.sh": folder.launcher,
            f"{below}/config.yaml": proposed[f"{below}/config.yaml"],
        } == proposed


@settings(max_examples=100)
@given(st.text(max_size=200) | st.text("atypeython: \n-[]{}&*!'\"#", max_size=60))
@example(LAUNCHER)
def test_any_configuration_is_refused_or_one_of_a_python_job(text):
    with contextlib.suppress(SpecError):
        assert read(job(more={"config.yaml": text})).entrypoint == "main.py"
