"""Nothing is written on a scientist's machine but what the connection has announced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.pysyft.write_filter import WriteFilter, review_folder


ME, NORTH, SOUTH = "alice@darkroom", "north@darkroom", "south@darkroom"
FOLDER = f"{NORTH}/app_data/job/review/{ME}/v1/count"


def announced(*names: str, datasite: str = NORTH, job: str = "count") -> WriteFilter:
    write_filter = WriteFilter(ME)
    write_filter.announce(datasite, job, names)
    return write_filter


def test_a_review_folder_lies_below_the_datasite():
    assert review_folder(NORTH, ME, "count") == FOLDER


def test_what_is_announced_may_be_written_and_not_deleted():
    admits = announced("state.yaml", "outputs/n.json")

    assert admits(f"{FOLDER}/state.yaml", False)
    assert admits(f"{FOLDER}/outputs/n.json", False)
    assert not admits(f"{FOLDER}/state.yaml", True)


@pytest.mark.parametrize(
    "path",
    [
        f"{FOLDER}/outputs/more.json",
        f"{SOUTH}/app_data/job/review/{ME}/v1/count/state.yaml",
        f"{NORTH}/app_data/job/review/bob@darkroom/v1/count/state.yaml",
        f"{NORTH}/app_data/job/inbox/{ME}/v1/count/code/main.py",
        f"{ME}/private/crypto_keys.json",
        "/etc/passwd",
        "",
        ".sync.lock",
    ],
)
def test_nothing_else_is_written(path):
    assert not announced("state.yaml", "outputs/n.json")(path, False)


@pytest.mark.parametrize(
    ("datasite", "job", "name"),
    [
        (ME, "count", "state.yaml"),
        (NORTH, "count", "../../../../../../x"),
        (NORTH, "..", "state.yaml"),
        (NORTH, "count", "syft.pub.yaml"),
        (NORTH, "count", "outputs//n.json"),
        (f"{NORTH}/..", "count", "state.yaml"),
    ],
)
def test_not_even_when_it_was_announced(datasite, job, name):
    path = f"{review_folder(datasite, ME, job)}/{name}"

    assert not announced(name, datasite=datasite, job=job)(path, False)


def test_an_announcement_ends():
    admits = announced("state.yaml")
    admits.clear()

    assert not admits(f"{FOLDER}/state.yaml", False)


@given(st.text(), st.booleans())
def test_law_only_announced_paths(path, is_delete):
    admits = announced("state.yaml")

    assert not admits(path, is_delete) or (path == f"{FOLDER}/state.yaml" and not is_delete)
