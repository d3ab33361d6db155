"""The data owner's rules: who may use which dataset in which tier, and what follows.

Deny by default: the empty policy allows nothing. In force only when the owner signed it
and its version is higher than the one before.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.airlock import Airlock
from darkroom.model.approval_rule import ApprovalRule
from darkroom.model.budget import Budget
from darkroom.model.identity import require_name
from darkroom.model.job import TIERS, Limits, Tier
from darkroom.model.json_shape import (
    are_texts,
    as_fields,
    as_tuple,
    is_whole,
    require_schema,
    within,
)
from darkroom.model.reviews import Reviews


SCHEMA = 1  # of the form itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One scientist's access.

    Attributes:
        projects: those that their jobs may be filed under; none named: any.
    """

    scientist: str
    datasets: tuple[str, ...]
    tiers: tuple[Tier, ...]
    projects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        with within("scientist"):
            require_name(self.scientist, "scientist")
        for name in ("datasets", "tiers", "projects"):
            if not are_texts(getattr(self, name)):
                raise SpecError(
                    f"the grant of {self.scientist} lists something else than names",
                    next_step="write datasets, tiers and projects as lists of names",
                    where=(name,),
                )
        for what in ("datasets", "projects"):
            with within(what):
                for name in getattr(self, what):
                    require_name(name, what.removesuffix("s"))
        if not self.datasets:
            raise SpecError(
                f"the grant of {self.scientist} names no dataset",
                next_step="list datasets, or remove the grant",
                where=("datasets",),
            )
        if not self.tiers or set(self.tiers) - set(TIERS):
            raise SpecError(
                f"the grant of {self.scientist} names no tier, or an unknown one",
                next_step=f"list tiers of: {', '.join(TIERS)}",
                where=("tiers",),
            )

    @classmethod
    def from_mapping(cls, value: object) -> "Grant":
        """Read the JSON (or parsed YAML) form; unknown keys are refused.

        Raises:
            SpecError: with `where`.
        """
        given = as_fields(value, cls, "a grant")
        for name in ("scientist", "datasets", "tiers"):
            if name not in given:
                raise SpecError(f"a grant has no {name}", next_step=f"add {name}")
        for name in ("datasets", "tiers", "projects"):
            with within(name):
                given[name] = as_tuple(given.get(name, ()), name)
        return cls(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePolicy:
    """The rules of one domain.

    Attributes:
        version: strictly rising.
        domain: the domain they are for.
        schema: version of this form; a newer one is refused.
        grants: who may use what.
        rules: jobs that need no review; everything else waits for a person.
        reviews: who reviews.
        budgets: how much may leave. Tiers that touch footage need one per dataset.
        airlock: what every output must fit.
        limits: the most that one worker of any job may use.
        hosted_identities: whether scientists whose keys lie on the Hub are accepted.
    """

    version: int
    domain: str
    schema: int = SCHEMA
    grants: tuple[Grant, ...] = ()
    rules: tuple[ApprovalRule, ...] = ()
    reviews: Reviews = field(default_factory=Reviews)
    budgets: tuple[Budget, ...] = ()
    airlock: Airlock = field(default_factory=Airlock)
    limits: Limits = field(default_factory=Limits)
    hosted_identities: bool = False

    def __post_init__(self) -> None:
        require_schema(self.schema, SCHEMA, "policy")
        with within("domain"):
            require_name(self.domain, "domain")
        if not is_whole(self.version, 1):
            raise SpecError(
                "a policy's version starts at 1", next_step="set version", where=("version",)
            )
        if not isinstance(self.hosted_identities, bool):
            raise SpecError(
                "hosted_identities is true or false",
                next_step="write true or false",
                where=("hosted_identities",),
            )
        for what, names in (
            ("grants", [g.scientist for g in self.grants]),
            ("rules", [r.name for r in self.rules]),
            ("budgets", [b.name for b in self.budgets]),
        ):
            for index, name in enumerate(names):
                if name in names[:index]:
                    raise SpecError(
                        f"{what} names {name} twice",
                        next_step="join the two into one",
                        where=(what, index),
                    )

    def grant_of(self, scientist: str) -> Grant | None:
        """What a scientist may use."""
        return next((g for g in self.grants if g.scientist == scientist), None)

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form that the owner signs."""
        return {
            "version": self.version,
            "domain": self.domain,
            "schema": self.schema,
            "grants": [
                {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(g).items()}
                for g in self.grants
            ],
            "rules": [rule.to_mapping() for rule in self.rules],
            "reviews": self.reviews.to_mapping(),
            "budgets": [budget.to_mapping() for budget in self.budgets],
            "airlock": self.airlock.to_mapping(),
            "limits": asdict(self.limits),
            "hosted_identities": self.hosted_identities,
        }

    @classmethod
    def from_mapping(cls, value: object) -> "SitePolicy":
        """Read the JSON (or parsed YAML) form; unknown keys are refused.

        Raises:
            SpecError: naming the field that is wrong, and `where` it is.
        """
        if isinstance(value, dict):  # of a newer form every key may be new
            require_schema(value.get("schema", SCHEMA), SCHEMA, "policy")
        given = as_fields(value, cls, "the policy")
        for name in ("version", "domain"):
            if name not in given:
                raise SpecError(f"the policy has no {name}", next_step=f"add {name}")
        parts: tuple[tuple[str, Any], ...] = (
            ("grants", Grant), ("rules", ApprovalRule), ("budgets", Budget),
        )  # fmt: skip
        for name, noun in parts:
            with within(name):
                given[name] = tuple(
                    _read(noun, entry, index)
                    for index, entry in enumerate(as_tuple(given.get(name, ()), name))
                )
        single: tuple[tuple[str, Any], ...] = (("reviews", Reviews), ("airlock", Airlock))
        for name, noun in single:
            if name in given:
                with within(name):
                    given[name] = noun.from_mapping(given[name])
        if "limits" in given:
            with within("limits"):
                given["limits"] = Limits(**as_fields(given["limits"], Limits, "limits"))
        return cls(**given)


def _read(noun: Any, entry: object, index: int) -> Any:
    with within(index):
        return noun.from_mapping(entry)
