"""Somebody at the stock engine's relay with keys of their own making."""

import json

import syft_crypto_python as syc
from syft.sync.messages.proposed_filechange import ProposedFileChangesMessage
from syft.sync.peers.peer_store import PeerStore

from tests.attack.pysyft.stock.town import Town, proposal


class Impostor:
    """Runs the relay: reads and writes every file there, and holds nobody's key."""

    def __init__(self, town: Town, address: str) -> None:
        self.address, self._town = address, town
        self._keys = PeerStore(email=address, use_encryption=True)
        self._keys.generate_keys()

    def enter_peers(self, owner: str) -> None:
        """Become an accepted peer of the owner, or take the place of one: one entry changed."""
        key = f"u/{owner}/peers.json"
        peers = json.loads(self._town.relay.get(key) or b"{}")
        bundle = self._keys.get_public_bundle()
        peers[self.address] = {"state": "accepted", "public_encryption_bundle": bundle}
        self._town.relay.put(key, json.dumps(peers).encode())
        version = self._town.relay.get(f"u/{owner}/version.json")
        assert version is not None
        self._town.relay.put(f"u/{self.address}/version.json", version)

    def send(self, owner: str, changes: dict[str, str], *, sender: str = "") -> None:
        """A message signed with our keys, in the slot of our address."""
        message = proposal(changes, sender=sender or self.address, to=owner)
        public = json.loads(self._town.relay.get(f"u/{owner}/bundle/{self._reader(owner)}") or b"")
        bundle = syc.SyftPublicKeyBundle.from_did_document(public["public_encryption_bundle"])
        keys = self._keys._ensure_private_keys()
        sealed = syc.encrypt_message(
            self.address,
            keys,
            [syc.EncryptionRecipient(owner, bundle)],
            message.as_compressed_data(),
        )
        self.drop(owner, self.address, message, sealed)

    def drop(self, owner: str, slot: str, message: ProposedFileChangesMessage, data: bytes) -> None:
        """Any bytes into the slot of any peer."""
        name = message.message_filename.as_string()
        self._town.relay.put(f"p2p/{owner}/inbox/{slot}/{name}", data)

    def _reader(self, owner: str) -> str:
        """The owner's public keys lie at the relay once for each peer; any copy will do."""
        return self._town.relay.keys(f"u/{owner}/bundle/")[0].rpartition("/")[2]
