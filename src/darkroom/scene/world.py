"""A world of cameras that never existed, with the truth about every frame.

The picture is painted from far to near. Every frame is a pure function of the
recipe, the camera and the frame's number: no frame depends on another one, and
nothing that is drawn moves anybody.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.model.detection import Annotations
from darkroom.scene.appearance import (
    PersonLook,
    VehicleLook,
    person_look,
    vehicle_look,
)
from darkroom.scene.backdrop import Backdrop, Surfaces, build_backdrop
from darkroom.scene.camera import Camera
from darkroom.scene.canvas import MOST_ACTORS, OCCLUDER, Canvas
from darkroom.scene.carriage import draw_vehicle
from darkroom.scene.figure import draw_person
from darkroom.scene.furniture import draw_occluder
from darkroom.scene.layout import Layout, Occluder, build_layout
from darkroom.scene.light import daylight, lamplight, shadow_mask
from darkroom.scene.people import people
from darkroom.scene.recipe import CameraSpec, WorldRecipe
from darkroom.scene.sensor import Sensor
from darkroom.scene.streams import Stream, stream
from darkroom.scene.trajectory import Pose, Trajectory
from darkroom.scene.vehicles import FIRST_IDENTITY, vehicles


SMALLEST_AREA = 100.0
SMALLEST_HEIGHT = 12.0
SMALLEST_VISIBILITY = 0.25
SMALLEST_INSIDE = 0.3
_LIGHTS_ON_BELOW = 0.45
_SENSOR = 1


class _View(NamedTuple):
    """What a camera keeps from frame to frame; none of it changes."""

    number: int
    spec: CameraSpec
    camera: Camera
    backdrop: Backdrop
    lamps: NDArray[np.float32]
    sensor: Sensor


class _Actor(NamedTuple):
    """Somebody who is there at the moment of a frame."""

    track: Trajectory
    look: PersonLook | VehicleLook
    pose: Pose


class _Painted(NamedTuple):
    """An actor on the canvas."""

    actor: _Actor
    mark: int
    extent: tuple[float, float, float, float]
    own: int


class World:
    """A recipe brought to life."""

    def __init__(self, recipe: WorldRecipe) -> None:
        """Draw layout, people and vehicles; pictures come on demand.

        Args:
            recipe: What decides everything.
        """
        self.recipe = recipe
        self.layout: Layout = build_layout(recipe.seed, recipe.look, recipe.cameras)
        self._views: dict[str, _View] = {}

    @cached_property
    def _actors(self) -> tuple[Trajectory, ...]:
        seed, duration, traffic = self.recipe.seed, self.recipe.duration, self.recipe.traffic
        walkers = people(seed, duration, traffic, self.layout)
        drivers = vehicles(seed, duration, traffic)
        return tuple(
            actor for actor in walkers + drivers if self.recipe.kind_class(actor.kind) is not None
        )

    @cached_property
    def _surfaces(self) -> Surfaces:
        return Surfaces.of(self.recipe.seed, self.recipe.look, self.layout)

    @cached_property
    def _looks(self) -> dict[int, PersonLook | VehicleLook]:
        seed, clothing = self.recipe.seed, self.recipe.look.clothing
        return {
            actor.identity: person_look(seed, actor.identity, clothing)
            if actor.kind == "person"
            else vehicle_look(seed, actor.identity - FIRST_IDENTITY)
            for actor in self._actors
        }

    @property
    def cameras(self) -> tuple[CameraSpec, ...]:
        """The recipe's cameras."""
        return self.recipe.cameras

    def trajectories(self) -> tuple[Trajectory, ...]:
        """Who is where, when; everybody who is there during the recording."""
        return self._actors

    def frame_count(self, camera_id: str) -> int:
        """How many frames a camera records.

        Raises:
            KeyError: There is no such camera.
        """
        spec = self.recipe.cameras[self._number(camera_id)]
        return max(1, int(np.floor(self.recipe.duration * spec.fps + 1e-9)))

    def second(self, camera_id: str, index: int) -> float:
        """When a frame is taken, in seconds since the recording began.

        Raises:
            KeyError: There is no such camera.
        """
        return index / self.recipe.cameras[self._number(camera_id)].fps

    def geometry(self, camera_id: str) -> Camera:
        """Where a camera stands and looks.

        Raises:
            KeyError: There is no such camera.
        """
        return self.layout.cameras[self._number(camera_id)]

    def frame(self, camera_id: str, index: int) -> tuple[NDArray[np.uint8], Annotations]:
        """One picture and what is true on it.

        Boxes are the full extent inside the picture, also behind an occluder. Left
        out is what a person who labels would leave out: boxes below 100 square pixels
        or 12 pixels of height, objects hidden to more than 75 %, and objects cut off
        by the edge to more than 70 %.

        Args:
            camera_id: Which camera.
            index: Which frame, from 0.

        Returns:
            RGB uint8 [H, W, 3] and its annotations, nearest object last.

        Raises:
            KeyError: There is no such camera.
            IndexError: There is no such frame.
        """
        if not 0 <= index < self.frame_count(camera_id):
            message = f"camera {camera_id} has {self.frame_count(camera_id)} frames"
            raise IndexError(message)
        view = self._view(camera_id)
        second = self.second(camera_id, index)
        present = [
            _Actor(track, self._looks[track.identity], track.pose(second))
            for track in self._actors
            if track.is_present(second)
        ]
        canvas = Canvas(view.backdrop.image)
        painted = self._paint(canvas, view.camera, present)
        light = self._illuminate(canvas, view, present, painted, second)
        noise = stream(self.recipe.seed, Stream.NOISE, view.number, index)
        return view.sensor.expose(light, noise), self._annotate(canvas, painted)

    def _number(self, camera_id: str) -> int:
        for number, spec in enumerate(self.recipe.cameras):
            if spec.id == camera_id:
                return number
        message = f"no camera {camera_id!r}; there are {[c.id for c in self.cameras]}"
        raise KeyError(message)

    def _view(self, camera_id: str) -> _View:
        if camera_id not in self._views:
            number = self._number(camera_id)
            camera = self.layout.cameras[number]
            backdrop = build_backdrop(camera, self._surfaces)
            self._views[camera_id] = _View(
                number=number,
                spec=self.recipe.cameras[number],
                camera=camera,
                backdrop=backdrop,
                lamps=lamplight(self.layout.lamps, backdrop.place),
                sensor=Sensor.draw(
                    stream(self.recipe.seed, Stream.CAMERA, number, _SENSOR),
                    self.recipe.look.noise,
                ),
            )
        return self._views[camera_id]

    def _paint(self, canvas: Canvas, camera: Camera, present: list[_Actor]) -> list[_Painted]:
        """Everything that stands on the ground, far to near."""
        eye = camera.position[:2]
        things: list[tuple[float, Occluder | _Actor]] = [
            (float(np.hypot(thing.x - eye[0], thing.y - eye[1])), thing)
            for thing in self.layout.occluders
        ]
        things += [
            (float(np.hypot(*(actor.pose.place - eye))), actor)
            for actor in present
            if _in_sight(camera, actor)
        ]
        painted: list[_Painted] = []
        for _, thing in sorted(things, key=lambda each: -each[0]):
            if isinstance(thing, Occluder):
                canvas.begin(OCCLUDER)
                draw_occluder(canvas, camera, thing)
            elif len(painted) < MOST_ACTORS:
                mark = len(painted) + 1
                canvas.begin(mark)
                if self._paint_actor(canvas, camera, thing):
                    extent = canvas.extent
                    own = canvas.held_by(mark, extent)
                    painted.append(_Painted(thing, mark, extent, own))
        return painted

    def _paint_actor(self, canvas: Canvas, camera: Camera, actor: _Actor) -> bool:
        if isinstance(actor.look, PersonLook):
            return draw_person(canvas, camera, actor.look, actor.pose)
        lights = self.recipe.look.light < _LIGHTS_ON_BELOW
        return draw_vehicle(canvas, camera, actor.look, actor.pose, lights=lights)

    def _illuminate(
        self,
        canvas: Canvas,
        view: _View,
        present: list[_Actor],
        painted: list[_Painted],
        second: float,
    ) -> NDArray[np.float32]:
        """Reflected light plus light of its own, 255 being white."""
        look = self.recipe.look
        ambient = np.float32(daylight(look, second, view.sensor.phase))
        level = view.lamps + ambient
        if look.shadow > 0.0:
            standing = ((each.pose, each.look) for each in present)
            shade = shadow_mask(view.camera, self.layout.sun, standing)
            shade[canvas.owner > 0] = 0.0
            level *= 1.0 - np.float32(look.shadow) * shade
        if len(self.layout.lamps):
            self._light_actors(level, canvas, painted, float(ambient))
        # OpenCV where numpy would say the same three numbers a pixel at a time
        light = cv2.multiply(canvas.image, cv2.merge([level] * 3), dtype=cv2.CV_32F).astype(
            np.float32, copy=False
        )
        if look.light < _LIGHTS_ON_BELOW:
            bare = (canvas.owner == 0).view(np.uint8)
            windows = cv2.bitwise_and(view.backdrop.glow, view.backdrop.glow, mask=bare)
            glow = cv2.add(windows, canvas.glow(), dtype=cv2.CV_32F)
            light += glow.astype(np.float32, copy=False)
        return light

    def _light_actors(
        self,
        level: NDArray[np.float32],
        canvas: Canvas,
        painted: list[_Painted],
        ambient: float,
    ) -> None:
        """People are lit by where they stand, not by what is behind them."""
        light_of = np.full(256, np.nan, dtype=np.float32)
        for each in painted:
            place = np.array([*each.actor.pose.place, 1.0])
            light_of[each.mark] = ambient + lamplight(self.layout.lamps, place)
        light_of[OCCLUDER] = ambient + 0.2
        np.copyto(level, cv2.LUT(canvas.owner, light_of), where=canvas.owner > 0)

    def _annotate(self, canvas: Canvas, painted: list[_Painted]) -> Annotations:
        height, width = canvas.owner.shape
        boxes, classes, identities, shares = [], [], [], []
        for each in painted:
            x1, y1, x2, y2 = each.extent
            x1, x2 = max(0.0, x1), min(float(width), x2)
            y1, y2 = max(0.0, y1), min(float(height), y2)
            if x2 <= x1 or y2 - y1 < SMALLEST_HEIGHT or each.own == 0:
                continue
            share = canvas.held_by(each.mark, each.extent) / each.own
            area = (x2 - x1) * (y2 - y1)
            if area < SMALLEST_AREA or share < SMALLEST_VISIBILITY:
                continue
            if area < SMALLEST_INSIDE * _area(each.extent):
                continue
            boxes.append((x1, y1, x2, y2))
            classes.append(self.recipe.kind_class(each.actor.track.kind))
            identities.append(each.actor.track.identity)
            shares.append(min(1.0, share))
        return Annotations(
            xyxy=np.array(boxes).reshape(-1, 4),
            class_id=np.array(classes, dtype=np.int32),
            identity=np.array(identities, dtype=np.int32),
            visibility=np.array(shares),
        )


def _area(box: tuple[float, float, float, float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _in_sight(camera: Camera, actor: _Actor) -> bool:
    """Whether a box around the actor, with room to spare, meets the picture."""
    reach = 3.2 if isinstance(actor.look, VehicleLook) else 0.8
    corners = np.array([*actor.pose.place, 0.0]) + [
        (x, y, z)
        for x in (-reach, reach)
        for y in (-reach, reach)
        for z in (0.0, actor.look.height)
    ]
    pixels, depth = camera.project(corners)
    if depth.min() < 0.1:  # noqa: PLR2004 - too near to say
        return bool(depth.max() > 0.0)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return bool(
        high[0] > 0.0 and high[1] > 0.0 and low[0] < camera.width and low[1] < camera.height
    )
