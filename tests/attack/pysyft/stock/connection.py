"""A transport for the stock engine (syft 0.10): every method that it calls, over a `Carrier`.

It adds no check and takes none away; what it does, the engine's own Google Drive transport
does. It is the unprotected side of the attack table, and of `bench/pysyft.py`.
"""

import json
from typing import Any, ClassVar

from pydantic import ConfigDict
from syft.sync.checkpoints.checkpoint import Checkpoint, IncrementalCheckpoint
from syft.sync.connections.base_connection import (
    ConnectionConfig,
    FileCollection,
    SyftboxPlatformConnection,
)
from syft.sync.events.file_change_event import FileChangeEventsMessageFileName
from syft.sync.messages.proposed_filechange import MessageFileName, ProposedFileChangesMessage
from syft.sync.version.version_info import VersionInfo

from tests.attack.pysyft.stock.carrier import Carrier


REQUEST = "request"  # lies in an inbox of somebody whose peer we would like to be


class StockConnection(SyftboxPlatformConnection):
    """One person's way to the relay."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    email: str
    carrier: Carrier

    @classmethod
    def from_config(cls, config: "StockConnectionConfig") -> "StockConnection":  # type: ignore[override]
        return cls(config=config, email=config.email, carrier=config.carrier)

    def get_authenticated_email(self) -> str:
        return self.email

    def _own(self, *parts: str) -> str:
        return "/".join(("u", self.email, *parts))

    def _read(self, key: str) -> bytes:
        data = self.carrier.get(key)
        if data is None:
            raise ValueError(f"no file {key}")
        return data

    # ------------------------------------------------------------------------------- peers

    def add_peer(self, peer_email: str) -> None:
        self.carrier.put(f"p2p/{peer_email}/inbox/{self.email}/{REQUEST}", b"please")

    def _get_peers_json(self, force_download: bool = False) -> dict[str, dict[str, Any]]:
        return json.loads(self.carrier.get(self._own("peers.json")) or b"{}")

    def _update_peer_state(
        self, email: str, state: str, public_encryption_bundle: dict[str, Any] | None = None
    ) -> None:
        peers = self._get_peers_json()
        peer = peers.setdefault(email, {})
        peer["state"] = state
        if public_encryption_bundle is not None:
            peer["public_encryption_bundle"] = public_encryption_bundle
        self.carrier.put(self._own("peers.json"), json.dumps(peers).encode())

    def get_peer_requests(self) -> list[str]:
        peers = self._get_peers_json()
        keys = self.carrier.keys(f"p2p/{self.email}/inbox/")
        asking = {key.split("/")[3] for key in keys if key.endswith(f"/{REQUEST}")}
        settled = {"accepted", "rejected"}
        return sorted(p for p in asking if peers.get(p, {}).get("state") not in settled)

    # ------------------------------------------------------------------ versions and bundles

    def write_version_file(self, version_info: VersionInfo) -> None:
        self.carrier.put(self._own("version.json"), version_info.to_json().encode())

    def read_own_version_file(self) -> VersionInfo | None:
        return self.read_peer_version_file(self.email)

    def read_peer_version_file(self, peer_email: str) -> VersionInfo | None:
        data = self.carrier.get(f"u/{peer_email}/version.json")
        return None if data is None else VersionInfo.from_json(data.decode())

    def share_version_file_with_peer(self, peer_email: str) -> None:
        """Everybody reads everything here."""

    def write_encryption_bundle(self, peer_email: str, bundle_json: str) -> None:
        self.carrier.put(self._own("bundle", f"{peer_email}.json"), bundle_json.encode())

    def share_encryption_bundles_folder(self, peer_email: str) -> None:
        """Everybody reads everything here."""

    def read_peer_encryption_bundle(self, peer_email: str) -> str | None:
        data = self.carrier.get(f"u/{peer_email}/bundle/{self.email}.json")
        return None if data is None else data.decode()

    # ----------------------------------------------------------------------- inbox and outbox

    def watcher_send_raw_bytes_to_inbox(self, recipient: str, filename: str, data: bytes) -> None:
        self.carrier.put(f"p2p/{recipient}/inbox/{self.email}/{filename}", data)

    def owner_download_next_raw_proposed_message_from_inbox(
        self, sender_email: str
    ) -> tuple[bytes, str] | None:
        keys = self.carrier.keys(f"p2p/{self.email}/inbox/{sender_email}/")
        messages = [key for key in keys if not key.endswith(f"/{REQUEST}")]
        if not messages:
            return None
        first = min(
            messages, key=lambda k: MessageFileName.from_string(_name(k)).submitted_timestamp
        )
        return self._read(first), first

    def owner_remove_proposed_filechange_message_from_inbox(
        self, message: ProposedFileChangesMessage
    ) -> None:
        self.carrier.delete(str(message.platform_id))

    def owner_write_raw_bytes_to_outbox(self, recipient: str, filename: str, data: bytes) -> None:
        self.carrier.put(f"p2p/{self.email}/outbox/{recipient}/{filename}", data)

    def watcher_get_outbox_file_metadatas(
        self, peer_email: str, since_timestamp: float | None
    ) -> list[dict[str, Any]]:
        found = [
            {"file_id": key, "file_name": _name(key), "timestamp": _event_time(key)}
            for key in self.carrier.keys(f"p2p/{peer_email}/outbox/{self.email}/")
        ]
        new = [f for f in found if since_timestamp is None or f["timestamp"] > since_timestamp]
        return sorted(new, key=lambda f: f["timestamp"])

    def watcher_download_raw_events_from_outbox(
        self, peer_email: str, since_timestamp: float | None
    ) -> list[bytes]:
        found = self.watcher_get_outbox_file_metadatas(peer_email, since_timestamp)
        return [self._read(f["file_id"]) for f in found]

    def _get_own_datasite_outbox_id(self, peer_email: str) -> str:
        return f"p2p/{self.email}/outbox/{peer_email}/"

    def get_file_metadatas_from_folder(
        self, folder_id: str, since_timestamp: float | None = None
    ) -> list[dict[str, Any]]:
        keys = self.carrier.keys(folder_id)
        return [{"id": key, "name": _name(key)} for key in reversed(keys)]

    def download_file(self, file_id: str) -> bytes:
        return self._read(file_id)

    # --------------------------------------------------------------- the owner's own event log

    def owner_write_raw_bytes_to_syftbox(self, filename: str, data: bytes) -> str:
        self.carrier.put(self._own("log", filename), data)
        return self._own("log", filename)

    def owner_download_raw_bytes_by_id(self, file_id: str) -> bytes:
        return self._read(file_id)

    def _log(self, since: float | None = None) -> list[str]:
        keys = self.carrier.keys(self._own("log", ""))
        return sorted((k for k in keys if since is None or _event_time(k) > since), key=_event_time)

    def owner_get_all_accepted_event_file_ids(
        self, since_timestamp: float | None = None
    ) -> list[str]:
        return self._log(since_timestamp)

    def owner_download_all_raw_events_from_syftbox(self) -> list[bytes]:
        return [self._read(key) for key in self._log()]

    def download_raw_events_since_timestamp(self, since_timestamp: float) -> list[bytes]:
        return [self._read(key) for key in self._log(since_timestamp)]

    def get_events_count_since_checkpoint(self, checkpoint_timestamp: float | None) -> int:
        return len(self._log(checkpoint_timestamp))

    # ---------------------------------------------------------- checkpoints and rolling state

    def upload_raw_checkpoint(self, filename: str, data: bytes) -> str:
        old = self.carrier.keys(self._own("checkpoints", ""))
        self.carrier.put(self._own("checkpoints", filename), data)
        self.delete_multiple_files_by_ids([k for k in old if _name(k) != filename])
        return self._own("checkpoints", filename)

    def download_raw_latest_checkpoint(self) -> bytes | None:
        keys = self.carrier.keys(self._own("checkpoints", ""))
        newest = max(
            keys, key=lambda k: Checkpoint.filename_to_timestamp(_name(k)) or 0, default=""
        )
        return self.carrier.get(newest) if newest else None

    def upload_raw_incremental_checkpoint(self, filename: str, data: bytes) -> str:
        self.carrier.put(self._own("steps", filename), data)
        return self._own("steps", filename)

    def _steps(self) -> list[str]:
        return self.carrier.keys(self._own("steps", ""))

    def download_all_raw_incremental_checkpoints(self) -> list[bytes]:
        return [self._read(key) for key in self._steps()]

    def get_incremental_checkpoint_count(self) -> int:
        return len(self._steps())

    def get_next_incremental_sequence_number(self) -> int:
        numbers = [
            IncrementalCheckpoint.filename_to_sequence_number(_name(k)) for k in self._steps()
        ]
        return 1 + max((n or 0 for n in numbers), default=0)

    def delete_all_incremental_checkpoints(self) -> None:
        self.delete_multiple_files_by_ids(self._steps())

    def upload_raw_rolling_state(self, filename: str, data: bytes) -> str:
        self.carrier.put(self._own("rolling"), data)
        return self._own("rolling")

    def download_raw_rolling_state(self) -> bytes | None:
        return self.carrier.get(self._own("rolling"))

    def delete_rolling_state(self) -> None:
        self.carrier.delete(self._own("rolling"))

    # ------------------------------------------------------------------------------ collections

    def owner_create_collection_folder(
        self, prefix: str, tag: str, content_hash: str, owner_email: str
    ) -> str:
        return f"u/{owner_email}/coll/{prefix}/{tag}/{content_hash}/"

    def _collection(self, prefix: str, tag: str, content_hash: str) -> str:
        return self.owner_create_collection_folder(prefix, tag, content_hash, self.email)

    def owner_tag_collection_as_any(self, prefix: str, tag: str, content_hash: str) -> None:
        self.carrier.put(self._collection(prefix, tag, content_hash) + "any", b"yes")

    def owner_share_collection(
        self, prefix: str, tag: str, content_hash: str, users: list[str]
    ) -> None:
        for user in users:
            self.carrier.put(self._collection(prefix, tag, content_hash) + f"share/{user}", b"yes")

    def owner_upload_collection_files(
        self, prefix: str, tag: str, content_hash: str, files: dict[str, bytes]
    ) -> None:
        for name, data in files.items():
            self.carrier.put(self._collection(prefix, tag, content_hash) + f"files/{name}", data)

    def owner_list_collections(self, prefix: str) -> list[str]:
        return [c.tag for c in self.owner_list_all_collections_with_permissions(prefix)]

    def owner_list_all_collections_with_permissions(self, prefix: str) -> list[FileCollection]:
        keys = self.carrier.keys(self._own("coll", prefix, ""))
        return [
            FileCollection(
                folder_id=folder,
                tag=folder.split("/")[4],
                content_hash=folder.split("/")[5],
                has_any_permission=folder + "any" in keys,
            )
            for folder in sorted({"/".join(key.split("/")[:6]) + "/" for key in keys})
        ]

    def owner_delete_collection(self, prefix: str, tag: str) -> None:
        self.delete_multiple_files_by_ids(self.carrier.keys(self._own("coll", prefix, tag, "")))

    def watcher_list_collections(self, prefix: str) -> list[dict[str, Any]]:
        shared = {}
        for key in self.carrier.keys("u/"):
            match key.split("/"):
                case ["u", owner, "coll", kind, tag, sha, "share", reader]:
                    if (kind, reader) == (prefix, self.email) and owner != self.email:
                        shared[owner, tag, sha] = True
        return [{"owner_email": o, "tag": t, "content_hash": h} for o, t, h in shared]

    def watcher_get_collection_file_metadatas(
        self, prefix: str, tag: str, content_hash: str, owner_email: str
    ) -> list[dict[str, Any]]:
        folder = self.owner_create_collection_folder(prefix, tag, content_hash, owner_email)
        keys = self.carrier.keys(folder + "files/")
        return [{"file_id": key, "file_name": _name(key)} for key in keys]

    def watcher_download_collection_file(self, file_id: str) -> bytes:
        return self._read(file_id)

    def watcher_download_collection(
        self, prefix: str, tag: str, content_hash: str, owner_email: str
    ) -> dict[str, bytes]:
        found = self.watcher_get_collection_file_metadatas(prefix, tag, content_hash, owner_email)
        return {f["file_name"]: self._read(f["file_id"]) for f in found}

    # --------------------------------------------------------------------------------- clean-up

    def delete_multiple_files_by_ids(self, file_ids: list[str], **_: bool) -> None:
        for file_id in file_ids:
            self.delete_file_by_id(file_id)

    def delete_file_by_id(self, file_id: str) -> None:
        self.carrier.delete(file_id)

    def gather_all_file_and_folder_ids(self) -> list[str]:
        return self.carrier.keys(self._own(""))

    def find_orphaned_message_files(self) -> list[str]:
        return []

    def reset_caches(self) -> None:
        """Nothing is kept here."""


class StockConnectionConfig(ConnectionConfig):
    """What the engine builds a connection from."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    connection_type: ClassVar[type[SyftboxPlatformConnection]] = StockConnection
    email: str
    carrier: Any


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _event_time(key: str) -> float:
    return FileChangeEventsMessageFileName.from_string(_name(key)).timestamp
