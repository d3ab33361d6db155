"""`darkroom restore`: a state folder out of a backup, with new keys and in a new epoch.

Everything is made in a folder of its own and moved into place at the end, the keys last: a
folder without keys is not served.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap import backup_archive as archive
from darkroom.bootstrap.audit import read_heads
from darkroom.bootstrap.node import DATABASE, KEYS, keep_owner
from darkroom.display.nouns import when
from darkroom.errors import DarkroomError, InputError, SpecError, StateError, TrustError
from darkroom.model.identity import PublicIdentity
from darkroom.model.statement import Statement
from darkroom.model.tree_head import KIND, TreeHead
from darkroom.node.restore import Opened, open_epoch
from darkroom.node.standing import own_identity
from darkroom.policy.standing import too_far


ASIDE = ".restoring"
HARMLESS = {ASIDE, "lost+found"}  # of a restore that was cut off; of a fresh volume
ROOM = 64 << 20  # bytes that stay free

# (the keys of the backup, the new ones, 24 words): shows the words to a person; raising ends
# it with nothing changed.
Show = Callable[[PublicIdentity, PublicIdentity, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was done.

    Attributes:
        identity: with the new keys.
        opened: the epoch that began.
        lost: how many entries of the log were shown and are not in the backup, as far as known.
        note: what a person should know; "".
    """

    identity: PublicIdentity
    opened: Opened
    lost: int
    note: str


def restore(
    path: Path, state: Path, *, show: Show, keys: Path | None = None, heads: Sequence[Path] = ()
) -> Restored:
    """Make a state folder out of a backup.

    Args:
        path: what `backup` wrote.
        state: a new or empty folder.
        show: see `Show`.
        keys: the domain's key file, where it is not in the backup.
        heads: what `darkroom audit heads` wrote: what the gateway was shown since.

    Raises:
        StateError: the folder is not empty, the backup is not whole, no room, or a head names a
            time or an epoch out of reach.
        SpecError: it is no backup.
        TrustError: it is not one of the domain whose keys these are, or not what its manifest
            or heads that were shown say.
    """
    aside = state / ASIDE
    _require_empty(state)
    try:
        aside.mkdir(mode=0o700, parents=True)
        state.chmod(0o700)
        with archive.opened(path) as file:
            keyring = _keys(file, keys, aside)
            _require_own(file, keyring)
            _require_room(file.manifest, aside)
            for member in file.manifest.files:
                if member.place != archive.KEYS:
                    file.extract(member, aside)
            done, fresh = _open(file.manifest, keyring, aside, heads, show)
        (aside / KEYS).unlink(missing_ok=True)
        fresh.save(aside / KEYS)
        _move(aside, state)
    except OSError as error:
        raise StateError(
            f"{state} cannot be written: {error.strerror}", next_step="make room there"
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    keep_owner(state)
    return done


def _require_empty(state: Path) -> None:
    if state.exists() and (not state.is_dir() or {f.name for f in state.iterdir()} - HARMLESS):
        raise StateError(
            f"{state} is not empty",
            next_step="name a new folder; keep the old one until the restored domain works",
        )
    shutil.rmtree(state / ASIDE, ignore_errors=True)


def _keys(file: archive.BackupFile, given: Path | None, aside: Path) -> SycKeyring:
    """The keys that were given; else those in the backup, which are its first member."""
    first = file.manifest.files[0]
    inside = file.extract(first, aside) if first.place == archive.KEYS else None
    if given is None and inside is None:
        raise InputError(
            "the keys are not in this backup",
            next_step="name the domain's key file with --keys, or bring it back from its recovery "
            "words: `darkroom identity recover`",
        )
    return SycKeyring.load(given or inside or aside)


def _require_own(file: archive.BackupFile, keyring: SycKeyring) -> None:
    """The manifest is signed by these keys, or by keys that handed over to them."""
    manifest, ours = file.manifest, keyring.identity
    known = {ours.fingerprint, *(link.old for link in keyring.handovers)}
    known |= {link.new.fingerprint for link in keyring.handovers}
    signer = manifest.identity
    if (ours.role, manifest.domain) != ("domain", ours.name) or signer.fingerprint not in known:
        raise TrustError(
            f"the backup is of {manifest.domain}, under other keys than those of {ours.name}",
            next_step="give the keys of that domain with --keys",
        )
    verifier = SycVerifier()
    verifier.check_identity(signer)
    verifier.check_statement(file.statement, archive.KIND, signer)


def _require_room(manifest: archive.BackupManifest, aside: Path) -> None:
    if shutil.disk_usage(aside).free < manifest.size + ROOM:
        raise StateError(f"there is no room for {manifest.size >> 20} MiB", next_step="make room")


def _open(
    manifest: archive.BackupManifest,
    keyring: SycKeyring,
    aside: Path,
    files: Iterable[Path],
    show: Show,
) -> tuple[Restored, SycKeyring]:
    """The step that counts, on the database that is not in its place yet."""
    with closing(SqliteNodeStore(aside / DATABASE)) as store:
        store.verify()
        if store.tree_head(manifest.domain, manifest.head.at) != manifest.head:
            raise TrustError(
                "the database in the backup is not the one whose head its manifest names",
                next_step="nothing was restored; take another backup, and look who wrote this one",
            )
        store.keep_signer(manifest.identity)
        keyring, shown, note = _ask_gateway(keyring, store)
        given = [head for path in files for head in read_heads(path)]
        signed = list(_own_heads([*shown, *given], keyring, store))
        known = [head for head, _ in signed]
        if given and not known:
            raise SpecError(
                "no head in the files given is signed by this domain",
                next_step="write them with `darkroom audit heads` again",
            )
        _require_near(known, store)
        warning = _compare(manifest, signed, keyring, store)
        # No former keys: what was sealed for them is for the epoch that ended.
        rotated = keyring.rotated(at=time.time())
        fresh = rotated.having(former=[], unsaid=False)
        show(keyring.identity, fresh.identity, rotated.recovery_words)
        lost = max(
            (head.size - store.audit_size() for head in known if head.epoch == store.epoch()),
            default=0,
        )
        opened = open_epoch(
            store=store,
            clock=SystemClock(),
            owner=str(store.fact("owner")),
            before=keyring.identity,
            keyring=fresh,
            known=known,
        )
        store.clean()
    note = "; ".join(filter(None, (warning, note)))
    done = Restored(identity=fresh.identity, opened=opened, lost=max(0, lost), note=note)
    return done, fresh


def _require_near(known: Iterable[TreeHead], store: SqliteNodeStore) -> None:
    now = time.time()
    head = too_far(known, epoch=store.epoch(), now=max(now, store.ledger_time()))
    if head is not None:
        raise StateError(
            f"a head of this domain is of epoch {head.epoch} and {when(head.at)} UTC: nothing was "
            f"restored in epoch {store.epoch()} at {when(now)}",
            next_step="set the clock of this machine; if it is right, somebody may hold keys that "
            "were given up: docs/backup.md, What to do",
        )


def _compare(
    manifest: archive.BackupManifest,
    signed: Iterable[tuple[TreeHead, PublicIdentity]],
    keyring: SycKeyring,
    store: SqliteNodeStore,
) -> str:
    """What a person should know about a backup and the heads that were shown; "" for nothing.

    Under today's keys a head that the log never had is told, and no more: an old copy that
    went on is cured by restoring it. Keys that were given up may be anybody's by now.

    Raises:
        TrustError: such keys signed the backup, and a head contradicts it.
    """
    against = next((h for h, by in signed if _contradicts(h, by, manifest, keyring, store)), None)
    which = (
        f"a head of {against.size} entries in epoch {against.epoch} was shown" if against else ""
    )
    signer = manifest.identity.fingerprint
    if signer == keyring.identity.fingerprint:
        return which and f"{which}, and this log never was so: another state went on beside it"
    if against is not None:
        raise TrustError(
            f"{which}, and the log in the backup never was so; the backup is signed with keys "
            f"that were given up ({signer}): whoever holds those may have made it",
            next_step="nothing was restored; take a backup from another place, or one of after "
            "the hand-over. If you know that this one is right, those heads are false: "
            "docs/backup.md, What to do",
        )
    return (
        f"the backup is signed with keys that were given up since ({signer}): unless you know "
        "where it was kept, do not start this state, and restore again with --heads"
    )


def _contradicts(
    head: TreeHead,
    by: PublicIdentity,
    manifest: archive.BackupManifest,
    keyring: SycKeyring,
    store: SqliteNodeStore,
) -> bool:
    """Whether a log of ours that had this head cannot be the one in the backup."""
    if head.epoch == store.epoch():
        return head.size <= store.audit_size() and not store.had(head)
    # A restore makes new keys: those of a later epoch, and what follows them, sign no head of
    # an earlier one. Else any epoch that a forger names would hide all heads before it.
    order = [link.old for link in keyring.handovers] + [keyring.identity.fingerprint]
    since = order[order.index(manifest.identity.fingerprint) :]
    return head.epoch < store.epoch() and by.fingerprint in since


def _ask_gateway(
    keyring: SycKeyring, store: SqliteNodeStore
) -> tuple[SycKeyring, list[Statement], str]:
    """What it was shown, and how keys came to be that recovery words brought back."""
    name = keyring.identity.name
    try:
        with HttpRelay(str(store.fact("gateway")), keyring, SystemClock()) as relay:
            chain = relay.handovers(name)
            return (
                keyring.resumed(chain, SycVerifier().check_statement),
                relay.heads(name),
                "",
            )
    except DarkroomError as error:
        return keyring, [], f"the gateway was not asked what it was shown: {error.message}"


def _own_heads(
    said: Iterable[Statement], keyring: SycKeyring, store: SqliteNodeStore
) -> Iterator[tuple[TreeHead, PublicIdentity]]:
    """Those that this domain signed, and with which keys; others are passed over."""
    former, verifier = store.head_signers(), SycVerifier()
    for statement in said:
        signer = own_identity(statement.key, keyring, former, verifier.check_statement)
        try:
            if signer is not None:
                head = TreeHead.from_body(verifier.check_statement(statement, KIND, signer))
                if head.domain == keyring.identity.name:
                    yield head, signer
        except DarkroomError:
            continue


def _move(aside: Path, state: Path) -> None:
    places = sorted(aside.iterdir(), key=lambda place: (place.name == KEYS, place.name))
    for place in places:
        place.rename(state / place.name)
    handle = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
