"""Trains the shipped detector from nothing: worlds, pictures, training, export.

Run from the repository root (two cores, under five minutes):

    .venv/bin/python data/models/train.py --out data/models

The worlds it trains on are drawn here, from looks and seeds of their own: no
domain's recipe is read. What it saw and measured goes to `training.json`.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.model.detection import CLASSES, Annotations
from darkroom.scene.looks import random_look, random_traffic
from darkroom.scene.recipe import CameraSpec, WorldRecipe
from darkroom.scene.world import World


SEED = 20_261_121
WORLDS = 96
CAMERAS = 3
FRAMES = 12
"""Per camera, one every ten seconds: neighbours would teach little."""
HELD_OUT_WORLDS = 8
STEPS = 1900
Frame = tuple[NDArray[np.uint8], Annotations]


def training_recipe(number: int) -> WorldRecipe:
    """World `number` of the training set: a day of chance."""
    rng = np.random.default_rng([SEED, number])
    busyness = ("quiet", "moderate", "busy", "busy")[number % 4]
    return WorldRecipe(
        seed=int(rng.integers(2**62)),
        duration=10.0 * FRAMES,
        cameras=tuple(CameraSpec(id=f"camera-{k}", fps=0.1) for k in range(CAMERAS)),
        look=random_look(rng, "day"),
        traffic=random_traffic(rng, busyness),
    )


def render(number: int) -> list[Frame]:
    """All frames of one training world."""
    cv2.setNumThreads(1)
    world = World(training_recipe(number))
    return [
        world.frame(camera.id, index)
        for camera in world.cameras
        for index in range(world.frame_count(camera.id))
    ]


def cpu_seconds() -> float:
    """Processor seconds of this process and its renderers; a busy machine adds none."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    """Render, train, export, and write what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("data/models"))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--worlds", type=int, default=WORLDS)
    options = parser.parse_args()

    began = time.perf_counter()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        worlds = list(pool.map(render, range(options.worlds + HELD_OUT_WORLDS)))
    seen = [frame for world in worlds[: options.worlds] for frame in world]
    held_out = [frame for world in worlds[options.worlds :] for frame in world]
    rendered = time.perf_counter()
    print(f"{len(seen) + len(held_out)} frames rendered in {rendered - began:.0f} s")

    # TensorFlow starts after the renderers have gone: the pool needs the memory
    from darkroom.adapters import tensorflow as trainer
    from darkroom.vision.average_precision import average_precision

    def on_step(step: int, steps: int, loss: float) -> None:
        if step % 50 == 0 or step == steps:
            seconds = time.perf_counter() - rendered
            print(f"\rstep {step}/{steps}  loss {loss:.3f}  {seconds:.0f} s", end="")
            sys.stdout.flush()

    images = [image for image, _ in seen]
    weights, losses = trainer.train(
        trainer.initial_weights(seed=SEED),
        images,
        [truth for _, truth in seen],
        trainer.Plan(steps=options.steps, batch=16, peak=2e-3, seed=SEED),
        on_step=on_step,
    )
    print()
    trained = time.perf_counter()
    options.out.mkdir(parents=True, exist_ok=True)
    trainer.save_weights(weights, options.out / "detector.weights.npz")
    sizes = {}
    for name, precision in (("float", "float32"), ("int8", "int8")):
        model = trainer.export_tflite(weights, precision, images)
        (options.out / f"detector.{name}.tflite").write_bytes(model)
        sizes[name] = len(model)
    (options.out / "labels.txt").write_text("\n".join(CLASSES) + "\n")
    exported = time.perf_counter()

    found = trainer.predict(weights, [image for image, _ in held_out])
    result = average_precision(found, [truth for _, truth in held_out], len(CLASSES))
    report = {
        "seed": SEED,
        "worlds": options.worlds,
        "frames": len(seen),
        "objects": {
            name: int(sum((truth.class_id == k).sum() for _, truth in seen))
            for k, name in enumerate(CLASSES)
        },
        "steps": len(losses),
        "loss": [round(float(np.mean(part)), 4) for part in np.array_split(losses, 20)],
        "held_out": {
            "worlds": HELD_OUT_WORLDS,
            "frames": len(held_out),
            "ap50": round(result.mean, 4),
            **{f"ap50_{n}": round(v, 4) for n, v in zip(CLASSES, result.per_class, strict=True)},
        },
        "bytes": sizes,
        "seconds": {
            "render": round(rendered - began, 1),
            "train": round(trained - rendered, 1),
            "export": round(exported - trained, 1),
            "total": round(time.perf_counter() - began, 1),
            "cpu": round(cpu_seconds(), 1),
        },
    }
    (options.out / "training.json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report["held_out"]), json.dumps(report["seconds"]))


if __name__ == "__main__":
    main()
