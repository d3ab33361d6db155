"""Key-compromise impersonation on SYC: other content under the signature of a true sender.

What somebody does who has the private sealing keys of an envelope's *recipient*: they work out
its content key as the recipient does, and seal something else with it under the same prelude.
"""

import struct
from collections.abc import Callable
from typing import Any

import syft_crypto_python as syc
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import decode_key
from darkroom.model.identity import PublicIdentity


def replaced(
    envelope: bytes, stolen: SycKeyring, sender: PublicIdentity, change: Callable[[bytes], bytes]
) -> bytes:
    """The envelope with what `change` makes of its content; of the same length."""
    parsed = syc.parse_envelope(envelope)
    sealed = bytes(parsed.ciphertext)
    assert envelope.endswith(sealed)
    cipher, nonce = _xchacha(
        _content_key(stolen, sender, parsed.prelude), decode_key(parsed.prelude["cipher"]["nonce"])
    )
    content = cipher.decrypt(nonce, sealed, b"syc-file-v1")
    other = change(content)
    assert len(other) == len(content)
    return envelope[: -len(sealed)] + cipher.encrypt(nonce, other, b"syc-file-v1")


def _content_key(stolen: SycKeyring, sender: PublicIdentity, prelude: dict[str, Any]) -> bytes:
    ours, prekey = (
        X25519PrivateKey.from_private_bytes(decode_key(stolen._jwks[key]["d"]))
        for key in ("identity_dh", "signed_prekey")
    )
    jwks = [key["publicKeyJwk"] for key in sender.bundle["keyAgreement"]]
    theirs = {jwk["kid"]: X25519PublicKey.from_public_bytes(decode_key(jwk["x"])) for jwk in jwks}
    (wrapping,) = prelude["wrappings"]
    once = X25519PublicKey.from_public_bytes(decode_key(wrapping["wrap_ephemeral_public"]))
    shared = prekey.exchange(theirs["identity-dh"]) + ours.exchange(once) + prekey.exchange(once)
    key = HKDF(
        algorithm=SHA256(), length=32, salt=b"syc-crypto-core:x3dh:file", info=b"syc-wrap-key"
    ).derive(shared)
    wrapped = decode_key(wrapping["wrap_ciphertext"])
    cipher, nonce = _xchacha(key, wrapped[:24])
    return cipher.decrypt(nonce, wrapped[24:], b"syc-key-wrap-v1")


def _xchacha(key: bytes, nonce: bytes) -> tuple[ChaCha20Poly1305, bytes]:
    """XChaCha20-Poly1305 as ChaCha20-Poly1305 under a derived key."""
    return ChaCha20Poly1305(_hchacha(key, nonce[:16])), bytes(4) + nonce[16:]


def _hchacha(key: bytes, nonce: bytes) -> bytes:
    s = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key)]
    s += struct.unpack("<4I", nonce)

    def mix(a: int, b: int, c: int, d: int) -> None:
        for into, by, turned, places in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[into] = (s[into] + s[by]) & 0xFFFFFFFF
            word = s[turned] ^ s[into]
            s[turned] = ((word << places) & 0xFFFFFFFF) | (word >> (32 - places))

    for _ in range(10):
        for column in range(4):
            mix(column, column + 4, column + 8, column + 12)
        for row in range(4):
            mix(row, (row + 1) % 4 + 4, (row + 2) % 4 + 8, (row + 3) % 4 + 12)
    return struct.pack("<8I", *s[:4], *s[12:])
