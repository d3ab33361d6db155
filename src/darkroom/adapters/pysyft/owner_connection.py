# ruff: noqa: ARG002 - names and shapes are the engine's, used or not
"""The owner's end of a PySyft connection: the review queue as mail, the policy as peers.

Nothing goes out here. Jobs come in as the engine receives messages; what the owner decides
is signed by the runner and by the desk, not by what the engine would send.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

from syft.sync.messages.proposed_filechange import ProposedFileChangesMessage
from syft.sync.version.version_info import VersionInfo
from syft_datasets.dataset_manager import DATASET_COLLECTION_PREFIX

from darkroom.adapters.pysyft.address import address_of, name_of
from darkroom.adapters.pysyft.local_connection import LocalConnection
from darkroom.adapters.pysyft.owner_box import OwnerBox
from darkroom.adapters.pysyft.owner_desk import Scientists
from darkroom.adapters.pysyft.referenced_datasets import ReferencedDatasets
from darkroom.errors import DeniedError, SpecError


class OwnerConnection(LocalConnection):
    """Answers the engine from the owner's desk.

    Attributes:
        address: of the datasite, which is that of the domain.
        scientists: who may use what.
        box: the view of the queue; there once the client is put together.
        datasets: as `box`.
    """

    address: str
    scientists: Any  # `Scientists`; pydantic cannot check a protocol
    box: Any = None
    datasets: Any = None

    def get_authenticated_email(self) -> str:
        """The address of the datasite."""
        return self.address

    # -------------------------------------------------------------------------------- peers

    def _get_peers_json(self, force_download: bool = False) -> dict[str, dict[str, Any]]:
        """Address -> state. Every sync begins here, so here the box follows the desk."""
        datasets, box = self._parts()
        datasets.register_waiting()
        box.refresh()
        accepted = self._addresses(self._scientists().accepted())
        box.prepare(accepted)
        box.mention_strangers(accepted)
        return {address: {"state": "accepted"} for address in accepted}

    def get_peer_requests(self) -> list[str]:
        """Scientists who enrolled and have nothing yet."""
        return self._addresses(self._scientists().requested())

    def _update_peer_state(
        self, email: str, state: str, public_encryption_bundle: dict[str, Any] | None = None
    ) -> None:
        """The owner accepts somebody, or turns them down."""
        if state == "rejected":
            self._scientists().turn_down(name_of(email))
        else:
            self._scientists().accept(name_of(email))

    def read_peer_version_file(self, peer_email: str) -> VersionInfo | None:
        """The domain has checked it, with every submission."""
        return VersionInfo.current()

    # --------------------------------------------------------------------------------- mail

    def owner_download_next_raw_proposed_message_from_inbox(
        self, sender_email: str
    ) -> tuple[bytes, str] | None:
        """The next job of a scientist: (the engine's own message, id), or None."""
        return self._parts()[1].next_message(sender_email)

    def owner_remove_proposed_filechange_message_from_inbox(
        self, message: ProposedFileChangesMessage
    ) -> None:
        """It lies in the box; the queue keeps it."""
        self._parts()[1].arrived(message.platform_id)

    def _get_own_datasite_outbox_id(self, *_: Any, **__: Any) -> str | None:
        """An empty one: the engine has nothing to compact, and does not warn about it."""
        return "outbox"

    # ------------------------------------------------------------------------------ datasets

    def owner_create_collection_folder(
        self, prefix: str, tag: str, content_hash: str, owner_email: str
    ) -> str:
        """There is no collection: a mock is rendered from the domain's signed card.

        Raises:
            DeniedError: private files would have been uploaded.
        """
        _require_public(prefix)
        return f"{prefix}/{tag}"

    def owner_upload_collection_files(
        self, prefix: str, tag: str, content_hash: str, files: dict[str, bytes]
    ) -> None:
        """Nothing is uploaded."""
        _require_public(prefix)

    def owner_tag_collection_as_any(self, prefix: str, tag: str, content_hash: str) -> None:
        """Everybody accepted may use it, now and later."""
        _require_public(prefix)
        self._parts()[0].share(tag, None)

    def owner_share_collection(
        self, prefix: str, tag: str, content_hash: str, users: list[str]
    ) -> None:
        """These may use it: a grant in the next signed policy."""
        _require_public(prefix)
        if users:
            self._parts()[0].share(tag, [name_of(user) for user in users])

    def owner_delete_collection(self, prefix: str, tag: str) -> None:
        """There is none."""

    # -------------------------------------------------------------------------------- parts

    def _parts(self) -> tuple[ReferencedDatasets, OwnerBox]:
        if self.box is None or self.datasets is None:
            raise DeniedError(
                "this client is not put together", next_step="use darkroom.pysyft.login_do"
            )
        return self.datasets, self.box

    def _scientists(self) -> Scientists:
        found: Scientists = self.scientists
        return found

    def _addresses(self, names: Sequence[str]) -> list[str]:
        """Of those who have one of their own; a name may be spelled like somebody's address."""
        found = []
        for name in names:
            with contextlib.suppress(SpecError):
                found.append(address_of(name))
        return [address for address in found if address != self.address]


def _require_public(prefix: str) -> None:
    if prefix != DATASET_COLLECTION_PREFIX:
        raise DeniedError(
            "private files are never uploaded: the domain reads them where they lie",
            next_step="leave upload_private out",
        )
