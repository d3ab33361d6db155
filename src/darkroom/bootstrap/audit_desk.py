"""An auditor's desk: a folder of files that others handed over. No keys, no network, no footage.

    FOLDER/log.jsonl       of the domain: `darkroom audit export`
    FOLDER/heads.jsonl     of the gateway: `darkroom audit heads`
    FOLDER/receipts/       of scientists: `darkroom receipt export`
    FOLDER/identities/     public identities, from each person and domain themselves

Only the log must be there. What is missing is said, and nothing follows from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.bootstrap import audit
from darkroom.bootstrap.audit_file import material_of_export
from darkroom.bootstrap.receipts import Kept, file_digest, gather, of_folder, read_file
from darkroom.bootstrap.scientist_display import prepared_notebook
from darkroom.display import audit_page, plots, receipt_tables
from darkroom.display.audit_page import Paper, Witnessed
from darkroom.display.receipt_tables import Row
from darkroom.errors import DarkroomError, InputError
from darkroom.model.audit_entry import AuditEntry
from darkroom.model.canonical import digest
from darkroom.model.identity import PublicIdentity
from darkroom.model.lineage import Lineage
from darkroom.model.receipt import Receipt
from darkroom.policy.audit_check import Finding
from darkroom.policy.receipt_check import RELEASED


if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOG, HEADS, RECEIPTS, IDENTITIES = "log.jsonl", "heads.jsonl", "receipts", "identities"
MODEL = "model"  # the type of an output
# Whose heads a log is compared with.
ALONE = "the file itself"
GATEWAY = "heads that the gateway was shown"
CARRIED = "heads in receipts"


@dataclass(frozen=True, slots=True, repr=False)
class CheckedLog(Paper):
    """A log that was checked.

    Attributes:
        findings: what each source of heads shows, by its name in words; () where all holds.
        reach: by the same names, the last entry that its heads vouch for.
        first: the first entry in doubt; None for a log that holds.
    """

    entries: int
    reach: dict[str, int]
    findings: dict[str, tuple[Finding, ...]]
    first: int | None

    @property
    def holds(self) -> bool:
        """Whether nothing was found against it."""
        return self.first is None


@dataclass(frozen=True, slots=True, repr=False)
class CheckedReceipts(Paper):
    """Receipts: those that hold, oldest first, and (file, why) of those that do not."""

    good: tuple[Receipt, ...]
    refused: tuple[tuple[str, str], ...]


class AuditDesk:
    """What an auditor does, for notebook 20."""

    def __init__(self, folder: Path) -> None:
        """Sit down before what was handed over; nothing is believed yet."""
        self.folder = folder
        self.log = folder / LOG
        if not self.log.is_file():
            raise InputError(
                f"there is no {LOG} in {folder}",
                next_step="ask the domain for it: `darkroom audit export --state DIR log.jsonl`",
            )
        # A person's word is checked with what they gave out themselves.
        given = sorted((folder / IDENTITIES).glob("*.json"))
        self._evidence = gather(home=None, identities=given)
        with material_of_export(self.log) as material:
            self.domain = material.domain
            self._evidence.policies |= {digest(p.body): p for p in material.policies}

    @property
    def people(self) -> Paper:
        """Whose signatures are believed."""
        rows = [(i.name, i.role, i.fingerprint) for i in self._identities()]
        return Paper((audit_page.people(rows),))

    def handed_over(self) -> Paper:
        """What lies on the desk, and who hands it over."""
        path, files = self.folder / HEADS, self._receipt_files()
        heads = audit.read_heads(path) if path.is_file() else []
        rows = [
            ("the audit log", f"the domain {self.domain}", f"{sum(1 for _ in self.entries()):,} entries"),
            ("heads of the log", "the gateway", f"{len(heads)} signed heads" if heads else "not here"),
            ("receipts", "scientists", f"{len(files)} files" if files else "not here"),
            ("public identities", "each of them, by another way", ", ".join(i.name for i in self._identities()) or "not here"),
        ]  # fmt: skip
        return Paper((audit_page.handed_over(rows),))

    # ------------------------------------------------------------------------------ the log

    def verify(self, log: str | Path | None = None) -> CheckedLog:
        """Check the log, or a copy of it, against all that others hold of it. Offline."""
        reports = self._compared(Path(log) if log is not None else self.log)
        alone = reports[ALONE]
        heads = {name: list(report.given) for name, report in reports.items()}
        reach = {name: max((h.size for h in held), default=0) for name, held in heads.items()}
        reach[ALONE] = alone.verdict.vouched
        findings = {name: report.verdict.findings for name, report in reports.items()}
        first = min((f.entry for found in findings.values() for f in found), default=None)
        witnesses = [
            Witnessed(
                source=name,
                heads=alone.verdict.heads if name == ALONE else len(heads[name]),
                last=reach[name],
                findings=tuple(found.what for found in findings[name]),
            )
            for name in reports
        ]
        notes = self._notes(alone, reach)
        for report in reports.values():
            notes += [note for note in report.verdict.notes if note not in notes]
        entries = alone.verdict.entries
        grid = audit_page.verdict(self.domain, entries, witnesses, first=first, notes=notes)
        return CheckedLog((grid,), entries=entries, reach=reach, findings=findings, first=first)

    def _compared(self, path: Path) -> dict[str, audit.Report]:
        """What each source of heads shows about a log."""
        known = self._evidence.known.get(self.domain, audit.NOBODY)
        heads, receipts = self.folder / HEADS, self.folder / RECEIPTS
        reports = {ALONE: audit.verify(exported=path, known=known)}
        if heads.is_file():
            reports[GATEWAY] = audit.verify(exported=path, known=known, heads=[heads])
        if receipts.is_dir():
            reports[CARRIED] = audit.verify(exported=path, known=known, receipts=receipts)
        return reports

    def _notes(self, alone: audit.Report, reach: dict[str, int]) -> list[str]:
        how = "as given to you" if alone.pinned else "AS THE LOG SAYS ITSELF: ask the owner"
        notes = [f"signed by {key} ({how})" for key in alone.signed_by]
        others = max((last for name, last in reach.items() if name != ALONE), default=0)
        if others < alone.verdict.entries:
            notes.append(f"nobody but the domain vouches for what comes after entry {others}")
        return notes

    def entries(self, log: str | Path | None = None) -> Iterator[AuditEntry]:
        """The entries as they lie there; `verify` tells whether they hold."""
        with material_of_export(Path(log) if log is not None else self.log) as material:
            for entry, _ in material.entries:
                yield entry

    def events(self) -> Paper:
        """What happened, and how often."""
        told = [(e.number, e.at, e.event) for e in self.entries()]
        return Paper((audit_page.events(told),))

    def story(self, job_id: str, log: str | Path | None = None) -> Paper:
        """Every entry about one job, in order; of the log, or of a copy of it."""
        told = [entry for entry in self.entries(log) if entry.job_id == job_id]
        return Paper((audit_page.story(f"Job {job_id[:12]} in the log of {self.domain}", told),))

    def growth(self) -> "Figure":
        """How the log grew, with the heads that others hold."""
        return plots.log_growth(
            [entry.at for entry in self.entries()],
            {
                name: [(head.at, head.size) for head in report.given]
                for name, report in self._compared(self.log).items()
                if name != ALONE
            },
            title=f"The log of {self.domain}, and who else vouches for it",
        )

    # ----------------------------------------------------------------------------- receipts

    def receipts(self, folder: str | Path | None = None) -> CheckedReceipts:
        """Check every receipt in the folder, or in another one, and count what is missing."""
        place = Path(folder) if folder is not None else self.folder / RECEIPTS
        found, broken = of_folder(place) if place.is_dir() else ([], [])
        rows = [
            Row(source=Path(kept.source).name, receipt=kept.receipt, **self._judged(kept))
            for kept in sorted(found, key=lambda kept: kept.receipt.proof.tree_head.at)
        ]
        rows += [Row(source=Path(source).name, why=why) for source, why in broken]
        good = tuple(row.receipt for row in rows if row.receipt is not None and not row.why)
        note = self._unseen(good) if folder is None else ""
        return CheckedReceipts(
            (receipt_tables.receipts(rows, note),),
            good=good,
            refused=tuple((row.source, row.why) for row in rows if row.why),
        )

    def read(self, what: str | Path | Receipt) -> Paper:
        """One receipt in plain words, or why it is none; a file, or one of `receipts().good`."""
        kept = Kept(source="", receipt=what) if isinstance(what, Receipt) else read_file(Path(what))
        try:
            proven = self._evidence.prove(kept)
        except DarkroomError as error:
            return Paper((receipt_tables.refused_receipt(Path(kept.source).name, error.message),))
        grounds = {name: found.ground for name, found in proven.people.items()}
        grounds[kept.receipt.domain] = proven.domain.ground
        grid = receipt_tables.receipt_facts(
            kept.receipt, grounds, policy_signed=proven.policy_owner is not None
        )
        return Paper((grid,))

    def models(self) -> list[str]:
        """`sha256:…` of every model that left with a receipt that holds, the oldest first."""
        return [
            receipt.left[name]
            for receipt in self.receipts().good
            for name, output in receipt.release.body["outputs"].items()
            if output["type"] == MODEL
        ]

    def trace(self, what: str | Path) -> Paper:
        """Something that was released, a file or its sha256, back to footage, code and people."""
        text = str(what)
        sha256 = text if text.startswith("sha256:") else file_digest(Path(what))
        title = f"Where {sha256} comes from"
        return Paper(receipt_tables.lineage(title, Lineage(self.receipts().good).of(sha256)))

    # ------------------------------------------------------------------------------ details

    def _identities(self) -> list[PublicIdentity]:
        return [i for known in self._evidence.known.values() for i in known.identities]

    def _judged(self, kept: Kept) -> dict[str, str]:
        try:
            people = self._evidence.prove(kept).people
        except DarkroomError as error:
            return {"why": error.message}
        claimed = ", ".join(name for name, found in people.items() if found.ground == "claimed")
        return {"claimed": claimed}

    def _unseen(self, good: tuple[Receipt, ...]) -> str:
        """Releases that the log tells of, and nobody showed a receipt of."""
        shown = {r.proof.entry.number for r in good if r.domain == self.domain}
        told = {entry.number for entry in self.entries() if entry.event == RELEASED}
        return audit.unseen(self.domain, told, shown)

    def _receipt_files(self) -> list[Path]:
        return sorted(p for p in (self.folder / RECEIPTS).rglob("*.json") if p.is_file())


def open_audit(folder: str | Path) -> AuditDesk:
    """An auditor's desk for a notebook, over a folder of files that others handed over."""
    prepared_notebook()
    return AuditDesk(Path(folder).expanduser())
