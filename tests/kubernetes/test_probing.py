"""The walls of a cluster are probed again whenever they are known not to hold."""

import threading

from darkroom.bootstrap import cluster_sandbox
from darkroom.bootstrap.cluster_sandbox import probe_until_it_holds
from tests.kubernetes.machines import wait_until
from tests.node.village import Village


def test_a_domain_that_became_unfit_is_fit_again_without_a_restart(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_sandbox, "LOOK_AGAIN_SECONDS", 0.01)
    village, stopping, said = Village(tmp_path), threading.Event(), []
    walls = village.node.walls
    thread = probe_until_it_holds(village.node, said.append, stopping)
    try:
        for _ in range(2):
            village.sandbox.fit = False
            walls.probe()  # as a worker does when its sandbox gave up
            assert not walls.fit
            village.sandbox.fit = True
            wait_until(10, lambda: walls.fit)
    finally:
        stopping.set()
        thread.join(10)
        village.store.close()
    assert said
    assert said[-1].startswith("the sandbox holds")
