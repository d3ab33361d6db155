"""`darkroom backup`: a copy of a node's memory, whole and of one moment, while the node runs.

In it: the database, and the outputs of results that are released and not delivered yet. Not
in it: footage, code and outputs that wait for a decision (those jobs end with a restore), and
keys unless they are asked for.
"""

import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap import backup_archive as archive
from darkroom.bootstrap.node import DATABASE, KEYS, keep_owner
from darkroom.errors import StateError
from darkroom.node.restore import RESULT


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """What was written.

    Attributes:
        entries: of the audit log in it.
        size: bytes.
    """

    domain: str
    entries: int
    epoch: int
    size: int


def backup(
    state: Path, path: Path, *, keys: Path | None = None, with_keys: bool = False
) -> BackedUp:
    """Write a backup of a node's state folder; the node may serve it meanwhile.

    Args:
        state: the folder.
        path: the file; one that is there is replaced once the new one is whole.
        keys: the key file, where it does not lie in the state folder.
        with_keys: whether the keys are in it.

    Raises:
        StateError: no state, it is damaged, or no room.
    """
    held = keys or state / KEYS
    if not (state / DATABASE).is_file():
        raise StateError(
            f"there is no node's state at {state}",
            next_step="name its folder with --state, as `darkroom node serve` has it",
        )
    if not held.is_file():
        raise StateError(f"the domain's keys are not at {held}", next_step="name them with --keys")
    keyring = SycKeyring.load(held)
    try:
        folder = Path(tempfile.mkdtemp(prefix=".darkroom-backup-", dir=path.absolute().parent))
    except OSError as error:
        raise StateError(
            f"{path} cannot be written: {error.strerror}", next_step="check the path"
        ) from error
    try:
        _note(state)
        copy = folder / DATABASE
        _copy_database(state / DATABASE, copy)
        return _write(state, path, copy, keyring, held if with_keys else None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        keep_owner(state)


def _note(state: Path) -> None:
    """That it was made is in the log, and so in the copy."""
    with closing(SqliteNodeStore(state / DATABASE)) as store:
        store.add_event(time.time(), "backup-made")


def _copy_database(source: Path, target: Path) -> None:
    """SQLite's own way: one moment, whoever writes meanwhile."""
    target.touch(mode=0o600)
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as there,
            closing(sqlite3.connect(target)) as here,
        ):
            there.backup(here)
    except sqlite3.Error as error:
        raise StateError(
            f"{source} could not be copied: {error}", next_step="make room, and check the file"
        ) from error


def _write(state: Path, path: Path, copy: Path, keyring: SycKeyring, keys: Path | None) -> BackedUp:
    identity = keyring.identity
    with closing(SqliteNodeStore(copy, read_only=True)) as store:
        store.verify()  # what is damaged is no backup
        head = store.tree_head(identity.name, time.time())
        owed = {
            place: state / place
            for outgoing in store.outgoing()
            if outgoing.letter.kind == RESULT
            for place in outgoing.files.values()
        }
    sources = {
        **({archive.KEYS: keys} if keys else {}),
        archive.DATABASE: copy,
        **{place: file for place, file in owed.items() if file.is_file()},  # else: delivered now
    }
    manifest = archive.BackupManifest(
        domain=identity.name,
        identity=identity,
        handovers=keyring.handovers,
        head=head,
        files=tuple(archive.measured(place, file) for place, file in sources.items()),
    )
    archive.write(path, keyring.sign(archive.KIND, manifest.to_body()), sources)
    return BackedUp(
        domain=identity.name, entries=head.size, epoch=head.epoch, size=path.stat().st_size
    )
