"""What a PySyft job does not say and a Darkroom job has to: data, outputs, limits.

It travels beside the message, written by `login_ds` from `code/darkroom.json` or from what
the job did on mock.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.canonical import canonical
from darkroom.model.identity import require_name
from darkroom.model.job import SHA256, Environment, Limits, Tier, require_path
from darkroom.model.output import Output, output_from_mapping, output_to_mapping


MAX_MODELS = 8
SUFFIXES = (".tflite", ".npz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Everything about a job that its folder does not hold.

    Attributes:
        dataset, dataset_version: what it runs on.
        environment: the prebuilt interpreter.
        outputs: name -> declaration; the file `outputs/<name>.json` (or `.csv`, `.npz`,
            `.tflite`) of the job.
        models: file name -> `sha256:…` of models that the domain has registered.
        tier: `reviewed` or `mock`.
        project: a label that budgets and run logs group by.
        limits: what the job may use.
    """

    dataset: str
    dataset_version: str
    environment: Environment
    outputs: dict[str, Output]
    models: dict[str, str] = field(default_factory=dict)
    tier: Tier = "reviewed"
    project: str = "default"
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        require_name(self.dataset, "dataset")
        if len(self.models) > MAX_MODELS:
            raise SpecError(f"a job names up to {MAX_MODELS} models", next_step="name fewer")
        for name, sha256 in self.models.items():
            require_model_name(name)
            if not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
                raise SpecError(
                    f"model {name} has no sha256", next_step="copy it from the domain's profile"
                )

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form that travels."""
        return {
            "dataset": self.dataset,
            "dataset_version": self.dataset_version,
            "environment": asdict(self.environment),
            "outputs": {n: output_to_mapping(o) for n, o in self.outputs.items()},
            "models": dict(self.models),
            "tier": self.tier,
            "project": self.project,
            "limits": asdict(self.limits),
        }

    @classmethod
    def from_mapping(cls, value: object) -> "Declaration":
        """Read the JSON form of untrusted origin.

        Raises:
            SpecError: when it is not what `to_mapping` writes.
        """
        try:
            fields = dict(value)  # type: ignore[call-overload]  # refused below
            fields["environment"] = Environment(**fields["environment"])
            fields["limits"] = Limits(**fields["limits"])
            fields["outputs"] = {n: output_from_mapping(o) for n, o in fields["outputs"].items()}
            declaration = cls(**fields)
            same = canonical(declaration.to_mapping()) == canonical(value)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            if isinstance(error, SpecError):
                raise
            raise SpecError(
                "the declaration of the job has missing, unknown or mistyped fields",
                next_step="submit through darkroom.pysyft.login_ds",
            ) from error
        if not same:
            raise SpecError(
                "the declaration of the job is not in canonical form",
                next_step="submit through darkroom.pysyft.login_ds",
            )
        return declaration


def require_model_name(name: str) -> str:
    """A file name such as `detector.tflite`; its dataset name in PySyft is the stem.

    Raises:
        SpecError: otherwise.
    """
    if "/" in require_path(name) or not name.endswith(SUFFIXES) or name != name.lower():
        raise SpecError(
            f"{ascii(name)[:60]} is no name of a model",
            next_step=f"use lower case and one of {', '.join(SUFFIXES)}",
        )
    return name
