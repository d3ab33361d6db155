"""Is this result really what that domain released for that job? Checked before it is shown."""

from typing import Any

from darkroom.errors import DarkroomError, SpecError, TrustError
from darkroom.model.amount import NOTHING
from darkroom.model.canonical import digest_bytes
from darkroom.model.identity import PublicIdentity, require_name
from darkroom.model.job import JobRequest
from darkroom.model.output import output_to_mapping
from darkroom.model.quote import bounded_amount
from darkroom.model.receipt import RELEASE, REQUEST
from darkroom.model.statement import Statement
from darkroom.policy.price import FREE_TIERS
from darkroom.ports import Verifier
from darkroom.scientist.outputs import check_output, read_log


FACTS = {"seconds_bucket", "workers", "frames", "interpreter"}
MAX_FACT = 80
MAX_PEOPLE = 64
RULE = "rule "


def verify_release(
    value: Any,  # noqa: ANN401  # of untrusted origin
    attachments: dict[str, bytes],
    *,
    request: JobRequest,
    domain: PublicIdentity,
    verifier: Verifier,
) -> tuple[Statement, dict[str, bytes]]:
    """The signed release and the outputs by name.

    Args:
        value: the mapping of a `release` statement.
        attachments: of the letter, `output/<name>`.
        request: what we asked for.
        domain: the *pinned* identity of the domain that was asked.

    Raises:
        TrustError: a signature, digest, hash or name does not fit.
        OutputError: an output is not what was declared.
    """
    if not isinstance(value, dict):
        raise _bad("carries no release")
    statement = Statement.from_mapping(value)
    body = verifier.check_statement(statement, "release", domain)
    if body.keys() - {REQUEST} != RELEASE:  # its receipt holds it against what was asked
        raise _bad("has missing or unknown fields")
    expected = {
        "job_id": request.job_id,
        "job_digest": request.job_digest,
        "code_digest": request.spec.code_digest,
        "domain": request.audience,
        "dataset": request.dataset,
        "dataset_version": request.dataset_version,
    }
    for name, wanted in expected.items():
        if body[name] != wanted:
            raise _bad(f"is about another {name.replace('_', ' ')}")
    _check_people(body)
    _check_facts(body["facts"])
    _check_price(body["price"], request)
    return statement, _outputs(body["outputs"], attachments, request)


def _check_people(body: dict[str, Any]) -> None:
    """`rule NAME`, or the names of the people: `north-owner, carol`."""
    for field in ("approved_by", "released_by"):
        said = body[field] if isinstance(body[field], str) else ""
        names = [said.removeprefix(RULE)] if said.startswith(RULE) else said.split(", ")
        try:
            for name in names[: MAX_PEOPLE + 1]:
                require_name(name, "person")
        except SpecError:
            names = []
        if not 0 < len(names) <= MAX_PEOPLE:
            raise _bad(f"does not say who it was {field.replace('_', ' ')}")
    if type(body["policy_version"]) is not int:
        raise _bad("names no policy version")


def _check_price(value: Any, request: JobRequest) -> None:  # noqa: ANN401
    try:
        price = bounded_amount(value)
    except (SpecError, TypeError, ValueError):
        raise _bad("does not say what it cost") from None
    if request.spec.tier in FREE_TIERS and price != NOTHING:
        raise _bad("charges for work on mock")
    if request.spec.tier not in FREE_TIERS and not price.releases:
        raise _bad("counts no release")


def _check_facts(facts: Any) -> None:  # noqa: ANN401
    if not isinstance(facts, dict) or facts.keys() - FACTS:
        raise _bad("has unknown facts")
    for value in facts.values():
        if type(value) not in (int, float, str) or len(str(value)) > MAX_FACT:
            raise _bad("has a fact of a wrong type")


def _outputs(
    listed: Any,  # noqa: ANN401
    attachments: dict[str, bytes],
    request: JobRequest,
) -> dict[str, bytes]:
    declared = request.spec.outputs
    if not isinstance(listed, dict) or listed.keys() - {"log"} != declared.keys():
        raise _bad("lists other outputs than the job declares")
    if attachments.keys() != {f"output/{name}" for name in listed}:
        raise _bad("comes with other files than it lists")
    outputs = {}
    for name, entry in listed.items():
        data = attachments[f"output/{name}"]
        kind = "log" if name == "log" else output_to_mapping(declared[name])["type"]
        if entry != {"type": kind, "sha256": digest_bytes(data), "bytes": len(data)}:
            raise _bad(f"does not fit the bytes of the output {name}")
        if name == "log":
            read_log(data)
        else:
            check_output(name, declared[name], data)
        outputs[name] = data
    return outputs


def _bad(what: str) -> DarkroomError:
    return TrustError(
        f"a result {what}",
        next_step="it is put aside and not shown; ask the domain's owner about it",
    )
