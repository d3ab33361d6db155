"""The recipe of a world: everything that decides it, and nothing else.

Two equal recipes give the same frames. A recipe is read from a plain mapping
(YAML, JSON); reading the file is somebody else's work.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

from darkroom.errors import SpecError
from darkroom.model.detection import CLASSES
from darkroom.scene.presence import Presence


Rgb = tuple[int, int, int]
Paving = Literal["slabs", "setts", "asphalt"]
Clothing = Literal["mixed", "bright", "muted", "dark"]

MOST_CAMERAS = 64
LARGEST_SIDE = 4096


def _require(truth: bool, message: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not truth:
        raise SpecError(message, next_step="correct the world's recipe")


def _fields(kind: type, given: Any, where: str) -> dict[str, Any]:  # noqa: ANN401 - from outside
    """The mapping's items, refused when a key is unknown or missing."""
    _require(isinstance(given, Mapping), f"{where} must be a mapping of names to values")
    known = {f.name: f for f in dataclasses.fields(kind)}
    unknown = sorted(str(key) for key in given if key not in known)
    _require(not unknown, f"{where} has unknown keys {unknown}; known are {sorted(known)}")
    needed = {
        name
        for name, f in known.items()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    missing = sorted(needed - set(given))
    _require(not missing, f"{where} lacks the keys {missing}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSpec:
    """What the outside sees of a camera.

    Attributes:
        id: Its name, unique in a world.
        width: Picture width in pixels.
        height: Picture height in pixels.
        fps: Frames per second.

    Raises:
        SpecError: The name is empty, a size is outside 32..4096, fps is outside
            0..120.
    """

    id: str
    width: int = 320
    height: int = 256
    fps: float = 2.0

    def __post_init__(self) -> None:
        """Check the four values."""
        _require(bool(self.id), "a camera needs an id")
        for side in (self.width, self.height):
            _require(
                isinstance(side, int) and 32 <= side <= LARGEST_SIDE,  # noqa: PLR2004
                f"camera {self.id}: width and height must be whole numbers in 32..{LARGEST_SIDE}",
            )
        _require(0.0 < self.fps <= 120.0, f"camera {self.id}: fps must be in 0..120")  # noqa: PLR2004


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a world looks. Ranges are `(low, high)`; each camera draws its own.

    Attributes:
        light: Ambient light; 1 is a bright day, 0.1 a night.
        lamps: Number of street lamps that are lit.
        flicker: Relative amplitude of the light's slow change (clouds).
        flicker_hz: How often the light changes, in Hz.
        noise: Standard deviation of the sensor noise, in grey levels of 255.
        shadow: How much light a cast shadow takes, 0..1.
        ground: Colour of the paving.
        paving: Pattern of the paving.
        walls: Colour of the houses.
        sky: Colour of the sky.
        clothing: Palette of clothes.
        camera_height: Metres above the ground.
        focal: Focal length in picture widths, of a camera beside the plaza.
        occluders: Number of posts and planters on the plaza.

    Raises:
        SpecError: A value is outside its range.
    """

    light: float = 1.0
    lamps: int = 0
    flicker: float = 0.1
    flicker_hz: float = 0.05
    noise: float = 4.0
    shadow: float = 0.35
    ground: Rgb = (150, 146, 138)
    paving: Paving = "slabs"
    walls: Rgb = (168, 150, 130)
    sky: Rgb = (190, 205, 222)
    clothing: Clothing = "mixed"
    camera_height: tuple[float, float] = (3.2, 4.4)
    focal: tuple[float, float] = (1.1, 1.3)
    occluders: int = 3

    def __post_init__(self) -> None:
        """Check every value's range."""
        _require(0.0 < self.light <= 1.5, "light must lie in 0..1.5")  # noqa: PLR2004
        _require(0 <= self.lamps <= 12, "lamps must lie in 0..12")  # noqa: PLR2004
        _require(0.0 <= self.flicker < 1.0, "flicker must lie in 0..1")
        _require(self.flicker_hz >= 0.0, "flicker_hz must not be negative")
        _require(0.0 <= self.noise <= 64.0, "noise must lie in 0..64")  # noqa: PLR2004
        _require(0.0 <= self.shadow <= 1.0, "shadow must lie in 0..1")
        _require(0 <= self.occluders <= 12, "occluders must lie in 0..12")  # noqa: PLR2004
        for name in ("ground", "walls", "sky"):
            colour = getattr(self, name)
            _require(
                len(colour) == 3 and all(0 <= part <= 255 for part in colour),  # noqa: PLR2004
                f"{name} must be three numbers in 0..255",
            )
        for name in ("camera_height", "focal"):
            span = getattr(self, name)
            _require(
                len(span) == 2 and 0.0 < span[0] <= span[1],  # noqa: PLR2004
                f"{name} must be [low, high] with 0 < low <= high",
            )
        _require(self.paving in get_args(Paving), f"paving must be one of {get_args(Paving)}")
        _require(
            self.clothing in get_args(Clothing),
            f"clothing must be one of {get_args(Clothing)}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Who comes, how often and for how long.

    Attributes:
        people_per_minute: Rate of the Poisson process of people.
        vehicles_per_minute: Rate of the Poisson process of vehicles, before those
            are dropped for whom the lane is full.
        parking_share: Share of the vehicles that stop at the kerb.
        presence: Distribution of people's stay.

    Raises:
        SpecError: A rate is outside 0..120 or the share outside 0..1.
    """

    people_per_minute: float = 9.0
    vehicles_per_minute: float = 6.0
    parking_share: float = 0.35
    presence: Presence = field(default_factory=Presence)

    def __post_init__(self) -> None:
        """Check the rates and the share."""
        for rate in (self.people_per_minute, self.vehicles_per_minute):
            _require(0.0 <= rate <= 120.0, "arrivals per minute must lie in 0..120")  # noqa: PLR2004
        _require(0.0 <= self.parking_share <= 1.0, "parking_share must lie in 0..1")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldRecipe:
    """A world, fully decided.

    Attributes:
        seed: The root of all chance.
        duration: Length of the recording in seconds.
        cameras: The cameras, all of one place.
        look: How it looks.
        traffic: Who comes.
        classes: Names of the classes; `class_id` is an index into it. A name that
            the world cannot draw is legal and never occurs.

    Raises:
        SpecError: No camera, too many or two of one name, a duration outside
            0..86,400 s, a negative seed, or no class that the world can draw.
    """

    seed: int
    duration: float
    cameras: tuple[CameraSpec, ...]
    look: Look = field(default_factory=Look)
    traffic: Traffic = field(default_factory=Traffic)
    classes: tuple[str, ...] = CLASSES

    def __post_init__(self) -> None:
        """Check what the parts cannot check themselves."""
        _require(
            isinstance(self.seed, int) and self.seed >= 0,
            "seed must be a whole number from 0",
        )
        _require(0.0 < self.duration <= 86_400.0, "duration must lie in 0..86400 s")  # noqa: PLR2004
        _require(
            1 <= len(self.cameras) <= MOST_CAMERAS,
            f"a world needs 1..{MOST_CAMERAS} cameras",
        )
        names = [camera.id for camera in self.cameras]
        _require(len(set(names)) == len(names), "two cameras have the same id")
        _require(len(set(self.classes)) == len(self.classes), "a class is named twice")
        _require(
            any(name in DRAWN_AS for name in self.classes),
            f"none of the classes {list(self.classes)} can be drawn; "
            f"the world can draw {sorted(DRAWN_AS)}",
        )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Read a recipe from plain data; an unknown key is refused.

        Args:
            mapping: As in `data/worlds/*.yaml`.

        Returns:
            The recipe.

        Raises:
            SpecError: A key is unknown or missing, or a value is illegal; the
                message names it.
        """
        values = _fields(cls, mapping, "the recipe")
        try:
            values["cameras"] = tuple(
                CameraSpec(**_fields(CameraSpec, camera, f"cameras[{index}]"))
                for index, camera in enumerate(values["cameras"])
            )
            if "look" in values:
                values["look"] = Look(**_fields(Look, values["look"], "look"))
            if "traffic" in values:
                traffic = _fields(Traffic, values["traffic"], "traffic")
                if "presence" in traffic:
                    where = "traffic.presence"
                    traffic["presence"] = Presence(**_fields(Presence, traffic["presence"], where))
                values["traffic"] = Traffic(**traffic)
            return cls(**values)
        except TypeError as error:
            message = f"the recipe holds a value of the wrong kind: {error}"
            raise SpecError(message, next_step="correct the world's recipe") from error

    def to_mapping(self) -> dict[str, Any]:
        """Plain data from which `from_mapping` reads an equal recipe."""
        return _plain(dataclasses.asdict(self))

    def kind_class(self, kind: str) -> int | None:
        """The class id under which a kind of actor is annotated, if any.

        Args:
            kind: "person" or "vehicle".
        """
        for index, name in enumerate(self.classes):
            if DRAWN_AS.get(name) == kind:
                return index
        return None


DRAWN_AS: Mapping[str, str] = {
    "person": "person",
    "pedestrian": "person",
    "vehicle": "vehicle",
    "car": "vehicle",
}
"""Which class names the world can draw, and as what."""


def _plain(value: Any) -> Any:  # noqa: ANN401 - any tree of plain values
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
