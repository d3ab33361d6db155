"""Containers of the STAND-IN kubelet: bubblewrap with what a pod's spec says of one."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.adapters.sandbox import cgroups
from darkroom.adapters.sandbox.host import find_host
from darkroom.adapters.sandbox.kubernetes.locked import bytes_of
from darkroom.walls.watch import Watcher


Object = dict[str, Any]
REPOSITORY = Path(__file__).parents[2]
CODE = REPOSITORY / "src"  # where the environment of a checkout looks for it
ETC = {
    "passwd": "root:x:0:0::/:/nonexistent\n",
    "group": "root:x:0:\n",
    "hosts": "127.0.0.1 localhost\n",
    "resolv.conf": "nameserver 10.43.0.10\n",
}
KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.43.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@dataclass(frozen=True)
class Exited:
    """How a container ended."""

    code: int
    reason: str
    message: str = ""


class Volumes:
    """The volumes of one pod on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._where: dict[str, Path] = {}
        self._mounted: list[Path] = []

    def make(self, pod: Object, claim: Callable[[str], Path]) -> None:
        """Make and mount what the pod's spec names."""
        self.folder.mkdir(parents=True)
        group = pod["spec"]["securityContext"]["fsGroup"]
        for volume in pod["spec"].get("volumes", ()):
            name = volume["name"]
            if "emptyDir" in volume:
                self._where[name] = self._empty(name, volume["emptyDir"], group)
            else:
                source = volume["persistentVolumeClaim"]
                self._where[name] = claim(source["claimName"])
                if not source.get("readOnly"):
                    _give(self._where[name], group)

    def _empty(self, name: str, spec: Object, group: int) -> Path:
        place = self.folder / "volumes" / name
        place.mkdir(parents=True)
        size = bytes_of(spec["sizeLimit"])
        options = f"size={size},mode=2777,gid={group},nosuid,nodev"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)
        self._mounted.append(place)
        return place

    def of(self, mount: Object) -> Path:
        """The folder of a mount; its subPath must be there, below its volume."""
        volume = self._where[mount["name"]].resolve()
        place = (volume / mount.get("subPath", "")).resolve(strict=True)
        if not place.is_relative_to(volume):
            raise LookupError(mount["subPath"])
        return place

    def remove(self) -> None:
        """Unmount and remove."""
        for place in self._mounted:
            subprocess.run(["umount", "-l", place], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def _give(folder: Path, group: int) -> None:
    """What a kubelet does for fsGroup: all is the group's, to read and to write."""
    for place, _, files in os.walk(folder):
        with contextlib.suppress(FileNotFoundError):
            mode = Path(place).stat().st_mode & 0o7777
            os.chown(place, -1, group)
            Path(place).chmod(mode | 0o2770)
        for name in files:
            path = Path(place, name)
            with contextlib.suppress(FileNotFoundError):
                if not path.is_symlink():
                    mode = path.stat().st_mode & 0o7777
                    os.chown(path, -1, group)
                    path.chmod(mode | 0o660)


class Container:
    """One running container."""

    def __init__(
        self,
        pod: Object,
        spec: Object,
        *,
        image: dict[str, str],
        volumes: Volumes,
        slot: int,
        cut: bool,
        machine: str,
    ) -> None:
        self._words = volumes.folder / f"words-{spec['name']}"
        self._words.touch()
        self._words.chmod(0o666)
        memory = bytes_of(spec["resources"]["limits"]["memory"]) or 0
        parents = cgroups.find(f"darkroom-test-{machine}-{os.getpid()}")
        self._group = cgroups.make_group(parents, slot, memory_bytes=memory, processes=1000)
        info, info_child = os.pipe()
        self._process = subprocess.Popen(
            command(pod, spec, image, volumes, self._words, info_child, cut=cut),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None,
            pass_fds=(info_child,),
            preexec_fn=self._group.enter,  # noqa: PLW1509 - a stand-in
            env={},
            cwd="/",
        )
        os.close(info_child)
        self._first = _first(info)
        self._memory, self._oom = memory, False

    def end(self, grace: float) -> None:
        """SIGTERM to the first process, then SIGKILL."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)

    def wait(self) -> Exited:
        """Until it ended; all of it is killed when the kernel killed any for memory."""
        watcher = Watcher(self._process.pid)
        while True:
            try:
                code = self._process.wait(0.05)
                break
            except subprocess.TimeoutExpired:
                watched = self._group.memory is None and watcher.look().private > self._memory
                if self._group.oom_kills() or watched:  # memory.oom.group: one for all
                    self._oom = True
                    self._signal(signal.SIGKILL)
        oom = self._oom or self._group.oom_kills() > 0
        self._group.remove()
        code = code if code >= 0 else 128 - code
        message = self._words.read_text()[:4096]
        if oom:
            return Exited(code=137, reason="OOMKilled")
        return Exited(code=code, reason="Error" if code else "Completed", message=message)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._first:
                os.kill(self._first, number)
            else:
                self._process.kill()


def _first(info: int) -> int:
    """Process id of the container's first process, as bubblewrap tells it."""
    import json

    text = b""
    with os.fdopen(info, "rb") as file:
        while select.select([file], [], [], 10)[0] and (chunk := os.read(info, 4096)):
            text += chunk
    try:
        return int(json.loads(text)["child-pid"])
    except (ValueError, KeyError):
        return 0


def command(
    pod: Object,
    spec: Object,
    image: dict[str, str],
    volumes: Volumes,
    words: Path,
    info: int,
    *,
    cut: bool,
) -> list[str]:
    """The command line of a container."""
    host = find_host()
    security = {**pod["spec"]["securityContext"], **spec["securityContext"]}
    args = [str(host.bwrap), "--unshare-pid", "--as-pid-1", "--unshare-ipc", "--unshare-uts"]
    args += ["--hostname", pod["metadata"]["name"][:63]]
    args += ["--unshare-net"] if cut else []
    args += ["--die-with-parent", "--new-session", "--clearenv"]
    path = "/opt/darkroom/venv/bin:/usr/bin:/bin"
    environment = {"PATH": path, "HOSTNAME": pod["metadata"]["name"], **KUBERNETES}
    environment |= {entry["name"]: entry["value"] for entry in spec.get("env", ())}
    for name, value in environment.items():
        args += ["--setenv", name, value]
    args += ["--cap-drop", "ALL"]
    for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
        args += ["--cap-add", capability]
    args += _root(host.folders, host.links, image, words)
    for mount in spec["volumeMounts"]:
        kind = "--ro-bind" if mount.get("readOnly") else "--bind"
        args += [kind, str(volumes.of(mount)), mount["mountPath"]]
        if CODE.is_relative_to(mount["mountPath"]):  # a checkout below /tmp
            args += [
                *_folders([CODE], below=Path(mount["mountPath"])),
                "--ro-bind",
                image["code"],
                str(CODE),
            ]
    if security["readOnlyRootFilesystem"]:
        args += ["--remount-ro", "/"]
    args += ["--info-fd", str(info), "--chdir", spec.get("workingDir", "/"), "--"]
    user, group = security["runAsUser"], security["runAsGroup"]
    args += [str(host.setpriv), f"--reuid={user}", f"--regid={group}"]
    args += [f"--groups={security['fsGroup']}", "--bounding-set=-all", "--inh-caps=-all"]
    args += ["--no-new-privs", "--", *spec["command"]]
    return args


def _root(
    folders: tuple[Path, ...],
    links: tuple[tuple[Path, str], ...],
    image: dict[str, str],
    words: Path,
) -> list[str]:
    """The image: the system's libraries, a virtual environment, the locks."""
    etc = words.parent / "etc"
    etc.mkdir(exist_ok=True)
    for name, content in ETC.items():
        (etc / name).write_text(content)
    shutil.copyfile("/etc/ld.so.cache", etc / "ld.so.cache")
    places = {str(folder): folder for folder in (*folders, Path("/usr/bin"))}
    places[sys.base_prefix] = Path(sys.base_prefix)
    places[str(CODE)] = Path(image["code"])
    places["/opt/darkroom/venv"] = Path(image["venv"])
    places["/opt/darkroom/requirements"] = REPOSITORY / "requirements"
    args = _folders(map(Path, places), below=Path("/"))
    for place, folder in places.items():
        args += ["--ro-bind", str(folder), place]
    for link, target in links:
        args += ["--symlink", target, str(link)]
    args += ["--proc", "/proc", "--dev", "/dev", "--bind", str(words), "/dev/termination-log"]
    return [*args, "--remount-ro", "/dev", "--ro-bind", str(etc), "/etc"]


def _folders(places: Iterable[Path], *, below: Path) -> list[str]:
    """Make what leads to some places: bubblewrap itself would close it to others."""
    parents = {p for place in places for p in place.parents if below in p.parents}
    return [arg for p in sorted(parents) for arg in ("--perms", "0755", "--dir", str(p))]
