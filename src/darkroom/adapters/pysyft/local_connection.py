# ruff: noqa: ARG002 - names and shapes are the engine's, used or not
"""What PySyft's engine asks of a transport and Darkroom answers on the spot.

syft 0.10 calls 53 methods on a connection; only 26 are declared in its base class. Most of
them keep an owner's own log, checkpoints and rolling state on a shared drive, which nothing
here needs: the truth is in the domain's database, and a client's folder is a view of it.
Subclasses add what really travels. Names and shapes are the engine's.
"""

from typing import Any, ClassVar

from pydantic import ConfigDict
from syft.sync.connections.base_connection import (
    ConnectionConfig,
    FileCollection,
    SyftboxPlatformConnection,
)
from syft.sync.messages.proposed_filechange import ProposedFileChangesMessage
from syft.sync.version.version_info import VersionInfo

from darkroom.errors import DeniedError


class LocalConnection(SyftboxPlatformConnection):
    """A connection with nothing behind it: no peers, no mail, no collections."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    # ------------------------------------------------------------- what travels: overridden

    def _get_peers_json(self, force_download: bool = False) -> dict[str, dict[str, Any]]:
        """Address -> {"state": …} of those we know. Never read from the relay."""
        return {}

    def get_peer_requests(self) -> list[str]:
        """Addresses of those who ask to become peers."""
        return []

    def add_peer(self, peer_email: str) -> None:
        """Ask somebody to become a peer."""

    def _update_peer_state(
        self, email: str, state: str, public_encryption_bundle: dict[str, Any] | None = None
    ) -> None:
        """The engine's idea of a peer's state changed; ours is pinned and does not."""

    def read_peer_version_file(self, peer_email: str) -> VersionInfo | None:
        """Which release a peer speaks."""
        return None

    def watcher_send_raw_bytes_to_inbox(self, recipient: str, filename: str, data: bytes) -> None:
        """Send a message of proposed changes to a datasite."""
        raise _refused("messages")

    def watcher_get_outbox_file_metadatas(
        self, peer_email: str, since_timestamp: float | None
    ) -> list[dict[str, Any]]:
        """New event messages of a datasite: `file_id`, `file_name`, `timestamp`."""
        return []

    def download_file(self, file_id: str) -> bytes:
        """An event message by its id."""
        raise _refused("event messages")

    def owner_download_next_raw_proposed_message_from_inbox(
        self, sender_email: str
    ) -> tuple[bytes, str] | None:
        """The next message of a scientist: (bytes, id), or None."""
        return None

    def owner_remove_proposed_filechange_message_from_inbox(
        self, message: ProposedFileChangesMessage
    ) -> None:
        """That message was dealt with."""

    def owner_write_raw_bytes_to_outbox(self, recipient: str, filename: str, data: bytes) -> None:
        """The engine tells a scientist what changed; a domain tells it itself, released."""

    # ----------------------------------------------------------------- collections: mostly ours

    def watcher_list_collections(self, prefix: str) -> list[dict[str, Any]]:
        """Datasets that we may see: `owner_email`, `tag`, `content_hash`."""
        return []

    def watcher_get_collection_file_metadatas(
        self, prefix: str, tag: str, content_hash: str, owner_email: str
    ) -> list[dict[str, Any]]:
        """The files of a dataset's mock: `file_id`, `file_name`."""
        return []

    def watcher_download_collection_file(self, file_id: str) -> bytes:
        """One file of a mock."""
        raise _refused("collections")

    def watcher_download_collection(
        self, prefix: str, tag: str, content_hash: str, owner_email: str
    ) -> dict[str, bytes]:
        """All files of a mock by name."""
        found = self.watcher_get_collection_file_metadatas(prefix, tag, content_hash, owner_email)
        return {f["file_name"]: self.watcher_download_collection_file(f["file_id"]) for f in found}

    def owner_create_collection_folder(
        self, prefix: str, tag: str, content_hash: str, owner_email: str
    ) -> str:
        """Nothing is uploaded: a mock is rendered from the card the domain publishes."""
        raise _refused("collections")

    def owner_upload_collection_files(
        self, prefix: str, tag: str, content_hash: str, files: dict[str, bytes]
    ) -> None:
        """Nothing is uploaded."""
        raise _refused("collections")

    def owner_tag_collection_as_any(self, prefix: str, tag: str, content_hash: str) -> None:
        """Who may use a dataset, the signed policy says."""
        raise _refused("collections")

    def owner_share_collection(
        self, prefix: str, tag: str, content_hash: str, users: list[str]
    ) -> None:
        """Who may use a dataset, the signed policy says."""
        raise _refused("collections")

    def owner_delete_collection(self, prefix: str, tag: str) -> None:
        """Footage is erased at the domain."""
        raise _refused("collections")

    def owner_list_collections(self, prefix: str) -> list[str]:
        """None: see `owner_create_collection_folder`."""
        return []

    def owner_list_all_collections_with_permissions(self, prefix: str) -> list[FileCollection]:
        """None."""
        return []

    # ------------------------------------------------- versions and bundles: pinned, not shared

    def write_version_file(self, version_info: VersionInfo) -> None:
        """Ours travels with each submission."""

    def read_own_version_file(self) -> VersionInfo | None:
        """This program's."""
        return VersionInfo.current()

    def share_version_file_with_peer(self, peer_email: str) -> None:
        """Ours travels with each submission."""

    def write_encryption_bundle(self, peer_email: str, bundle_json: str) -> None:
        """Keys are exchanged by enrolment, not here."""

    def share_encryption_bundles_folder(self, peer_email: str) -> None:
        """Keys are exchanged by enrolment, not here."""

    def read_peer_encryption_bundle(self, peer_email: str) -> str | None:
        """Letters are sealed for pinned keys; the engine needs none."""
        return None

    # --------------------------------------------- an owner's own log on a drive: there is none

    def watcher_download_raw_events_from_outbox(
        self, peer_email: str, since_timestamp: float | None
    ) -> list[bytes]:
        """All new event messages at once."""
        found = self.watcher_get_outbox_file_metadatas(peer_email, since_timestamp)
        return [self.download_file(f["file_id"]) for f in found]

    def owner_write_raw_bytes_to_syftbox(self, filename: str, data: bytes) -> str:
        """Not kept."""
        return filename

    def owner_download_raw_bytes_by_id(self, file_id: str) -> bytes:
        """Nothing is kept."""
        raise _refused("an own log")

    def owner_download_all_raw_events_from_syftbox(self) -> list[bytes]:
        """None."""
        return []

    def owner_get_all_accepted_event_file_ids(
        self, since_timestamp: float | None = None
    ) -> list[str]:
        """None."""
        return []

    def download_raw_events_since_timestamp(self, since_timestamp: float) -> list[bytes]:
        """None."""
        return []

    def get_events_count_since_checkpoint(self, checkpoint_timestamp: float | None) -> int:
        """None."""
        return 0

    def upload_raw_checkpoint(self, filename: str, data: bytes) -> str:
        """Not kept."""
        return filename

    def download_raw_latest_checkpoint(self) -> bytes | None:
        """None."""
        return None

    def upload_raw_incremental_checkpoint(self, filename: str, data: bytes) -> str:
        """Not kept."""
        return filename

    def download_all_raw_incremental_checkpoints(self) -> list[bytes]:
        """None."""
        return []

    def get_incremental_checkpoint_count(self) -> int:
        """None."""
        return 0

    def get_next_incremental_sequence_number(self) -> int:
        """The first."""
        return 1

    def delete_all_incremental_checkpoints(self) -> None:
        """There are none."""

    def upload_raw_rolling_state(self, filename: str, data: bytes) -> str:
        """Not kept."""
        return filename

    def download_raw_rolling_state(self) -> bytes | None:
        """None."""
        return None

    def delete_rolling_state(self) -> None:
        """There is none."""

    def _get_own_datasite_outbox_id(self, *_: Any, **__: Any) -> str | None:
        """There is none."""
        return None

    def get_file_metadatas_from_folder(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        """None."""
        return []

    def delete_file_by_id(self, file_id: str, *_: Any, **__: Any) -> None:
        """There is nothing to delete at the relay."""

    def delete_multiple_files_by_ids(self, file_ids: list[str], *_: Any, **__: Any) -> None:
        """There is nothing to delete at the relay."""

    def gather_all_file_and_folder_ids(self) -> list[str]:
        """None."""
        return []

    def find_orphaned_message_files(self) -> list[str]:
        """None."""
        return []

    def reset_caches(self) -> None:
        """There are none."""


class LiveConnection(ConnectionConfig):
    """Hands a connection that is there already to every router that the engine builds."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    connection_type: ClassVar[type[SyftboxPlatformConnection]] = LocalConnection
    live: LocalConnection

    def __init__(self, live: LocalConnection) -> None:
        super().__init__(live=live)


def _from_config(_cls: type, config: LiveConnection) -> SyftboxPlatformConnection:
    return config.live


LocalConnection.from_config = classmethod(_from_config)


def _refused(what: str) -> DeniedError:
    return DeniedError(
        f"this PySyft client has no {what}: Darkroom does that another way",
        next_step="see docs/pysyft.md for the word that does it here",
    )
