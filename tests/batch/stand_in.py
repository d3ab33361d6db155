"""A stand-in for kubelets, on the FAKE API server of tests/kubernetes (no Kubernetes).

It gives the one container of a pod its volumes as folders and runs its command for real, as a
process here: the paths of the mounts are written into the command and its environment.
"""

import base64
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.kubernetes.cluster import FakeCluster, now


Object = dict[str, Any]
SPACE = "darkroom-batch"
ADMIN, PERSON = "admin-token", "person-token"
TOKENS = {ADMIN: "system:masters", PERSON: "alice"}
RULES = [  # those of docs/batch.md
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "delete"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
]
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def kubeconfig(server: Any, token: str = PERSON) -> str:
    """A kubeconfig for one of the tokens, at a fake or a real API server."""
    return f"""apiVersion: v1
kind: Config
current-context: x
clusters: [{{name: c, cluster: {{server: "{server.url}", certificate-authority: "{server.ca}"}}}}]
users: [{{name: u, user: {{token: "{token}"}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
"""


class StandInCluster(FakeCluster):
    """One namespace, one person with the role of the docs, and pods that run.

    Attributes:
        runs: whether pods are run; else a test sets their states.
        lines: what the pod printed so far, with the time of each line.
        turned_away: a call came while nobody was there.
    """

    def __init__(self, folder: Path, *, runs: bool = True) -> None:
        super().__init__(folder, TOKENS)
        self.folder, self.runs = folder, runs
        self.lines: list[str] = []
        self.log_done, self.turned_away = threading.Event(), threading.Event()
        self._ended = threading.Event()
        self._seen: set[str] = set()
        self._processes: list[subprocess.Popen[str]] = []
        with self.changed:
            self.add("namespaces", "", {"metadata": {"name": SPACE, "labels": RESTRICTED}})
            self.add("roles", SPACE, {"metadata": {"name": "batch"}, "rules": RULES})
            subject = {"kind": "User", "name": TOKENS[PERSON]}
            self.add(
                "rolebindings",
                SPACE,
                {"metadata": {"name": "b"}, "roleRef": {"name": "batch"}, "subjects": [subject]},
            )
        cluster, usual = self, self._server.RequestHandlerClass

        class Handler(usual):  # type: ignore[valid-type, misc]
            def do_GET(self) -> None:  # noqa: N802  # of the standard library
                if urlsplit(self.path).path.endswith("/log"):
                    cluster.stream_log(self)
                else:
                    self._do()

        self._server.RequestHandlerClass = Handler
        self._kubelet = threading.Thread(target=self._look, daemon=True)
        self._kubelet.start()

    def answer(self, method: str, target: str, token: str, body: Object) -> tuple[int, Object]:
        """One call; counts those that find nobody there."""
        if self.down:
            self.turned_away.set()
        return super().answer(method, target, token, body)

    def close(self) -> None:
        """End what runs, and serving."""
        self._ended.set()
        for process in self._processes:
            process.kill()
            process.wait()
        self._kubelet.join()
        super().close()

    def stream_log(self, handler: Any) -> None:
        """Everything so far, and more until the container has ended."""
        handler.close_connection = True
        handler.send_response(200)
        handler.end_headers()
        told = 0
        while True:
            done = self.log_done.is_set()
            with self.changed:
                new = self.lines[told:]
            told += len(new)
            handler.wfile.write("".join(f"{line}\n" for line in new).encode())
            handler.wfile.flush()
            if done or self._ended.is_set():
                return
            self.log_done.wait(0.05)

    def say(self, line: str) -> None:
        """A line of the log."""
        with self.changed:
            self.lines.append(f"{now()[:-1]}.{len(self.lines):09d}Z {line}")

    # ---------------------------------------------------------------------------- kubelet

    def set_container(self, pod: Object, phase: str, **state: Object) -> None:
        """What the kubelet says of the one container."""
        with self.changed:
            pod["status"] |= {"phase": phase, "containerStatuses": [{"state": state}]}
            self.touch(pod)

    def _look(self) -> None:
        while not self._ended.wait(0.05):
            with self.changed:
                pods = self.all("pods", SPACE)
            for pod in pods if self.runs else ():
                if pod["metadata"]["uid"] not in self._seen:
                    self._begin(pod)
            if any("deletionTimestamp" in pod["metadata"] for pod in pods):
                for process in self._processes:
                    process.send_signal(signal.SIGTERM)

    def _begin(self, pod: Object) -> None:
        spec, container = pod["spec"], pod["spec"]["containers"][0]
        folders = {}
        for volume in spec["volumes"]:
            folder = self.folder / pod["metadata"]["uid"] / volume["name"]
            content = self._content(volume)
            if content is None:
                waiting = {"reason": "CreateContainerConfigError", "message": "secret not found"}
                if "secret" in volume:
                    self.set_container(pod, "Pending", waiting=waiting)
                return  # looked at again, as kubelets do
            folder.mkdir(parents=True, exist_ok=True)
            for name, data in content.items():
                (folder / name).write_bytes(data)
            folders[volume["name"]] = folder
        self._seen.add(pod["metadata"]["uid"])
        places = {m["mountPath"]: folders[m["name"]] for m in container["volumeMounts"]}
        with self.changed:
            pod["spec"]["nodeName"] = "pi-a"
        self.set_container(pod, "Running", running={})
        threading.Thread(target=self._run, args=(pod, container, places), daemon=True).start()

    def _content(self, volume: Object) -> dict[str, bytes] | None:
        for kind, key in (("configMap", "name"), ("secret", "secretName")):
            if kind in volume:
                where = f"{kind.lower()}s", SPACE, volume[kind][key]
                with self.changed:
                    found = self.objects.get(where)
                if found is None:
                    return None
                decode = str.encode if kind == "configMap" else base64.b64decode
                return {name: decode(text) for name, text in found["data"].items()}
        return {}

    def _run(self, pod: Object, container: Object, places: dict[str, Path]) -> None:
        def here(text: str) -> str:
            found = re.match(r"/[a-z]+(?=/|\Z)", text)
            if found is None or found.group() not in places:
                return text
            return str(places[found.group()]) + text[found.end() :]

        command = [here(word) for word in container["command"][1:]]
        process = subprocess.Popen(
            [Path(sys.executable).with_name("darkroom"), *command],
            cwd=here(container["workingDir"]),
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                **{e["name"]: here(e["value"]) for e in container["env"] if "value" in e},
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._processes.append(process)
        assert process.stdout is not None
        with process.stdout as said:
            for line in said:
                self.say(line.rstrip("\n"))
        code = process.wait()
        self.set_container(
            pod, "Failed" if code else "Succeeded", terminated={"exitCode": code, "reason": "x"}
        )
        self.log_done.set()
