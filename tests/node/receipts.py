"""A receipt as an auditor has it: from a village, judged by what somebody knows."""

import copy

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.model.dsse import from_envelope
from darkroom.model.receipt import Receipt, read_receipt
from darkroom.model.statement import RECEIPT, Statement
from darkroom.policy.receipt_check import Proven, check_receipt
from darkroom.policy.signers import Known


CHECK = SycVerifier().check_statement


def receipt_of(village, request) -> Receipt:
    """The one that came with the result."""
    (result,) = village.alice.letters("job.result", request.job_id)
    return read_receipt(from_envelope(result.body["receipt"]))


def released(village, **more):
    """A released job and its receipt."""
    with_log = more.pop("with_log", False)
    request = village.produced(**more)
    village.release(request.job_id, with_log=with_log)
    village.settle()
    return request, receipt_of(village, request)


def known(*identities) -> "dict[str, Known]":
    """Identities that somebody believes, by name."""
    return {i.name: Known(identities=(i,)) for i in identities}


def prove(receipt: Receipt, believed: "dict[str, Known]", **more) -> Proven:
    """What an auditor says who believes these."""
    return check_receipt(
        receipt, known=lambda name: believed.get(name, Known()), check=CHECK, **more
    )


def signed_again(village, body) -> Receipt:
    """Another receipt that the domain signs as well: its key is honest, what it says is not."""
    statement: Statement = village.keyring.sign(RECEIPT, body)
    return read_receipt(statement)


def changed(body, *way, value):
    """A copy of a receipt's body with something else in one place."""
    copied = copy.deepcopy(body)
    at = copied
    for step in way[:-1]:
        at = at[step]
    at[way[-1]] = value(at[way[-1]]) if callable(value) else value
    return copied
