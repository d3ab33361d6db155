"""Does a receipt hold? Everything that can be told without asking anybody. Pure.

First the domain's signature, then that all parts speak of the same job and outputs, then the
people's own signatures, then the audit log. What fails first is what is told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from darkroom.errors import SpecError, TrustError
from darkroom.model.audit_entry import detail_text
from darkroom.model.canonical import digest, digest_bytes
from darkroom.model.handover import Check
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.receipt import REQUEST, Receipt, released_detail
from darkroom.model.receipt_parts import Asked, Decided, PolicyStamp
from darkroom.model.statement import RECEIPT, Statement
from darkroom.model.tree_head import KIND
from darkroom.policy.disclosure import BLIND, LOG
from darkroom.policy.signers import Known, Signer, signer


RULE = "rule "
RELEASED = "output-released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What was found of a receipt that holds.

    Attributes:
        domain: who signed it.
        people: name -> whose signed yes is in it, and who signed a policy that was at hand; no
            entry for a rule.
        policy_owner: who signed the policy that was applied, where its file was at hand.
    """

    domain: Signer
    people: Mapping[str, Signer]
    policy_owner: Signer | None = None


def check_receipt(
    receipt: Receipt,
    *,
    known: Callable[[str], Known],
    check: Check,
    taken_in: float | None = None,
    policies: Mapping[str, Statement] | None = None,
) -> Proven:
    """Check all of a receipt that does not need its outputs.

    Args:
        receipt: of any origin.
        known: what the reader knows of a name.
        check: `Verifier.check_statement`.
        taken_in: when it came here, on our own clock; None: it is dated by its own head.
        policies: digest -> signed policy, as far as they are at hand.

    Raises:
        TrustError: the first thing that does not hold.
    """
    head = receipt.proof.tree_head
    domain = signer(
        receipt.domain,
        receipt.statement.key,
        at=head.at if taken_in is None else taken_in,
        known=known(receipt.domain),
        offered=receipt.identities,
        chain=receipt.handovers,
        check=check,
    )
    _require(domain.ground != "claimed", "nobody here knows the domain that signed it")
    require_own_words(receipt, domain.identity, check)
    body = receipt.release.body
    people: dict[str, Signer] = {}
    for decided in receipt.decisions:
        people[decided.by] = _yes(receipt, decided, known(decided.by), check)
    for field, subject in (("approved_by", "code"), ("released_by", "output")):
        _everybody_said_so(receipt, body[field], subject)
    owner = None
    for stamp in (receipt.in_force, receipt.applied):  # the last one is what readers are shown
        owner = None
        if policies and stamp.digest in policies:
            owner = _policy_holds(receipt, policies[stamp.digest], stamp, known, check)
            name = owner.identity.name
            if name not in people or owner.ground == "claimed":  # the weaker ground is told
                people[name] = owner
    return Proven(domain=domain, people=people, policy_owner=owner)


def require_own_words(receipt: Receipt, domain: PublicIdentity, check: Check) -> None:
    """What the domain itself says: signed by it, of one piece, and in its log.

    Raises:
        TrustError: it is not.
    """
    check(receipt.statement, RECEIPT, domain)
    check(receipt.release, "release", domain)
    check(receipt.proof.head, KIND, domain)
    _require(domain.role == "domain", f"{domain.name} is no domain")
    _require(domain.name == receipt.domain, "its audit log is another domain's")
    _one_piece(receipt)
    entry = receipt.entry
    _require(receipt.proof.holds, "its release is not in the audit log that it names")
    _require(
        (entry.event, entry.job_id) == (RELEASED, receipt.asked.job_id),
        "its entry of the audit log is about something else",
    )
    _require(
        entry.is_whole and entry.detail == detail_text(released_detail(receipt.release)),
        "its entry of the audit log is not about this release",
    )


def _one_piece(receipt: Receipt) -> None:
    """Release, request and outputs say the same."""
    body, asked = receipt.release.body, receipt.asked
    expected = {
        "job_id": asked.job_id,
        "job_digest": asked.job_digest,
        "code_digest": asked.code_digest,
        "domain": receipt.domain,
        "dataset": asked.dataset,
        "dataset_version": asked.dataset_version,
        "policy_version": receipt.applied.version,
        "price": receipt.spent.to_mapping(),
        REQUEST: asked.digest,
    }
    for name, wanted in expected.items():
        _require(body[name] == wanted, f"its release says another {name.replace('_', ' ')}")
    _require(
        asked.of_one_piece(receipt.domain), "its job digest is another one than of what it shows"
    )
    outputs = body["outputs"]
    _require(
        {name: o["sha256"] for name, o in outputs.items()} == receipt.left
        and sum(o["bytes"] for o in outputs.values()) == receipt.bytes_out,
        "its release lists other outputs",
    )
    if LOG in outputs and receipt.blind:
        shown = digest({**outputs[LOG], BLIND: receipt.blind})
        _require(shown == receipt.log, "its log is another one than was shown")


# --------------------------------------------------------------------------------- people


def shown_digest(receipt: Receipt) -> str:
    """What people signed for when they released; see `policy.disclosure.output_digest`."""
    outputs = {n: o for n, o in receipt.release.body["outputs"].items() if n != LOG}
    return digest({**outputs, LOG: receipt.log} if receipt.log else outputs)


def _yes(receipt: Receipt, decided: Decided, known: Known, check: Check) -> Signer:
    body = decided.statement.body
    found = signer(
        decided.by,
        decided.statement.key,
        at=decided.at,
        known=known,
        offered=receipt.identities,
        chain=(),
        check=check,
    )
    check(decided.statement, "decision", found.identity)
    _require(found.identity.role == "owner", f"{decided.by} is nobody who may allow anything")
    _require(
        found.identity.fingerprint == decided.fingerprint,
        f"the word of {decided.by} is said to be of other keys",
    )
    code = decided.subject == "code"
    expected = {
        "job_id": receipt.asked.job_id,
        "subject": decided.subject,
        "verdict": "approve" if code else "release",
        "digest": receipt.asked.job_digest if code else shown_digest(receipt),
    }
    for name, wanted in expected.items():
        _require(body.get(name) == wanted, f"{decided.by} signed for another {name}")
    if not code and LOG in receipt.left:
        _require(body.get("with_log") is True, f"{decided.by} did not let the log out")
    return found


def names_in(said: str) -> tuple[str, ...]:
    """The people in `approved_by` or `released_by`; a rule is nobody's name."""
    return () if not said or said.startswith(RULE) else tuple(said.split(", "))


def _everybody_said_so(receipt: Receipt, said: str, subject: str) -> None:
    """Whoever is named signed it, and nobody else."""
    signed = [d.by for d in receipt.decisions if d.subject == subject]
    _require(len(set(signed)) == len(signed), "somebody's word is in it twice")
    names = names_in(said)
    missing = [ascii(name)[1:-1][:64] for name in names if name not in signed]
    _require(not missing, f"{', '.join(missing)[:200]} did not sign for the {subject} in it")
    _require(set(signed) <= set(names), f"somebody signed for the {subject} who is not named")


def _policy_holds(
    receipt: Receipt,
    policy: Statement,
    stamp: PolicyStamp,
    known: Callable[[str], Known],
    check: Check,
) -> Signer:
    """The owner's own signature on a policy that is at hand.

    Whose name it is, and on what ground, is for the reader: anybody can invent an owner.
    """
    _require(
        (policy.kind, policy.key, policy.signature) == ("policy", stamp.key, stamp.signature)
        and policy.body.get("version") == stamp.version
        and policy.body.get("domain") == receipt.domain,
        "the policy at hand is signed otherwise than the one that it names",
    )
    owners = [i for i in receipt.identities if i.statement_key == policy.key]
    _require(bool(owners), "the owner who signed the policy is not named in it")
    found = signer(
        owners[0].name,
        policy.key,
        at=receipt.proof.tree_head.at,
        known=known(owners[0].name),
        offered=owners,
        chain=(),
        check=check,
    )
    check(policy, "policy", found.identity)
    _require(
        found.identity.role == "owner", f"{found.identity.name} is nobody who may sign a policy"
    )
    _require(  # the fingerprint that is shown is that of the named one
        found.identity.fingerprint == owners[0].fingerprint,
        f"the policy of {found.identity.name} is said to be of other keys",
    )
    return found


# --------------------------------------------------------------------- against what is here


def require_outputs(receipt: Receipt, outputs: Mapping[str, bytes]) -> None:
    """Outputs that are here are those that left, byte for byte; all of those given.

    Raises:
        TrustError: naming the first that is not.
    """
    for name, data in sorted(outputs.items()):
        _require(name in receipt.left, f"an output {ascii(name)[:80]} did not leave with it")
        _require(
            digest_bytes(data) == receipt.left[name], f"the output {name} is not the one that left"
        )


def require_request(receipt: Receipt, request: JobRequest) -> None:
    """It is about what we asked for.

    Raises:
        TrustError: it is not.
    """
    try:
        asked = Asked.of(request, receipt.asked.cameras)
    except SpecError:
        asked = None
    _require(asked == receipt.asked, "it is about something else than was asked")


def _require(holds: bool, what: str) -> None:  # noqa: FBT001  # what is required
    if not holds:
        raise TrustError(
            f"the receipt does not hold: {what}",
            next_step="do not rely on it; ask its domain's owner about it",
        )
