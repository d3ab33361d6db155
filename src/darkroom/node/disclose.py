"""HOP 8, disclose: outputs are re-encoded away from the keys, then released once or never.

This process never parses an output: it moves the bytes that the program `inspect` wrote
in a sandbox, and checks names, sizes and hashes.
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from darkroom.errors import OutputError, StateError
from darkroom.model.airlock import Airlock
from darkroom.model.amount import Amount
from darkroom.model.canonical import digest_bytes
from darkroom.model.dsse import to_envelope
from darkroom.model.job_record import JobRecord
from darkroom.model.output import output_to_mapping
from darkroom.model.receipt import REQUEST, released_detail
from darkroom.model.withheld import PROBLEMS
from darkroom.node import words
from darkroom.node.charge import Charge
from darkroom.node.inspection_limits import inspection_limits
from darkroom.node.journal import Journal
from darkroom.node.laws import Laws
from darkroom.node.receipt import Receipts
from darkroom.policy.disclosure import BLIND, LOG, MAX_LOG, leaving, output_digest
from darkroom.policy.price import FREE_TIERS, log_price
from darkroom.policy.screening import released_by_rule
from darkroom.ports import Keyring, Runtime, Sandbox, SandboxTask
from darkroom.post.codec import fits


MANIFEST = "manifest.json"
FRAME = 640 << 10  # bytes of a letter beside the outputs, at most
MAX_MANIFEST = 64 << 10
NO_RECEIPT = (
    "it was decided on before signatures were kept here: there is no receipt of its release"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """What may be shown to the owner.

    Attributes:
        outputs: name -> `{"type", "sha256", "bytes"}`; the log is among them.
        against: why there is nothing to show; "" when there is.
    """

    outputs: dict[str, Any]
    against: str = ""


class Disclosure:
    """Inspects, shows, releases and withholds."""

    def __init__(
        self,
        *,
        journal: Journal,
        laws: Laws,
        charge: Charge,
        keyring: Keyring,
        receipts: Receipts,
        sandbox: Sandbox,
        folder: Path,
        why_held: Callable[[str], str],
    ) -> None:
        """Put together.

        Args:
            journal, laws, charge, keyring, receipts, sandbox: the node's own.
            folder: where outputs wait.
            why_held: why nothing of a tier leaves now, or "".
        """
        self._journal = journal
        self._laws = laws
        self._charge = charge
        self._keyring = keyring
        self._receipts = receipts
        self._sandbox = sandbox
        self._folder = folder
        self.why_held = why_held
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    # ------------------------------------------------------------- before the transaction

    def inspect(
        self,
        record: JobRecord,
        *,
        left: Path,
        log: bytes,
        runtime: Runtime,
        scratch: Path,
        cancelled: Callable[[], bool],
    ) -> Inspected:
        """Re-encode what a job left and keep it, flushed to disk, until it is decided on.

        Args:
            record: the running job.
            left: the folder that the job filled; hostile.
            log: what it printed; an output like any other.
            runtime: the interpreter to inspect with.
            scratch: an existing folder for what is in between.
            cancelled: whether to stop.
        """
        spec = record.request.spec
        out = scratch / "inspected"
        out.mkdir(mode=0o700)
        outcome = self._sandbox.run(
            SandboxTask(
                task_id=f"{record.job_id}-inspect",
                program="inspect",
                runtime=runtime,
                request={
                    "outputs": {n: output_to_mapping(o) for n, o in spec.outputs.items()},
                    "interpreter": runtime.interpreter,
                    "airlock": self._airlock().to_mapping(),
                },
                limits=inspection_limits(spec.limits),
                out=out,
                parts=left,
            ),
            cancelled=cancelled,
        )
        if outcome.status != "done":
            return Inspected(outputs={}, against=words.ended(outcome, "the inspection"))
        try:
            listed = read_manifest(out, spec.outputs)
        except OutputError as error:
            return Inspected(outputs={}, against=error.message)
        place = self._place(record)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        types = {n: output_to_mapping(o)["type"] for n, o in spec.outputs.items()}
        contents = {name: path.read_bytes() for name, path in listed.items()}
        contents[LOG] = as_text(log)
        if not fits(FRAME, {f"output/{name}": len(data) for name, data in contents.items()}):
            return Inspected(outputs={}, against="the outputs are more than one letter carries")
        for name, data in contents.items():
            _keep(place / name, data)
        _flush(place)
        _flush(self._folder)
        outputs = {
            name: {
                "type": types.get(name, LOG),
                "sha256": digest_bytes(data),
                "bytes": len(data),
            }
            for name, data in contents.items()
        }
        outputs[LOG] |= {BLIND: secrets.token_hex(16)}
        return Inspected(outputs=outputs)

    # -------------------------------------------------------------- inside the transaction

    def produced(self, record: JobRecord, outputs: dict[str, Any], facts: dict[str, Any]) -> None:
        """The outputs are ready: a rule lets them out, or the owner is asked."""
        by_rule, held = self._by_rule(record), self.why_held(record.request.spec.tier)
        said = held if by_rule else "the data owner looks at the outputs"
        record = self._journal.move(
            record,
            "produced",
            *((said,) if said else ()),
            announce=bool(said),
            outputs=outputs,
            facts=facts,
            asked=(),
            shards=(record.shards[1], record.shards[1]),
        )
        if not by_rule:
            self.ask(record)
        elif not held:
            self._release_by_rule(record)

    def go_on(self, record: JobRecord) -> None:
        """Release what a rule lets out and that was held back, unless it still is."""
        held = record.asked or self.why_held(record.request.spec.tier)
        if not held and self._by_rule(record):
            self._release_by_rule(record)

    def _by_rule(self, record: JobRecord) -> bool:
        by_rule = released_by_rule(record.request, self._laws.policy(), by_rule=record.by_rule)
        return by_rule and not self._laws.against_going_on(record)

    def _release_by_rule(self, record: JobRecord) -> None:
        by, free = record.approved_by, record.request.spec.tier in FREE_TIERS
        if why := self._against_receipt(record, by=by, with_log=free):
            self._journal.tell_owner("warning", f"job {record.job_id} is not released: {why}")
            return
        self._let_go(record, by=by, with_log=free)

    def ask(self, record: JobRecord) -> None:
        """Show the outputs to everybody who may release them and has not seen them yet."""
        self._journal.ask(
            record,
            "release.request",
            self._laws.people_for(record.submitter),
            {
                "job_id": record.job_id,
                "request": record.request.to_mapping(),
                "job_digest": record.request.job_digest,
                "output_digest": output_digest(record.outputs),
                "outputs": record.outputs,
                "facts": record.facts,
                "price": record.price,
            },
            self._files(record, record.outputs),
        )

    def against_release(self, record: JobRecord, *, by: str, with_log: bool) -> str:
        """Why the outputs may not go out like this; "" once what they need is paid for.

        Args:
            record: with all that was signed about it, the newest word included.
            by: names of those who let them out.
            with_log: whether the log goes along.
        """
        if not record.price:
            return "it was admitted before there were budgets: withhold it"
        if why := self._against_receipt(record, by=by, with_log=with_log):
            return why
        policy = self._laws.policy()
        if not with_log:
            return ""
        if policy is None or not policy.airlock.log:
            return "the policy keeps what jobs print here: release without the log"
        short = self._charge.charge_log(record, policy)
        return f"the log is not paid for: {short[0]}" if short else ""

    def release(self, record: JobRecord, *, by: str, with_log: bool) -> None:
        """Let the outputs go, with a signed statement and its receipt; the table allows it once.

        Raises:
            StateError: nothing of its tier leaves now; nothing happened.
        """
        if why := self.why_held(record.request.spec.tier):
            raise StateError(why, next_step="`darkroom node status` says what it waits for")
        self._let_go(record, by=by, with_log=with_log)

    def _against_receipt(self, record: JobRecord, *, by: str, with_log: bool) -> str:
        said = self._said(record, by=by, with_log=with_log)
        return self._receipts.against(replace(record, released_by=by), said)

    def _said(self, record: JobRecord, *, by: str, with_log: bool) -> dict[str, Any]:
        """What a release says."""
        price, request = Amount.from_mapping(record.price), record.request
        if with_log and request.spec.tier not in FREE_TIERS:
            price += log_price(MAX_LOG)
        return {
            "job_id": record.job_id,
            "job_digest": request.job_digest,
            "code_digest": request.spec.code_digest,
            REQUEST: self._receipts.asked(record).digest,
            "domain": self._keyring.identity.name,
            "dataset": request.dataset,
            "dataset_version": request.dataset_version,
            "policy_version": record.policy_version,
            "approved_by": record.approved_by,
            "released_by": by,
            "outputs": leaving(record.outputs, with_log=with_log),
            "facts": record.facts,
            "price": price.to_mapping(),
        }

    def _let_go(self, record: JobRecord, *, by: str, with_log: bool) -> None:
        release = self._keyring.sign("release", self._said(record, by=by, with_log=with_log))
        said = f"released by {by}"
        record = self._journal.move(
            record,
            "released",
            said,
            announce=False,
            detail=released_detail(release),
            released_by=by,
        )
        receipt = self._receipts.make(record, release)
        if receipt is None:
            self._journal.note("released-without-receipt", record.job_id, why=NO_RECEIPT)
            self._journal.tell_owner("warning", f"job {record.job_id}: {NO_RECEIPT}")
        self._journal.tell(
            "job.result",
            record.submitter,
            {
                "job_id": record.job_id,
                "release": release.to_mapping(),
                **({"receipt": to_envelope(receipt)} if receipt else {}),
            },
            self._files(record, release.body["outputs"]),
        )
        self._journal.progress(record, said)  # after its result, so that nobody waits for that

    def withhold(self, record: JobRecord, *, reason: str) -> None:
        """Nothing leaves but the owner's own words, which they know go to the submitter."""
        said = f": {reason}" if reason else ""
        self._journal.move(record, "withheld", f"the data owner withheld the outputs{said}")

    # ----------------------------------------------------------------------------- details

    def _airlock(self) -> Airlock:
        policy = self._laws.policy()
        return policy.airlock if policy else Airlock()

    def sweep(self, keep: Collection[str]) -> None:
        """Remove the outputs of every job whose id is not among `keep`."""
        for entry in self._folder.iterdir():
            if entry.name not in keep:
                shutil.rmtree(entry, ignore_errors=True)

    def _place(self, record: JobRecord) -> Path:
        return self._folder / record.job_id

    def _files(self, record: JobRecord, outputs: Collection[str]) -> dict[str, str]:
        below = self._place(record).relative_to(self._folder.parent)
        return {f"output/{name}": (below / name).as_posix() for name in outputs}


def as_text(log: bytes) -> bytes:
    """What was printed as UTF-8, within the cap."""
    text = log[:MAX_LOG].decode("utf-8", "replace")
    return text.encode()[:MAX_LOG].decode("utf-8", "ignore").encode()


def read_manifest(out: Path, declared: Collection[str]) -> dict[str, Path]:
    """Output name -> file, exactly the declared ones.

    Raises:
        OutputError: which output does not fit its declaration, and why.
    """
    again = "declare outputs as they are, and try on mock"
    try:
        path = out / MANIFEST
        if path.stat().st_size > MAX_MANIFEST:
            raise ValueError
        manifest = json.loads(path.read_bytes())
        problems, outputs = manifest.get("problems", {}), manifest.get("outputs", {})
        if problems:
            raise OutputError(_in_words(problems, declared), next_step=again)
        if set(outputs) != set(declared):
            raise ValueError
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        raise OutputError("the outputs could not be inspected", next_step=again) from None
    return {name: out / name for name in declared}


def _in_words(problems: dict[str, str], declared: Collection[str]) -> str:
    """The first problem; only declared names and the sentences of a closed list pass."""
    name, why = min(problems.items())
    what = f"output {name}" if name in declared else "the outputs"
    return f"{what}: {why if why in PROBLEMS else 'could not be inspected'}"


def _keep(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
