"""Forgetting: minutes of a camera go for good, and what was made from them is marked as stale.

An order stands: footage that comes later with such frames is cut as well. From the moment it
is written no job starts on a version that has them. Each step is on disk before the next one,
so that stopped anywhere it goes on: the rest of a version is stored and registered, then the
releases are marked, then the version is erased.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from darkroom.errors import DarkroomError, InputError, UnknownNameError
from darkroom.model.canonical import digest
from darkroom.model.dataset import Manifest
from darkroom.model.forget import MAX_FORGETS, Forget, Forgotten
from darkroom.model.job_record import JobRecord
from darkroom.model.receipt import read_receipt
from darkroom.model.stale import KIND, Stale
from darkroom.model.statement import Statement
from darkroom.node.dataset_card import card_of
from darkroom.node.journal import Journal
from darkroom.node.retention import LAST_FRAME
from darkroom.node.store import NodeStore
from darkroom.policy.forget import made_from, may_have, touched, without
from darkroom.policy.price import FREE_TIERS
from darkroom.policy.receipt_check import RELEASED
from darkroom.policy.retention import last_frame
from darkroom.ports import Clock, FootageStore


LOOK_EVERY = 60.0  # seconds between two looks for footage that came since
ENDED = "footage that it would read was forgotten: submit it again on the newest version"
OPEN = ("screened", "approved", "running")  # states in which a job has not left its footage


class Elsewhere(Protocol):
    """Footage that lies on other Pis; each cuts its own."""

    def lies_elsewhere(self, version: str) -> bool:
        """Whether a version is on another Pi and not here."""
        ...

    def tell_to_forget(self, forgets: Sequence[Forget]) -> None:
        """Tell every Pi all orders.

        Raises:
            StateError, UnreachableError: one of them cannot be told now.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an order would do.

    Attributes:
        frames, minutes: that go, pieces of footage counted as minutes.
        versions: dataset and version of those that would be cut.
        gone: of those that were erased before and may have had such frames.
        jobs: that would be stopped.
        releases: that would be stale.
    """

    frames: int
    minutes: int
    versions: tuple[tuple[str, str], ...]
    gone: tuple[tuple[str, str], ...]
    jobs: int
    releases: int


class Forgetting:
    """Takes orders and carries them out."""

    def __init__(
        self,
        *,
        store: NodeStore,
        journal: Journal,
        sign: Callable[[str, dict[str, Any]], Statement],
        footage: FootageStore,
        clock: Clock,
        domain: str,
        say: Callable[[str], None],
        elsewhere: Elsewhere | None = None,
        datasets: Collection[str] = (),
    ) -> None:
        """Put together.

        Args:
            sign: the domain's signature; only used while orders are carried out.
            elsewhere: footage of other Pis; None where there are none.
            datasets: names in domain.yaml: an ingest that was cut off leaves footage of a
                dataset that was never registered.
        """
        self._store = store
        self._journal = journal
        self._sign = sign
        self._footage = footage
        self._clock = clock
        self._domain = domain
        self._say = say
        self._elsewhere = elsewhere
        self._datasets = tuple(datasets)
        self._clean: set[str] = set()  # versions that no order is about
        self._marked: set[str] = set()  # versions whose releases are marked
        self._orders = -1  # how many there were at the last look
        self._looked = 0.0
        self._said = ""

    # ------------------------------------------------------------------------------ orders

    def preview(self, forget: Forget) -> Preview:
        """What an order would do; nothing is changed."""
        found = list(self._having(forget))
        pieces = [piece for manifest in found for piece in touched(manifest, (forget,))]
        versions = tuple((m.dataset, m.version) for m in found)
        gone = tuple(self._gone(forget, {v for _, v in versions}))
        concerned = {version for _, version in (*versions, *gone)}
        return Preview(
            frames=sum(piece.frames for piece in pieces),
            minutes=len(pieces),
            versions=versions,
            gone=gone,
            jobs=sum(1 for job in self._store.jobs(*OPEN, "produced") if _reads(job, concerned)),
            releases=sum(
                1
                for job in self._store.jobs("released")
                if _reads(job, concerned) and self._store.stale(job.job_id) is None
            ),
        )

    def order(self, forget: Forget) -> None:
        """Take an order: from now on it stands, and no job runs on what it is about.

        Raises:
            InputError: there are too many.
        """
        if len(self._store.forgets()) >= MAX_FORGETS:
            raise InputError(
                f"this domain has {MAX_FORGETS} orders to forget already",
                next_step="erase the dataset instead, or make a new domain",
            )
        found = [(m.dataset, m.version) for m in self._having(forget)]
        gone = list(self._gone(forget, {version for _, version in found}))
        with self._store.transaction():
            self._store.add_forget(forget)
            self._journal.note(
                "forget-ordered",
                forget=forget.id,
                dataset=forget.dataset,
                camera=forget.camera,
                since=forget.since,
                until=forget.until,
            )
            for dataset, version in (*found, *gone):
                self._bar(Forgotten(dataset=dataset, version=version, forget=forget.id))

    def done(self) -> bool:
        """Whether nothing is left to be erased."""
        return all(row.erased for row in self._store.forgotten().values())

    # -------------------------------------------------------------------------- carried out

    def tend(self) -> bool:
        """Do what is due; whether something was done. What fails is said once and tried again."""
        forgets = self._store.forgets()
        if not forgets:
            return False
        moved, text = False, ""
        try:
            self._look(forgets)
            self._tell(forgets)
        except DarkroomError as error:
            text = _why(error)
        for row in self._store.forgotten().values():
            if row.erased:
                continue
            try:
                moved = self._go_on(row, forgets) or moved
            except DarkroomError as error:
                text = _why(error)
        if text and text != self._said:
            self._say(text)
        self._said = text
        return moved

    def _look(self, forgets: Sequence[Forget]) -> None:
        """Find footage with such frames that came since, or came back."""
        now = self._clock.monotonic()
        if len(forgets) == self._orders and now - self._looked < LOOK_EVERY:
            return
        if len(forgets) != self._orders:
            self._clean.clear()
        known = self._store.forgotten()
        for dataset, version in self._there():
            row = known.get(version)
            if version in self._clean or (row is not None and not row.erased):
                continue
            manifest = self._footage.manifest(version)
            which = next((f for f in forgets if touched(manifest, (f,))), None)
            if which is None:
                self._clean.add(version)
                continue
            with self._store.transaction():
                self._bar(Forgotten(dataset=dataset, version=version, forget=which.id))
        self._orders, self._looked = len(forgets), now

    def _bar(self, found: Forgotten) -> None:
        """No run on this version begins, and what runs on it, or came of it, does not leave."""
        self._store.add_forgotten(found)
        for job in self._store.jobs(*OPEN):
            if _reads(job, {found.version}):
                self._journal.move(job, "rejected", ENDED)
        for job in self._store.jobs("produced"):
            if _reads(job, {found.version}):
                self._journal.move(job, "withheld", ENDED)
                for person in job.asked:  # they look at outputs that do not leave any more
                    text = f"job {job.job_id}: withheld: its footage is to be forgotten"
                    self._journal.tell_owner("info", text, to=person)
        for outgoing in self._store.outgoing():
            job_id = str(outgoing.letter.body.get("job_id"))
            if outgoing.letter.kind == "job.result":
                released = self._store.job(job_id)
                if released is not None and _reads(released, {found.version}):
                    self._drop(released, outgoing.letter.id)

    def _drop(self, job: JobRecord, letter_id: str) -> None:
        """What was released and is not delivered does not leave; what it cost stays spent.

        To the node it stays released, as its log and ledger say. Its submitter hears an end,
        since they would wait for the result of a released job without end.
        """
        self._store.delivered(letter_id)  # out of the outbox: its files go with the next sweep
        self._journal.note(
            "letter-given-up", job.job_id, letter=letter_id, kind="job.result", reason=ENDED
        )
        after = replace(job, seq=job.seq + 1, reasons=(ENDED,))
        self._store.replace_job(after, was=job.state)
        self._journal.tell(
            "job.state",
            job.submitter,
            {
                "job_id": job.job_id,
                "state": "withheld",
                "reasons": [ENDED],
                "seq": after.seq,
                "shards": list(job.shards),
            },
        )
        text = f"job {job.job_id}: its result waited in the outbox, and does not leave any more"
        self._journal.tell_owner("info", f"{text}: its footage is to be forgotten")

    def _tell(self, forgets: Sequence[Forget]) -> None:
        if self._elsewhere is not None:
            self._elsewhere.tell_to_forget(forgets)

    def _go_on(self, row: Forgotten, forgets: Sequence[Forget]) -> bool:
        remote = self._elsewhere is not None and self._elsewhere.lies_elsewhere(row.version)
        if not row.cut and not remote:
            row = self._cut(row, forgets)
        if row.replaced_by != row.version:
            self._mark(row)
            if remote:
                return False  # its Pi cuts it and takes it back
            self._footage.erase(row.version)
        with self._store.transaction():
            self._store.mark_erased(row.version)
            self._journal.note(
                "footage-forgotten",
                forget=row.forget,
                dataset=row.dataset,
                version=row.version,
                replaced_by=row.replaced_by,
            )
        self._say(f"{row.dataset}: version {row.version[:19]} was erased, with what is forgotten")
        return True

    def _cut(self, row: Forgotten, forgets: Sequence[Forget]) -> Forgotten:
        """Store and register what is left of a version."""
        rest, origin = None, ""
        try:
            manifest = self._footage.manifest(row.version)
        except UnknownNameError:
            origin = self._rest_of(row)  # its Pi has cut it meanwhile, or it was erased before
        else:
            rest = without(manifest, forgets)
            if rest is manifest:  # it was away, its card said too little, and it is clean
                rest, origin = None, row.version
            elif rest is not None:
                self._footage.put(self._footage.materialise(row.version), rest)
        with self._store.transaction():
            if rest is not None:
                register_rest(self._store, rest, domain=self._domain, of=row.version)
                origin = rest.version
            self._store.mark_cut(row.version, origin)
        return self._store.forgotten()[row.version]

    def _rest_of(self, row: Forgotten) -> str:
        """The version in the store that says that it was made from this one; "" for none."""
        for version in reversed(self._footage.versions(row.dataset)):
            if made_from(self._footage.manifest(version)) == row.version:
                return version
        return ""

    # ----------------------------------------------------------------------------- releases

    def _mark(self, row: Forgotten) -> None:
        """Tell whoever holds a result of this version, once, signed; no new one comes of it."""
        if row.version in self._marked:
            return
        words = next((f.words for f in self._store.forgets() if f.id == row.forget), "")
        marked = 0
        for job in self._store.jobs("released"):
            if not _reads(job, {row.version}) or self._store.stale(job.job_id) is not None:
                continue
            body = Stale(
                job_id=job.job_id,
                domain=self._domain,
                release=self._release_of(job),
                dataset=row.dataset,
                dataset_version=row.version,
                replaced_by=row.replaced_by,
                why="forgotten",
                words=words,
                at=self._clock.now(),
            ).to_body()
            statement = self._sign(KIND, body)
            with self._store.transaction():
                self._store.add_stale(job.job_id, statement)
                self._journal.note(
                    "release-stale", job.job_id, stale=digest(body), reason="forgotten"
                )
                self._journal.tell(
                    "release.stale",
                    job.submitter,
                    {"job_id": job.job_id, "stale": statement.to_mapping()},
                )
            marked += 1
        self._marked.add(row.version)
        if marked:
            text = f"{marked} releases on {row.dataset} are stale: their footage was forgotten"
            self._say(text)
            with self._store.transaction():
                self._journal.tell_owner("info", text)

    def _release_of(self, job: JobRecord) -> str:
        """Digest of the release statement, from its receipt or from the log; "" if erased."""
        receipt = self._store.receipt(job.job_id)
        if receipt is not None:
            return digest(read_receipt(receipt).release.body)
        entry = self._store.last_entry(job.job_id, RELEASED)
        said = json.loads(entry.detail) if entry is not None and entry.detail else {}
        return str(said.get("release", ""))

    # ----------------------------------------------------------------------------- versions

    def _having(self, forget: Forget) -> Iterator[Manifest]:
        """The manifests of versions that are here and have such frames."""
        for _, version in self._there():
            manifest = self._footage.manifest(version)
            if touched(manifest, (forget,)):
                yield manifest

    def _there(self) -> list[tuple[str, str]]:
        registered = (name for name, _ in self._store.registered())
        names = dict.fromkeys((*self._datasets, *registered))
        return [(name, version) for name in names for version in self._footage.versions(name)]

    def _gone(self, forget: Forget, there: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Versions that were erased before this order, and may have had such frames."""
        there = {*there, *(version for _, version in self._there())}
        for name, version in self._store.registered():
            card = self._store.card(name, version)
            last = self._store.fact(LAST_FRAME.format(version))
            if version not in there and card is not None and may_have(card, last, forget):
                yield name, version


def bar_new(store: NodeStore, manifest: Manifest) -> bool:
    """Whether a version that has just come has frames to forget; then it is cut, not offered."""
    for forget in store.forgets():
        if touched(manifest, (forget,)):
            store.add_forgotten(
                Forgotten(dataset=manifest.dataset, version=manifest.version, forget=forget.id)
            )
            return True
    return False


def register_rest(store: NodeStore, rest: Manifest, *, domain: str, of: str) -> None:
    """Offer what is left of a version under the words of its dataset; in force if that one was.

    Belongs inside a transaction.
    """
    before = store.card(rest.dataset, of) or store.datasets().get(rest.dataset)
    card = card_of(
        rest,
        domain=domain,
        description=before.description if before else "",
        look=before.look if before else {},
    )
    store.set_fact(LAST_FRAME.format(rest.version), last_frame(rest))
    store.register_in_place(card, of)


def _reads(job: JobRecord, versions: Iterable[str]) -> bool:
    """Whether a job can have read one of these versions: the code of a job sees every camera."""
    return job.request.spec.tier not in FREE_TIERS and job.request.dataset_version in versions


def _why(error: DarkroomError) -> str:
    return f"what is to be forgotten is not gone yet: {error.message} (next: {error.next_step})"
