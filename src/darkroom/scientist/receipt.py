"""The receipt that came with a result: of the same release, and everything in it holds."""

from collections.abc import Callable

from darkroom.errors import TrustError
from darkroom.model.dsse import from_envelope
from darkroom.model.handover import Check
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import JobRequest
from darkroom.model.receipt import read_receipt
from darkroom.model.statement import Statement
from darkroom.policy.receipt_check import check_receipt, require_outputs, require_request
from darkroom.policy.signers import Known


def verify_receipt(
    value: object,
    *,
    release: Statement,
    outputs: dict[str, bytes],
    request: JobRequest,
    domain: PublicIdentity,
    known: Callable[[str], Known],
    check: Check,
    taken_in: float,
) -> Statement:
    """The signed receipt in an envelope of untrusted origin.

    Args:
        value: the DSSE envelope, as JSON.
        release, outputs: as they were verified.
        request: what we asked for.
        domain: whose keys the release is signed with.
        known: what is pinned here of other names.
        check: `Verifier.check_statement`.
        taken_in: when it came, on our own clock.

    Raises:
        SpecError: it is no receipt.
        TrustError: something in it does not hold, or it is about something else.
    """
    receipt = read_receipt(from_envelope(value))
    if receipt.release != release:
        raise TrustError(
            "a receipt is for another release than the one that it came with",
            next_step="it is put aside and not shown; ask the domain's owner about it",
        )
    require_request(receipt, request)
    require_outputs(receipt, outputs)
    check_receipt(
        receipt,
        known=lambda name: Known(identities=(domain,)) if name == domain.name else known(name),
        check=check,
        taken_in=taken_in,
    )
    return receipt.statement
