"""The workshop of the sandbox suites on a cluster: the same small jobs, in pods."""

from contextlib import ExitStack
from pathlib import Path

from darkroom.adapters.sandbox.kubernetes.sandbox import KubernetesSandbox
from darkroom.adapters.sandbox.plan import Layer
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.cluster import FakeCluster
from tests.kubernetes.machines import TOKENS, Cluster, require_machines
from tests.sandbox.workshop import Workshop


class ClusterWorkshop(Workshop):
    """Jobs on a cluster of one machine, with a fake API server or the real one.

    Args:
        folder: for everything.
        real: whether kube-apiserver, its controllers and its scheduler are started.
    """

    def __init__(self, folder: Path, *, real: bool) -> None:
        require_machines()
        self._closing = ExitStack()
        try:
            server = ApiServer(folder, TOKENS) if real else FakeCluster(folder, TOKENS)
            self._closing.callback(server.close)
            self.cluster = Cluster(server, folder)
            self._closing.callback(self.cluster.close)
            self.cluster.start_machine("pi-a")
            super().__init__(self.cluster.volume("north-footage-pi-a"))
        except BaseException:
            self._closing.close()
            raise
        self.runtime = self.cluster.runtime()
        self._sandbox: KubernetesSandbox | None = None

    def sandbox(  # type: ignore[override]
        self, *without: Layer, cgroups: bool = True
    ) -> KubernetesSandbox:
        """The cluster's sandbox; another one that a test may close."""
        if without:
            return self.cluster.sandbox(self.runtime)
        if self._sandbox is None:
            self._sandbox = self.cluster.sandbox(self.runtime)
        return self._sandbox

    def close(self) -> None:
        """End the cluster."""
        self._closing.close()
