"""A letter that waited over a rotation: what we signed in it is signed with the keys of today.

Who gets it has followed our hand-over by then, and takes no new word under keys given up.
"""

from dataclasses import replace
from typing import Any

from darkroom.errors import TrustError
from darkroom.model.dsse import from_envelope, to_envelope
from darkroom.model.letter import Letter
from darkroom.model.statement import RECEIPT, Statement
from darkroom.model.tree_head import KIND
from darkroom.ports import Keyring


# kind of letter -> (where our own statement lies in its body, kind of that statement)
SIGNED = {
    "job.result": ("release", "release"),
    "owner.decision": ("decision", "decision"),
    "owner.policy": ("policy", "policy"),
    "owner.invitation": ("invitation", "invitation"),
    "owner.override": ("override", "override"),
}


def signed_anew(letter: Letter, keyring: Keyring) -> Letter:
    """The letter itself, unless its statement is under former keys of ours.

    Only for letters from our own store: it signs what it finds there.
    """
    place, kind = SIGNED.get(letter.kind, ("", ""))
    said = letter.body.get(place)
    if not isinstance(said, dict) or said.get("key") == keyring.identity.statement_key:
        return letter
    statement = Statement.from_mapping(said)
    if statement.kind != kind:
        raise TrustError(
            f"a {letter.kind} in our own store carries another statement", next_step="look at it"
        )
    anew = keyring.sign(kind, statement.body).to_mapping()
    body = {**letter.body, place: anew}
    if "receipt" in body:
        body["receipt"] = to_envelope(_receipt_anew(body["receipt"], anew, keyring))
    return replace(letter, body=body)


def _receipt_anew(envelope: object, release: dict[str, Any], keyring: Keyring) -> Statement:
    """The receipt, and the head of the audit log in it, in the words of before."""
    body = from_envelope(envelope).body
    said, ours = body["predicate"], keyring.identity
    proof = said["audit"]["proof"]
    head = keyring.sign(KIND, proof["head"]["body"]).to_mapping()
    others = [i for i in said["identities"] if (i["name"], i["role"]) != (ours.name, ours.role)]
    said = {
        **said,
        "release": release,
        "audit": {**said["audit"], "proof": {**proof, "head": head}},
        "identities": [ours.to_mapping(), *others],
        "handovers": [link.to_mapping() for link in keyring.handovers],
    }
    return keyring.sign(RECEIPT, {**body, "predicate": said})
