"""Where something came from: from what was released back to footage, code and people. Pure.

A model is made by a job; the job ran on one version of a dataset, was allowed by people or a
rule, and may have carried files that other releases made. Each release is told once; where it
comes again it is only named.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.model.receipt import Receipt


MAX_DEPTH = 64
CARRIED = "files/"  # where the SDK puts what a job carries


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A file that a job carried.

    Attributes:
        path: within its code.
        made_by: the releases that it left with; () where none is known here.
    """

    path: str
    sha256: str
    made_by: tuple["Origin", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One release, with what went into it.

    Attributes:
        told: whether its own origins are told elsewhere in the same tree.
    """

    receipt: Receipt
    carried: tuple[Carried, ...] = ()
    told: bool = False

    def to_mapping(self) -> dict[str, Any]:
        """For programs: JSON values."""
        receipt, asked = self.receipt, self.receipt.asked
        head = receipt.proof.tree_head
        named = {"receipt": receipt.digest, "domain": receipt.domain, "job_id": asked.job_id}
        if self.told:
            return {**named, "told": True}
        return {
            **named,
            "job": {
                "name": asked.name,
                "code_digest": asked.code_digest,
                "job_digest": asked.job_digest,
                "environment": f"{asked.environment.name}@{asked.environment.lock_hash}",
                "submitter": asked.submitter,
                "submitter_fingerprint": asked.submitter_fingerprint,
                "project": asked.project,
            },
            "dataset": {
                "domain": receipt.domain,
                "name": asked.dataset,
                "version": asked.dataset_version,
                "cameras": list(asked.cameras),
                "private": asked.tier != "mock",
            },
            "approved_by": receipt.release.body["approved_by"],
            "released_by": receipt.release.body["released_by"],
            "decisions": [
                {
                    "subject": d.subject,
                    "by": d.by,
                    "fingerprint": d.fingerprint,
                    "at": d.at,
                }
                for d in receipt.decisions
            ],
            "policy": receipt.applied.version,
            "spent": receipt.spent.to_mapping(),
            "left": dict(receipt.left),
            "bytes": receipt.bytes_out,
            "audit": {
                "entry": receipt.proof.entry.number,
                "epoch": head.epoch,
                "size": head.size,
                "root": head.root,
                "at": head.at,
            },
            "carried": [
                {
                    "path": c.path,
                    "sha256": c.sha256,
                    "made_by": [origin.to_mapping() for origin in c.made_by],
                }
                for c in self.carried
            ],
        }


class Lineage:
    """What a set of receipts tells about where things came from."""

    def __init__(self, receipts: Iterable[Receipt]) -> None:
        """Take receipts that were checked."""
        made: dict[str, dict[str, Receipt]] = {}
        for receipt in receipts:
            for sha256 in receipt.left.values():
                made.setdefault(sha256, {})[receipt.digest] = receipt
        self._made: Mapping[str, Mapping[str, Receipt]] = made

    def of(self, sha256: str) -> tuple[Origin, ...]:
        """The releases that something left with; () where none is known."""
        return self._makers(sha256, set(), ())

    def of_receipts(self, receipts: Iterable[Receipt]) -> tuple[Origin, ...]:
        """The releases themselves."""
        told: set[str] = set()
        return tuple(self._origin(receipt, told, ()) for receipt in receipts)

    @staticmethod
    def jobs(origins: Iterable[Origin]) -> tuple[str, ...]:
        """The ids of all jobs in a tree, each once."""
        found: dict[str, None] = {}
        waiting = [*origins]
        while waiting:
            origin = waiting.pop(0)
            found[origin.receipt.asked.job_id] = None
            waiting += [maker for carried in origin.carried for maker in carried.made_by]
        return tuple(found)

    def _makers(self, sha256: str, told: set[str], above: tuple[str, ...]) -> tuple[Origin, ...]:
        makers = sorted(
            self._made.get(sha256, {}).values(), key=lambda r: (r.proof.tree_head.at, r.digest)
        )
        # A job that gives back what it carried did not make it.
        return tuple(self._origin(r, told, above) for r in makers if r.digest not in above)

    def _origin(self, receipt: Receipt, told: set[str], above: tuple[str, ...]) -> Origin:
        if receipt.digest in told or len(above) >= MAX_DEPTH:
            return Origin(receipt=receipt, told=True)
        told.add(receipt.digest)
        carried = []
        for path, sha256 in sorted(receipt.asked.files.items()):
            made_by = self._makers(sha256, told, (*above, receipt.digest))
            if made_by or path.startswith(CARRIED):
                carried.append(Carried(path=path, sha256=sha256, made_by=made_by))
        return Origin(receipt=receipt, carried=tuple(carried))
