"""Controls that a test takes away, and letters that no honest program writes."""

import secrets
from typing import Any

from darkroom.model.canonical import digest_bytes
from darkroom.model.letter import Letter
from darkroom.node.admit import CODE
from darkroom.post import codec
from tests.node.village import Person, Village, rule


class Credulous:
    """A `Verifier` that believes every signature: the control is off."""

    def check_identity(self, identity: Any) -> None:
        pass

    def check_statement(self, statement: Any, kind: str, signer: Any) -> dict[str, Any]:
        return statement.body


def by_rule(code_digest: str) -> dict[str, Any]:
    """Fields of a policy under which one code digest runs and leaves without a person."""
    return {"rules": (rule(code_digest),)}


def slip(
    village: Village,
    body: dict[str, Any],
    inline: dict[str, bytes],
    *,
    kind: str = "job.submit",
    by: Person | None = None,
) -> Letter:
    """Seal and send what the SDK would refuse to write."""
    by = by or village.alice
    letter = Letter(
        id=secrets.token_hex(16), kind=kind, sender=by.name, recipient="north",
        sent_at=village.clock.now(), body=body,
    )  # fmt: skip
    plaintext = codec.encode_letter(letter, inline, {})
    envelope = by.keyring.seal(plaintext, village.keyring.identity)
    village.exchange.client(by.name).send("north", letter.id, envelope, expires_in=60)
    return letter


def slip_job(village: Village, files: dict[str, bytes], **spec: Any) -> str:
    """A submission of these files under these names, whatever they are; its job id."""
    request = village.request().to_mapping()
    request["spec"] |= {"files": {p: digest_bytes(d) for p, d in files.items()}, **spec}
    slip(village, {"request": request, "mock": {}}, {CODE + p: d for p, d in files.items()})
    return request["job_id"]


def deliver(village: Village, envelope: bytes, *, sender: str, to: str = "north") -> None:
    """What a gateway can do by itself: put bytes into a mailbox, under any name."""
    village.exchange.admitted.setdefault(to, set()).add(sender)
    village.exchange.client(sender).send(to, secrets.token_hex(16), envelope, expires_in=60)
