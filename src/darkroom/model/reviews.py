"""Who reviews, how many of them it takes, and how long their word holds."""

from dataclasses import asdict, dataclass
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.identity import require_name
from darkroom.model.job import SHA256
from darkroom.model.json_shape import as_fields, as_tuple, is_whole, within


MAX_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """A person beside the owner who may review.

    Attributes:
        name: of an identity with the role `owner`.
        fingerprint: of exactly that identity.
        scientist: the name under which the same person submits jobs, or "". Nobody reviews
            their own.
    """

    name: str
    fingerprint: str
    scientist: str = ""

    def __post_init__(self) -> None:
        with within("name"):
            require_name(self.name, "reviewer")
        if not isinstance(self.fingerprint, str) or not SHA256.fullmatch(self.fingerprint):
            raise SpecError(
                f"the fingerprint of {self.name} is not sha256:<64 hex digits>",
                next_step="copy it from their `darkroom owner show`",
                where=("fingerprint",),
            )
        if self.scientist != "":
            with within("scientist"):
                require_name(self.scientist, "scientist")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviews:
    """How review works at a domain.

    Attributes:
        reviewers: people beside the owner.
        owner_as_scientist: the name under which the owner submits jobs, or "".
        code: how many of them (the owner counts as one) approve code; one no is a no.
        release: how many release outputs.
        approval_days: an approval that was not used by then is void.
        max_pending: how many jobs of one scientist may wait for review.
        keep_on_new_version: whether approvals outlive a new version of the dataset.
    """

    reviewers: tuple[Reviewer, ...] = ()
    owner_as_scientist: str = ""
    code: int = 1
    release: int = 1
    approval_days: int = 14
    max_pending: int = 20
    keep_on_new_version: bool = False

    def __post_init__(self) -> None:
        names = [r.name for r in self.reviewers]
        prints = [r.fingerprint for r in self.reviewers]
        if len(set(names)) != len(names) or len(set(prints)) != len(prints):
            raise SpecError("a reviewer stands twice", next_step="remove one", where=("reviewers",))
        for name in ("code", "release", "approval_days", "max_pending"):
            if not is_whole(getattr(self, name), 1):
                raise SpecError(
                    f"{name} of the reviews is not 1 or more",
                    next_step=f"set {name} to a whole number",
                    where=(name,),
                )
        for name in ("code", "release"):
            if getattr(self, name) > len(self.reviewers) + 1:
                raise SpecError(
                    f"{name} takes {getattr(self, name)} people, and there are "
                    f"{len(self.reviewers) + 1} with the owner",
                    next_step="name more reviewers, or ask for fewer",
                    where=(name,),
                )
        if self.approval_days > MAX_DAYS:
            raise SpecError(
                f"an approval holds for at most {MAX_DAYS} days",
                next_step="set approval_days",
                where=("approval_days",),
            )
        if not isinstance(self.keep_on_new_version, bool):
            raise SpecError(
                "keep_on_new_version is true or false",
                next_step="write true or false",
                where=("keep_on_new_version",),
            )
        if self.owner_as_scientist != "":
            with within("owner_as_scientist"):
                require_name(self.owner_as_scientist, "scientist")

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "reviewers": [asdict(r) for r in self.reviewers]}

    @classmethod
    def from_mapping(cls, value: object) -> "Reviews":
        """Read the JSON (or parsed YAML) form; unknown keys are refused.

        Raises:
            SpecError: with `where`.
        """
        given = as_fields(value, cls, "reviews")
        with within("reviewers"):
            listed = as_tuple(given.get("reviewers", ()), "reviewers")
        reviewers = []
        for index, entry in enumerate(listed):
            with within("reviewers", index):
                parts = as_fields(entry, Reviewer, "a reviewer")
                if not {"name", "fingerprint"} <= parts.keys():
                    raise SpecError(
                        "a reviewer has no name or no fingerprint",
                        next_step="copy both from their `darkroom owner show`",
                    )
                reviewers.append(Reviewer(**parts))
        given["reviewers"] = tuple(reviewers)
        return cls(**given)
