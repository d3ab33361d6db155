"""What a training job returns passes, and is the model that was trained."""

import pytest

from darkroom.model.output import Model
from darkroom.runtime.model_files import repack_arrays, rewrite_tflite
from darkroom.runtime.outputs import encode
from darkroom.scene import World
from darkroom.vision.centre_point import Grid
from tests.runtime.tflite_models import MODELS, computed
from tests.scene.scene_recipes import small_recipe


trainer = pytest.importorskip(
    "darkroom.adapters.tensorflow", reason="TensorFlow is an extra of the scientist"
)
pytestmark = pytest.mark.slow
GRID = Grid(width=96, height=80)


@pytest.fixture(scope="module")
def material():
    world = World(small_recipe())
    seen = [world.frame(camera.id, index) for camera in world.cameras for index in (0, 40, 80)]
    return [image for image, _ in seen], [truth for _, truth in seen]


@pytest.fixture(scope="module", params=["initial", "trained", "fine-tuned"])
def weights(request, material):
    fresh = trainer.initial_weights(seed=3)
    if request.param == "initial":
        return fresh
    if request.param == "trained":
        plan = trainer.Plan(steps=20, batch=8)
        return trainer.train(fresh, *material, plan, grid=GRID)[0]
    shipped = trainer.load_weights(MODELS / "detector.weights.npz")
    return trainer.fine_tune(shipped, *material, steps=10, batch=8, grid=GRID)[0]


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_an_export_is_the_same_model_and_raises_no_alarm(weights, material, precision):
    data = trainer.export_tflite(weights, precision, material[0], grid=GRID)
    once = rewrite_tflite("m", data)

    assert computed(once) == computed(data)
    assert rewrite_tflite("m", once) == once


def test_an_archive_of_weights_raises_no_alarm(weights):
    packed = encode("m", Model(format="npz", max_bytes=1 << 20), weights)

    assert repack_arrays("m", packed, most=1 << 20) == packed
