"""The receipt of a release: who asked, who allowed it, on what, what left and what it cost.

An in-toto statement (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md)
whose predicate is described in docs/receipts.md. Reading one checks its form and that nothing
in it is beyond bounds; what holds of it is for `policy.receipt_check`.
"""

import re
from dataclasses import asdict, dataclass
from typing import Any

from darkroom.errors import DarkroomError
from darkroom.model.amount import Amount
from darkroom.model.audit_entry import AuditEntry, AuditProof
from darkroom.model.canonical import digest
from darkroom.model.handover import Handover, read_chain
from darkroom.model.identity import PublicIdentity, require_name
from darkroom.model.job import MAX_OUTPUTS, SHA256
from darkroom.model.json_shape import is_whole
from darkroom.model.quote import bounded_amount
from darkroom.model.receipt_parts import (
    Asked,
    Decided,
    PolicyStamp,
    all_fields,
    as_statement,
    exactly,
    listed,
    malformed,
)
from darkroom.model.statement import Statement


STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://darkroom.dev/attestation/release/v1"
MAX_PEOPLE = 64
RELEASE = {  # what the release statement of a domain without receipts says
    "job_id", "job_digest", "code_digest", "domain", "dataset", "dataset_version",
    "policy_version", "approved_by", "released_by", "outputs", "facts", "price",
}  # fmt: skip
REQUEST = "request"  # and beside it, where there are receipts: the digest of what was asked
_OUTPUT = {"type", "sha256", "bytes"}
_HEX = re.compile(r"[0-9a-f]{64}")
_BLIND = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt, read.

    Attributes:
        statement: all of it, as its domain signed it.
        left: name -> `sha256:…` of every output that left.
        release: the domain's release statement.
        log: what the log counts by among the shown outputs; "" where there was none.
        blind: of the log that left; "" when it stayed.
        applied, in_force: the policy that the job was admitted under, and that of the release.
        proof: that the release is in the audit log, under a signed head.
        detail, salt: of that entry: they name the release.
        identities: of those who signed; believed only as far as somebody vouches for them.
        handovers: how the domain came by its keys.
    """

    statement: Statement
    left: dict[str, str]
    release: Statement
    asked: Asked
    decisions: tuple[Decided, ...]
    log: str
    blind: str
    applied: PolicyStamp
    in_force: PolicyStamp
    spent: Amount
    bytes_out: int
    proof: AuditProof
    detail: str
    salt: str
    identities: tuple[PublicIdentity, ...]
    handovers: tuple[Handover, ...]

    @property
    def digest(self) -> str:
        """What a run log and a table name it by."""
        return digest(self.statement.body)

    @property
    def domain(self) -> str:
        """Who released."""
        return self.proof.tree_head.domain

    @property
    def entry(self) -> AuditEntry:
        """The entry of the audit log with what it says."""
        bare = self.proof.entry.to_mapping()
        return AuditEntry(**{**bare, "detail": self.detail, "salt": self.salt})


def receipt_body(
    *,
    release: Statement,
    asked: Asked,
    decisions: tuple[Decided, ...],
    log: str,
    blind: str,
    applied: PolicyStamp,
    in_force: PolicyStamp,
    proof: AuditProof,
    detail: str,
    salt: str,
    identities: tuple[PublicIdentity, ...],
    handovers: tuple[Handover, ...],
) -> dict[str, Any]:
    """What a domain signs; `read_receipt` reads it. The arguments are as in `Receipt`."""
    outputs = release.body["outputs"]
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": entry["sha256"].removeprefix("sha256:")}}
            for name, entry in sorted(outputs.items())
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "release": release.to_mapping(),
            "request": asked.to_mapping(),
            "decisions": [decided.to_mapping() for decided in decisions],
            "log": {"digest": log, "blind": blind},
            "policy": {"applied": asdict(applied), "in_force": asdict(in_force)},
            "spent": release.body["price"],
            "bytes": sum(entry["bytes"] for entry in outputs.values()),
            "audit": {"proof": proof.to_mapping(), "detail": detail, "salt": salt},
            "identities": [identity.to_mapping() for identity in identities],
            "handovers": [link.to_mapping() for link in handovers],
        },
    }


def released_detail(release: Statement) -> dict[str, Any]:
    """What the audit log says of a release: which one, so that there is no second one for it.

    What was asked is in it by its digest.
    """
    return {"release": digest(release.body)}


_PREDICATE = {
    "release", "request", "decisions", "log", "policy", "spent", "bytes", "audit", "identities",
    "handovers",
}  # fmt: skip


def read_receipt(statement: Statement) -> Receipt:
    """Read what an envelope of any origin carried; nothing is checked but the form.

    Raises:
        SpecError: it is not what `receipt_body` writes.
    """
    try:
        return _read(statement)
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError, OverflowError):
        raise malformed() from None
    except DarkroomError as error:
        raise malformed() from error


def _read(statement: Statement) -> Receipt:
    body = exactly(statement.body, {"_type", "subject", "predicateType", "predicate"})
    if (body["_type"], body["predicateType"]) != (STATEMENT, PREDICATE):
        raise malformed()
    said = exactly(body["predicate"], _PREDICATE)
    log = exactly(said["log"], {"digest", "blind"})
    policy = exactly(said["policy"], {"applied", "in_force"})
    audit = exactly(said["audit"], {"proof", "detail", "salt"})
    decisions = listed(said["decisions"], 2 * MAX_PEOPLE)
    if (
        not (log["digest"] == "" or SHA256.fullmatch(log["digest"]))
        or not (log["blind"] == "" or _BLIND.fullmatch(log["blind"]))
        or not is_whole(said["bytes"])
    ):
        raise malformed()
    receipt = Receipt(
        statement=statement,
        left=dict(map(_subject, listed(body["subject"], MAX_OUTPUTS + 1))),
        release=as_statement(said["release"]),
        asked=Asked.from_mapping(said["request"]),
        decisions=tuple(map(Decided.from_mapping, decisions)),
        log=log["digest"],
        blind=log["blind"],
        applied=PolicyStamp(**all_fields(policy["applied"], PolicyStamp)),
        in_force=PolicyStamp(**all_fields(policy["in_force"], PolicyStamp)),
        spent=bounded_amount(said["spent"]),
        bytes_out=said["bytes"],
        proof=AuditProof.from_mapping(audit["proof"]),
        detail=audit["detail"],
        salt=audit["salt"],
        identities=tuple(
            map(PublicIdentity.from_mapping, listed(said["identities"], MAX_PEOPLE + 1))
        ),
        handovers=read_chain(said["handovers"]),
    )
    # The entry with what it says is well formed, too, and no output stands twice.
    AuditEntry.from_mapping(receipt.entry.to_mapping())
    if len(receipt.left) != len(body["subject"]):
        raise malformed()
    _require_release(receipt.release.body)
    return receipt


def _require_release(body: dict[str, Any]) -> None:
    exactly(body, RELEASE | {REQUEST})
    said = (body["approved_by"], body["released_by"])
    outputs = [exactly(entry, _OUTPUT) for entry in body["outputs"].values()]
    if not all(isinstance(text, str) and text for text in said) or not all(
        isinstance(o["type"], str) and isinstance(o["sha256"], str) and is_whole(o["bytes"])
        for o in outputs
    ):
        raise malformed()


def _subject(value: object) -> tuple[str, str]:
    entry = exactly(value, {"name", "digest"})
    sha256 = exactly(entry["digest"], {"sha256"})["sha256"]
    if not _HEX.fullmatch(sha256):
        raise malformed()
    return require_name(entry["name"], "output"), f"sha256:{sha256}"
