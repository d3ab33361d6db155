"""Minutes that are recorded, and not part of a version yet, are forgotten, too."""

import secrets

from darkroom.adapters.footage.folder import FolderFootage
from darkroom.model.forget import Forget
from darkroom.node.live_tape import Shelf
from darkroom.node.live_version import Versions
from tests.ingest.live_frames import FPS, START, fill, plan


MINUTE = int(60 * FPS)


def order(since, until, camera="cam"):
    return Forget(
        id=secrets.token_hex(16), dataset="", camera=camera, since=START + since,
        until=START + until,
    )  # fmt: skip


def test_pieces_on_the_shelf_go_whole_and_the_next_version_is_without_them(tmp_path):
    shelf = Shelf(tmp_path / "live")
    store = FolderFootage(tmp_path / "footage")
    versions = Versions(shelf, store)
    versions.resume(plan())
    fill(shelf, range(3 * MINUTE))
    gone = shelf.file(shelf.pieces[1]).read_bytes()
    left = shelf.folder / "face" / "segments"  # of a start that was killed as it made a version
    left.mkdir(parents=True)
    (left / "x.zip").write_bytes(gone)

    assert versions.forget([]) == 0
    assert versions.forget([order(60, 120, camera="another")]) == 0
    assert versions.forget([order(70, 71)]) == 1
    assert versions.forget([order(70, 71)]) == 0

    (manifest,) = versions.close()
    assert [s.minute for s in manifest.segments] == [0, 2]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if gone in path.read_bytes()]


def test_what_is_recorded_beside_an_order_stays(tmp_path):
    shelf = Shelf(tmp_path / "live")
    versions = Versions(shelf, FolderFootage(tmp_path / "footage"))
    versions.resume(plan())
    fill(shelf, range(2 * MINUTE))
    assert versions.forget([order(120, 180)]) == 0
    assert versions.forget([order(119.9, 180)]) == 1
    assert [p.start - START for p in shelf.pieces] == [0.0]
