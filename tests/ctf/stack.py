"""The system of one game: a gateway, one domain with the flag, its owner, and a notebook."""

import secrets
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from darkroom.bootstrap.local_stack import BIN, LOOPBACK, LocalStack, StackPlan, free_port
from darkroom.bootstrap.processes import Processes
from darkroom.config import REPOSITORY
from darkroom.errors import InputError, StateError
from tests.ctf.flag import Flag
from tests.ctf.footage import CAMERAS, FPS, draw
from tests.ctf.scoreboard import Game


ROOT = REPOSITORY / "build" / "ctf"
QUAY = Path(__file__).parent / "quay"
NOTEBOOK = Path(__file__).parent / "capture_the_flag.ipynb"
DATASET = "berths"
PLAYER = "player"


def quiet(_line: str) -> None:
    """Say nothing."""


class _Marked(LocalStack):
    """A local system whose domain has footage with the flag in it before its node serves."""

    def __init__(self, plan: StackPlan, flag: Flag, say: Callable[[str], None]) -> None:
        super().__init__(plan, say)
        self._flag = flag

    def _prepare_domain(self, domain: Path) -> None:
        super()._prepare_domain(domain)
        pictures = draw(self.plan.root / "pictures", self._flag)
        named = [word for camera in CAMERAS for word in ("--camera", camera)]
        self.command(
            "ingest", *pictures, *named, "--fps", FPS, "--domain", domain, "--dataset", DATASET,
            "--state", self.plan.node_state(domain.name),
        )  # fmt: skip
        shutil.rmtree(self.plan.root / "pictures")
        self.say("the flag hangs in the footage")


class Stack:
    """Starts and stops a game below a folder.

    `state/` is new with each game; `player/` with the notebook stays.
    """

    def __init__(self, root: Path = ROOT, say: Callable[[str], None] = quiet) -> None:
        self._root = root
        self._say = say
        self._stack: _Marked | None = None
        self._plan = StackPlan(
            root=root / "state",
            domains=(QUAY,),
            scientists=(PLAYER,),
            object_store=False,
            run_log=False,
            attended=False,
        )

    @property
    def game(self) -> Game:
        """The game as it lies there.

        Raises:
            StateError: there is none.
        """
        return Game(
            flag=Flag.load(self._plan.root / "flag.json"),
            node=self._plan.node_state(QUAY.name),
            home=self.home,
            guesses=self._plan.root / "guesses",
        )

    @property
    def home(self) -> Path:
        """The player's keys and results."""
        return self._plan.home(PLAYER)

    def start(self) -> Game:
        """A new flag, new footage, new keys; on an error what runs is stopped again.

        Raises:
            InputError: a game is on already.
        """
        if self.running():
            raise InputError("a game is on already", next_step="stop it: make ctf ARGS=stop")
        state = self._plan.root
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(parents=True, mode=0o700)
        (state / "guesses").mkdir()
        flag = Flag.draw()
        flag.save(state / "flag.json")
        self._stack = stack = _Marked(self._plan, flag, self._say)
        try:
            stack.start()
            _start_owner(stack)
        except BaseException:
            stack.stop()
            raise
        return self.game

    def start_notebook(self) -> str:
        """Start JupyterLab on this machine's own address; the URL to open.

        Raises:
            StateError: this object started no game.
        """
        stack = self._stack
        if stack is None:
            raise StateError("no game was started here", next_step="start one: make ctf")
        work = self._root / "player"
        work.mkdir(parents=True, exist_ok=True)
        if not (work / NOTEBOOK.name).exists():
            shutil.copy(NOTEBOOK, work)
        port, token = free_port(), secrets.token_urlsafe(24)
        environment = stack.environment(home=self.home)
        environment["JUPYTER_TOKEN"] = token  # not on the command line
        lab = stack.processes.start(
            "notebook",
            [
                str(BIN / "jupyter"), "lab", "--no-browser", "--allow-root", "--ip", LOOPBACK,
                "--port", str(port), "--ServerApp.port_retries=0",
                "--ServerApp.root_dir", str(work),
            ],
            environment=environment,
        )  # fmt: skip
        stack.processes.wait(
            lab, lambda: "is running at" in lab.said(), seconds=60, hint="read the end above"
        )
        return f"http://{LOOPBACK}:{port}/lab/tree/{NOTEBOOK.name}?token={token}"

    def running(self) -> list[str]:
        """Names of the processes of a game that is on."""
        if not self._plan.root.exists():
            return []
        return [process.name for process in Processes(self._plan.root).running]

    def stop(self) -> list[str]:
        """End every process of the game, by its id; their names. The scores can still be read."""
        names = self.running()
        if self._stack is not None:  # its own children
            self._stack.stop()
        elif names:  # another command started them
            Processes(self._plan.root).stop_all()
        return names


def _start_owner(stack: LocalStack) -> None:
    owner = stack.processes.start(
        "owner",
        [
            sys.executable, "-m", "tests.ctf.owner",
            "--state", str(stack.plan.owner_state(QUAY.name)),
            "--policy", str(QUAY / "policy.yaml"),
        ],
        environment=stack.environment(),
        cwd=REPOSITORY,
    )  # fmt: skip
    stack.processes.wait(
        owner, lambda: "watching" in owner.said(), seconds=30, hint="read the end above"
    )
