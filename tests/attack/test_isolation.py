"""T29: a wall is silently missing on this machine."""

import pytest

from darkroom.adapters.sandbox.plan import LAYERS, Layer
from darkroom.node.walls import Walls
from darkroom.ports import Isolation
from tests.node.village import Village
from tests.sandbox.workshop import Workshop


class Bare:
    """The sandbox of a village on a machine where walls are missing."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        self.missing = missing

    def probe(self) -> Isolation:
        layers = dict.fromkeys(LAYERS, "holds") | dict.fromkeys(self.missing, "is not there")
        return Isolation(fit=not self.missing, layers=layers)


def on_a_bare_machine(village: Village, *missing: str) -> None:
    bare = Bare(missing)
    village.sandbox.probe = bare.probe
    village.node.walls.probe()


@pytest.mark.attack("T29", control="off")
def test_a_node_that_does_not_look_runs_jobs_without_walls(village, monkeypatch):
    village.in_force()
    on_a_bare_machine(village, "network")
    monkeypatch.setattr(Walls, "fit", property(lambda _: True))
    village.approve(village.submitted())
    village.settle()

    assert village.sandbox.started


@pytest.mark.attack("T29", control="on")
@pytest.mark.parametrize("layer", LAYERS)
def test_a_node_without_a_wall_runs_nothing_and_names_it(village, layer):
    village.in_force()
    on_a_bare_machine(village, layer)
    request = village.submitted()
    village.approve(request)
    village.settle()

    assert village.sandbox.started == []
    assert village.state_of(request.job_id) == "approved"
    reasons = village.alice.letters("job.state", request.job_id)[-1].body["reasons"]
    assert layer in " ".join(reasons)
    fact = village.store.fact("isolation")
    assert (fact["fit"], fact["layers"][layer]) == (False, "is not there")


@pytest.mark.attack("T29", control="on")
@pytest.mark.parametrize("layer", ["network", "environment", "identity"])
def test_the_probe_finds_a_wall_that_is_really_missing(workshop: Workshop, layer: Layer) -> None:
    """Every wall of the list is taken away in turn in tests/sandbox/test_probe.py."""
    isolation = workshop.sandbox(layer).probe()

    assert not isolation.fit
    assert isolation.layers[layer] != "holds"


@pytest.mark.attack("T29", control="on")
def test_a_sandbox_that_never_answers_counts_as_none(village):
    from darkroom.errors import IsolationError

    village.in_force()

    def broken() -> Isolation:
        raise IsolationError("the launcher is gone", next_step="look")

    village.sandbox.probe = broken
    village.node.walls.probe()
    village.approve(village.submitted())
    village.settle()

    assert village.sandbox.started == []
    assert not village.node.walls.fit
