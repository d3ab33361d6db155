"""The REAL API server with its controllers and its scheduler, on loopback, over SQLite (kine).

Skips, with the reason, where one of the programs is not there (`tools.py`). What is not real
here is the kubelet alone: `kubelet.py` stands in for it.
"""

import os
import signal
import socket
import ssl
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import httpx

from tests.kubernetes.certificates import write_certificate, write_signing_key
from tests.kubernetes.tools import tool


READY_SECONDS = 60.0
CONTROLLERS = (
    "job-controller",
    "garbage-collector-controller",
    "resourcequota-controller",
    "node-lifecycle-controller",
    "taint-eviction-controller",
    "persistentvolume-binder-controller",
    "serviceaccount-controller",
    "pod-garbage-collector-controller",
    "ttl-after-finished-controller",
    "namespace-controller",
    "persistentvolumeclaim-protection-controller",
    "persistentvolume-protection-controller",
)


def free_port() -> int:
    """A port of loopback that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ApiServer:
    """kine, kube-apiserver, kube-controller-manager and kube-scheduler.

    Args:
        folder: for certificates, tokens, logs and the database.
        tokens: token -> user; "system:masters" is a group.
    """

    def __init__(self, folder: Path, tokens: dict[str, str]) -> None:
        programs = {
            name: tool(name)
            for name in ("kine", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
        }
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.ca, key = write_certificate(folder)
        signing = write_signing_key(folder)
        port, storage = free_port(), free_port()
        self.url = f"https://127.0.0.1:{port}"
        known = folder / "tokens.csv"
        lines = [
            f"{token},admin,{number},system:masters"
            if user == "system:masters"
            else f"{token},{user},{number}"
            for number, (token, user) in enumerate(tokens.items())
        ]
        known.write_text("\n".join(lines) + "\n")
        admin = next(token for token, user in tokens.items() if user == "system:masters")
        config = self._kubeconfig(admin)
        try:
            self._start(
                programs["kine"],
                f"--endpoint=sqlite://{folder / 'kine.db'}?_journal=WAL&cache=shared"
                "&_busy_timeout=30000&_txlock=immediate",
                f"--listen-address=127.0.0.1:{storage}",
                "--metrics-bind-address=0",
            )
            self._start(
                programs["kube-apiserver"],
                f"--etcd-servers=http://127.0.0.1:{storage}",
                f"--secure-port={port}",
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                f"--tls-cert-file={self.ca}",
                f"--tls-private-key-file={key}",
                f"--token-auth-file={known}",
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.43.0.0/24",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={signing}",
                f"--service-account-signing-key-file={signing}",
                "--endpoint-reconciler-type=none",
            )
            self._wait(admin)
            self._start(
                programs["kube-controller-manager"],
                f"--kubeconfig={config}",
                "--leader-elect=false",
                "--secure-port=0",
                f"--controllers={','.join(CONTROLLERS)}",
                "--node-monitor-period=1s",
                "--node-monitor-grace-period=5s",
                f"--service-account-private-key-file={signing}",
            )
            self._start(
                programs["kube-scheduler"],
                f"--kubeconfig={config}",
                "--leader-elect=false",
                "--secure-port=0",
            )
        except BaseException:
            self.close()
            raise

    def _kubeconfig(self, token: str) -> Path:
        path = self._folder / "kubeconfig"
        path.write_text(
            f"""apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{self.url}", certificate-authority: "{self.ca}"}}}}]
users: [{{name: u, user: {{token: "{token}"}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""
        )
        return path

    def _start(self, program: Path, *arguments: str) -> None:
        with (self._folder / f"{program.name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [str(program), *arguments],
                    stdout=log,
                    stderr=log,
                    cwd=self._folder,
                    env={"PATH": os.environ["PATH"], "HOME": str(self._folder)},
                )
            )

    def _wait(self, token: str) -> None:
        trust = ssl.create_default_context(cafile=str(self.ca))
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with suppress(httpx.TransportError):
                with httpx.Client(verify=trust, timeout=5, trust_env=False) as client:
                    said = client.get(
                        f"{self.url}/readyz", headers={"Authorization": f"Bearer {token}"}
                    )
                if said.is_success:
                    return
            log = (self._folder / "kube-apiserver.log").read_text()[-2000:]
            assert self._processes[-1].poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.2)

    def close(self) -> None:
        """Stop all of them."""
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()
