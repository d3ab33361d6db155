"""T20: the audit log is edited, cut, re-ordered or forked, and the first bad entry is named.

Each by who changes rows, and by who computes every hash in the file anew. An auditor holds
what the gateway was shown, or one receipt; the domain cannot take those back.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.audit import HEADS_FORMAT, HEADS_HEADER, verify
from darkroom.bootstrap.audit_file import export
from darkroom.errors import StateError, TrustError
from darkroom.model.audit_entry import detail_text
from darkroom.model.tree_head import TreeHead
from darkroom.node.audit import SHOW_EVERY
from darkroom.policy.signers import Known
from tests.attack.forger import clumsy, rows, thorough
from tests.node.village import Village


@dataclass
class Scene:
    """A domain with a history, and what others hold of it.

    Attributes:
        shown: size of each head that the gateway was shown, oldest first.
        heads: the file of an auditor who asked the gateway.
    """

    village: Village
    shown: list[int]
    heads: Path
    receipts: Path

    @property
    def path(self) -> Path:
        return self.village.state / "node.db"

    def judged(self, **more):
        """What an auditor finds, who knows the domain's key."""
        return verify(
            state=self.village.state,
            known=Known(identities=(self.village.keyring.identity,)),
            **more,
        ).verdict.findings


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> Scene:
    folder = tmp_path_factory.mktemp("history")
    village = Village(folder / "village")
    village.in_force()
    for _ in range(3):
        request = village.produced()
        village.release(request.job_id)
        village.settle()
        village.clock.forward(SHOW_EVERY + 1)
        village.poll()
    village.submitted()  # newer than every head
    receipts = folder / "receipts"
    receipts.mkdir()
    for number, letter in enumerate(village.alice.letters("job.result")):
        envelope = json.dumps(letter.body["receipt"], sort_keys=True, separators=(",", ":"))
        (receipts / f"{number}.json").write_text(envelope)
    heads = folder / "heads.jsonl"
    witnessed = village.relay.heads("north")
    lines = [{HEADS_HEADER: HEADS_FORMAT, "domain": "north"}]
    lines += [{"head": head.to_mapping()} for head in witnessed]
    heads.write_text("".join(json.dumps(line) + "\n" for line in lines))
    village.store._rows("PRAGMA wal_checkpoint(TRUNCATE)")
    village.store.close()
    return Scene(village, [h.body["size"] for h in witnessed], heads, receipts)


@pytest.fixture
def scene(history, tmp_path):
    """The same, to be damaged."""
    state = tmp_path / "state"
    shutil.copytree(history.village.state, state)
    village = Village.__new__(Village)
    village.__dict__.update(history.village.__dict__, state=state)
    return Scene(village, history.shown, history.heads, history.receipts)


def edited(number: int):
    """Entry `number` says that somebody else did it."""

    def change(entries):
        entry = entries[number - 1]
        detail = detail_text({**json.loads(entry.detail), "by": "mallory"})
        return [*entries[: number - 1], entry._replace(detail=detail), *entries[number:]]

    return change


def cut(number: int):
    """The log ends before entry `number`."""
    return lambda entries: entries[: number - 1]


def swapped(number: int):
    """Entries `number` and the next one change places."""

    def change(entries):
        a, b = entries[number - 1 : number + 1]
        one, other = b._replace(number=a.number), a._replace(number=b.number)
        return [*entries[: number - 1], one, other, *entries[number + 1 :]]

    return change


def left_out(number: int):
    """Entry `number` is missing."""
    return lambda entries: [*entries[: number - 1], *entries[number:]]


WAYS = [edited, cut, swapped, left_out]


def vouched_before(scene: Scene, number: int) -> int:
    """The first entry that no head that still fits vouches for."""
    own = {head.body["size"] for head in own_heads(scene)}
    return max((size for size in {*scene.shown, *own} if size < number), default=0) + 1


def own_heads(scene: Scene):
    store = SqliteNodeStore(scene.path, read_only=True)
    heads = list(store.signed_heads())
    store.close()
    return heads


# ----------------------------------------------------------------- without what others hold


@pytest.mark.attack("T20", control="off")
@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_was_computed_anew_with_its_heads_fits_itself(scene, way):
    """Why a hash chain in one's own file is none: nobody else holds any of it."""
    thorough(scene.path, way(9), heads=True)
    assert verify(state=scene.village.state).verdict.findings == ()
    (found,) = scene.judged()
    assert found.what == "no head that north signed vouches for any of it"


# --------------------------------------------------------------------------------- with it


@pytest.mark.attack("T20", control="on")
def test_the_log_as_it_was_written_is_whole(scene):
    assert scene.judged(heads=[scene.heads], receipts=scene.receipts) == ()


@pytest.mark.attack("T20", control="on")
@pytest.mark.parametrize("number", [1, 2, 9, 17])
@pytest.mark.parametrize("way", [edited, swapped, left_out])
def test_clumsy_hands_are_told_by_the_very_entry(scene, way, number):
    clumsy(scene.path, way(number))
    found = scene.judged()
    assert found[0].entry == number
    assert f"entry {number}" in found[0].what


@pytest.mark.attack("T20", control="on")
def test_a_tail_that_was_cut_is_told_by_the_first_entry_that_is_missing(scene):
    number = scene.shown[-1] - 2
    clumsy(scene.path, cut(number))
    (found,) = scene.judged()
    assert found.entry == number
    assert f"entry {number} is missing" in found.what


@pytest.mark.attack("T20", control="on")
@pytest.mark.parametrize("held", ["own heads", "witness", "receipts"])
@pytest.mark.parametrize("way", WAYS)
def test_a_file_in_which_every_hash_fits_is_told_by_any_head_that_somebody_holds(scene, way, held):
    number = scene.shown[0] + 3
    first = vouched_before(scene, number) if held == "own heads" else scene.shown[0] + 1
    thorough(scene.path, way(number), heads=held != "own heads")
    more = {"witness": {"heads": [scene.heads]}, "receipts": {"receipts": scene.receipts}}
    found = scene.judged(**more.get(held, {}))
    assert found
    if way is cut:
        assert found[0].entry == number
        assert f"entry {number} is missing" in found[0].what
    elif held != "receipts":
        assert found[0].entry == first
        assert f"the first in doubt is {first}" in found[0].what
    else:  # their heads are other ones: made at the release itself
        assert found[0].entry <= number


@pytest.mark.attack("T20", control="on")
def test_a_node_does_not_start_on_any_of_them(scene):
    thorough(scene.path, edited(9))
    store = SqliteNodeStore(scene.path)
    with pytest.raises(StateError, match="audit log"):
        store.verify()
    store.close()


@pytest.mark.attack("T20", control="on")
def test_a_fork_by_who_has_the_keys_is_shown_with_both_heads(scene):
    """The domain itself writes another history, and signs it."""
    thorough(scene.path, edited(scene.shown[0] + 3), heads=True)
    store = SqliteNodeStore(scene.path)
    keyring = scene.village.keyring
    with store.transaction():
        said = keyring.sign("audit-head", store.tree_head("north", 1e9).to_body())
        store.keep_head(said, keyring.identity)
    store.close()
    found = scene.judged(heads=[scene.heads])
    assert found[0].entry == scene.shown[0] + 1
    assert f"fork: the heads of size {scene.shown[1]}" in found[0].what
    assert TreeHead.from_body(said.body).root[:16] in found[0].what


@pytest.mark.attack("T20", control="on")
def test_a_head_that_the_domain_never_signed_lends_no_weight(scene):
    """Whoever forged the log signs heads with keys of their own."""
    mallory = SycKeyring.generate("north", "domain")
    thorough(scene.path, edited(9), heads=True)
    store = SqliteNodeStore(scene.path)
    with store.transaction():
        said = mallory.sign("audit-head", store.tree_head("north", 1e9).to_body())
        store.keep_head(said, mallory.identity)
    store.close()
    assert "does not hold" in scene.judged()[0].what
    forged = scene.path.with_name("heads")
    lines = [{HEADS_HEADER: HEADS_FORMAT}, {"head": said.to_mapping()}]
    forged.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(TrustError, match="none of north"):
        scene.judged(heads=[forged])


@pytest.mark.attack("T20", control="on")
@pytest.mark.parametrize("way", WAYS)
def test_an_export_is_judged_like_the_file(scene, way, tmp_path):
    thorough(scene.path, way(scene.shown[0] + 3), heads=True)
    file = tmp_path / "north.jsonl"
    export(scene.village.state, file)
    identities = [scene.village.keyring.identity]
    report = verify(exported=file, known=Known(identities=tuple(identities)), heads=[scene.heads])
    assert report.verdict.findings == scene.judged(heads=[scene.heads])


@pytest.mark.attack("T20", control="on")
def test_an_erasure_without_an_entry_is_a_hole(scene):
    def gone(entries):
        bare = entries[4]._replace(detail=None, salt=None)
        return [*entries[:4], bare, *entries[5:]]

    thorough(scene.path, gone)
    assert scene.judged()[0].entry == 5
    store = SqliteNodeStore(scene.path)
    store.erase_details([7], at=1e9, by="olga", why="asked to")
    store.close()
    assert [f.entry for f in scene.judged()] == [5]


@pytest.mark.attack("T20", control="on")
def test_a_ledger_that_was_cut_does_not_fit_the_heads(scene):
    import sqlite3

    db = sqlite3.connect(scene.path)
    for name in ("ledger_is_kept", "ledger_head_is_the_last"):
        db.execute(f"DROP TRIGGER {name}")
    (last,) = db.execute("SELECT MAX(number) FROM ledger").fetchone()
    assert last > 2
    db.execute("DELETE FROM ledger WHERE number > 1")
    db.commit()
    db.close()
    found = scene.judged(heads=[scene.heads])
    assert any("of the ledger is missing" in f.what for f in found)
    assert len(rows(scene.path)) > 2  # the log itself is whole
