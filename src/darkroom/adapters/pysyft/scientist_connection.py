# ruff: noqa: ARG002 - names and shapes are the engine's, used or not
"""The scientist's connection: PySyft's engine on one side, sealed letters on the other.

What the engine sends becomes an ordinary submission; what domains answer becomes the event
messages that the engine expects, made here from what was verified. Nothing that a relay or a
domain writes is handed to the engine. The state is in the session's store and in the box:
what the box lacks is made into an event, so an interrupted sync, a restart and a second
notebook all come out the same.
"""

import secrets
import threading
from collections.abc import Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import PrivateAttr
from syft.sync.events.file_change_event import (
    FileChangeEvent,
    FileChangeEventsMessage,
    FileChangeEventsMessageFileName,
)
from syft.sync.peers.peer import PeerState
from syft.sync.utils.syftbox_utils import get_event_hash_from_content
from syft.sync.version.version_info import VersionInfo
from syft_datasets.dataset_manager import DATASET_COLLECTION_PREFIX
from syft_rds.client import SyftRDSClient

from darkroom.adapters.pysyft.address import address_of, name_of
from darkroom.adapters.pysyft.archive import KEPT
from darkroom.adapters.pysyft.box import Box
from darkroom.adapters.pysyft.job_files import STATE, is_finished, result_files, state_text
from darkroom.adapters.pysyft.job_records import Record
from darkroom.adapters.pysyft.lab import Lab
from darkroom.adapters.pysyft.local_connection import LocalConnection
from darkroom.adapters.pysyft.mock_collection import Collection
from darkroom.adapters.pysyft.mocks import Mocks
from darkroom.adapters.pysyft.outgoing import prepare
from darkroom.adapters.pysyft.wire import SUPPORTED
from darkroom.adapters.pysyft.write_filter import WriteFilter, review_folder
from darkroom.errors import DarkroomError, UnknownNameError
from darkroom.model.submitted import JobRow


INSTALL_SOURCE = f"syft=={SUPPORTED}"
STEP = 0.001  # seconds between the times of two event messages
INLINE = 1 << 20  # bytes of an output that still travels in an event, as base64


class ScientistConnection(LocalConnection):
    """Of one client in the role of a scientist."""

    _lab: Lab = PrivateAttr()
    _box: Box = PrivateAttr()
    _mocks: Mocks = PrivateAttr()
    _parse_yaml: Callable[[str, str], dict[str, Any]] = PrivateAttr()
    _filter: WriteFilter = PrivateAttr()
    _lock: Any = PrivateAttr(default_factory=threading.RLock)
    _client: SyftRDSClient | None = PrivateAttr(default=None)
    _draft: Record | None = PrivateAttr(default=None)
    _collected: bool = PrivateAttr(default=False)
    _ready: dict[str, bytes] = PrivateAttr(default_factory=dict)
    _settled: dict[str, int] = PrivateAttr(default_factory=dict)
    _complained: set[str] = PrivateAttr(default_factory=set)
    _latest: float = PrivateAttr(default=0.0)

    @classmethod
    def to(
        cls,
        lab: Lab,
        *,
        box: Path,
        local_model: Callable[[str], bytes | None],
        parse_yaml: Callable[[str, str], dict[str, Any]],
    ) -> "ScientistConnection":
        """A connection to everybody that a session knows.

        Args:
            lab: the session.
            box: PySyft's SyftBox folder; others lie beside it.
            local_model: the bytes with a `sha256:…` that are known on this machine.
            parse_yaml: strict, from (text, name).
        """
        self = cls()
        address = address_of(lab.identity.name)
        self._lab, self._parse_yaml = lab, parse_yaml
        self._box = Box(box, address)
        self._mocks = Mocks(lab, local_model)
        self._filter = WriteFilter(address)
        return self

    def attach(self, client: SyftRDSClient) -> None:
        """Guard what the client's engine writes, and look after its caches."""
        self._client = client
        client.sync_engine.datasite_watcher_syncer.datasite_watcher_cache.pre_write_filter = (
            self._filter
        )

    @property
    def lab(self) -> Lab:
        """The session's half."""
        return self._lab

    @property
    def box(self) -> Box:
        """The folder and what lies beside it."""
        return self._box

    def begin(self, datasite: str, job_name: str) -> None:
        """A job of that name is about to lie in the box; it goes away when it cannot be sent.

        Raises:
            FileExistsError: there is one, perhaps another notebook's.
        """
        record = Record(job_id=secrets.token_hex(16), datasite=datasite, name=job_name, forms={})
        with self._lock:
            self.give_up()
            self._box.records.claim(record)  # first: a job that was sent is always found again
            self._draft = record
            if self._client is not None:  # what an interrupted submission has left
                queue = self._client.sync_engine.datasite_watcher_syncer.queue
                while not queue.empty():
                    queue.get_nowait()

    def give_up(self) -> None:
        """The job that was begun is not sent: as if it had never been there."""
        with self._lock:
            draft, self._draft = self._draft, None
            if draft is not None:
                self._box.remove(draft)

    def archived_as(self, job_name: str) -> str:
        """How a job that is archived is looked at, or "" when none of that name is."""
        known = any(job.name == job_name for job in self._box.archive)
        return f"darkroom.pysyft.archived(client)[{job_name!a}]" if known else ""

    # ------------------------------------------------------------------------------ peers

    def get_authenticated_email(self) -> str:
        """Our own address."""
        return address_of(self._lab.identity.name)

    def _get_peers_json(self, force_download: bool = False) -> dict[str, dict[str, Any]]:
        """The pinned domains; whoever is pinned is a peer already."""
        with self._lock:
            self._collected = False  # every sync begins here
            if force_download:
                self._lab.forget()
            accepted = {"state": PeerState.ACCEPTED.value}
            return {address_of(name): dict(accepted) for name in self._lab.domains()}

    def add_peer(self, peer_email: str) -> None:
        """Nothing is asked of anybody: keys are pinned by an invitation.

        Raises:
            UnknownNameError: nobody of that address is pinned here.
        """
        known = list(self._get_peers_json())
        if peer_email not in known:
            raise UnknownNameError(
                f"{ascii(peer_email)[:80]} is no domain that you are enrolled at",
                next_step="ask its data owner for an invitation, then run: darkroom enrol "
                f"darkroom1:…   (enrolled at: {', '.join(known) or 'none'})",
            )

    def read_peer_version_file(self, peer_email: str) -> VersionInfo | None:
        """Which release a domain speaks, by its signed profile."""
        with self._lock:
            profile = self._lab.profile(name_of(peer_email))
        speaks = profile.pysyft if profile is not None else ""
        numbers = speaks.split(".")
        if len(numbers) != 3 or not all(n.isascii() and n.isdecimal() for n in numbers):  # noqa: PLR2004 - x.y.z
            return None  # the engine would stumble over it, and with it the sync of all
        return VersionInfo.current().model_copy(
            update={"syft_client_version": speaks, "syft_client_install_source": INSTALL_SOURCE}
        )

    # ------------------------------------------------------------------------- submitting

    def watcher_send_raw_bytes_to_inbox(self, recipient: str, filename: str, data: bytes) -> None:
        """Make a job of a message, try it on mock, send it.

        Raises:
            DarkroomError: it was not sent, and is not in the box any more.
        """
        with self._lock:
            try:
                self._submit(recipient, data)
            except BaseException:
                self.give_up()
                raise
            self._draft = None

    def _submit(self, recipient: str, data: bytes) -> None:
        if recipient not in self._get_peers_json():
            self.add_peer(recipient)  # says what to do
        outgoing = prepare(
            data,
            name_of(recipient),
            job_id=self._draft.job_id if self._draft is not None else secrets.token_hex(16),
            lab=self._lab,
            parse_yaml=self._parse_yaml,
            local_model=self._mocks.local_model,
        )
        record = Record(
            job_id=outgoing.request.job_id,
            datasite=recipient,
            name=outgoing.job_name,
            forms=outgoing.forms,
        )
        self._box.records.put(record)
        self._box.records.keep_message(record, data)
        self._lab.submit(outgoing.request, name=outgoing.job_name, body=outgoing.body, message=data)

    # ----------------------------------------------------------------------------- events

    def watcher_get_outbox_file_metadatas(
        self, peer_email: str, since_timestamp: float | None
    ) -> list[dict[str, Any]]:
        """One event message with all that the box lacks of a datasite's jobs, if it lacks any."""
        with self._lock:
            self._ready.clear()
            self._filter.clear()
            if not self._collected:
                self._collected = True
                self._quietly("", self._lab.collect)
                self._quietly("", self._tidy)
            events: list[tuple[str, str | bytes]] = []
            for record in list(self._box.records.of(peer_email)):
                self._quietly(
                    f"{record.name} at {peer_email}",
                    lambda record=record: events.extend(self._news(record)),  # type: ignore[misc]
                )
            if not events:
                return []
            return [self._message(peer_email, events, since_timestamp)]

    def _news(self, record: Record) -> list[tuple[str, str | bytes]]:
        """Path at the datasite -> content of what changed about a job; the state comes last."""
        shown = self._box.shown_at(record)
        if shown and self._settled.get(record.job_id) == shown:
            return []
        row = self._lab.job(record.job_id)
        if not self._is_in_the_box(record, row):
            return []
        result = self._lab.result(record.job_id) if row is not None and row.collected else None
        state = state_text(row, result, record.datasite)
        if self._box.says(record, state):
            if row is not None and is_finished(row):
                self._settled[record.job_id] = shown
            return []
        files: dict[str, str | bytes] = {}
        if row is not None and result is not None:
            files = result_files(row.request.spec.outputs, result, record.forms)
        large = {n for n, content in files.items() if len(content) > INLINE}
        for name in sorted(large):
            self._box.write(record, name, files.pop(name))
        files[STATE] = state
        self._filter.announce(record.datasite, record.name, files)
        inner = review_folder(record.datasite, self._box.address, record.name)
        inner = inner.partition("/")[2]
        return [(f"{inner}/{name}", content) for name, content in files.items()]

    def _message(
        self, datasite: str, events: Iterable[tuple[str, str | bytes]], since: float | None
    ) -> dict[str, Any]:
        # The engine orders by these times; they rise also where a clock is put back.
        self._latest = max(self._lab.now(), self._latest + STEP, (since or 0.0) + STEP)
        message = FileChangeEventsMessage(
            events=[
                FileChangeEvent(
                    id=uuid4(),
                    path_in_datasite=Path(path),
                    datasite_email=datasite,
                    content=content,
                    new_hash=get_event_hash_from_content(content),
                    submitted_timestamp=self._latest,
                    timestamp=self._latest,
                )
                for path, content in events
            ],
            message_filepath=FileChangeEventsMessageFileName(timestamp=self._latest),
        )
        name = message.message_filepath.as_string()
        self._ready[name] = message.as_compressed_data()
        return {"file_id": name, "file_name": name, "timestamp": self._latest}

    def download_file(self, file_id: str) -> bytes:
        """An event message that was listed a moment ago."""
        with self._lock:
            return self._ready[file_id]

    def _is_in_the_box(self, record: Record, row: JobRow | None) -> bool:
        """Whether a job's folder is there; where somebody deleted it, it is made again."""
        if self._box.submission(record).is_dir() or self._box.restore(record, self._parse_yaml):
            return True
        if self._box.is_old(record):  # else another notebook is just about to put it in
            self._box.forget(record, self._hashes())
            self._box.records.drop(record)
            if row is not None:
                self._lab.say(
                    f"{record.name} at {record.datasite} was deleted from the SyftBox and cannot "
                    "be made again; the job and its results are in "
                    "darkroom.pysyft.session_of(client).jobs"
                )
        return False

    def _tidy(self) -> None:
        """Move old finished jobs out of the box, before new ones are finished."""
        self._box.shorten_log()
        gone, archived = self._box.tidy(self._settled.keys(), self._hashes())
        for job_id in gone:
            self._settled.pop(job_id, None)
        if archived:
            what = "finished job" if archived == 1 else "finished jobs"
            self._lab.say(
                f"{archived} {what} moved from client.jobs to darkroom.pysyft.archived(client), "
                f"where all but the newest {KEPT} are"
            )

    def _hashes(self) -> MutableMapping[Path, Any]:
        """What the engine remembers of files that it has seen."""
        if self._client is None:
            return {}
        watcher = self._client.sync_engine.datasite_watcher_syncer
        found: MutableMapping[Path, Any] = watcher.datasite_watcher_cache.file_hashes
        return found

    def _quietly(self, about: str, do: Callable[[], object]) -> None:
        """Do it; what goes wrong is said once and stops nothing else."""
        try:
            do()
        except Exception as error:  # noqa: BLE001 - one defect must not stop the sync of all others
            said = error.message if isinstance(error, DarkroomError) else type(error).__name__
            line = f"{about}: {said}" if about else said
            if line not in self._complained:
                self._complained.add(line)
                self._lab.say(line)

    # -------------------------------------------------------------------------- datasets

    def watcher_list_collections(self, prefix: str) -> list[dict[str, Any]]:
        """The mocks of all datasets and the models that are known here."""
        if prefix != DATASET_COLLECTION_PREFIX:
            return []
        with self._lock:
            found = {(c.owner, c.tag): c.content_hash for c in self._mocks.all()}
            for domain in self._lab.domains():
                if self._lab.cards(domain) is None:  # the engine removes what is not listed
                    found |= self._box.datasets_of(address_of(domain))
            return [
                {"owner_email": owner, "tag": tag, "content_hash": content_hash}
                for (owner, tag), content_hash in found.items()
            ]

    def watcher_get_collection_file_metadatas(
        self, prefix: str, tag: str, content_hash: str, owner_email: str
    ) -> list[dict[str, Any]]:
        """The files of one; those of an older version go away first."""
        with self._lock:
            collection = self._collection(owner_email, tag)
            self._box.clear_dataset(owner_email, tag)
            return [
                {"file_id": f"{owner_email}/{tag}/{name}", "file_name": name}
                for name in collection.files
            ]

    def watcher_download_collection_file(self, file_id: str) -> bytes:
        """One file."""
        owner, tag, name = file_id.split("/", 2)
        with self._lock:
            collection = self._collection(owner, tag)
        return collection.read(name)

    def _collection(self, owner: str, tag: str) -> Collection:
        for collection in self._mocks.all():
            if (collection.owner, collection.tag) == (owner, tag):
                return collection
        raise UnknownNameError(
            f"{owner} has no dataset {tag} any more", next_step="sync again: client.sync()"
        )
