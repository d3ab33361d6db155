"""What each person and vehicle looks like, drawn from the actor's own stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from darkroom.scene.recipe import Clothing, Rgb
from darkroom.scene.streams import Stream, stream


_LOOKS = 1
"""Second key of an actor's stream: looks do not depend on the way walked."""

_SKINS: tuple[Rgb, ...] = (
    (241, 205, 180), (224, 180, 148), (198, 148, 112), (150, 105, 75), (104, 70, 50),
)  # fmt: skip
_HAIRS: tuple[Rgb, ...] = (
    (34, 28, 24), (70, 48, 32), (120, 84, 50), (190, 160, 105), (150, 148, 145),
)  # fmt: skip
_CLOTHES: Mapping[Clothing, tuple[Rgb, ...]] = {
    "bright": (
        (205, 45, 50), (235, 165, 35), (30, 120, 190), (40, 150, 90), (240, 238, 232),
        (210, 90, 150), (250, 210, 60),
    ),
    "muted": (
        (112, 96, 84), (84, 98, 108), (136, 128, 108), (72, 84, 70), (150, 122, 108),
        (96, 76, 90), (178, 172, 160),
    ),
    "dark": (
        (28, 30, 36), (44, 40, 46), (30, 42, 58), (56, 44, 38), (38, 52, 44),
        (66, 66, 72), (88, 30, 34),
    ),
}  # fmt: skip
_TROUSERS: tuple[Rgb, ...] = (
    (42, 52, 84), (30, 30, 34), (72, 62, 52), (118, 108, 90), (66, 76, 90), (150, 146, 138),
)  # fmt: skip
_PAINTS: tuple[Rgb, ...] = (
    (222, 222, 220), (32, 34, 38), (140, 144, 148), (158, 32, 34), (34, 62, 120),
    (52, 92, 70), (196, 168, 60), (92, 66, 50), (176, 188, 198),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLook:
    """A person's body and clothes; lengths in metres."""

    height: float
    build: float
    shirt: Rgb
    trousers: Rgb
    skin: Rgb
    hair: Rgb
    coat: bool
    backpack: Rgb | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleLook:
    """A vehicle's two boxes; lengths in metres."""

    length: float
    width: float
    body: float
    height: float
    cabin: float
    """Length of the cabin as a share of the vehicle's length."""
    setback: float
    """How far behind the middle the cabin sits, in metres."""
    paint: Rgb


def person_look(seed: int, number: int, clothing: Clothing) -> PersonLook:
    """The looks of person `number`."""
    rng = stream(seed, Stream.PERSON, number, _LOOKS)
    return PersonLook(
        height=rng.uniform(1.55, 1.92),
        build=rng.uniform(0.85, 1.2),
        shirt=_worn(rng, _wardrobe(rng, clothing)),
        trousers=_worn(rng, _TROUSERS),
        skin=_pick(rng, _SKINS),
        hair=_pick(rng, _HAIRS),
        coat=bool(rng.random() < 0.3),  # noqa: PLR2004 - 30 %
        backpack=_worn(rng, _CLOTHES["muted"]) if rng.random() < 0.3 else None,  # noqa: PLR2004
    )


def vehicle_look(seed: int, number: int) -> VehicleLook:
    """The looks of vehicle `number`: three cars to one van."""
    rng = stream(seed, Stream.VEHICLE, number, _LOOKS)
    paint = _worn(rng, _PAINTS)
    if rng.random() < 0.25:  # noqa: PLR2004 - one in four
        return VehicleLook(
            length=rng.uniform(4.6, 5.2), width=1.9, body=1.0,
            height=rng.uniform(2.0, 2.35), cabin=0.8, setback=0.35, paint=paint,
        )  # fmt: skip
    return VehicleLook(
        length=rng.uniform(3.7, 4.5), width=1.75, body=rng.uniform(0.8, 0.92),
        height=rng.uniform(1.38, 1.65), cabin=rng.uniform(0.5, 0.62), setback=0.25,
        paint=paint,
    )  # fmt: skip


def _wardrobe(rng: np.random.Generator, clothing: Clothing) -> Sequence[Rgb]:
    if clothing == "mixed":
        clothing = ("bright", "muted", "dark")[int(rng.integers(3))]
    return _CLOTHES[clothing]


def _pick(rng: np.random.Generator, colours: Sequence[Rgb]) -> Rgb:
    return colours[int(rng.integers(len(colours)))]


def _worn(rng: np.random.Generator, colours: Sequence[Rgb]) -> Rgb:
    """A colour of the palette, a little off: no two coats are alike."""
    return tint(_pick(rng, colours), 1.0 + rng.uniform(-0.12, 0.12))


def tint(colour: Rgb, factor: float) -> Rgb:
    """The colour made darker (< 1) or lighter (> 1)."""
    red, green, blue = (min(255, max(0, round(part * factor))) for part in colour)
    return red, green, blue
