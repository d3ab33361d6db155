"""A rule that admits jobs without a person: for known code, within ranges, or on mock only."""

from dataclasses import dataclass, field
from typing import Any, Literal

from darkroom.errors import SpecError
from darkroom.model.identity import require_name
from darkroom.model.job import SHA256, JobRequest
from darkroom.model.json_shape import are_texts, as_fields, as_tuple, is_number, within


Value = int | float | str | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """The values that one parameter may have.

    Attributes:
        minimum, maximum: of a number; None: open on that side.
        one_of: the values themselves.
        anything: every value of the declared type.
    """

    minimum: int | float | None = None
    maximum: int | float | None = None
    one_of: tuple[Value, ...] = ()
    anything: bool = False

    def __post_init__(self) -> None:
        ranged = self.minimum is not None or self.maximum is not None
        bounds = [b for b in (self.minimum, self.maximum) if b is not None]
        if not all(map(is_number, bounds)) or (len(bounds) > 1 and bounds[0] > bounds[1]):
            raise SpecError(
                "a parameter's range has no number in it",
                next_step="write minimum and maximum as numbers, the smaller one first",
            )
        if not isinstance(self.one_of, tuple) or not all(
            isinstance(v, str | bool) or is_number(v) for v in self.one_of
        ):
            raise SpecError(
                "one_of lists something else than values",
                next_step="list numbers, texts or booleans",
                where=("one_of",),
            )
        if (ranged, bool(self.one_of), self.anything is True).count(True) != 1:
            raise SpecError(
                "a parameter's values are said in no way, or in two",
                next_step="give a range, or one_of, or anything: true",
            )

    def holds(self, value: object) -> bool:
        """Whether a value is among them; `True` is not 1 here."""
        if self.anything:
            return True
        if self.one_of:
            return any(type(v) is type(value) and v == value for v in self.one_of)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.minimum is None or self.minimum <= value) and (
            self.maximum is None or value <= self.maximum
        )

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form: what is set."""
        form: dict[str, Any] = {}
        if self.minimum is not None:
            form["minimum"] = self.minimum
        if self.maximum is not None:
            form["maximum"] = self.maximum
        if self.one_of:
            form["one_of"] = list(self.one_of)
        if self.anything:
            form["anything"] = True
        return form

    @classmethod
    def from_mapping(cls, value: object) -> "Allowed":
        """Read the JSON (or parsed YAML) form.

        Raises:
            SpecError: with `where`.
        """
        given = as_fields(value, cls, "the values of a parameter")
        if "one_of" in given:
            with within("one_of"):
                given["one_of"] = as_tuple(given["one_of"], "one_of")
        return cls(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """Jobs that need no review.

    Attributes:
        name: for people; written into the verdict.
        code_digest: exactly this code, on private footage; or "" for a rule on mock.
        tier: `mock`: any code, on generated footage only; "" for a rule on known code.
        scientists, datasets: for whom and on what; none named: whoever has a grant for it.
        parameters: the values of every parameter that the code has. One that is not named
            here is not covered, and the rule does not apply.
        release: `owner` (a person releases each output) or `auto`.
    """

    name: str
    code_digest: str = ""
    tier: Literal["", "mock"] = ""
    scientists: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    parameters: dict[str, Allowed] = field(default_factory=dict)
    release: Literal["owner", "auto"] = "owner"

    def __post_init__(self) -> None:
        with within("name"):
            require_name(self.name, "rule")
        if (self.code_digest == "") == (self.tier == ""):
            raise SpecError(
                f"the rule {self.name} names no code, or code and the tier mock",
                next_step="give it a code_digest, or tier: mock",
            )
        if self.code_digest != "" and not (
            isinstance(self.code_digest, str) and SHA256.fullmatch(self.code_digest)
        ):
            raise SpecError(
                f"code_digest of the rule {self.name} is not sha256:<64 hex digits>",
                next_step="copy the digest from `darkroom review show`",
                where=("code_digest",),
            )
        if self.tier not in ("", "mock"):
            raise SpecError(
                f"the tier of the rule {self.name} is not mock",
                next_step="write tier: mock, or name a code_digest",
                where=("tier",),
            )
        if self.release not in ("owner", "auto"):
            raise SpecError(
                f"release of the rule {self.name} is 'owner' or 'auto'",
                next_step="set release",
                where=("release",),
            )
        for what in ("scientists", "datasets"):
            if not are_texts(getattr(self, what)):
                raise SpecError(
                    f"{what} of the rule {self.name} is not a list of names",
                    next_step="write it as a list: [a, b]",
                    where=(what,),
                )
            with within(what):
                for name in getattr(self, what):
                    require_name(name, what.removesuffix("s"))
        for name in self.parameters:
            with within("parameters", name):
                require_name(name, "parameter")
        if self.tier and self.parameters:
            raise SpecError(
                f"the rule {self.name} is for any code on mock and limits parameters",
                next_step="leave parameters out",
                where=("parameters",),
            )

    def against(self, request: JobRequest) -> str:
        """Why this rule does not admit a job; "" when it does."""
        if self.tier and request.spec.tier != self.tier:
            return "it is for the tier mock"
        if self.code_digest and request.spec.tier == "mock":
            return "it is for private footage"
        if self.code_digest and request.spec.code_digest != self.code_digest:
            return "it is for another code digest"
        if self.scientists and request.submitter not in self.scientists:
            return "it is for other scientists"
        if self.datasets and request.dataset not in self.datasets:
            return "it is for other datasets"
        if not self.tier:
            for name, value in sorted(request.parameters.items()):
                if name not in self.parameters or not self.parameters[name].holds(value):
                    return f"parameter {name} is outside its range"
        return ""

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "name": self.name,
            "code_digest": self.code_digest,
            "tier": self.tier,
            "scientists": list(self.scientists),
            "datasets": list(self.datasets),
            "parameters": {n: a.to_mapping() for n, a in self.parameters.items()},
            "release": self.release,
        }

    @classmethod
    def from_mapping(cls, value: object) -> "ApprovalRule":
        """Read the JSON (or parsed YAML) form; unknown keys are refused.

        Raises:
            SpecError: with `where`.
        """
        given = as_fields(value, cls, "a rule")
        if "name" not in given:
            raise SpecError("a rule has no name", next_step="add name")
        for name in ("scientists", "datasets"):
            with within(name):
                given[name] = as_tuple(given.get(name, ()), name)
        listed = given.get("parameters", {})
        if not isinstance(listed, dict):
            raise SpecError(
                "parameters is not a mapping",
                next_step="write name: {minimum: …, maximum: …}",
                where=("parameters",),
            )
        given["parameters"] = {}
        for name, allowed in listed.items():
            with within("parameters", name):
                given["parameters"][name] = Allowed.from_mapping(allowed)
        return cls(**given)
