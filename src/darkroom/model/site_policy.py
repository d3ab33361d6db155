"""The data owner's rules: who may use which dataset in which tier, and what follows.

Deny by default: the empty policy allows nothing. In force only when the owner signed it
and its version is higher than the one before.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from darkroom.errors import SpecError
from darkroom.model.identity import require_name
from darkroom.model.job import SHA256, TIERS, Limits, Tier
from darkroom.model.json_shape import are_texts, is_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One scientist's access."""

    scientist: str
    datasets: tuple[str, ...]
    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        require_name(self.scientist, "scientist")
        if not are_texts(self.datasets) or not are_texts(self.tiers):
            raise SpecError(
                f"the grant of {self.scientist} lists something else than names",
                next_step="write datasets and tiers as lists of names",
            )
        for name in self.datasets:
            require_name(name, "dataset")
        if not self.datasets or not self.tiers or set(self.tiers) - set(TIERS):
            raise SpecError(
                f"the grant of {self.scientist} names no dataset or no known tier",
                next_step=f"list datasets and tiers (of {', '.join(TIERS)})",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePolicy:
    """The rules of one domain.

    Attributes:
        version: strictly rising.
        domain: the domain they are for.
        grants: who may use what.
        approve: `code_digest`s that need no review; everything else waits for the owner.
        release: `owner` (a person releases each output) or `auto`, which holds only for
            jobs that a rule of `approve` admitted.
        limits: the most that one worker of any job may use.
        hosted_identities: whether scientists whose keys lie on the Hub are accepted.
    """

    version: int
    domain: str
    grants: tuple[Grant, ...] = ()
    approve: tuple[str, ...] = ()
    release: Literal["owner", "auto"] = "owner"
    limits: Limits = field(default_factory=Limits)
    hosted_identities: bool = False

    def __post_init__(self) -> None:
        require_name(self.domain, "domain")
        if not is_whole(self.version, 1):
            raise SpecError("a policy's version starts at 1", next_step="set version")
        if self.release not in ("owner", "auto"):
            raise SpecError("release is 'owner' or 'auto'", next_step="set release")
        if not all(isinstance(d, str) and SHA256.fullmatch(d) for d in self.approve):
            raise SpecError(
                "approve lists code digests, sha256:<64 hex digits>",
                next_step="copy the digest from `darkroom review show`",
            )
        if not isinstance(self.hosted_identities, bool):
            raise SpecError("hosted_identities is true or false", next_step="write true or false")
        names = [g.scientist for g in self.grants]
        if len(set(names)) != len(names):
            raise SpecError("a scientist has two grants", next_step="join them into one")

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form that the owner signs."""
        fields = asdict(self)
        fields["grants"] = [
            {**g, "datasets": list(g["datasets"]), "tiers": list(g["tiers"])}
            for g in fields["grants"]
        ]
        fields["approve"] = list(self.approve)
        return fields

    @classmethod
    def from_mapping(cls, value: dict[str, Any]) -> "SitePolicy":
        """Read the JSON (or parsed YAML) form; unknown keys are refused.

        Raises:
            SpecError: naming the field that is wrong.
        """
        try:
            fields = dict(value)
            fields["grants"] = tuple(
                Grant(
                    **{
                        **g,
                        "datasets": _tuple(g["datasets"], "datasets"),
                        "tiers": _tuple(g["tiers"], "tiers"),
                    }
                )
                for g in _tuple(fields.get("grants", ()), "grants")
            )
            fields["approve"] = _tuple(fields.get("approve", ()), "approve")
            if "limits" in fields:
                fields["limits"] = Limits(**fields["limits"])
            return cls(**fields)
        except (TypeError, KeyError, ValueError) as error:
            raise SpecError(
                f"the policy has a missing, unknown or mistyped field: {error}",
                next_step="compare it with docs/policy.md",
            ) from error


def _tuple(value: Any, name: str) -> tuple[Any, ...]:
    """A list, as a tuple. A text is no list of its letters."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"{name} is not a list")
    return tuple(value)
