"""How a dataset is recorded live: how much footage is one version, how much of it is kept."""

from dataclasses import dataclass

from darkroom.errors import SpecError
from darkroom.model.json_shape import as_fields, is_number, is_whole


MAX_MINUTES = 7 * 24 * 60
MAX_GIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Versions that live ingest makes of a dataset.

    Attributes:
        every_minutes: a new version is made that often, of the footage since the one before.
        keep_gib: the oldest versions are erased beyond that; None: when the disk needs it.
    """

    every_minutes: int = 1440
    keep_gib: float | None = None

    def __post_init__(self) -> None:
        if not is_whole(self.every_minutes, 1) or self.every_minutes > MAX_MINUTES:
            raise SpecError(
                f"every_minutes is not 1 to {MAX_MINUTES}",
                next_step="set it to whole minutes, for instance 1440: a version a day",
                where=("every_minutes",),
            )
        if self.keep_gib is not None and (
            not is_number(self.keep_gib) or not 0 < self.keep_gib <= MAX_GIB
        ):
            raise SpecError(
                f"keep_gib is not a number above 0, up to {MAX_GIB}",
                next_step="set it to GiB of footage, or leave it out",
                where=("keep_gib",),
            )

    @classmethod
    def from_mapping(cls, value: object) -> "Recording":
        """Read the JSON (or parsed YAML) form; unknown keys are refused.

        Raises:
            SpecError: with `where`.
        """
        return cls(**as_fields(value, cls, "record"))
