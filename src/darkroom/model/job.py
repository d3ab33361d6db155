"""A job: which code (`JobSpec`), and which run of it (`JobRequest`).

Two digests. `code_digest` covers everything that decides what the code is and may do;
rules bind it. `job_digest` adds who asks, of whom, with which values, on which versions;
approvals bind it. One flipped bit in either is a different job.
"""

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from darkroom.errors import SpecError
from darkroom.model.canonical import canonical, digest
from darkroom.model.identity import require_name
from darkroom.model.json_shape import is_number
from darkroom.model.output import Output, output_from_mapping, output_to_mapping
from darkroom.model.plain_text import is_composed


Tier = Literal["mock", "reviewed"]
TIERS: tuple[Tier, ...] = ("mock", "reviewed")
Split = Literal["", "camera", "minute"]
SPLITS: tuple[Split, ...] = ("", "camera", "minute")
JOB_ID = re.compile(r"[0-9a-f]{32}")
SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
# One path segment: ASCII, no leading dot or dash, so neither `..`, options nor homoglyphs.
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}")
# What a PySyft job starts with; only its own dialect submits it, which bounds its parameter.
PYSYFT_ENTRYPOINT = "pysyft_job:main"
MAX_FILES = 200
MAX_PATH = 240
MAX_OUTPUTS = 16
MAX_FILE_BYTES = 32 << 20
MAX_TREE_BYTES = 64 << 20


def require_path(path: str) -> str:
    """The path itself if it is relative, canonical and plain ASCII.

    Raises:
        SpecError: otherwise.
    """
    parts = path.split("/") if isinstance(path, str) else []
    if not parts or len(path) > MAX_PATH or not all(_SEGMENT.fullmatch(p) for p in parts):
        raise SpecError(
            f"{ascii(path)[:80]} is not an acceptable file path",
            next_step="use relative paths of letters, digits, '_', '-', '.'",
        )
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one worker of a job may use."""

    memory_mib: int = 1024
    cpu_seconds: int = 600
    wall_seconds: int = 600
    processes: int = 64
    files: int = 256
    output_mib: int = 16

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise SpecError(
                    f"limit {name} must be a positive whole number",
                    next_step=f"set {name} to 1 or more",
                    where=(name,),
                )

    def within(self, most: "Limits") -> tuple[str, ...]:
        """The names of the limits that exceed `most`; empty when all fit."""
        ours, theirs = asdict(self), asdict(most)
        return tuple(name for name in ours if ours[name] > theirs[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A prebuilt interpreter at the node, by name and by the hash of its lock."""

    name: str
    lock_hash: str

    def __post_init__(self) -> None:
        require_name(self.name, "environment")
        if not SHA256.fullmatch(self.lock_hash):
            raise SpecError(
                "an environment's lock hash is sha256:<64 hex digits>",
                next_step="copy it from the domain's profile",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What the code is and what it may do.

    Attributes:
        name: a readable name.
        tier: `reviewed` (the owner approves and releases) or `mock`.
        entrypoint: `module:function` within the file tree.
        merge: `module:function` that joins the parts of several workers, or "".
        split: what workers may share the job by: "camera" (each sees some cameras whole),
            "minute" (each sees some minutes of some cameras), or "" (one sees all).
        files: path -> `sha256:…` of every file, none ignored.
        environment: the interpreter it runs in.
        outputs: the declared outputs by name.
        limits: what one worker may use.
        parameter_schema: parameter name -> `int`, `float`, `text` or `bool`.
    """

    name: str
    tier: Tier
    entrypoint: str
    files: dict[str, str]
    environment: Environment
    outputs: dict[str, Output]
    limits: Limits = field(default_factory=Limits)
    merge: str = ""
    split: Split = ""
    parameter_schema: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_name(self.name, "job")
        if self.tier not in TIERS:
            raise SpecError(
                f"tier {ascii(self.tier)[:20]} is not offered",
                next_step=f"use one of {', '.join(TIERS)}",
            )
        for point in (self.entrypoint, self.merge) if self.merge else (self.entrypoint,):
            if not is_composed(point) or not re.fullmatch(
                r"[A-Za-z_]\w{0,63}:[A-Za-z_]\w{0,63}", point
            ):
                raise SpecError(
                    f"entrypoint {ascii(point)[:80]} is not module:function",
                    next_step="name a module and a function, as in job:count",
                )
        if self.split not in SPLITS:
            raise SpecError("split is '', 'camera' or 'minute'", next_step="remove split")
        self._check_files()
        self._check_declarations()

    def _check_files(self) -> None:
        if not 1 <= len(self.files) <= MAX_FILES:
            raise SpecError(f"a job has 1 to {MAX_FILES} files", next_step="carry fewer files")
        folded = {require_path(path).casefold() for path in self.files}
        if len(folded) != len(self.files):
            raise SpecError("two files differ only in case", next_step="rename one of them")
        if not all(SHA256.fullmatch(h) for h in self.files.values()):
            raise SpecError("a file has no sha256", next_step="build the spec again")

    def _check_declarations(self) -> None:
        if not 1 <= len(self.outputs) <= MAX_OUTPUTS:
            raise SpecError("a job declares 1 to 16 outputs", next_step="declare outputs")
        for name in self.outputs:
            require_name(name, "output")
            if name == "log":
                raise SpecError(
                    "the output name 'log' is reserved for what the job prints",
                    next_step="choose another name",
                )
        for name, kind in self.parameter_schema.items():
            require_name(name, "parameter")
            if kind not in PARAMETER_TYPES:
                raise SpecError(
                    f"parameter {name!r} has an unknown type",
                    next_step=f"use one of {', '.join(PARAMETER_TYPES)}",
                )

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form: exactly what `code_digest` covers."""
        return {
            "name": self.name,
            "tier": self.tier,
            "entrypoint": self.entrypoint,
            "merge": self.merge,
            "split": self.split,
            "files": dict(self.files),
            "environment": asdict(self.environment),
            "outputs": {n: output_to_mapping(o) for n, o in self.outputs.items()},
            "limits": asdict(self.limits),
            "parameter_schema": dict(self.parameter_schema),
        }

    @classmethod
    def from_mapping(cls, value: dict[str, Any]) -> "JobSpec":
        """Read the JSON form of untrusted origin.

        Raises:
            SpecError: for anything that `to_mapping` would not have written.
        """
        try:
            fields = dict(value)
            fields["environment"] = Environment(**fields["environment"])
            fields["limits"] = Limits(**fields["limits"])
            fields["outputs"] = {n: output_from_mapping(o) for n, o in fields["outputs"].items()}
            spec = cls(**fields)
            same = canonical(spec.to_mapping()) == canonical(value)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise SpecError(
                "a job spec has missing, unknown or mistyped fields",
                next_step="build it with `darkroom.job`",
            ) from error
        if not same:
            raise SpecError(
                "a job spec is not in canonical form",
                next_step="build it with `darkroom.job`",
            )
        return spec

    @property
    def code_digest(self) -> str:
        """Digest of everything that decides what the code is and may do."""
        return digest(self.to_mapping())


PARAMETER_TYPES: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": (int, float),
    "text": str,
    "bool": bool,
}


def require_parameters(schema: dict[str, str], values: dict[str, Any]) -> None:
    """Check parameter values against a schema.

    Raises:
        SpecError: for a missing, unknown or mistyped parameter; the value is not shown.
    """
    for name in schema.keys() ^ values.keys():
        state = "missing" if name in schema else "not declared"
        raise SpecError(
            f"parameter {ascii(name)[:80]} is {state}",
            next_step=f"give exactly: {', '.join(sorted(schema)) or 'none'}",
        )
    for name, kind in schema.items():
        value = values[name]
        if (
            not isinstance(value, PARAMETER_TYPES[kind])
            or (kind != "bool" and isinstance(value, bool))
            or (isinstance(value, float) and not is_number(value))
        ):
            raise SpecError(
                f"parameter {name!r} is not of type {kind}",
                next_step=f"pass {name} as {kind}",
            )
        if isinstance(value, str) and not is_composed(value):
            # Digests take two texts for one that differ in their Unicode form only.
            raise SpecError(
                f"parameter {name!r} is not in Unicode's composed form (NFC)",
                next_step=f"pass unicodedata.normalize('NFC', {name})",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """One run that somebody asks for.

    Attributes:
        job_id: 32 hex digits, chosen once by the scientist.
        spec: the code.
        parameters: values for `spec.parameter_schema`.
        submitter: name of the scientist.
        submitter_fingerprint: fingerprint of their public identity.
        audience: name of the domain that is asked; every other domain refuses.
        project: a readable label that budgets and run logs group by.
        dataset: name of the dataset.
        dataset_version: `sha256:…` of its manifest.
    """

    job_id: str
    spec: JobSpec
    submitter: str
    submitter_fingerprint: str
    audience: str
    project: str
    dataset: str
    dataset_version: str
    parameters: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.job_id, str) or not JOB_ID.fullmatch(self.job_id):
            raise SpecError("a job id is 32 hex digits", next_step="submit again")
        for name, what in (
            (self.submitter, "submitter"),
            (self.audience, "domain"),
            (self.project, "project"),
            (self.dataset, "dataset"),
        ):
            require_name(name, what)
        for value in (self.submitter_fingerprint, self.dataset_version):
            if not isinstance(value, str) or not SHA256.fullmatch(value):
                raise SpecError(
                    "a fingerprint or version is not sha256:<64 hex digits>",
                    next_step="submit through the SDK",
                )
        require_parameters(self.spec.parameter_schema, self.parameters)

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form that travels."""
        return {
            "job_id": self.job_id,
            "spec": self.spec.to_mapping(),
            "parameters": dict(self.parameters),
            "submitter": self.submitter,
            "submitter_fingerprint": self.submitter_fingerprint,
            "audience": self.audience,
            "project": self.project,
            "dataset": self.dataset,
            "dataset_version": self.dataset_version,
        }

    @classmethod
    def from_mapping(cls, value: dict[str, Any]) -> "JobRequest":
        """Read the JSON form of untrusted origin.

        Raises:
            SpecError: when it is not what `to_mapping` writes.
        """
        try:
            fields = dict(value)
            fields["spec"] = JobSpec.from_mapping(fields["spec"])
            return cls(**fields)
        except (TypeError, KeyError, ValueError) as error:
            raise SpecError(
                "a job request has missing, unknown or mistyped fields",
                next_step="submit through the SDK",
            ) from error

    @property
    def job_digest(self) -> str:
        """Digest of this run: code, values, submitter, audience, project, version.

        The job id is left out: it names the submission, not what would be done.
        """
        fields = self.to_mapping()
        del fields["job_id"], fields["spec"]
        return digest({**fields, "code_digest": self.spec.code_digest})
