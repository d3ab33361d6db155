"""The `BlobStore` port: one suite on a folder and on a real S3 server."""

import itertools
import os
import stat
import threading

import pytest

from darkroom.adapters.blobs.folder import FolderBlobStore
from darkroom.adapters.blobs.s3 import S3BlobStore
from darkroom.errors import SpecError, TrustError, UnknownNameError, UnreachableError
from tests.conformance.s3_server import (  # noqa: F401 - fixtures
    running_s3_server,
    running_versitygw,
    s3_server,
    versitygw,
)


_numbers = itertools.count()


@pytest.fixture(params=["folder", "s3_server", "versitygw"])
def store(request, tmp_path):
    if request.param == "folder":
        return FolderBlobStore(tmp_path / "blobs")
    server = request.getfixturevalue(request.param)
    return server.store(f"bucket-{next(_numbers)}")


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"text", bytes(range(256)) * 4096, os.urandom(5 << 20)],
    ids=["empty", "zero", "text", "1 MiB", "5 MiB"],
)
def test_what_is_put_is_what_is_got(store, data):
    store.put("blobs/alice/00", data)

    assert data == store.get("blobs/alice/00")


def test_the_same_key_again_overwrites(store):
    store.put("a/b", b"one, and longer")
    store.put("a/b", b"two")

    assert b"two" == store.get("a/b")
    assert ["a/b"] == store.keys("a/")


def test_keys_of_all_names_that_identities_may_have(store):
    keys = ["blobs/a.b_c-d@example.org/ff00/000001", "blobs/0/x/000002"]
    for key in keys:
        store.put(key, key.encode())

    assert sorted(keys) == store.keys("blobs/")
    assert [keys[0].encode(), keys[1].encode()] == [store.get(key) for key in keys]


def test_an_unknown_key_is_an_error(store):
    store.put("a/b/c", b"x")

    for key in ("a/b/d", "x", "a/b", "a/b/c/d"):
        with pytest.raises(UnknownNameError):
            store.get(key)


def test_delete_removes_and_can_be_repeated(store):
    store.put("a/b/c", b"x")
    store.put("a/d", b"y")

    store.delete("a/b/c")
    store.delete("a/b/c")
    store.delete("never/there")

    assert ["a/d"] == store.keys("")
    with pytest.raises(UnknownNameError):
        store.get("a/b/c")


def test_keys_are_sorted_and_only_those_with_the_prefix(store):
    for key in ("b/1", "a/2", "a/10", "a/1", "ab/1"):
        store.put(key, b"x")

    assert ["a/1", "a/10", "a/2"] == store.keys("a/")
    assert ["a/1", "a/10"] == store.keys("a/1")
    assert ["a/1", "a/10", "a/2", "ab/1"] == store.keys("a")
    assert [] == store.keys("nothing/")


def test_more_keys_than_one_listing_of_s3_holds(store, request):
    if isinstance(store, FolderBlobStore):
        root = store._root
    else:
        server = request.node.callspec.params["store"]
        root = request.getfixturevalue(server).root / store._bucket
    (root / "many").mkdir()
    for index in range(1001):
        (root / "many" / f"{index:06d}").touch()

    assert [f"many/{index:06d}" for index in range(1001)] == store.keys("many/")


def test_several_threads_may_use_it(store):
    failed = []

    def work(number: int) -> None:
        try:
            for index in range(5):
                key = f"thread/{number}/{index}"
                store.put(key, key.encode())
                assert key.encode() == store.get(key)
        except Exception as error:  # noqa: BLE001 - shown below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failed
    assert 20 == len(store.keys("thread/"))


def test_it_says_which_kind_and_where(store):
    assert store.describe().startswith(("folder /", "s3://bucket-"))


# -------------------------------------------------------------------------- folder only


@pytest.mark.parametrize("key", ["../x", "/etc/x", "a/../x", "a//b", "", "a/.hidden", "a\\b", "é"])
def test_a_folder_refuses_keys_that_lead_elsewhere(tmp_path, key):
    store = FolderBlobStore(tmp_path / "blobs")

    for call in (lambda: store.put(key, b"x"), lambda: store.get(key)):
        with pytest.raises(SpecError):
            call()


def test_a_folder_lists_nothing_outside_itself(tmp_path):
    (tmp_path / "secret").write_bytes(b"x")
    store = FolderBlobStore(tmp_path / "blobs")

    assert [] == store.keys("../")


def test_files_of_a_folder_are_for_their_owner_alone(tmp_path):
    store = FolderBlobStore(tmp_path / "blobs")

    store.put("a/b", b"x")

    assert 0o600 == stat.S_IMODE((tmp_path / "blobs/a/b").stat().st_mode)


# ------------------------------------------------------------------------------ s3 only


@pytest.fixture(params=["s3_server", "versitygw"])
def server(request):
    return request.getfixturevalue(request.param)


def test_s3_creates_its_bucket_once(server):
    server.store("made").put("k", b"v")

    assert b"v" == server.store("made").get("k")
    assert (server.root / "made").is_dir()


def test_s3_with_a_wrong_key_is_refused_clearly(server):
    with pytest.raises(TrustError) as caught:
        S3BlobStore(
            endpoint=server.endpoint,
            bucket="made",
            access_key=server.access_key,
            secret_key="wrong",
        )

    assert "refused our keys" in caught.value.message
    assert "DARKROOM_S3_SECRET_KEY" in caught.value.next_step
    assert "wrong" not in str(caught.value)


def test_two_accounts_of_versitygw_do_not_see_each_other_s_buckets(tmp_path):
    with running_versitygw(tmp_path, "relay", "mlflow") as servers:
        servers["relay"].store("relay").put("a", b"x")
        intruder = servers["mlflow"].store("mlflow")
        intruder._bucket = "relay"

        for call in (
            lambda: intruder.get("a"),
            lambda: intruder.put("a", b"y"),
            lambda: intruder.delete("a"),
            lambda: intruder.keys(""),
            lambda: servers["mlflow"].store("relay").keys(""),
        ):
            with pytest.raises(TrustError, match="AccessDenied"):
                call()

        assert b"x" == servers["relay"].store("relay").get("a")


def test_s3_that_does_not_answer_is_unreachable(tmp_path):
    with running_s3_server(tmp_path) as server:
        store = server.store("here")

    with pytest.raises(UnreachableError, match=r"s3://here at http://127\.0\.0\.1"):
        store.get("k")


@pytest.mark.parametrize(
    ("endpoint", "bucket"),
    [("127.0.0.1:9000", "ok"), ("ftp://127.0.0.1", "ok"), ("http://127.0.0.1:1", "No!")],
)
def test_s3_refuses_impossible_names(endpoint, bucket):
    with pytest.raises(SpecError):
        S3BlobStore(endpoint=endpoint, bucket=bucket, access_key="a", secret_key="b")
