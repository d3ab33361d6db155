"""What a domain asks its owner, recomputed from the bytes that came with it. Pure.

The owner's process believes no digest that it was told: a request whose files do not hash
to what it says is refused before anybody sees it.
"""

from dataclasses import dataclass, field
from typing import Any

from darkroom.errors import DarkroomError, SpecError, TrustError
from darkroom.model.canonical import digest_bytes
from darkroom.model.identity import PublicIdentity, require_name
from darkroom.model.job import JOB_ID, SHA256, JobRequest
from darkroom.policy.disclosure import BLIND, LOG, output_digest
from darkroom.ports import Verifier


_AGAIN = "reject it, and look at the domain's log: this should not happen"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequest:
    """May this code run on that dataset?

    Attributes:
        request: the job.
        submitter: who asks; their keys are pinned at the domain.
        reasons: why the domain's rules left it to a person.
        rule: name of the rule of the policy that decided, or "".
        policy_version: the policy that was applied.
        price: what the domain says it costs, as it came.
        mock: what the scientist says it did on mock; nobody checked it.
        files: path -> bytes of exactly the code that would run.
        supersedes: id of the scientist's earlier job whose place it takes, or "".
    """

    request: JobRequest
    submitter: PublicIdentity
    reasons: tuple[str, ...]
    rule: str
    policy_version: int
    price: object
    mock: dict[str, Any]
    files: dict[str, bytes]
    supersedes: str = ""

    @property
    def digest(self) -> str:
        """What an approval binds."""
        return self.request.job_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """May these outputs leave?

    Attributes:
        request: the job that they come from.
        digest: what a release binds, recomputed.
        kinds: output name -> `table`, `scalars`, `histogram`, `model` or `log`.
        facts: about the run, in buckets.
        price: what the domain says it costs, as it came.
        files: output name -> bytes of exactly what would leave.
    """

    job_id: str
    request: JobRequest
    job_digest: str
    digest: str
    kinds: dict[str, str]
    facts: dict[str, Any]
    price: object = None
    files: dict[str, bytes] = field(default_factory=dict)


def read_review(
    body: dict[str, Any], attachments: dict[str, bytes], *, domain: str, verifier: Verifier
) -> ReviewRequest:
    """Check and read a `review.request`.

    Raises:
        TrustError: the files are not those of the spec, or the submitter is not theirs.
        SpecError: it is not well formed.
    """
    if not all(isinstance(body.get(k), dict) for k in ("request", "verdict", "mock", "submitter")):
        raise SpecError("a review request has missing fields", next_step=_AGAIN)
    request = JobRequest.from_mapping(body["request"])
    submitter = PublicIdentity.from_mapping(body["submitter"])
    verifier.check_identity(submitter)
    if (request.submitter, request.submitter_fingerprint, submitter.role) != (
        submitter.name,
        submitter.fingerprint,
        "scientist",
    ):
        raise TrustError("the job names another submitter than the domain", next_step=_AGAIN)
    if request.audience != domain:
        raise TrustError(f"the job is for the domain {request.audience}", next_step=_AGAIN)
    files = {name.removeprefix("code/"): data for name, data in attachments.items()}
    hashes = {path: digest_bytes(data) for path, data in files.items()}
    if hashes != request.spec.files or any(not n.startswith("code/") for n in attachments):
        raise TrustError("the files do not hash to what the job says", next_step=_AGAIN)
    verdict = body["verdict"]
    reasons, version, rule = (verdict.get(k) for k in ("reasons", "policy_version", "rule"))
    return ReviewRequest(
        request=request,
        submitter=submitter,
        reasons=tuple(str(r) for r in reasons) if isinstance(reasons, list) else (),
        rule=rule if isinstance(rule, str) else "",
        policy_version=version if isinstance(version, int) else 0,
        price=verdict.get("price"),
        mock=body["mock"],
        files=files,
        supersedes=_job_id(body.get("supersedes")),
    )


def _job_id(value: object) -> str:
    return value if isinstance(value, str) and JOB_ID.fullmatch(value) else ""


def read_release(body: dict[str, Any], attachments: dict[str, bytes]) -> ReleaseRequest:
    """Check and read a `release.request`.

    Raises:
        TrustError: the outputs are not those of the digest.
        SpecError: it is not well formed.
    """
    outputs, facts = body.get("outputs"), body.get("facts")
    if not isinstance(outputs, dict) or not isinstance(facts, dict):
        raise SpecError("a release request has missing fields", next_step=_AGAIN)
    job_digest = body.get("job_digest")
    if not isinstance(job_digest, str) or not SHA256.fullmatch(job_digest):
        raise SpecError("a release request names no job digest", next_step=_AGAIN)
    request = JobRequest.from_mapping(body.get("request", {}))
    if (request.job_digest, request.job_id) != (job_digest, body.get("job_id")):
        raise TrustError("the job is another one than the outputs are of", next_step=_AGAIN)
    files = {name.removeprefix("output/"): data for name, data in attachments.items()}
    found: dict[str, dict[str, Any]] = {}
    for name, data in files.items():
        require_name(name, "output")
        said = outputs.get(name)
        kind = said.get("type") if isinstance(said, dict) else None
        found[name] = {"type": kind, "sha256": digest_bytes(data), "bytes": len(data)}
        if isinstance(said, dict) and name == LOG and isinstance(said.get(BLIND), str):
            found[name][BLIND] = said[BLIND]
    if (
        found != outputs
        or any(not n.startswith("output/") for n in attachments)
        or any(not isinstance(entry["type"], str) for entry in found.values())
    ):
        raise TrustError("the outputs do not hash to what the domain says", next_step=_AGAIN)
    recomputed = output_digest(outputs)
    if body.get("output_digest") != recomputed:
        raise TrustError("the output digest is not that of the outputs", next_step=_AGAIN)
    return ReleaseRequest(
        job_id=request.job_id,
        request=request,
        job_digest=job_digest,
        digest=recomputed,
        kinds={name: entry["type"] for name, entry in found.items()},
        facts=facts,
        price=body.get("price"),
        files=files,
    )


def job_id_of(body: dict[str, Any]) -> str:
    """The job id in a request of either kind.

    Raises:
        SpecError: when there is none; such a request cannot even be rejected.
    """
    request = body.get("request")
    value = request.get("job_id") if isinstance(request, dict) else body.get("job_id")
    if not isinstance(value, str) or not JOB_ID.fullmatch(value):
        raise SpecError("a request names no job", next_step=_AGAIN)
    return value


def claimed_digest(body: dict[str, Any]) -> str:
    """What a request that does not hold calls itself: enough to turn it down, no more."""
    try:
        if "outputs" in body:
            return output_digest(body["outputs"])
        return JobRequest.from_mapping(body["request"]).job_digest
    except (DarkroomError, KeyError, TypeError, ValueError):
        return ""
