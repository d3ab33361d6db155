"""Receipts and what somebody knows of those who signed them: a home, files, or both. Offline."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.pins import SqlitePins
from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
from darkroom.bootstrap.owner import read_public_identity
from darkroom.bootstrap.scientist import PINS, STORE
from darkroom.errors import DarkroomError, InputError, SpecError, TrustError, UnknownNameError
from darkroom.model.canonical import digest
from darkroom.model.dsse import MAX_ENVELOPE, read_envelope
from darkroom.model.handover import read_chain
from darkroom.model.identity import PublicIdentity
from darkroom.model.json_shape import unique_keys
from darkroom.model.receipt import Receipt, read_receipt
from darkroom.model.statement import Statement
from darkroom.policy.receipt_check import Proven, check_receipt
from darkroom.policy.signers import Known
from darkroom.scientist.record import record_key
from darkroom.scientist.stale_words import reason_of


MAX_RECEIPTS = 100_000  # files of one folder
MAX_BUNDLE = 1 << 20
MAX_POLICY = 4 << 20
_RUN = re.compile(r"(?:/runs/| run )([0-9a-f]+)")  # in an address of the run log
MIN_DIGITS = 8  # of a hash or an id that is given in part


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A receipt with where it lies.

    Attributes:
        source: for people.
        taken_in: when it came to this home; None for a file.
    """

    source: str
    receipt: Receipt
    taken_in: float | None = None


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What is at hand to judge receipts with.

    Attributes:
        home: a scientist's, or None.
        known: identities and chains that were given, by name.
        policies: digest -> signed policy.
    """

    home: Path | None = None
    known: dict[str, Known] = field(default_factory=dict)
    policies: dict[str, Statement] = field(default_factory=dict)

    def prove(self, kept: Kept) -> Proven:
        """What holds of a receipt.

        Raises:
            TrustError: the first thing that does not.
        """
        return check_receipt(
            kept.receipt,
            known=self._of_name(),
            check=SycVerifier().check_statement,
            taken_in=kept.taken_in,
            policies=self.policies,
        )

    def _of_name(self) -> Callable[[str], Known]:
        pins = SqlitePins(self.home / PINS) if self.home and (self.home / PINS).is_file() else None

        def of(name: str) -> Known:
            given = self.known.get(name, Known())
            pinned = pins.get(name) if pins else None
            return Known(
                identities=(*given.identities, *((pinned,) if pinned else ())),
                former=pins.former(name) if pins else (),
                handovers=given.handovers,
            )

        return of


def gather(
    *, home: Path | None, identities: Iterable[Path] = (), policies: Iterable[Path] = ()
) -> Evidence:
    """Read what was given.

    Raises:
        SpecError: a file is not what it should be.
        TrustError: an identity's own signatures do not hold.
    """
    found = Evidence(home=home)
    for path in identities:
        known = read_known(path)
        name = known.identities[0].name
        found.known[name] = together([found.known.get(name, Known()), known])
    for path in policies:
        statement = _statement(path)
        found.policies[digest(statement.body)] = statement
    return found


def read_known(path: Path) -> Known:
    """A public identity, or one with the hand-overs that led to it.

    Raises:
        SpecError: it is neither.
        TrustError: its signatures do not hold.
    """
    value = _json(path, MAX_BUNDLE)
    if not isinstance(value, dict) or value.keys() != {"identity", "handovers"}:
        return Known(identities=(read_public_identity(path),))
    if not isinstance(value["identity"], dict):
        raise SpecError(f"{path} is no public identity", next_step="export it again")
    identity = PublicIdentity.from_mapping(value["identity"])
    SycVerifier().check_identity(identity)
    return Known(identities=(identity,), handovers=read_chain(value["handovers"]))


def together(known: Iterable[Known]) -> Known:
    """What several files say of one name; of their hand-overs, the last that there are."""
    each = list(known)
    return Known(
        identities=tuple(identity for one in each for identity in one.identities),
        handovers=next((one.handovers for one in reversed(each) if one.handovers), ()),
    )


def _statement(path: Path) -> Statement:
    value = _json(path, MAX_POLICY)
    value = value.get("policy", value) if isinstance(value, dict) else value
    if not isinstance(value, dict):
        raise SpecError(f"{path} is no signed policy", next_step="take policy.signed.json")
    return Statement.from_mapping(value)


def _json(path: Path, most: int) -> object:
    data = _read(path, most)
    try:
        return json.loads(data, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError):
        raise SpecError(f"{path} is no JSON", next_step="check which file it is") from None


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}", next_step="check the path"
        ) from error
    if len(data) > most:
        raise SpecError(f"{path} is too large", next_step="check which file it is")
    return data


# -------------------------------------------------------------------------------- receipts


def read_file(path: Path, *, home: Path | None = None) -> Kept:
    """The receipt in a file; dated as it came, where the home has the very same one.

    Raises:
        SpecError: it is none.
    """
    data = _read(path, MAX_ENVELOPE)
    receipt = read_receipt(read_envelope(data))
    came = {kept.receipt.digest: kept.taken_in for kept in of_home(home)} if home else {}
    return Kept(source=str(path), receipt=receipt, taken_in=came.get(receipt.digest))


def of_home(home: Path) -> list[Kept]:
    """Every receipt that a scientist's home keeps, oldest first."""
    if not (home / STORE).is_file():
        return []
    store = SqliteScientistStore(home / STORE)
    try:
        return [
            Kept(
                source=f"{home}, received",
                receipt=read_receipt(read_envelope(data)),
                taken_in=received_at,
            )
            for data, received_at in store.receipts()
        ]
    finally:
        store.close()


def stale_of(home: Path | None) -> dict[str, str]:
    """Job id -> why its release is stale, as a scientist's home knows it."""
    if home is None or not (home / STORE).is_file():
        return {}
    store = SqliteScientistStore(home / STORE)
    try:
        return {row.job_id: reason_of(row) for row in store.all_stale()}
    finally:
        store.close()


def of_folder(folder: Path) -> tuple[list[Kept], list[tuple[str, str]]]:
    """The receipts among the files of a folder, and (file, why) of those that are broken.

    A receipt is what is named like one, or looks like one.
    """
    files = sorted(path for path in folder.rglob("*.json") if path.is_file())
    if len(files) > MAX_RECEIPTS:
        raise InputError(
            f"{folder} has more than {MAX_RECEIPTS} files", next_step="give a smaller folder"
        )
    found, broken = [], []
    for path in files:
        try:
            found.append(read_file(path))
        except DarkroomError as error:
            if "receipt" in path.name or _looks_like_one(path):
                broken.append((str(path), error.message))
    return found, broken


def _looks_like_one(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b'"payloadType"' in file.read(MAX_ENVELOPE)
    except OSError:
        return True


def proven(evidence: Evidence, kept: Iterable[Kept]) -> tuple[list[Receipt], list[tuple[str, str]]]:
    """The receipts that hold, each once, and (where it lies, why not) of the others."""
    good: dict[str, Receipt] = {}
    bad = []
    for each in kept:
        if each.receipt.digest in good:
            continue
        try:
            evidence.prove(each)
        except (TrustError, SpecError) as error:
            bad.append((each.source, error.message))
            continue
        good[each.receipt.digest] = each.receipt
    return list(good.values()), bad


# ---------------------------------------------------------------------------- what is asked


def file_digest(path: Path) -> str:
    """`sha256:…` of a file of any size."""
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}", next_step="check the path"
        ) from error


def require_files(receipt: Receipt, folder: Path) -> tuple[list[str], list[str]]:
    """Compare the files of a folder with what left.

    A file stands for an output of its name, with any suffix.

    Returns:
        the outputs that are there, and those that are not.

    Raises:
        TrustError: one is another file than the one that left, or nothing of it is there.
    """
    there: list[str] = []
    missing: list[str] = []
    for name, sha256 in receipt.left.items():
        files = [p for p in folder.iterdir() if p.is_file() and name in (p.name, p.stem)]
        for path in files:
            if file_digest(path) != sha256:
                raise TrustError(
                    f"{path.name} is not the output {name} that left",
                    next_step="do not rely on it; get the file from the results again",
                )
        (there if files else missing).append(name)
    if not there:
        raise TrustError(
            f"none of its outputs is in {folder}",
            next_step="give the folder that `darkroom results --out` wrote",
        )
    return there, missing


def select(what: str, receipts: Sequence[Receipt], home: Path | None) -> list[Receipt]:
    """The receipts of a submission, a job, a run of the run log or a model registered there.

    Args:
        what: an id, or the first digits of one, at least eight; or `NAME/VERSION` of a model.
        receipts: to choose from.
        home: a scientist's: it knows submissions, runs and models.

    Raises:
        UnknownNameError: nothing here is called so.
    """
    jobs, receipt = _known_in(what, home) if home and (home / STORE).is_file() else (set(), "")
    found = [
        r
        for r in receipts
        if r.asked.job_id in jobs
        or r.digest == receipt
        or (
            len(what.removeprefix("sha256:")) >= MIN_DIGITS
            and any(
                known.startswith(what.removeprefix("sha256:"))
                for known in (
                    r.asked.job_id,
                    r.digest.removeprefix("sha256:"),
                    r.asked.job_digest.removeprefix("sha256:"),
                )
            )
        )
    ]
    if not found:
        raise UnknownNameError(
            f"no receipt here is of {ascii(what)[:80]}",
            next_step="give a file that was released, its sha256, a job, submission or run, or "
            "NAME/VERSION of a model that was registered from this home",
        )
    return found


def _known_in(what: str, home: Path) -> tuple[set[str], str]:
    """Ids of the jobs of the submission or run that is named, and the receipt of the model."""
    store = SqliteScientistStore(home / STORE)
    try:
        found = set()
        for row in store.submissions():
            key = record_key(row.id)
            run = _RUN.search(store.logged(key))
            names = (row.id, key, run.group(1) if run else "")
            if len(what) >= MIN_DIGITS and any(name.startswith(what) for name in names):
                found |= {job.request.job_id for job in row.jobs}
        name, _, version = what.rpartition("/")
        return found, store.registered(name, version)
    finally:
        store.close()
