"""What a scientist sends becomes a folder of texts: their place, never anything else."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.adapters.pysyft.owner_job_folder import LISTING, job_folder, job_name
from darkroom.errors import SpecError
from darkroom.model.canonical import digest_bytes
from darkroom.model.job import Environment, JobRequest, JobSpec, require_path
from darkroom.model.output import Scalars
from tests.owner.datasite import MAIN, RUN, pysyft_job


def request_for(files, *, entrypoint="job:count", parameters=None, schema=None, **more):
    return JobRequest(
        job_id="ab" * 16,
        spec=JobSpec(
            name="count-people",
            tier="reviewed",
            entrypoint=entrypoint,
            files={path: digest_bytes(data) for path, data in files.items()},
            environment=Environment(name="tflite", lock_hash="sha256:" + "11" * 32),
            outputs=more.pop("outputs", {"result": Scalars(names=("n",))}),
            parameter_schema=schema or {},
        ),
        submitter="alice",
        submitter_fingerprint="sha256:" + "1" * 64,
        audience="north",
        project="counting",
        dataset="plaza",
        dataset_version="sha256:" + "22" * 32,
        parameters=parameters or {},
    )


def folder_of(files, **more):
    return job_folder(request_for(files, **more), files, name="count 1", asked_at=1_800_000_000.0)


def pysyft_folder(change=lambda files: files, **more):
    fields = pysyft_job(**more)
    files = change(fields["files"])
    return folder_of(
        files,
        entrypoint=fields["entrypoint"],
        outputs=fields["outputs"],
        parameters=fields["parameters"],
        schema=fields["parameter_schema"],
    )


def test_a_pysyft_job_is_shown_as_it_was_sent():
    folder = pysyft_folder()

    assert ["code/main.py", "run.sh", f"code/{LISTING}", "config.yaml"] == list(folder.files)
    assert MAIN.decode() == folder.files["code/main.py"]
    first = "# Nothing runs this file; Darkroom starts code/main.py\n"
    assert first + RUN.decode() == folder.files["run.sh"]
    assert "" == folder.hidden
    config = json.loads(folder.files["config.yaml"])
    assert ("main.py", "python", "count 1") == (
        config["entrypoint"], config["type"], config["name"],
    )  # fmt: skip
    facts = config["headers"]["darkroom"]
    assert ("scalars", ["n"]) == (
        facts["outputs"]["result"]["type"],
        facts["outputs"]["result"]["names"],
    )


def test_a_model_is_listed_with_its_size_and_hash():
    listing = pysyft_folder(models={"detector.tflite": b"x" * 1234}).files[f"code/{LISTING}"]

    assert f"models/detector.tflite  1,234 bytes  {digest_bytes(b'x' * 1234)}" in listing


@pytest.mark.parametrize(
    "change",
    [
        lambda files: {**files, "pysyft_job.py": files["pysyft_job.py"] + b"#"},
        lambda files: {**files, "other.py": b"x = 1\n"},
        lambda files: {**files, "lib/other.py": b"x = 1\n"},
        lambda files: {**files, "models/evil.py": b"x = 1\n"},
        lambda files: {**files, "models/other.tflite": b"x"},
        lambda files: {**files, "code/models/detector.tflite": b"x"},
        lambda files: {p: d for p, d in files.items() if p != "code/main.py"},
    ],
)
def test_what_is_not_exactly_a_pysyft_job_is_shown_whole(change):
    folder = pysyft_folder(change)

    assert "code/pysyft_job.py" in folder.files
    assert "code/run.sh" in folder.files


@pytest.mark.parametrize("name", ["NOT-SHOWN.txt", "_NOT-SHOWN.txt"])
def test_a_file_called_like_the_listing_is_not_lost(name):
    files = {"job.py": b"1\n", "NOT-SHOWN.txt": b"mine\n", name: b"mine\n", "model.tflite": b"x"}

    shown = folder_of(files).files

    assert "mine\n" == shown[f"code/{name}"]
    assert any("model.tflite" in text for text in shown.values())


@pytest.mark.parametrize(
    ("data", "hidden"),
    [
        ("text = 'été' # ok\r\n".encode(), False),
        ("\ufeffx = 1\n".encode(), False),
        ("x = 1 # \u202e\n".encode(), True),
        ("x\u00a0= 1\n".encode(), True),
        (b"x = '\x00'\n", True),
        (b"\x1b]0;title\x07", True),
        (b"\xff\xfe", True),
    ],
)
def test_what_a_terminal_would_not_show_is_written_out(data, hidden):
    folder = folder_of({"job.py": data})

    assert hidden is bool(folder.hidden)
    shown = "".join(folder.files.values())
    assert not {"\u202e", "\x00", "\x1b", "\x07", "\u00a0"} & set(shown)


NAMES = st.one_of(
    st.text(max_size=120), st.text("ab/\\.: <>v1", max_size=8), st.integers(), st.booleans()
)


@given(NAMES)
def test_every_name_is_one_harmless_folder(name):
    kind = {int: "int", bool: "bool", str: "text"}[type(name)]
    try:
        request = request_for(
            {"job.py": b"1"}, parameters={"pysyft_job": name}, schema={"pysyft_job": kind}
        )
    except SpecError:
        return  # a value that no job may have

    found = job_name(request)

    assert found in (name, request.job_id)
    assert 1 <= len(found) <= 100
    assert found.isascii()
    assert found.isprintable()
    assert not set(found) & set("/\\:<>&\"'`")
    assert not found.startswith(".")


PATHS = st.from_regex(
    r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,5}(/[A-Za-z0-9_][A-Za-z0-9_.\-]{0,5}){0,2}", fullmatch=True
)


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.one_of(PATHS, st.sampled_from(["syft.pub.yaml", "a/syft.pub.yaml", "node_modules/x"])),
        st.binary(max_size=30),
        min_size=1,
        max_size=6,
    )
)
def test_every_tree_is_texts_at_places_of_its_own(files):
    if len({p.casefold() for p in files}) < len(files):
        return
    folder = folder_of(files)

    assert "config.yaml" == list(folder.files)[-1]
    for path, text in folder.files.items():
        require_path(path)
        text.encode()
        assert path in ("run.sh", "config.yaml") or path.startswith("code/")
        assert not {"syft.pub.yaml", "node_modules"} & set(path.split("/"))
    parents = {p.rpartition("/")[0] for p in folder.files}
    assert not parents & set(folder.files)
    for path, data in files.items():
        shown = folder.files.get(f"code/{path}")
        listed = any(f"{path}  {len(data):,} bytes" in text for text in folder.files.values())
        assert listed or (shown is not None and (shown.encode() == data or folder.hidden))


def test_a_text_of_many_hidden_characters_is_written_out_in_one_pass():
    """Every one of them another: a pass for each took a minute a file."""
    hidden = "".join(chr(c) for c in range(0xF0000, 0xFFFFE))
    code = {"main.py": MAIN, "odd.py": f"#{hidden}\n".encode()}
    began = time.process_time()

    folder = pysyft_folder(code=code)

    assert time.process_time() - began < 3
    assert "hide or reorder" in folder.hidden
    assert folder.files["code/odd.py"].startswith("#⟨U+F0000⟩⟨U+F0001⟩")
