"""An exported audit log: one file of JSON lines with all that an auditor needs, offline.

Its parts come in this order: the header, who signed, the hand-overs between them, policies,
signed heads, the ledger, the entries, the end. Nothing of it is private footage or an output.
"""

import contextlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from darkroom.adapters.sqlite.ledger_rows import link
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.errors import DarkroomError, SpecError, StateError
from darkroom.model.audit_entry import AuditEntry
from darkroom.model.handover import MAX_LINKS, Handover, read_chain
from darkroom.model.identity import NAME, PublicIdentity
from darkroom.model.merkle import HASH_BYTES
from darkroom.model.statement import Statement
from darkroom.policy.audit_check import Finding


FORMAT = 1
HEADER, END = "darkroom-audit", "end"
HANDOVERS = "audit-handovers"  # the fact in a node's file
MAX_LINE = 12 << 20  # bytes
MAX_HEADS = 500_000
MAX_SIGNERS = 64
MAX_POLICIES = 100_000
_scan = json.JSONDecoder().raw_decode  # `json.loads` guesses an encoding and looks for blanks
Entries = Iterator[tuple[AuditEntry, bytes]]


@dataclass(slots=True, kw_only=True)
class Material:
    """A log of any origin, opened: all but the entries is read, nothing is believed.

    Attributes:
        domain: whose it says it is.
        signers, handovers: who signed heads, and how they came by their keys.
        policies: each that was in force, as its owner signed it.
        heads: signed, as they lie with the log.
        ledger: number -> hex chain, of every entry of the ledger that fits the one before it.
        ledger_finding: the first that does not.
        entries: to be walked over once.
        says: how many entries the file says it has, once they were walked over; None: it is cut.
    """

    domain: str
    signers: list[PublicIdentity] = field(default_factory=list)
    handovers: tuple[Handover, ...] = ()
    policies: list[Statement] = field(default_factory=list)
    heads: list[Statement] = field(default_factory=list)
    ledger: dict[int, str] = field(default_factory=dict)
    ledger_finding: Finding | None = None
    entries: Entries = field(default_factory=lambda: iter(()))
    says: int | None = None


@contextlib.contextmanager
def material_of_state(state: Path) -> Iterator[Material]:
    """The log of a node's state folder; the node may serve it meanwhile.

    Raises:
        StateError: there is none, or it cannot be read.
    """
    store = SqliteNodeStore(state / "node.db", read_only=True)
    try:
        with store.snapshot():
            heads = list(store.signed_heads())
            found = Material(
                domain=_domain_of(heads[-1]) if heads else "",
                signers=store.head_signers(),
                handovers=read_chain(store.fact(HANDOVERS) or []),
                heads=heads,
                entries=store.audit_entries(),
            )
            _walk_ledger(found, store.ledger_rows())
            yield found
    finally:
        store.close()


def export(state: Path, path: Path) -> int:
    """Write the log of a node's state folder to a file; how many entries there are.

    Raises:
        StateError: there is no log, or no room.
    """
    store = SqliteNodeStore(state / "node.db", read_only=True)
    draft = path.with_name(f".{path.name}.draft")
    try:
        with store.snapshot(), _new_file(draft) as file:
            count = 0
            for part in _parts(store):
                count += "entry" in part
                file.write(json.dumps(part, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StateError(
            f"{path} cannot be written: {error.strerror}", next_step="make room there"
        ) from error
    finally:
        store.close()
    return count


def _parts(store: SqliteNodeStore) -> Iterator[dict[str, Any]]:
    last = store.last_head()
    yield {HEADER: FORMAT, "domain": last.body["domain"] if last else ""}
    for signer in store.head_signers():
        yield {"signer": signer.to_mapping()}
    yield {"handovers": store.fact(HANDOVERS) or []}
    for version, at, statement in store.all_policies():
        yield {"policy": statement, "version": version, "at": at}
    for head in store.signed_heads():
        yield {"head": head.to_mapping()}
    for *row, chain in store.ledger_rows():
        yield {"ledger": row, "chain": chain.hex()}
    number = 0
    for entry, leaf in store.audit_entries():
        yield {"entry": entry.to_mapping(), "leaf": leaf.hex()}
        number = entry.number
    yield {END: number}


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        yield file


# ------------------------------------------------------------------------------------ reading


@contextlib.contextmanager
def material_of_export(path: Path) -> Iterator[Material]:
    """The log in an exported file of any origin.

    Raises:
        SpecError: it is none.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}", next_step="check the path") from error  # fmt: skip
    with file:
        yield _read(path, file)


def _read(path: Path, file: BinaryIO) -> Material:
    lines = _lines(path, file)
    header = next(lines, {})
    if header.get(HEADER) != FORMAT or not _is_domain(header.get("domain")):
        raise _no_export(path, 1)
    found = Material(domain=header["domain"])
    number, first = 1, None
    ledger: list[list[Any]] = []
    try:
        for number, part in enumerate(lines, 2):  # noqa: B007 - named in the error
            if "entry" in part or END in part:
                first = part
                break
            _take_part(found, part, ledger)
    except (DarkroomError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _no_export(path, number) from None
    _walk_ledger(found, ledger)
    found.entries = _entries(found, path, number, itertools.chain([first] if first else [], lines))
    return found


def _is_domain(name: object) -> bool:
    """Whether it names a domain, or, as "", none: the log has no head yet."""
    return name == "" or (isinstance(name, str) and NAME.fullmatch(name) is not None)


def _domain_of(head: Statement) -> str:
    name = head.body.get("domain")
    return str(name) if _is_domain(name) else ""


def _take_part(found: Material, part: dict[str, Any], ledger: list[list[Any]]) -> None:
    if "head" in part:
        if len(found.heads) >= MAX_HEADS:
            raise ValueError
        found.heads.append(Statement.from_mapping(part["head"]))
    elif "ledger" in part:
        ledger.append([*part["ledger"], bytes.fromhex(part["chain"])])
    elif "signer" in part:
        if len(found.signers) >= MAX_SIGNERS:
            raise ValueError
        found.signers.append(PublicIdentity.from_mapping(part["signer"]))
    elif "handovers" in part:
        found.handovers = read_chain(part["handovers"][:MAX_LINKS])
    elif "policy" in part:
        if len(found.policies) >= MAX_POLICIES:
            raise ValueError
        found.policies.append(Statement.from_mapping(part["policy"]))
    else:
        raise ValueError


def _entries(found: Material, path: Path, number: int, parts: Iterator[dict[str, Any]]) -> Entries:
    for part in parts:
        if found.says is not None:
            raise _no_export(path, number)
        if "entry" in part:
            try:
                entry, leaf = AuditEntry.from_mapping(part["entry"]), bytes.fromhex(part["leaf"])
            except (DarkroomError, ValueError, KeyError, TypeError):
                raise _no_export(path, number) from None
            yield entry, leaf
        elif type(part.get(END)) is int:
            found.says = part[END]
        else:
            raise _no_export(path, number)
        number += 1


def _lines(path: Path, file: BinaryIO) -> Iterator[dict[str, Any]]:
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        try:
            text = line.decode() if len(line) <= MAX_LINE else ""
            part, end = _scan(text)
        except (ValueError, RecursionError):
            raise _no_export(path, number) from None
        if not isinstance(part, dict) or text[end:] not in ("\n", ""):
            raise _no_export(path, number)
        yield part


def _walk_ledger(found: Material, rows: Iterable[Any]) -> None:
    """Keep the chain of the ledger as far as it holds."""
    chain, number = bytes(HASH_BYTES), 0
    for number, (given, *row, kept) in enumerate(rows, 1):
        try:
            chain = link(chain, number, tuple(row))
        except (TypeError, ValueError):
            chain = b""
        if (given, chain) != (number, kept):
            found.ledger_finding = Finding(
                number, f"entry {number} of the ledger does not fit the one before it"
            )
            return
        found.ledger[number] = chain.hex()


def _no_export(path: Path, line: int) -> SpecError:
    return SpecError(
        f"{path}, line {line}: this is no exported audit log",
        next_step="export it again with `darkroom audit export`",
    )
