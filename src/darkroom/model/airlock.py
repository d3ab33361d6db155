"""The owner's demands on every output, whatever a job declares."""

from dataclasses import asdict, dataclass
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.json_shape import are_texts, as_fields, as_tuple, is_whole, within
from darkroom.model.output import MODEL_FORMATS


MAX_DECIMALS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Airlock:
    """What may be declared, and how values are made coarser before anybody sees them.

    Attributes:
        max_rows, max_columns: of a table; a histogram's bins count as rows.
        min_count: a table's row whose count is below it is left out, a histogram's bin or a
            counting scalar becomes 0: in what leaves, 0 means fewer than this. 1: nothing
            is left out.
        round_counts: counts become the nearest multiple of it.
        decimals: digits after the point that other numbers keep.
        free_text: whether a text column may hold other texts than its declared labels.
        models: accepted formats of models; none: no model leaves.
        max_model_kib: of one model.
        log: whether the owner may release what a job printed.
    """

    max_rows: int = 10_000
    max_columns: int = 24
    min_count: int = 1
    round_counts: int = 1
    decimals: int = 6
    free_text: bool = True
    models: tuple[str, ...] = MODEL_FORMATS
    max_model_kib: int = 16_384
    log: bool = True

    def __post_init__(self) -> None:
        for name in ("max_rows", "max_columns", "min_count", "round_counts", "max_model_kib"):
            if not is_whole(getattr(self, name), 1):
                raise SpecError(
                    f"{name} of the airlock is not 1 or more",
                    next_step=f"set {name} to a whole number",
                    where=(name,),
                )
        if not is_whole(self.decimals) or self.decimals > MAX_DECIMALS:
            raise SpecError(
                f"decimals of the airlock is not 0 to {MAX_DECIMALS}",
                next_step="set decimals to a whole number",
                where=("decimals",),
            )
        for name in ("free_text", "log"):
            if not isinstance(getattr(self, name), bool):
                raise SpecError(
                    f"{name} of the airlock is true or false",
                    next_step=f"write {name}: true or false",
                    where=(name,),
                )
        if not are_texts(self.models) or set(self.models) - set(MODEL_FORMATS):
            raise SpecError(
                "models of the airlock lists an unknown format",
                next_step=f"use formats of: {', '.join(MODEL_FORMATS)}",
                where=("models",),
            )

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "models": list(self.models)}

    @classmethod
    def from_mapping(cls, value: object) -> "Airlock":
        """Read the JSON (or parsed YAML) form; unknown keys are refused.

        Raises:
            SpecError: with `where`.
        """
        given = as_fields(value, cls, "the airlock")
        if "models" in given:
            with within("models"):
                given["models"] = as_tuple(given["models"], "models of the airlock")
        return cls(**given)
