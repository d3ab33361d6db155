"""Public-key checks with PySyft's crypto: a key bundle, its certificate, a statement.

This module and `keyring` are the only ones that import `syft_crypto_python`.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import syft_crypto_python as syc
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from darkroom.errors import DarkroomError, EnvelopeError, TrustError
from darkroom.model.canonical import canonical
from darkroom.model.identity import PublicIdentity, Role
from darkroom.model.statement import Statement


MAX_BUNDLE_BYTES = 16 << 10
CERTIFICATE_PURPOSE = "darkroom/statement-key/1"


def did_of(name: str) -> str:
    """The DID under which an identity's bundle is written down."""
    return f"did:darkroom:{name}"


def certified_bytes(*, name: str, role: Role, statement_key: str, hosted: bool) -> bytes:
    """What the SYC identity key signs to certify a statement key."""
    return canonical(
        {
            "purpose": CERTIFICATE_PURPOSE,
            "name": name,
            "role": role,
            "statement_key": statement_key,
            "hosted": hosted,
        }
    )


@contextmanager
def foreign(
    message: str, next_step: str, error: type[TrustError] = EnvelopeError
) -> Iterator[None]:
    """Turn whatever the native library raises into one of our errors.

    A panic of the library derives from `BaseException`, so that is what is caught. The
    foreign text is dropped: it may quote what it could not parse.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit, DarkroomError):
        raise
    except BaseException:  # noqa: BLE001 - pyo3 panics are no `Exception`
        raise error(message, next_step=next_step) from None


def load_bundle(identity: PublicIdentity) -> syc.SyftPublicKeyBundle:
    """The sealing keys of an identity, their own signatures checked.

    Raises:
        TrustError: when the bundle is not exactly what `SycKeyring` writes.
    """
    with foreign(
        f"the key bundle of {identity.name} does not hold",
        "ask them for their identity again and compare the fingerprint",
        TrustError,
    ):
        if len(canonical(identity.bundle)) > MAX_BUNDLE_BYTES:
            raise ValueError
        bundle = syc.SyftPublicKeyBundle.from_did_document(identity.bundle)
        # One form only: nothing rides along in a bundle, and the name in it is theirs.
        if not bundle.verify_signatures() or identity.bundle != bundle.to_did_document(
            did_of(identity.name)
        ):
            raise ValueError
        return bundle


def _identity_key(bundle: syc.SyftPublicKeyBundle) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes(bundle.identity_key_bytes))


class SycVerifier:
    """The `Verifier` port. Stateless: whom to trust is the caller's pin."""

    def check_identity(self, identity: PublicIdentity) -> None:
        """The bundle's own signatures and the certificate of the statement key hold."""
        bundle = load_bundle(identity)
        with foreign(
            f"the statement key of {identity.name} is not certified by their identity",
            "ask them for their identity again and compare the fingerprint",
            TrustError,
        ):
            _identity_key(bundle).verify(
                bytes.fromhex(identity.certificate),
                certified_bytes(
                    name=identity.name,
                    role=identity.role,
                    statement_key=identity.statement_key,
                    hosted=identity.hosted,
                ),
            )

    def check_statement(
        self, statement: Statement, kind: str, signer: PublicIdentity
    ) -> dict[str, Any]:
        """The body of a statement of that kind, signed by that signer."""
        if statement.kind != kind:
            raise TrustError(
                f"a statement of kind {ascii(statement.kind)[:40]} came as a {kind}",
                next_step="ask its author to send it again",
            )
        if statement.key != signer.statement_key:
            raise TrustError(
                f"a {kind} is signed with another key than the pinned one of {signer.name}",
                next_step="compare fingerprints with them before you go on",
            )
        self.check_identity(signer)
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(statement.key))
            key.verify(bytes.fromhex(statement.signature), statement.signed_bytes())
        except (InvalidSignature, ValueError, TypeError, RecursionError):
            raise TrustError(
                f"the signature of {signer.name} on a {kind} does not hold",
                next_step="ask its author to send it again",
            ) from None
        return statement.body


def decode_key(text: str) -> bytes:
    """Bytes of an unpadded base64url field of a JWK."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
