"""`darkroom backup` and `darkroom restore`, as an operator types them, and against hostile files."""

import hashlib
import json
import secrets
import shutil
import stat
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap import backup_archive as archive
from darkroom.bootstrap import restore as restoring
from darkroom.bootstrap.audit import HEADS_FORMAT, HEADS_HEADER
from darkroom.bootstrap.backup import backup
from darkroom.bootstrap.node import locked
from darkroom.bootstrap.restore import restore
from darkroom.cli import cli
from darkroom.errors import DarkroomError, InputError, SpecError, StateError, TrustError
from darkroom.model.letter import Letter
from darkroom.model.outgoing import Outgoing
from darkroom.model.statement import Statement
from darkroom.model.tree_head import KIND, TreeHead
from tests.gateway.serving import serving
from tests.node.village import keys


JOB = "a" * 32
OWED = f"outputs/{JOB}/counts"


@pytest.fixture
def state(tmp_path) -> Path:
    """A node's folder with some history, one result that is owed, and footage."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    SycKeyring.generate("north", "domain").save(state / "keys.json")
    with closing(SqliteNodeStore(state / "node.db")) as store:
        store.pin(keys("olga", "owner").identity)
        store.pin(keys("alice", "scientist").identity)
        store.set_fact("owner", "olga")
        store.set_fact("gateway", "http://127.0.0.1:1")
        store.add_event(1.0, "x")
        (state / OWED).parent.mkdir(parents=True)
        (state / OWED).write_bytes(b"released")
        (state / "outputs" / ("b" * 32)).mkdir()
        (state / "outputs" / ("b" * 32) / "counts").write_bytes(b"not released")
        for kind, files in (("job.result", {"output/counts": OWED}), ("job.state", {})):
            letter = Letter(
                id=secrets.token_hex(16), kind=kind, sender="north", recipient="alice",
                sent_at=1.0, body={"job_id": JOB},
            )  # fmt: skip
            store.queue(Outgoing(letter=letter, files=files))
    (state / "footage").mkdir()
    (state / "footage" / "frame").write_bytes(b"private pixels")
    return state


def quiet(*_: object) -> None:
    """Nobody reads the words."""


def run(*arguments):
    return CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=False)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_a_backup_and_a_restore_as_they_are_typed(state, tmp_path):
    file, fresh = tmp_path / "north.backup", tmp_path / "fresh"
    said = run("backup", "--state", state, "--with-keys", file)
    assert said.exit_code == 0, said.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    known = SycKeyring.load(state / "keys.json").identity.fingerprint
    said = run("restore", "--state", fresh, "--yes", "--fingerprint", known, file)
    assert said.exit_code == 0, said.output
    assert "epoch 2" in said.output
    assert "the gateway was not asked" in said.output
    assert sorted(tree(fresh)) == ["keys.json", "node.db", OWED]
    old, new = SycKeyring.load(state / "keys.json"), SycKeyring.load(fresh / "keys.json")
    assert new.handovers[-1].old == old.identity.fingerprint
    envelope = keys("alice", "scientist").seal(b"of the old epoch", old.identity)
    with pytest.raises(DarkroomError):
        new.open(envelope, keys("alice", "scientist").identity)
    with closing(SqliteNodeStore(fresh / "node.db")) as store:
        store.verify()
        assert store.epoch() == 2
        kinds = [(o.letter.recipient, o.letter.kind) for o in store.outgoing()]
        assert kinds == [
            ("alice", "job.result"), ("alice", "handover.domain"), ("alice", "domain.restored"),
            ("olga", "handover.node"), ("olga", "owner.notice"),
        ]  # fmt: skip
        head = store.last_head()
        assert head.key == new.identity.statement_key
    assert b"private pixels" not in file.read_bytes()
    assert b"not released" not in file.read_bytes()
    with locked(fresh):
        pass  # it can be served


def test_keys_that_come_from_the_backup_are_those_that_the_operator_knows(state, tmp_path):
    file, fresh = tmp_path / "north.backup", tmp_path / "fresh"
    backup(state, file, with_keys=True)
    with pytest.raises(InputError, match="say themselves"):
        run("restore", "--state", fresh, "--yes", file)
    other = keys("north", "domain").identity.fingerprint
    with pytest.raises(TrustError, match="fingerprint is not"):
        run("restore", "--state", fresh, "--yes", "--fingerprint", other, file)
    typed = CliRunner().invoke(cli, ["restore", "--state", str(fresh), str(file)], input=other)
    assert typed.exit_code != 0
    assert "is restored" not in typed.output
    assert not fresh.exists() or not list(fresh.iterdir())


def test_it_is_of_one_moment_while_the_node_writes(state, tmp_path):
    file, stop = tmp_path / "north.backup", threading.Event()

    def write() -> None:
        with closing(SqliteNodeStore(state / "node.db")) as store:
            while not stop.wait(0.001):
                store.add_event(1.0, "busy")

    with closing(SqliteNodeStore(state / "node.db")):  # held open, as by a node
        writer = threading.Thread(target=write)
        writer.start()
        try:
            done = backup(state, file, with_keys=True)
        finally:
            stop.set()
            writer.join()
    assert done.entries >= 2
    restore(file, tmp_path / "fresh", show=quiet)  # verifies log and ledger


def test_without_the_keys_in_it_they_are_given_or_nothing_happens(state, tmp_path):
    file, fresh = tmp_path / "north.backup", tmp_path / "fresh"
    backup(state, file)
    assert (state / "keys.json").read_bytes()[60:200] not in file.read_bytes()
    with pytest.raises(InputError, match="not in this backup"):
        restore(file, fresh, show=quiet)
    other = tmp_path / "other.json"
    SycKeyring.generate("north", "domain").save(other)
    with pytest.raises(TrustError, match="under other keys"):
        restore(file, fresh, show=quiet, keys=other)
    assert not fresh.exists() or not list(fresh.iterdir())
    assert restore(file, fresh, show=quiet, keys=state / "keys.json").opened.number == 2


def test_keys_that_were_rotated_since_restore_it_as_well(state, tmp_path):
    file, later = tmp_path / "north.backup", tmp_path / "later.json"
    backup(state, file)
    SycKeyring.load(state / "keys.json").rotated(at=1.0).save(later)
    done = restore(file, tmp_path / "fresh", show=quiet, keys=later)
    numbers = [step.number for step in SycKeyring.load(tmp_path / "fresh" / "keys.json").handovers]
    assert numbers == [1, 2]
    assert done.identity.fingerprint != SycKeyring.load(later).identity.fingerprint


def test_a_folder_that_is_not_empty_is_left_as_it_is(state, tmp_path):
    file = tmp_path / "north.backup"
    backup(state, file, with_keys=True)
    before = tree(state)
    with pytest.raises(StateError, match="not empty"):
        restore(file, state, show=quiet)
    assert tree(state) == before
    volume = tmp_path / "volume"
    (volume / "lost+found").mkdir(parents=True)
    (volume / ".restoring").mkdir()  # of one that was cut off
    (volume / ".restoring" / "node.db").write_bytes(b"half")
    assert restore(file, volume, show=quiet).opened.number == 2


def test_who_does_not_write_the_words_down_changes_nothing(state, tmp_path):
    file, fresh = tmp_path / "north.backup", tmp_path / "fresh"
    backup(state, file, with_keys=True)

    def no(*_: object) -> None:
        raise click.Abort

    with pytest.raises(click.Abort):
        restore(file, fresh, show=no)
    assert list(fresh.iterdir()) == []
    assert restore(file, fresh, show=quiet).opened.number == 2


@pytest.mark.parametrize("step", range(3))
def test_cut_off_anywhere_there_is_no_folder_that_can_be_served(state, tmp_path, monkeypatch, step):
    file, fresh = tmp_path / "north.backup", tmp_path / "fresh"
    backup(state, file, with_keys=True)
    plain, done = Path.rename, []

    def rename(self, target):
        if len(done) == step:
            raise KeyboardInterrupt
        done.append(self)
        return plain(self, target)

    monkeypatch.setattr(restoring.shutil, "rmtree", lambda *_, **__: None)  # it was killed
    monkeypatch.setattr(restoring.Path, "rename", rename)
    with pytest.raises(KeyboardInterrupt):
        restore(file, fresh, show=quiet)
    monkeypatch.undo()
    with pytest.raises(StateError, match="no node's state"), locked(fresh):
        pass


# ------------------------------------------------------------------------------ hostile files


def signed(state: Path, body: dict, content: bytes) -> bytes:
    """Even under the domain's own signature."""
    statement = SycKeyring.load(state / "keys.json").sign(archive.KIND, body)
    return json.dumps(statement.to_mapping()).encode() + b"\n" + content


def test_a_backup_with_one_byte_changed_restores_nothing(state, tmp_path):
    file, fresh = tmp_path / "north.backup", tmp_path / "fresh"
    backup(state, file, with_keys=True)
    whole = file.read_bytes()
    manifest = whole.index(b"\n")
    for at in (10, manifest // 2, manifest - 20, manifest + 50, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(DarkroomError):
            restore(file, fresh, show=quiet)
        assert not fresh.exists() or not list(fresh.iterdir())
    for other in (b"", b"{}", b"[1]\n", whole[:-1], whole + b"x", b"[" * 100_000 + b"\n"):
        file.write_bytes(other)
        with pytest.raises(DarkroomError):
            restore(file, fresh, show=quiet)


@pytest.mark.parametrize(
    "place",
    ["../evil", "/etc/evil", "outputs/../../evil", f"outputs/{JOB}/..", "node.db-wal", "lock",
     f"outputs/{JOB}/a/b", "policy.signed.json", "outputs", "", "code/x", f"outputs/{JOB}/a\n"],
)  # fmt: skip
def test_no_manifest_chooses_a_place(state, tmp_path, place):
    file = tmp_path / "north.backup"
    backup(state, file)
    with archive.opened(file) as found:
        body = found.statement.body
    sha256 = hashlib.sha256(b"x").hexdigest()
    file.write_bytes(signed(state, {**body, "files": [*body["files"], [place, 1, sha256]]}, b"x"))
    with pytest.raises(SpecError, match="not well formed"):
        restore(file, tmp_path / "fresh", show=quiet, keys=state / "keys.json")


def test_no_manifest_makes_room_for_what_is_not_there(state, tmp_path):
    file = tmp_path / "north.backup"
    backup(state, file)
    with archive.opened(file) as found:
        body = found.statement.body
    database = body["files"][0]
    for files in (
        [[database[0], 1 << 40, database[2]]],
        [[database[0], -1, database[2]]],
        [database, database],
        [],
        [["keys.json", 1 << 30, database[2]], database],
        [database] * 60_000,
        "node.db",
        [[1, 2, 3]],
    ):
        file.write_bytes(signed(state, {**body, "files": files}, b""))
        with pytest.raises(SpecError):
            restore(file, tmp_path / "fresh", show=quiet, keys=state / "keys.json")


def test_a_backup_of_another_domain_is_not_taken_for_ours(state, tmp_path):
    file = tmp_path / "north.backup"
    backup(state, file)
    with archive.opened(file) as found:
        statement = found.statement
        content = found._file.read()
    forger = SycKeyring.generate("north", "domain")
    body = {**statement.body, "identity": forger.identity.to_mapping()}
    forged = forger.sign(archive.KIND, body)
    swapped = Statement(
        kind=archive.KIND, body=statement.body, key=forger.identity.statement_key,
        signature=forged.signature,
    )  # fmt: skip
    for said in (forged, swapped):
        file.write_bytes(json.dumps(said.to_mapping()).encode() + b"\n" + content)
        with pytest.raises(TrustError):
            restore(file, tmp_path / "fresh", show=quiet, keys=state / "keys.json")


def test_a_damaged_state_is_not_backed_up(state, tmp_path):
    path = state / "node.db"
    with closing(SqliteNodeStore(path)) as store:
        store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store._db.execute("DROP TRIGGER ledger_does_not_change")
    with pytest.raises(StateError, match="not as it was made"):
        backup(state, tmp_path / "north.backup")
    assert not (tmp_path / "north.backup").exists()


# ------------------------------------------------------------------------- what others have seen


def test_heads_that_the_gateway_has_decide_epoch_and_time(state, tmp_path):
    file = tmp_path / "north.backup"
    keyring = SycKeyring.load(state / "keys.json")
    with serving(tmp_path / "gateway") as gateway:
        with closing(SqliteNodeStore(state / "node.db")) as store:
            store.set_fact("gateway", gateway.address)
            backup(state, file)
            with store.transaction():
                here = store.tree_head("north", 1.0)
        later = time.time() + 3600
        ahead = TreeHead.from_body({**here.to_body(), "epoch": 4, "at": later})
        with gateway.relay(keyring) as relay:
            relay.register(keyring.identity)
            relay.witness(keyring.sign(KIND, ahead.to_body()), since=0, proof=())
        done = restore(file, tmp_path / "fresh", show=quiet, keys=state / "keys.json")
        assert (done.opened.number, done.opened.opened_at, done.note) == (5, later, "")
        heads = tmp_path / "heads"
        owner = SycKeyring.generate("olga", "owner")
        owner.save(tmp_path / "olga" / "keys.json")
        with gateway.relay(owner) as relay:
            relay.register(owner.identity)
        run("audit", "heads", "--gateway", gateway.address, "--domain", "north",
            "--keys", tmp_path / "olga", heads)  # fmt: skip
        other = keys("mallory", "domain").sign(KIND, {**ahead.to_body(), "epoch": 99})
    with heads.open("a") as lines:
        lines.write(json.dumps({"head": other.to_mapping()}) + "\n")
    with suppress(FileNotFoundError):
        (tmp_path / "again").rmdir()
    again = restore(file, tmp_path / "again", show=quiet, keys=state / "keys.json", heads=[heads])
    assert again.opened.number == 5  # the gateway is away; the file has told


@pytest.mark.parametrize("what", [{"at": 4e9}, {"epoch": 1 << 52}])
def test_a_head_out_of_reach_is_named_and_nothing_changes(state, tmp_path, what):
    """Of a clock that was wrong, or signed with keys that were stolen."""
    file, heads, fresh = tmp_path / "north.backup", tmp_path / "heads", tmp_path / "fresh"
    keyring = SycKeyring.load(state / "keys.json")
    backup(state, file)
    with closing(SqliteNodeStore(state / "node.db")) as store, store.transaction():
        here = store.tree_head("north", 1.0)
    signed = keyring.sign(KIND, {**here.to_body(), **what})
    lines = ({HEADS_HEADER: HEADS_FORMAT}, {"head": signed.to_mapping()})
    heads.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(StateError, match=r"2096|4503599627370496") as caught:
        restore(file, fresh, show=quiet, keys=state / "keys.json", heads=[heads])
    assert "clock" in caught.value.next_step
    assert not list(fresh.iterdir())


# ------------------------------------------------- backups under keys that were given up since


def grow(state: Path, *events: str) -> TreeHead:
    """Go on; the head of what is there now."""
    with closing(SqliteNodeStore(state / "node.db")) as store, store.transaction():
        for event in events:
            store.add_event(1.0, event)
        return store.tree_head("north", 1.0)


def heads_file(path: Path, signer: SycKeyring, *heads: TreeHead) -> Path:
    """What `darkroom audit heads` writes."""
    signed = [{"head": signer.sign(KIND, head.to_body()).to_mapping()} for head in heads]
    lines = ({HEADS_HEADER: HEADS_FORMAT, "domain": "north"}, *signed)
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def rotated(state: Path, tmp_path: Path) -> tuple[SycKeyring, Path]:
    """Today's keys, and their file."""
    later = tmp_path / "later.json"
    new = SycKeyring.load(state / "keys.json").rotated(at=1.0)
    new.save(later)
    return new, later


@pytest.mark.parametrize("signed_by", ["former", "today"])
def test_a_backup_under_former_keys_whose_log_a_head_contradicts_is_refused(
    state, tmp_path, signed_by
):
    file, fresh, forged = tmp_path / "north.backup", tmp_path / "fresh", tmp_path / "forged"
    shutil.copytree(state, forged)
    shown = grow(state, "output-released")
    grow(forged, "nothing", "at all")
    backup(forged, file)
    new, later = rotated(state, tmp_path)
    signer = new if signed_by == "today" else SycKeyring.load(state / "keys.json")
    heads = heads_file(tmp_path / "heads", signer, shown)
    with pytest.raises(TrustError, match=r"never was so; .* given up") as caught:
        restore(file, fresh, show=quiet, keys=later, heads=[heads])
    assert "docs/backup.md" in caught.value.next_step
    assert not list(fresh.iterdir())


def test_a_false_epoch_in_it_does_not_hide_the_heads_of_the_one_before(state, tmp_path):
    """A restore makes new keys: those of the second epoch signed no head of the first."""
    file, fresh, forged = tmp_path / "north.backup", tmp_path / "fresh", tmp_path / "forged"
    shutil.copytree(state, forged)
    shown = grow(state, "output-released")
    with closing(SqliteNodeStore(forged / "node.db")) as store:
        store.open_epoch(2, 1.0)
        store.add_event(1.0, "epoch-opened", "", {"epoch": 2, "opened_at": 1.0})
    grow(forged, "nothing")
    backup(forged, file)
    _, later = rotated(state, tmp_path)
    heads = heads_file(tmp_path / "heads", SycKeyring.load(state / "keys.json"), shown)
    with pytest.raises(TrustError, match="in epoch 1 was shown"):
        restore(file, fresh, show=quiet, keys=later, heads=[heads])


def test_an_older_backup_is_restored_after_a_rotation_and_its_keys_are_named(state, tmp_path):
    """Also one of a later epoch: heads of epochs before are of the keys before."""
    first, second = tmp_path / "1.backup", tmp_path / "2.backup"
    old = SycKeyring.load(state / "keys.json")
    of_epoch_1 = grow(state, "output-released")
    backup(state, first)
    lost = grow(state, "more", "and more")
    _, later = rotated(state, tmp_path)
    heads = heads_file(tmp_path / "heads", old, of_epoch_1, lost)
    done = restore(first, tmp_path / "fresh", show=quiet, keys=later, heads=[heads])
    assert (done.opened.number, done.lost) == (2, 2)
    assert "given up since" in done.note
    assert old.identity.fingerprint in done.note
    backup(tmp_path / "fresh", second)
    newest = tmp_path / "newest.json"
    SycKeyring.load(tmp_path / "fresh" / "keys.json").rotated(at=time.time()).save(newest)
    again = restore(second, tmp_path / "again", show=quiet, keys=newest, heads=[heads])
    assert again.opened.number == 3


def test_a_copy_that_went_on_is_restored_under_todays_keys_and_it_is_told(state, tmp_path):
    """The cure of a disk that lost what it had flushed: nothing else is left."""
    file, copy = tmp_path / "north.backup", tmp_path / "copy"
    shutil.copytree(state, copy)
    shown = grow(state, "output-released")
    grow(copy, "standing-behind")
    backup(copy, file)
    keyring = SycKeyring.load(state / "keys.json")
    heads = heads_file(tmp_path / "heads", keyring, shown)
    done = restore(file, tmp_path / "fresh", show=quiet, keys=state / "keys.json", heads=[heads])
    assert done.opened.number == 2
    assert "another state went on beside it" in done.note


@pytest.mark.parametrize("what", [{"size": 1}, {"root": "0" * 64}, {"epoch": 2}])
def test_a_manifest_that_names_another_head_than_the_database_has(state, tmp_path, what):
    file, fresh = tmp_path / "north.backup", tmp_path / "fresh"
    backup(state, file)
    with archive.opened(file) as found:
        body, content = found.statement.body, found._file.read()
    file.write_bytes(signed(state, {**body, "head": {**body["head"], **what}}, content))
    with pytest.raises(TrustError, match="whose head its manifest names"):
        restore(file, fresh, show=quiet, keys=state / "keys.json")
    assert not list(fresh.iterdir())


def test_a_state_that_believes_a_restore_to_come_is_not_backed_up(state, tmp_path):
    """Nobody signed that nothing ran; a restore looks in the same way."""
    file = tmp_path / "north.backup"
    with closing(SqliteNodeStore(state / "node.db")) as store:
        store._write("INSERT INTO overrides VALUES (1, 2, 'nothing-ran-since-backup', 1.0, '{}')")
    with pytest.raises(StateError, match="override for epoch 2"):
        backup(state, file)
    assert not file.exists()


# ------------------------------------------------------------------------------------- the cures


def test_what_is_no_backup_is_called_so(state, tmp_path):
    keyring = SycKeyring.load(state / "keys.json")
    signed = json.dumps(keyring.sign("release", {}).to_mapping())
    file = tmp_path / "north.backup"
    for text in ("{}\n", '{"a": 1}\n', signed + "\n", "[]\n", "x", "", "\xff\n"):
        file.write_text(text, encoding="latin-1")
        with pytest.raises(SpecError, match="is no backup") as caught:
            restore(file, tmp_path / "fresh", show=quiet)
        assert "darkroom backup" in caught.value.next_step


def test_a_backup_of_nothing_names_what_is_missing(state, tmp_path):
    nowhere, file = tmp_path / "nowhere", tmp_path / "north.backup"
    with pytest.raises(StateError, match=str(nowhere)) as caught:
        backup(nowhere, file)
    assert "--state" in caught.value.next_step
    (state / "keys.json").rename(tmp_path / "elsewhere.json")
    with pytest.raises(StateError, match=r"keys\.json") as caught:
        backup(state, file)
    assert "--keys" in caught.value.next_step
    assert not file.exists()
