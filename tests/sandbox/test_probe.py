"""Take each wall away in turn: the probe must name it, and the node is unfit."""

import pytest

from darkroom.adapters.sandbox import host, process
from darkroom.adapters.sandbox.plan import LAYERS, Layer
from darkroom.errors import IsolationError
from tests.sandbox.workshop import Workshop, as_root, open_workshop  # noqa: F401


@pytest.mark.parametrize("layer", LAYERS)
def test_a_missing_wall_is_named(workshop: Workshop, layer: Layer) -> None:
    isolation = workshop.sandbox(layer).probe()

    assert not isolation.fit
    assert isolation.layers[layer] != "holds"


@pytest.mark.parametrize("cgroups", [True, False])
def test_with_all_walls_the_node_is_fit(workshop: Workshop, cgroups: bool) -> None:
    isolation = workshop.sandbox(cgroups=cgroups).probe()

    assert isolation.fit, isolation.layers
    assert (isolation.layers["own user"] == "holds") is as_root()
    if not cgroups:
        assert "watched from outside" in isolation.layers["memory group"]


def test_the_probe_leaves_nothing_behind(workshop: Workshop) -> None:
    workshop.sandbox().probe()

    assert not list(workshop.state.glob("probe-*"))


def test_without_bubblewrap_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.shutil, "which", lambda _name, **_: None)

    with pytest.raises(IsolationError, match="apt-get install bubblewrap"):
        host.find_host()


def test_a_launcher_that_cannot_start_is_unfit_and_says_why(tmp_path) -> None:
    with process.ProcessSandbox(runtimes=[], roots=[tmp_path / "nowhere"]) as sandbox:
        isolation = sandbox.probe()

    assert not isolation.fit
    assert "cannot start" in isolation.layers["launcher"]
