"""A letter that waited over a rotation: what we signed in it is signed with the keys of today.

Who gets it has followed our hand-over by then, and takes no new word under keys given up.
"""

from dataclasses import replace

from darkroom.errors import TrustError
from darkroom.model.letter import Letter
from darkroom.model.statement import Statement
from darkroom.ports import Keyring


# kind of letter -> (where our own statement lies in its body, kind of that statement)
SIGNED = {
    "job.result": ("release", "release"),
    "owner.decision": ("decision", "decision"),
    "owner.policy": ("policy", "policy"),
    "owner.invitation": ("invitation", "invitation"),
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
    return replace(letter, body={**letter.body, place: anew})
