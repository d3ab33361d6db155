"""The parts of a receipt: what was asked, who said yes, and under which policy."""

import re
from dataclasses import dataclass, fields
from typing import Any, Literal

from darkroom.errors import SpecError
from darkroom.model.canonical import digest
from darkroom.model.identity import require_name
from darkroom.model.job import (
    JOB_ID,
    SHA256,
    Environment,
    JobRequest,
    JobSpec,
)
from darkroom.model.json_shape import as_fields, is_number, is_whole
from darkroom.model.statement import Statement
from darkroom.model.tree_head import LAST_DATE


MAX_CAMERAS = 1024
MAX_DECISION = 8 << 10  # bytes of one signed yes
Subject = Literal["code", "output"]
_KEY = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for, without the values of its parameters.

    Its digest is in the release, which the audit log names, and `code_digest` is not said but
    computed of what is shown: neither can be put beside other words.

    Attributes:
        spec: all of the code's declaration; files are named by their hashes.
        parameters: digest of the values.
        dataset, dataset_version, cameras: what it ran on.
    """

    job_id: str
    job_digest: str
    spec: JobSpec
    submitter: str
    submitter_fingerprint: str
    project: str
    parameters: str
    dataset: str
    dataset_version: str
    cameras: tuple[str, ...]

    def __post_init__(self) -> None:
        digests = (
            self.job_digest, self.submitter_fingerprint, self.parameters, self.dataset_version
        )  # fmt: skip
        for name in (self.submitter, self.project, self.dataset, *self.cameras):
            require_name(name, "name in a receipt")
        if not JOB_ID.fullmatch(self.job_id) or not all(map(SHA256.fullmatch, digests)):
            raise malformed()

    @property
    def name(self) -> str:
        """Of the job."""
        return self.spec.name

    @property
    def tier(self) -> str:
        """Whether it ran on `mock` footage, or was `reviewed`."""
        return self.spec.tier

    @property
    def environment(self) -> Environment:
        """The interpreter."""
        return self.spec.environment

    @property
    def files(self) -> dict[str, str]:
        """Path -> `sha256:…` of every file of the code, models that it carried included."""
        return self.spec.files

    @property
    def code_digest(self) -> str:
        """Of the declaration as it is shown."""
        return self.spec.code_digest

    @property
    def digest(self) -> str:
        """What a release names it by."""
        return digest(self.to_mapping())

    def of_one_piece(self, domain: str) -> bool:
        """Whether its job digest is that of what is shown, asked of that domain.

        A job digest covers the values of parameters, which are not shown: of a job that takes
        any it cannot be told, and is held to be so.
        """
        if self.spec.parameter_schema:
            return True
        request = JobRequest(
            job_id=self.job_id,
            spec=self.spec,
            submitter=self.submitter,
            submitter_fingerprint=self.submitter_fingerprint,
            audience=domain,
            project=self.project,
            dataset=self.dataset,
            dataset_version=self.dataset_version,
        )
        return Asked.of(request, self.cameras) == self

    @classmethod
    def of(cls, request: JobRequest, cameras: tuple[str, ...]) -> "Asked":
        """What a request asks for."""
        return cls(
            job_id=request.job_id,
            job_digest=request.job_digest,
            spec=request.spec,
            submitter=request.submitter,
            submitter_fingerprint=request.submitter_fingerprint,
            project=request.project,
            parameters=digest(request.parameters),
            dataset=request.dataset,
            dataset_version=request.dataset_version,
            cameras=cameras,
        )

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**said, "spec": self.spec.to_mapping(), "cameras": list(self.cameras)}

    @classmethod
    def from_mapping(cls, value: object) -> "Asked":
        """Read the JSON form, of any origin."""
        given = all_fields(value, cls)
        given["spec"] = JobSpec.from_mapping(given["spec"])
        given["cameras"] = tuple(listed(given["cameras"], MAX_CAMERAS))
        return cls(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One person's signed yes, as it came in.

    Attributes:
        subject: to the `code`, or to the `output`.
        by: their name.
        fingerprint: of the identity that was pinned under it then.
        statement: of kind `decision`.
    """

    subject: Subject
    by: str
    fingerprint: str
    statement: Statement

    def __post_init__(self) -> None:
        require_name(self.by, "person")
        if (
            self.subject not in ("code", "output")
            or not SHA256.fullmatch(self.fingerprint)
            or not is_number(self.statement.body.get("decided_at"))
            or not 0 <= self.at <= LAST_DATE
        ):
            raise malformed()

    @property
    def at(self) -> float:
        """When, Unix seconds, as they say."""
        return float(self.statement.body["decided_at"])

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "subject": self.subject,
            "by": self.by,
            "fingerprint": self.fingerprint,
            "statement": self.statement.to_mapping(),
        }

    @classmethod
    def from_mapping(cls, value: object) -> "Decided":
        """Read the JSON form, of any origin."""
        given = all_fields(value, cls)
        return cls(**{**given, "statement": as_statement(given["statement"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStamp:
    """A policy without its content, which is the owner's: to be compared with the signed file.

    Attributes:
        digest: of its body.
        key, signature: hex; the owner's.
    """

    version: int
    digest: str
    key: str
    signature: str

    def __post_init__(self) -> None:
        if (
            not is_whole(self.version)
            or not SHA256.fullmatch(self.digest)
            or not _KEY.fullmatch(self.key)
            or not _SIGNATURE.fullmatch(self.signature)
        ):
            raise malformed()

    @classmethod
    def of(cls, policy: Statement) -> "PolicyStamp":
        """The stamp of a signed policy."""
        return cls(
            version=policy.body["version"],
            digest=digest(policy.body),
            key=policy.key,
            signature=policy.signature,
        )


def as_statement(value: object) -> Statement:
    """A signed statement."""
    if not isinstance(value, dict):
        raise malformed()
    return Statement.from_mapping(value)


def exactly(value: object, names: set[str]) -> dict[str, Any]:
    """An object with exactly these keys."""
    if not isinstance(value, dict) or value.keys() != names:
        raise malformed()
    return value


def all_fields(value: object, noun: type) -> dict[str, Any]:
    """An object with every field of a dataclass and no other."""
    given = as_fields(value, noun, "a part of a receipt")
    if len(given) != len(fields(noun)):
        raise malformed()
    return given


def listed(value: object, most: int) -> list[Any]:
    """A list of at most so many."""
    if not isinstance(value, list) or len(value) > most:
        raise malformed()
    return value


def malformed() -> SpecError:
    """Something in a receipt is missing, unknown, mistyped or beyond bounds."""
    return SpecError("a receipt is not well formed", next_step="ask its domain for it again")
