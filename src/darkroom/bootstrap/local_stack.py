"""The whole system on one machine, every part a process of its own.

Used by `darkroom demo`, `darkroom up`, the benchmarks and the end-to-end tests. It only
calls the same commands that a person would.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from darkroom.bootstrap.as_owner import make_home
from darkroom.bootstrap.processes import Process, Processes
from darkroom.config import REPOSITORY
from darkroom.errors import StateError


BIN = Path(sys.executable).parent
LOOPBACK = "127.0.0.1"
VIDEO_DATASET = "north/clip"
BUCKETS = ("gateway", "mlflow", "north-footage")


def free_port() -> int:
    """A free TCP port on the loopback address."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlan:
    """What to start.

    Attributes:
        root: the folder that holds all state, logs and keys.
        domains: folders of `domains/`.
        scientists: names that are invited to every domain.
        hosted: whether the scientists are users of a Hub (`start_hub` comes next): their keys
            are marked as hosted, their homes are their own, and MLflow asks the Hub for a login.
        object_store: start an S3 server and use it; else folders.
        run_log: start MLflow.
        attended: start owner processes that approve and release what they print; else a
            person does it.
        homes: folder of the scientists' homes; `root/scientists` when None.
        video: a clip that feeds `VIDEO_DATASET`.
        ports: fixed ports by name (`gateway`, `s3`, `mlflow`, `hub`); free ones otherwise.
    """

    root: Path
    domains: tuple[Path, ...]
    scientists: tuple[str, ...] = ("alice",)
    hosted: bool = False
    object_store: bool = True
    run_log: bool = True
    attended: bool = True
    homes: Path | None = None
    video: Path | None = None
    ports: dict[str, int] = field(default_factory=dict)

    def home(self, scientist: str) -> Path:
        """Where a scientist's keys and results lie."""
        return (self.homes or self.root / "scientists") / scientist

    def node_state(self, domain: str) -> Path:
        """The node's state folder."""
        return self.root / "domains" / domain / "node"

    def owner_state(self, domain: str) -> Path:
        """The owner's state folder."""
        return self.root / "domains" / domain / "owner"


class LocalStack:
    """Starts and stops the processes of a plan."""

    def __init__(self, plan: StackPlan, say: Callable[[str], None] = lambda _line: None) -> None:
        plan.root.mkdir(parents=True, exist_ok=True)
        if plan.hosted:  # the users of the Hub are strangers to all this but their homes
            plan.root.chmod(0o700)
        self.plan = plan
        self.say = say
        self.processes = Processes(plan.root)
        self._ports = self._remembered_ports()
        self.s3_keys = self._secret_pair("s3")

    # ------------------------------------------------------------------------ addresses

    @property
    def gateway(self) -> str:
        """Address of the gateway."""
        return f"http://{LOOPBACK}:{self._ports['gateway']}"

    @property
    def s3(self) -> str:
        """Address of the object store, or "" without one."""
        return f"http://{LOOPBACK}:{self._ports['s3']}" if self.plan.object_store else ""

    @property
    def mlflow(self) -> str:
        """Address of MLflow, or "" without it."""
        return f"http://{LOOPBACK}:{self._ports['mlflow']}" if self.plan.run_log else ""

    @property
    def hub(self) -> str:
        """Where the Hub's login page is, once it was started."""
        return f"http://{LOOPBACK}:{self._ports['hub']}"

    @property
    def hub_token(self) -> str:
        """What MLflow, as a service of the Hub, identifies itself with."""
        return self._secret_pair("hub")[1]

    def port(self, name: str) -> int:
        """The port of a part of the system."""
        return self._ports[name]

    def environment(self, *, s3: bool = False, home: Path | None = None) -> dict[str, str]:
        """The environment of a process of ours; secrets only where they are needed."""
        kept = ("PATH", "HOME", "LANG", "TERM", "DARKROOM_REAL", "COLUMNS")
        values = {k: os.environ[k] for k in kept if k in os.environ}
        values["PATH"] = f"{BIN}:{values.get('PATH', '/usr/bin:/bin')}"
        values["PYTHONUNBUFFERED"] = "1"
        if s3 and self.plan.object_store:
            access, secret = self.s3_keys
            values["DARKROOM_S3_ENDPOINT"] = self.s3
            values["DARKROOM_S3_ACCESS_KEY"] = access
            values["DARKROOM_S3_SECRET_KEY"] = secret
        if home is not None:
            values["DARKROOM_HOME"] = str(home)
            values["MLFLOW_TRACKING_URI"] = self.mlflow
        return values

    # ---------------------------------------------------------------------------- steps

    def start(self) -> None:
        """Start everything; on an error what runs is stopped again."""
        try:
            if self.plan.object_store:
                self._start_object_store()
            if self.plan.run_log:
                self._start_run_log()
            self.start_gateway()
            self._each(self._prepare_domain)
            self._each(self._start_domain)
            for scientist in self.plan.scientists:
                self._enrol(scientist)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop what was started."""
        self.processes.stop_all()

    def wait_for_run_log(self) -> None:
        """Return when MLflow answers (its start takes half a minute)."""
        self._wait_http("mlflow", f"{self.mlflow}/health", seconds=180)

    def start_gateway(self) -> None:
        """Start (or start again) the gateway."""
        blobs = "s3://gateway" if self.plan.object_store else "folder"
        self.processes.start(
            "gateway",
            [
                str(BIN / "darkroom"), "gateway", "serve",
                "--state", str(self.plan.root / "gateway"),
                "--port", str(self._ports["gateway"]),
                "--blobs", blobs,
            ],
            environment=self.environment(s3=True),
        )  # fmt: skip
        self._wait_http("gateway", f"{self.gateway}/readyz", seconds=30)
        self.say(f"gateway on {self.gateway}, blobs in {blobs}")

    def start_node(self, domain: Path) -> Process:
        """Start (or start again) a domain's node and wait until it serves."""
        name = domain.name
        process = self.processes.start(
            f"node-{name}",
            [
                str(BIN / "darkroom"), "node", "serve",
                "--state", str(self.plan.node_state(name)),
                "--domain", str(domain), "--gateway", self.gateway,
            ],
            environment=self.environment(s3=self._uses_s3(domain)),
        )  # fmt: skip
        self._wait_log(process, "ready", seconds=60)
        return process

    def start_owner(self, domain: str) -> Process:
        """Start an owner who approves and releases what the process prints."""
        process = self.processes.start(
            f"owner-{domain}",
            [
                str(BIN / "darkroom"), "owner", "watch", "--yes",
                "--state", str(self.plan.owner_state(domain)),
            ],
            environment=self.environment(),
        )  # fmt: skip
        self._wait_log(process, "watching", seconds=30)
        return process

    # -------------------------------------------------------------------------- details

    def _start_object_store(self) -> None:
        folder = self.plan.root / "object-store"
        for bucket in BUCKETS:
            (folder / bucket).mkdir(parents=True, exist_ok=True)
        access, secret = self.s3_keys
        environment = self.environment()
        environment["RCLONE_AUTH_KEY"] = f'"{access},{secret}"'  # CSV; not on the command line
        environment["RCLONE_CONFIG"] = os.devnull
        process = self.processes.start(
            "s3",
            [
                str(BIN / "rclone"), "serve", "s3", str(folder),
                "--addr", f"{LOOPBACK}:{self._ports['s3']}",
                "--no-checksum", "--vfs-cache-mode", "off",
            ],
            environment=environment,
        )  # fmt: skip
        self.processes.wait(process, self._answers(self.s3), seconds=20, hint="is the port free?")
        self.say(f"object store (S3) on {self.s3}")

    def _start_run_log(self) -> None:
        folder = self.plan.root / "mlflow"
        folder.mkdir(exist_ok=True)
        environment = self.environment()
        destination = str(folder / "artifacts")
        if self.plan.object_store:
            destination = "s3://mlflow"
            environment["MLFLOW_S3_ENDPOINT_URL"] = self.s3
            environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"] = self.s3_keys
            environment["AWS_DEFAULT_REGION"] = "us-east-1"
        if self.plan.hosted:
            password, key = self._secret_pair("mlflow")
            environment |= {
                "DARKROOM_MLFLOW_STATE": str(folder),
                "DARKROOM_MLFLOW_ARTIFACTS": destination,
                "DARKROOM_MLFLOW_LISTEN": f"{LOOPBACK}:{self._ports['mlflow']}",
                "DARKROOM_MLFLOW_URL": self.mlflow,
                "DARKROOM_HUB_URL": self.hub,
                "DARKROOM_HUB_API": f"http://{LOOPBACK}:{self._ports['hub-api']}/hub/api",
                "DARKROOM_HUB_TOKEN": self.hub_token,
                "MLFLOW_AUTH_ADMIN_PASSWORD": password,
                "MLFLOW_FLASK_SERVER_SECRET_KEY": key,
            }
            command = [sys.executable, "-m", "darkroom.bootstrap.run_log"]
        else:
            environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
            command = [
                str(BIN / "mlflow"), "server", "--workers", "1",
                "--host", LOOPBACK, "--port", str(self._ports["mlflow"]),
                "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
                "--artifacts-destination", destination,
            ]  # fmt: skip
        self.processes.start("mlflow", command, environment=environment)
        self.say(f"MLflow on {self.mlflow} (starting), artifacts in {destination}")

    def _prepare_domain(self, domain: Path) -> None:
        """Keys of node and owner, known to each other; the owner's policy; footage."""
        name = domain.name
        node, owner = self.plan.node_state(name), self.plan.owner_state(name)
        exchange = self.plan.root / "domains" / name
        exchange.mkdir(parents=True, exist_ok=True)
        s3 = self._uses_s3(domain)
        if not (exchange / "prepared").exists():
            public_owner, public_node = exchange / "owner.json", exchange / "node.json"
            self.command("owner", "init", "--state", owner, "--domain", name,
                       "--gateway", self.gateway, "--public", public_owner)  # fmt: skip
            self.command("node", "init", "--state", node, "--domain", domain,
                       "--gateway", self.gateway, "--owner", public_owner,
                       "--public", public_node, s3=s3)  # fmt: skip
            self.command("owner", "pin", "--state", owner, public_node)
            self.command("policy", "sign", domain / "policy.yaml", "--state", owner,
                       "--out", node / "policy.signed.json")  # fmt: skip
            self.command("ingest", "--all", "--domain", domain, "--state", node, s3=s3)
            where, _, dataset = VIDEO_DATASET.partition("/")
            if self.plan.video is not None and name == where:
                self.command("ingest", self.plan.video.resolve(), "--domain", domain,
                             "--dataset", dataset, "--camera", "walk", "--state", node,
                             s3=s3)  # fmt: skip
            (exchange / "prepared").touch()
        self.say(f"{name}: keys, signed policy and footage are in place")

    def _start_domain(self, domain: Path) -> None:
        self.start_node(domain)
        if self.plan.attended:
            self.start_owner(domain.name)
        self.say(f"{domain.name}: node serves")

    def _enrol(self, scientist: str) -> None:
        home = self.plan.home(scientist)
        if self.plan.hosted:
            make_home(home.parent, home.name)
        done = self.plan.root / "enrolled"
        done.mkdir(exist_ok=True)
        for domain in self.plan.domains:
            if (done / f"{scientist}-{domain.name}").exists():
                continue
            line = self.command(
                "owner", "invite", scientist,
                "--state", self.plan.owner_state(domain.name), "--quiet",
            ).strip()  # fmt: skip
            extra = ("--hosted",) if self.plan.hosted else ()
            self.command("enrol", line, *extra, home=home)
            (done / f"{scientist}-{domain.name}").touch()
        self.say(f"{scientist} enrolled at {', '.join(d.name for d in self.plan.domains)}")

    def _uses_s3(self, domain: Path) -> bool:
        return "s3://" in (domain / "domain.yaml").read_text(encoding="utf-8")

    def _each(self, step: Callable[[Path], None]) -> None:
        with ThreadPoolExecutor(len(self.plan.domains)) as pool:
            for done in [pool.submit(step, d) for d in self.plan.domains]:
                done.result()

    def command(self, *argv: object, s3: bool = False, home: Path | None = None) -> str:
        """Run one `darkroom` command to its end; its standard output."""
        owner = [sys.executable, "-I", "-m", "darkroom.bootstrap.as_owner"]
        done = subprocess.run(  # our own program, no shell
            [
                *(owner if home is not None and self.plan.hosted else []),
                str(BIN / "darkroom"),
                *map(str, argv),
            ],
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            env=self.environment(s3=s3, home=home),
            check=False,
        )
        if done.returncode:
            words = " ".join(map(str, argv[:2]))
            raise StateError(
                f"`darkroom {words}` failed:\n{done.stderr.strip()[-1500:]}",
                next_step=f"see above; logs are in {self.processes.logs}",
            )
        return done.stdout

    def _answers(self, url: str) -> Callable[[], bool]:
        def answers() -> bool:
            try:
                httpx.get(url, timeout=2)
            except httpx.HTTPError:
                return False
            return True

        return answers

    def _wait_http(self, name: str, url: str, *, seconds: float) -> None:
        def healthy() -> bool:
            try:
                return httpx.get(url, timeout=2).status_code == httpx.codes.OK
            except httpx.HTTPError:
                return False

        self.processes.wait(
            self.processes.find(name), healthy, seconds=seconds, hint="is the port free?"
        )

    def _wait_log(self, process: Process, word: str, *, seconds: float) -> None:
        self.processes.wait(
            process,
            lambda: word in process.said(),
            seconds=seconds,
            hint="read the end above",
        )

    def _remembered_ports(self) -> dict[str, int]:
        """The same ports as the last time: keys and enrolments name the gateway's address."""
        path = self.plan.root / "ports.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        ports = {
            name: self.plan.ports.get(name) or known.get(name) or free_port()
            for name in ("gateway", "s3", "mlflow", "hub", "hub-api", "hub-proxy")
        }
        path.write_text(json.dumps(ports))
        return ports

    def _secret_pair(self, name: str) -> tuple[str, str]:
        """Generated once, kept 0600 beside the state: there are no default passwords."""
        path = self.plan.root / f"{name}.secret"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{secrets.token_hex(10)} {secrets.token_hex(20)}")
        access, secret = path.read_text().split()
        return access, secret
