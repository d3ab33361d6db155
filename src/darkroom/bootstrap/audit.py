"""What an auditor does, put together: signatures first, then the walk over the log."""

import contextlib
import itertools
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.audit_file import Entries, Material, material_of_export, material_of_state
from darkroom.display.visible import visible
from darkroom.errors import DarkroomError, SpecError, TrustError
from darkroom.model.audit_entry import AuditEntry
from darkroom.model.dsse import MAX_ENVELOPE, read_envelope
from darkroom.model.handover import follow
from darkroom.model.identity import PublicIdentity
from darkroom.model.receipt import read_receipt
from darkroom.model.statement import RECEIPT, Statement
from darkroom.model.tree_head import KIND, TreeHead
from darkroom.policy.audit_check import Finding, Verdict, check
from darkroom.policy.receipt_check import RELEASED
from darkroom.policy.signers import Known, signer


HEADS_HEADER, HEADS_FORMAT = "darkroom-audit-heads", 1
MAX_HEADS_FILE = 1 << 30
MAX_RECEIPTS = 1_000_000
MAX_NAMED = 50  # entries in one note
NOBODY = Known()
EVER = 0.0  # a day before every hand-over: whose key it was, whenever


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found about one log.

    Attributes:
        domain: whose it is.
        signed_by: fingerprints of the keys that signed its heads.
        pinned: whether those were given by the reader, or follow from what was given.
        verdict: of the walk; its findings are about the log and the ledger.
        given: heads that others hold, their signatures checked.
    """

    domain: str
    signed_by: tuple[str, ...]
    pinned: bool
    verdict: Verdict
    given: tuple[TreeHead, ...] = ()


def verify(
    *,
    state: Path | None = None,
    exported: Path | None = None,
    known: Known = NOBODY,
    heads: Sequence[Path] = (),
    receipts: Path | None = None,
) -> Report:
    """Check a log offline, from a node's folder or an exported file.

    Args:
        known: the domain, as the reader knows it; nobody: what the log says of itself.
        heads: files that `save_heads` wrote, from the witness.
        receipts: a folder of receipts, from scientists.

    Raises:
        StateError, SpecError: there is no log to read.
        TrustError: what was given along with it is not the domain's.
    """
    opened = material_of_state(state) if state is not None else material_of_export(exported or Path())  # fmt: skip
    with opened as material:
        judge = _Judge(material, known)
        kept, given = [*judge.kept(material.heads)], list[TreeHead]()
        for path in heads:
            given += judge.given(read_heads(path), path)
        if receipts is not None:
            given += judge.carried(receipts)
        released: list[int] = []
        entries = _noting(material.entries, released)
        verdict = check(
            entries,
            kept + given,
            chain=material.ledger.get,
            generations=judge.generations,
        )
        found = [*verdict.findings]
        if exported is not None and not found and material.says != verdict.entries:
            missing = verdict.entries + 1
            found.append(Finding(missing, f"entry {missing} is missing: the file was cut there"))
        if material.ledger_finding is not None:
            found.append(material.ledger_finding)
        found += judge.findings[:1]  # what lies with the log names no entry
        if known.identities and not (found or verdict.vouched):
            found.append(Finding(1, f"no head that {material.domain} signed vouches for any of it"))
        notes = [*judge.notes, *verdict.notes]
        if receipts is not None and not found:  # of a damaged log not all was read
            notes.append(unseen(material.domain, released, judge.shown))
        return Report(
            domain=material.domain,
            signed_by=tuple(sorted(judge.fingerprints)),
            pinned=bool(known.identities),
            verdict=replace(verdict, findings=tuple(found), notes=tuple(notes)),
            given=tuple(given),
        )


def unseen(domain: str, released: Collection[int], shown: Collection[int]) -> str:
    """Releases that a log tells of, and nobody showed a receipt of; in words.

    Args:
        released: numbers of the entries that tell of one.
        shown: those that a receipt at hand is about.
    """
    said = f"the log of {domain} tells of {len(released)} releases"
    missing = sorted(set(released) - set(shown))
    if not missing:
        return f"{said}: all are here"
    more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
    return f"{said}; no receipt here for entry {', '.join(map(str, missing[:MAX_NAMED]))}{more}"


def _noting(entries: Entries, released: list[int]) -> Entries:
    for entry, leaf in entries:
        if entry.event == RELEASED:
            released.append(entry.number)
        yield entry, leaf


class _Judge:
    """Knows whose signature is on a head."""

    def __init__(self, material: Material, known: Known) -> None:
        self._verifier = SycVerifier()
        self._offered = list(material.signers)
        self._chain = material.handovers
        for identity in (*known.identities, *self._offered):
            self._verifier.check_identity(identity)
        if known.identities and not material.domain:
            material.domain = known.identities[0].name
        self._domain = material.domain
        wrong = next((i.name for i in known.identities if i.name != self._domain), None)
        if wrong is not None:
            raise TrustError(
                f"this is the log of {self._domain}, and the identity given is that of {wrong}",
                next_step="give the public identity of the domain whose log it is",
            )
        self._known = known
        self._trusted: dict[str, tuple[PublicIdentity, float]] = {}  # and until when
        self._late: dict[str, int] = {}  # statement key -> generation
        self.generations: dict[TreeHead, int] = {}  # see `check`
        self.fingerprints: set[str] = set()
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.shown: set[int] = set()  # entries that receipts are about

    def _head(self, statement: Statement) -> TreeHead:
        """What a head says, once its signature holds."""
        head = self._said(statement)
        found, until = self._trusted.get(statement.key, (None, 0.0))
        if found is None or head.at > until:  # keys that were given up sign nothing later
            found = self._signer(statement.key, head.at)
        self._verifier.check_statement(statement, KIND, found)
        self._trusted[statement.key] = found, max(head.at, until)
        self.fingerprints.add(found.fingerprint)
        if found.statement_key not in self._late:
            self._late[found.statement_key] = self._generation(found)
        self.generations[head] = self._late[found.statement_key]
        return head

    def _said(self, statement: Statement) -> TreeHead:
        head = TreeHead.from_body(statement.body)
        if head.domain != self._domain:
            raise TrustError(f"it is of {head.domain}", next_step="give heads of this domain")
        return head

    def _signer(self, key: str, at: float) -> PublicIdentity:
        return signer(
            self._domain,
            key,
            at=at,
            known=self._known,
            offered=self._offered,
            chain=self._chain,
            check=self._verifier.check_statement,
        ).identity

    def _generation(self, identity: PublicIdentity) -> int:
        """0 for the last keys of a chain whose signatures hold, -1 for those before, and so on."""
        after = [0]
        for links in (self._known.handovers, tuple(self._chain)):
            with contextlib.suppress(TrustError):
                after.append(len(follow(identity, links, check=self._verifier.check_statement)))
        return -max(after)

    def kept(self, statements: Sequence[Statement]) -> Iterator[TreeHead]:
        """Heads that lie with the log: one that does not hold is a finding."""
        for statement in reversed(statements):  # the newest of each key settles the others
            try:
                yield self._head(statement)
            except DarkroomError as error:
                size = statement.body.get("size")
                which = f" of size {size}" if type(size) is int else ""
                self.findings.append(
                    Finding(
                        0, f"a head{which} that lies with the log does not hold: {error.message}"
                    )
                )

    def given(self, statements: Sequence[Statement], path: Path) -> Iterator[TreeHead]:
        """Heads from elsewhere: they must hold, or nothing follows from them."""
        for statement in reversed(statements):
            try:
                yield self._head(statement)
            except DarkroomError as error:
                raise TrustError(
                    f"{path}: a head in it is none of {self._domain}: {error.message}",
                    next_step=error.next_step,
                ) from error

    def carried(self, folder: Path) -> Iterator[TreeHead]:
        """The heads in the receipts of a folder, each of which must have its entry in it."""
        files = (path for path in sorted(folder.rglob("*.json")) if path.is_file())  # no pipe
        for path in itertools.islice(files, MAX_RECEIPTS):
            name = visible(path.name)
            try:
                with path.open("rb") as file:
                    receipt = read_receipt(read_envelope(file.read(MAX_ENVELOPE + 1)))
                if receipt.domain != self._domain:
                    continue
                head = self._signed(receipt.proof.head, name)
            except (DarkroomError, OSError) as error:
                why = error.message if isinstance(error, DarkroomError) else "it cannot be read"
                self.notes.append(f"{name} says nothing about this log: {why}")
                continue
            if not receipt.proof.holds:
                self.notes.append(f"{name} is forged: its entry is not in the head it carries")
            elif why := self._against(receipt.statement):
                self.notes.append(f"{name} counts for no release: {why}")
            else:
                self.shown.add(receipt.proof.entry.number)
            yield head  # the domain signed it, whatever it is wrapped in

    def _against(self, statement: Statement) -> str:
        """Why a receipt is not the domain's own; "" when it is."""
        try:
            found = self._signer(statement.key, EVER)
            self._verifier.check_statement(statement, RECEIPT, found)
        except DarkroomError as error:
            return error.message
        return ""

    def _signed(self, statement: Statement, name: str) -> TreeHead:
        """A head in a receipt. The day of a hand-over does not rid a domain of what it signed.

        After that day it vouches for nothing: the keys may have been stolen.
        """
        try:
            return self._head(statement)
        except TrustError:
            found = self._signer(statement.key, EVER)
            self._verifier.check_statement(statement, KIND, found)
            head = self._said(statement)
        self.notes.append(
            f"{name} carries a head that was signed after its keys were given up, if the day of "
            "the hand-over is true: it is compared all the same"
        )
        return head


# ------------------------------------------------------------------------------- the witness


def save_heads(gateway: str, domain: str, keys: Path, path: Path) -> tuple[int, int]:
    """Ask the gateway what it was shown of a domain's log, and write it to a file.

    Args:
        keys: a folder with keys that are registered there, of anybody.

    Returns:
        how many heads there are, and how many contradictions.
    """
    keyring = SycKeyring.load(keys / "keys.json")
    with HttpRelay(gateway, keyring, SystemClock()) as relay:
        heads, forks = relay.heads(domain), relay.forks(domain)
    parts: list[dict[str, Any]] = [{HEADS_HEADER: HEADS_FORMAT, "domain": domain}]
    parts += [{"head": head.to_mapping()} for head in heads]
    parts += [{"head": head.to_mapping()} for both in forks for head in both]
    text = "".join(json.dumps(part, separators=(",", ":")) + "\n" for part in parts)
    try:
        path.write_text(text)
    except OSError as error:
        raise SpecError(f"{path} cannot be written: {error.strerror}", next_step="choose another") from error  # fmt: skip
    return len(heads), len(forks)


def read_heads(path: Path) -> list[Statement]:
    """The heads in a file of any origin, their signatures unchecked.

    Raises:
        SpecError: it is no such file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_HEADS_FILE + 1)
        if len(data) > MAX_HEADS_FILE:
            raise ValueError
        header, *parts = map(json.loads, data.splitlines())
        if header[HEADS_HEADER] != HEADS_FORMAT:
            raise ValueError
        return [Statement.from_mapping(part["head"]) for part in parts]
    except (OSError, ValueError, KeyError, TypeError, RecursionError, TrustError):
        raise SpecError(
            f"{path} is no file of heads", next_step="write it with `darkroom audit heads`"
        ) from None


# ----------------------------------------------------------------------------- at the domain


def entries_of(state: Path, job_id: str, last: int) -> list[AuditEntry]:
    """The newest entries of a node's log, oldest first; of one job when it is named."""
    store = SqliteNodeStore(state / "node.db", read_only=True)
    try:
        return store.audit_log(job_id, last)
    finally:
        store.close()


def erase(state: Path, numbers: Sequence[int], *, by: str, why: str) -> int:
    """Erase what entries say; how many were. That it was done is an entry."""
    store = SqliteNodeStore(state / "node.db")
    try:
        return store.erase_details(numbers, at=SystemClock().now(), by=by, why=why)
    finally:
        store.close()
