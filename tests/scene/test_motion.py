"""People and vehicles come, stay and go as the recipe says."""

import numpy as np
import pytest
from scipy import stats

from darkroom.errors import DarkroomError
from darkroom.scene import Traffic, Trajectory, World
from darkroom.scene.layout import FAR_WALL_Y, NEAR_WALL_Y
from darkroom.scene.people import WARM_UP, people
from darkroom.scene.presence import Presence
from darkroom.scene.vehicles import vehicles
from tests.scene.scene_recipes import small_recipe


@pytest.fixture(scope="module")
def crowd():
    """Everybody of two hours, on one plaza."""
    layout = World(small_recipe()).layout
    traffic = Traffic(people_per_minute=10.0, presence=Presence())
    return people(3, 7200.0, traffic, layout), traffic, layout


def test_stays_follow_the_declared_distribution(crowd):
    walkers, traffic, _ = crowd
    stays = [each.duration for each in walkers if each.entered >= 0.0]

    declared = np.vectorize(lambda d: 1.0 - traffic.presence.longer_than(d))
    assert stats.kstest(stays, declared).pvalue > 0.01
    assert np.mean(stays) == pytest.approx(traffic.presence.mean, rel=0.1)


def test_some_stay_longer_than_any_rho_worth_declaring(crowd):
    walkers, traffic, _ = crowd
    share = np.mean([each.duration > 60.0 for each in walkers if each.entered >= 0.0])

    assert share == pytest.approx(traffic.presence.longer_than(60.0), abs=0.03)


def test_arrivals_are_a_poisson_process_of_the_declared_rate(crowd):
    walkers, traffic, _ = crowd
    arrivals = np.array([each.entered for each in walkers if each.entered >= 0.0])
    gaps = np.diff(arrivals)

    assert len(arrivals) / 120.0 == pytest.approx(traffic.people_per_minute, rel=0.08)
    assert stats.kstest(gaps, stats.expon(scale=6.0).cdf).pvalue > 0.01


def test_the_recording_starts_in_full_swing(crowd):
    walkers, traffic, _ = crowd
    present = [sum(w.is_present(t) for w in walkers) for t in range(0, 7200, 60)]
    usual = traffic.people_per_minute / 60.0 * traffic.presence.mean  # Little's law

    assert np.mean(present) == pytest.approx(usual, rel=0.15)
    assert present[0] > 0
    assert WARM_UP > 3 * traffic.presence.mean


def test_everybody_enters_and_leaves_through_an_archway(crowd):
    walkers, _, layout = crowd
    gates = {tuple(gate.point) for gate in layout.gates}

    for walker in walkers:
        assert tuple(walker.points[0]) in gates
        assert tuple(walker.points[-1]) in gates
        assert tuple(walker.points[0]) != tuple(walker.points[-1])


def test_nobody_walks_on_the_street_or_through_a_house(crowd):
    walkers, _, _ = crowd

    for walker in walkers:
        y = walker.points[:, 1]
        assert (y >= NEAR_WALL_Y).all()
        assert (y <= FAR_WALL_Y).all()
        assert (y < 3.0).all() or (y > 11.0).all()


def test_nobody_runs(crowd):
    walkers, _, _ = crowd

    for walker in walkers:
        speeds = np.linalg.norm(np.diff(walker.points, axis=0), axis=1) / np.diff(walker.times)
        assert speeds.max() < 2.5


def test_no_vehicle_drives_through_another():
    drivers = vehicles(5, 1800.0, Traffic(vehicles_per_minute=20.0, parking_share=0.5))
    assert len(drivers) > 300

    for second in range(0, 1800, 7):
        present = [d.position(second) for d in drivers if d.is_present(second)]
        for index, one in enumerate(present):
            for other in present[index + 1 :]:
                along, across = np.abs(one - other)
                assert along > 5.3 or across > 1.9


def test_some_vehicles_stop_at_the_kerb_and_some_pass():
    drivers = vehicles(5, 900.0, Traffic(vehicles_per_minute=10.0, parking_share=0.4))

    stops = [bool((np.diff(d.points[:, 0]) == 0.0).any()) for d in drivers]
    assert 0.1 < np.mean(stops) < 0.6


def test_motion_does_not_depend_on_what_is_rendered():
    still, filmed = World(small_recipe()), World(small_recipe())

    for camera in filmed.cameras:
        for index in range(0, 120, 24):
            filmed.frame(camera.id, index)

    for one, other in zip(still.trajectories(), filmed.trajectories(), strict=True):
        assert one.identity == other.identity
        np.testing.assert_array_equal(one.times, other.times)
        np.testing.assert_array_equal(one.points, other.points)


def test_motion_does_not_depend_on_cameras_look_or_noise():
    plain = World(small_recipe())
    other = World(small_recipe(cameras=small_recipe().cameras[:1]))

    for one, two in zip(plain.trajectories(), other.trajectories(), strict=True):
        np.testing.assert_array_equal(one.points, two.points)


def test_more_vehicles_do_not_move_people():
    few = World(small_recipe())
    many = World(small_recipe(traffic=Traffic(people_per_minute=14.0, vehicles_per_minute=30)))

    def walks(world):
        return [t.points.tolist() for t in world.trajectories() if t.kind == "person"]

    assert walks(few) == walks(many)


def test_a_wait_keeps_the_heading_and_stops_the_legs():
    path = Trajectory(
        identity=0, kind="person",
        times=[0, 10, 20, 30], points=[(0, 0), (10, 0), (10, 0), (10, 10)],
    )  # fmt: skip

    assert path.pose(5).moving
    assert not path.pose(15).moving
    assert path.pose(15).heading == 0.0
    assert path.pose(25).heading == pytest.approx(np.pi / 2)
    assert path.pose(15).walked == 10.0
    assert path.position(5) == pytest.approx([5.0, 0.0])
    assert path.duration == 30.0


@pytest.mark.parametrize(
    ("times", "points"),
    [([0], [(0, 0)]), ([0, 0], [(0, 0), (1, 1)]), ([1, 0], [(0, 0), (1, 1)])],
    ids=["one point", "no time between", "backwards"],
)
def test_an_impossible_path_is_refused(times, points):
    with pytest.raises((ValueError, DarkroomError)):
        Trajectory(identity=0, kind="person", times=times, points=points)


def test_nobody_comes_where_nobody_is_expected():
    empty = Traffic(people_per_minute=0.0, vehicles_per_minute=0.0)

    assert World(small_recipe(traffic=empty)).trajectories() == ()
