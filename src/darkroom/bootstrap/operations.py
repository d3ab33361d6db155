"""What an operator has of every process: its port, its log, its watchdog. Put together here.

    with operating(settings, metrics=INGEST, folder=footage, say=click.echo) as operations:
        operations.ready_when(lambda: "")        # "" or why not, in words
        operations.begin()                       # from now on it may be ready
        ... operations.pulse.beat() ... operations.meter.add(FRAMES, result="kept")

Without a port all of that works and nobody listens.
"""

import contextlib
import importlib.metadata
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.json_log import JsonHandler, JsonLog
from darkroom.adapters.operations.energy_meter import EnergyMeter
from darkroom.adapters.operations.process_facts import ProcessFacts, seconds_since_begin
from darkroom.adapters.operations.pulse import Pulse
from darkroom.adapters.operations.registry import Registry
from darkroom.adapters.operations.server import Answers, OperationsServer, Place
from darkroom.errors import DarkroomError
from darkroom.model.metrics import process
from darkroom.model.metrics.metric import Metric


Format = Literal["text", "json"]
Check = Callable[[], str]
LONGEST_TURN = 300.0  # seconds: a long poll, its repetition, and the longest pause after an error


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsSettings:
    """What an operator decides.

    Attributes:
        process: one of `model.metrics.process.PROCESSES`.
        place: where `/metrics`, `/healthz` and `/readyz` are; None: nowhere.
        log_format: sentences for people, or one JSON object a line.
        energy: the file of a cumulative meter, if there is one.
    """

    process: str
    place: Place | None = None
    log_format: Format = "text"
    energy: Path | None = None


class Operations:
    """The operator's side of this process.

    Attributes:
        meter: where everything is counted.
        pulse: to be beaten by the main loop.
        log: the JSON log; None where people read.
        energy: the meter of joules, if there is one.
    """

    def __init__(
        self,
        settings: OperationsSettings,
        *,
        metrics: Sequence[Metric],
        folder: Path | None,
        say: Callable[[str], None],
        longest_turn: float = LONGEST_TURN,
    ) -> None:
        """Take the port; nothing is answered before `begin_answering`.

        Args:
            settings: what the operator decided.
            metrics: all that this process counts.
            folder: where its state lies, for the figures of the disk.
            say: prints a sentence for people.
            longest_turn: seconds that the main loop may take for one turn.

        Raises:
            StateError: the port cannot be used.
            SpecError: the meter cannot be read.
        """
        clock = SystemClock()
        version = importlib.metadata.version("edge-darkroom")
        self._build = process.build_info(settings.process, version)
        self.energy = EnergyMeter(settings.energy) if settings.energy else None
        counted = [m for m in metrics if self.energy is not None or m is not process.ENERGY]
        self.meter = Registry((self._build, *counted))
        self.pulse = Pulse(clock.monotonic, longest=longest_turn)
        self.log: JsonLog | None = None
        self._say = say
        if settings.log_format == "json":
            self.log = JsonLog(settings.process, sys.stdout, clock.now)
            self._say = self.log.say
            logging.basicConfig(level=logging.WARNING, handlers=[JsonHandler(self.log)], force=True)
        self._facts = ProcessFacts(self.meter, folder)
        self._health: list[Check] = [self.pulse.why_dead]
        self._readiness: list[Check] = []
        self._began = False
        self._was_ready = False
        self._stopping = False
        self._looking = threading.Lock()
        self.meter.on_read(self._look)
        answers = Answers(
            metrics=self.meter.read, health=self.why_dead, readiness=self.why_not_ready
        )
        self._server = OperationsServer(settings.place, answers) if settings.place else None

    @property
    def port(self) -> int:
        """The port that is listened at; 0 for none."""
        return self._server.port if self._server else 0

    def say(self, sentence: str) -> None:
        """Tell the operator, in the format that they chose."""
        self._say(sentence)

    def event(self, event: str, *, job_id: str = "", envelope: str = "") -> None:
        """Write an event into the JSON log; in a log for people there are sentences only."""
        if self.log is not None:
            self.log.event(event, job_id=job_id, envelope=envelope)

    def begin_answering(self) -> None:
        """Answer on the port; not ready yet. After this, threads and rights may be as they stay."""
        if self._server is not None:
            self._server.start()

    def alive_when(self, check: Check) -> None:
        """A process whose check says anything but "" is to be started anew."""
        self._health.append(check)

    def ready_when(self, check: Check) -> None:
        """A process whose check says anything but "" gets no work; it goes on."""
        self._readiness.append(check)

    def begin(self) -> None:
        """The main loop is about to turn."""
        self.pulse.beat()
        self._began = True
        if not self._was_ready:
            self.why_not_ready()

    def end(self) -> None:
        """Being stopped: not ready any more, and not dead."""
        self._stopping = True

    def close(self) -> None:
        """Give the port back."""
        if self._server is not None:
            self._server.close()

    def why_dead(self) -> str:
        """The answer of `/healthz`. A start may take its time; that is the start-up probe's."""
        return next(filter(None, (check() for check in self._health)), "") if self._began else ""

    def why_not_ready(self) -> str:
        """The answer of `/readyz`."""
        if self._stopping:
            return "it is being stopped"
        if not self._began:
            return "it is starting"
        against = next(filter(None, map(_answer, self._readiness)), "")
        if not against and not self._was_ready:
            self.meter.set(process.READY_AFTER, seconds_since_begin())
            self._was_ready = True
        return against

    def _look(self) -> None:
        with self._looking:
            self._facts.look()
            self.meter.set(self._build, 1, **{k: v[0] for k, v in self._build.labels.items()})
            self.meter.set(process.READY, not self.why_not_ready())
            self.meter.set(process.LOOP_AGE, self.pulse.age)
            if self.energy is not None:
                self.meter.set(process.ENERGY, self.energy.joules())


def _answer(check: Check) -> str:
    """A check that cannot look is an answer, too."""
    try:
        return check()
    except DarkroomError as error:
        return error.message
    except OSError as error:
        return error.strerror or type(error).__name__


@contextlib.contextmanager
def operating(
    settings: OperationsSettings,
    *,
    metrics: Sequence[Metric],
    folder: Path | None,
    say: Callable[[str], None],
    longest_turn: float = LONGEST_TURN,
) -> Iterator[Operations]:
    """The operator's side, answering until the block ends."""
    operations = Operations(
        settings, metrics=metrics, folder=folder, say=say, longest_turn=longest_turn
    )
    try:
        operations.begin_answering()
        yield operations
    finally:
        operations.end()
        operations.close()


def stop_politely() -> None:
    """SIGTERM ends a start, too: the first process of a container has no default for it."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(*_: object) -> None:
    raise SystemExit(0)
