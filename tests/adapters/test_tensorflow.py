"""The detector learns, forgets nothing it is told to keep, and can be exported."""

import numpy as np
import pytest

from darkroom.errors import DataError, ModelRefusedError, NoAnnotationsError
from darkroom.model.detection import Annotations
from darkroom.scene import World
from darkroom.vision.centre_point import Grid, normalise, prepare
from tests.scene.scene_recipes import small_recipe


trainer = pytest.importorskip(
    "darkroom.adapters.tensorflow", reason="TensorFlow is an extra of the scientist"
)

pytestmark = pytest.mark.slow
GRID = Grid(width=96, height=80)


@pytest.fixture(scope="module")
def material():
    world = World(small_recipe())
    return [world.frame(camera.id, index) for camera in world.cameras for index in (0, 40, 80)]


@pytest.fixture(scope="module")
def images(material):
    return [image for image, _ in material]


@pytest.fixture(scope="module")
def annotations(material):
    return [truth for _, truth in material]


@pytest.fixture(scope="module")
def weights():
    return trainer.initial_weights(seed=1)


def test_initial_weights_follow_from_the_seed():
    one, two = (trainer.initial_weights(seed=4) for _ in range(2))

    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["stem/kernel"], trainer.initial_weights(seed=5)["stem/kernel"])


def test_the_network_has_the_published_outputs_and_no_running_statistics(weights):
    model = trainer.build_model(weights, GRID)

    heat, boxes = model(np.zeros((2, 80, 96, 3), np.float32))
    assert heat.shape == (2, 10, 12, 2)
    assert boxes.shape == (2, 10, 12, 4)
    assert len(model.trainable_variables) == len(model.variables) == len(weights)


def test_weights_survive_the_file(weights, tmp_path):
    trainer.save_weights(weights, tmp_path / "w.npz")

    again = trainer.load_weights(tmp_path / "w.npz")
    assert list(again) == list(weights)
    assert all(np.array_equal(again[name], weights[name]) for name in weights)


def test_weights_survive_the_network(weights):
    again = trainer.weights_of(trainer.build_model(weights, GRID))

    assert set(again) == set(weights)
    assert all(np.array_equal(again[name], weights[name]) for name in weights)


def without(weights, name):
    return {key: value for key, value in weights.items() if key != name}


WRONG_WEIGHTS = {
    "one missing": lambda w: without(w, "neck/bias"),
    "one too many": lambda w: w | {"more": np.zeros(1, np.float32)},
    "another shape": lambda w: w | {"neck/bias": np.zeros(3, np.float32)},
    "another type": lambda w: w | {"neck/bias": np.zeros(48, np.float64)},
    "not finite": lambda w: w | {"neck/bias": np.full(48, np.nan, np.float32)},
    "no class": lambda w: without(w, "heat/bias"),
}


@pytest.mark.parametrize("fault", WRONG_WEIGHTS)
def test_weights_that_do_not_fit_are_refused(fault, weights):
    with pytest.raises(ModelRefusedError):
        trainer.check_weights(WRONG_WEIGHTS[fault](weights))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04broken"], ids=str)
def test_a_file_that_holds_no_weights_is_refused(content, tmp_path):
    path = tmp_path / "w.npz"
    path.write_bytes(content)

    with pytest.raises(ModelRefusedError, match="file of weights"):
        trainer.load_weights(path)


def test_a_file_of_objects_is_refused_unopened(tmp_path):
    np.savez(tmp_path / "w.npz", evil=np.array([object()]))

    with pytest.raises(ModelRefusedError):
        trainer.load_weights(tmp_path / "w.npz")


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def trained(weights, images, annotations, told):
    """Two runs with the same seed; the second one tells its progress."""
    plan = trainer.Plan(steps=25, batch=4, warm_up=3, seed=2)
    return [
        trainer.train(weights, images, annotations, plan, grid=GRID, on_step=on_step)
        for on_step in (None, lambda *step: told.append(step))
    ]


def test_training_learns_a_few_pictures_by_heart(weights, images, annotations):
    # The same four in every batch: the loss falls, whatever batch the chance would draw.
    plan = trainer.Plan(steps=40, batch=4, warm_up=3, seed=2)

    _, losses = trainer.train(weights, images[:4], annotations[:4], plan, grid=GRID)

    assert len(losses) == 40
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_training_tells_its_progress(trained, told):
    assert told == [(step, 25, loss) for step, loss in enumerate(trained[1][1], start=1)]


def test_the_same_seed_trains_the_same_weights(trained):
    (one, losses), (two, again) = trained

    assert losses == again
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_training_leaves_the_given_weights_alone(trained, weights):
    untouched = trainer.initial_weights(seed=1)

    assert all(np.array_equal(weights[name], untouched[name]) for name in untouched)
    assert all(not np.array_equal(trained[0][0][name], weights[name]) for name in weights)


def test_the_loss_of_a_picture_does_not_depend_on_its_neighbours(weights):
    rng = np.random.default_rng(0)
    model = trainer.build_model(weights, GRID)
    pictures = rng.uniform(-1, 1, (3, 80, 96, 3)).astype(np.float32)
    target = rng.uniform(0, 1, (3, 10, 12, 7)).astype(np.float32)

    together = trainer.per_example_loss(*model(pictures), target)
    alone = trainer.per_example_loss(*model(pictures[1:2]), target[1:2])

    assert together.shape == (3,)
    np.testing.assert_allclose(together[1], alone[0], rtol=1e-4)


def test_a_perfect_answer_costs_next_to_nothing():
    target = np.zeros((1, 10, 12, 7), np.float32)
    target[0, 4, 4] = [1, 0, 0.2, -0.1, 0.3, 0.1, 1]
    heat = np.where(target[..., :2] == 1.0, 12.0, -12.0).astype(np.float32)

    perfect = trainer.per_example_loss(heat, target[..., 2:6], target)
    wrong = trainer.per_example_loss(-heat, target[..., 2:6] + 1.0, target)

    assert float(perfect[0]) < 1e-4
    assert float(wrong[0]) > 5.0


def test_the_loss_is_what_the_papers_say():
    target = np.zeros((1, 10, 12, 7), np.float32)
    target[0, 4, 4] = [1, 0, 0, 0, 0, 0, 1]
    target[..., 1] = 1.0  # class 1: nothing but centres, to leave one number to check
    heat = np.zeros((1, 10, 12, 2), np.float32)
    boxes = np.zeros((1, 10, 12, 4), np.float32)
    boxes[..., 0] = 0.05  # 0.4 of 16 pixels to the right

    focal = (119 + 121) * 0.25 * np.log(2.0) / 121  # (1-p)^2 or p^2 is 1/4 everywhere
    overlap = (16 - 0.4) / (16 + 0.4)
    huber = 0.05**2 / 0.2  # below delta: e^2 / 2 delta
    loss = float(trainer.per_example_loss(heat, boxes, target)[0])

    assert loss == pytest.approx(focal + 3.0 * (1.0 - overlap) + huber, rel=1e-4)


@pytest.mark.parametrize(
    ("fault", "pictures", "truths", "error"),
    [
        ("no pictures", 0, 0, DataError),
        ("a picture without an entry", 2, 1, DataError),
        ("pictures with nothing on them", 2, 2, NoAnnotationsError),
    ],
)
def test_material_that_teaches_nothing_is_refused(fault, pictures, truths, error, weights):
    image = np.zeros((64, 80, 3), np.uint8)

    with pytest.raises(error):
        trainer.fine_tune(weights, [image] * pictures, [Annotations.empty()] * truths, steps=1)


def test_a_plan_without_steps_is_refused():
    with pytest.raises(DataError):
        trainer.Plan(steps=0)


def test_the_rate_rises_and_falls():
    plan = trainer.Plan(steps=100, warm_up=10, peak=1.0)
    rates = [plan.rate(step) for step in range(100)]

    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(rates[9], rel=0.05)
    assert rates[99] < 0.001


def test_predictions_are_in_the_pixels_of_each_picture(weights):
    pictures = [np.zeros((60, 90, 3), np.uint8), np.zeros((200, 100, 3), np.uint8)]
    loud = weights | {"heat/bias": np.full(2, 1.0, np.float32)}

    found = trainer.predict(loud, pictures, grid=GRID)

    assert len(found) == 2
    assert found[0].xyxy.max() <= 90
    assert found[1].xyxy[:, 3].max() <= 200


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_an_export_says_what_the_network_says(precision, trained, images):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    learned, _ = trained[0]
    content = trainer.export_tflite(learned, precision, images, grid=GRID)
    engine = litert.Interpreter(model_content=content, num_threads=1)
    engine.allocate_tensors()
    light = normalise(prepare(images[0], GRID))[None]
    expected = trainer.build_model(learned, GRID)(light)

    (entry,) = engine.get_input_details()
    scale, zero = entry["quantization"]
    engine.set_tensor(
        entry["index"], np.rint(light / scale + zero).astype(np.int8) if scale else light
    )
    engine.invoke()

    outputs = sorted(engine.get_output_details(), key=lambda each: each["name"])
    for output, right in zip(outputs, expected, strict=True):
        scale, zero = output["quantization"]
        given = engine.get_tensor(output["index"]).astype(np.float32)
        given = (given - zero) * scale if scale else given
        assert given.shape == right.shape
        assert np.abs(given - right).mean() < max(0.01, 2.0 * scale)
    assert (entry["dtype"] is np.int8) == (precision == "int8")


def test_an_int8_export_needs_pictures(weights):
    with pytest.raises(DataError, match="calibrate"):
        trainer.export_tflite(weights, "int8", grid=GRID)
