"""A recipe decides everything, and a wrong one is refused."""

import pytest

from darkroom.errors import SpecError
from darkroom.scene import CameraSpec, Look, Traffic, WorldRecipe
from darkroom.scene.presence import Presence
from tests.scene.scene_recipes import small_recipe


MINIMAL = {"seed": 1, "duration": 10, "cameras": [{"id": "door"}]}


def test_a_minimal_recipe_has_the_documented_defaults():
    recipe = WorldRecipe.from_mapping(MINIMAL)

    assert recipe.cameras == (CameraSpec(id="door", width=320, height=256, fps=2.0),)
    assert recipe.classes == ("person", "vehicle")
    assert recipe.look == Look()


def test_a_recipe_survives_the_way_through_plain_data():
    recipe = small_recipe(look=Look(light=0.5, ground=(1, 2, 3)))

    assert WorldRecipe.from_mapping(recipe.to_mapping()) == recipe


@pytest.mark.parametrize(
    ("fault", "change", "named"),
    [
        ("an unknown key", {"colour": "red"}, "colour"),
        ("an unknown look", {"look": {"lamp": 3}}, "lamp"),
        ("an unknown camera key", {"cameras": [{"id": "a", "zoom": 2}]}, "zoom"),
        ("an unknown stay", {"traffic": {"presence": {"mean": 3}}}, "mean"),
        ("a camera without a name", {"cameras": [{"width": 320}]}, "id"),
        ("no cameras", {"cameras": []}, "1..64 cameras"),
        ("two cameras of one name", {"cameras": [{"id": "a"}, {"id": "a"}]}, "same id"),
        ("a look that is a list", {"look": [1]}, "look must be a mapping"),
        ("a light that is a word", {"look": {"light": "dim"}}, "wrong kind"),
        ("a negative seed", {"seed": -1}, "seed"),
        ("a seed with a fraction", {"seed": 1.5}, "seed"),
        ("no time at all", {"duration": 0}, "duration"),
        ("classes that cannot be drawn", {"classes": ["cat"]}, "cat"),
        ("a class twice", {"classes": ["person", "person"]}, "twice"),
        ("a colour of two parts", {"look": {"ground": [1, 2]}}, "ground"),
        ("an unknown paving", {"look": {"paving": "lawn"}}, "lawn|paving"),
        ("an inverted range", {"look": {"focal": [2, 1]}}, "focal"),
        ("a picture of one pixel", {"cameras": [{"id": "a", "width": 1}]}, "width"),
        ("no frames", {"cameras": [{"id": "a", "fps": 0}]}, "fps"),
        ("too many people", {"traffic": {"people_per_minute": 1000}}, "arrivals"),
        ("a share above one", {"traffic": {"parking_share": 2}}, "parking_share"),
        ("a stay of no time", {"traffic": {"presence": {"passing": 0}}}, "positive"),
    ],
)
def test_a_wrong_recipe_is_refused_and_the_fault_is_named(fault, change, named):
    with pytest.raises(SpecError, match=named):
        WorldRecipe.from_mapping(MINIMAL | change)


def test_a_missing_key_is_named():
    with pytest.raises(SpecError, match="seed"):
        WorldRecipe.from_mapping({"duration": 10, "cameras": [{"id": "a"}]})


def test_classes_may_have_any_order_and_strangers():
    recipe = small_recipe(classes=("bicycle", "car", "person"))

    assert recipe.kind_class("vehicle") == 1
    assert recipe.kind_class("person") == 2
    assert small_recipe(classes=("person",)).kind_class("vehicle") is None


def test_the_stay_has_the_mean_and_the_tail_that_it_says():
    presence = Presence(shortest=10.0, passing=5.0, staying=50.0, staying_share=0.25)

    assert presence.mean == pytest.approx(26.25)
    assert presence.longer_than(10.0) == 1.0
    assert presence.longer_than(60.0) == pytest.approx(0.0920038, abs=1e-6)


def test_traffic_can_be_nobody():
    assert Traffic(people_per_minute=0.0).people_per_minute == 0.0
