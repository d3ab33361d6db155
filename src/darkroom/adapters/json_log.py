"""One JSON object a line: for machines that read logs. People get sentences by default.

A line holds a time, an event, sentences that were written for the operator, and at most the
word that follows a job (`model.correlation`) and the id of an envelope.
"""

import json
import logging
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TextIO

from darkroom.model.correlation import correlation_of


MAX_MESSAGE = 2000
Level = Literal["info", "warning", "error"]


class JsonLog:
    """Writes lines of one process. Safe from several threads."""

    def __init__(self, process: str, out: TextIO, now: Callable[[], float]) -> None:
        """Write to a stream.

        Args:
            process: node, gateway, ingest, owner.
            out: flushed after each line.
            now: Unix seconds.
        """
        self._process = process
        self._out = out
        self._now = now
        self._lock = threading.Lock()

    def event(
        self,
        event: str,
        *,
        job_id: str = "",
        envelope: str = "",
        message: str = "",
        level: Level = "info",
    ) -> None:
        """Write one line; the id of a job itself is never in it."""
        moment = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        line = {
            "time": moment.replace("+00:00", "Z"),
            "level": level,
            "process": self._process,
            "event": event,
            "correlation": correlation_of(job_id),
            "envelope": envelope,
            "message": message[:MAX_MESSAGE],
        }
        # ASCII only: nothing in it moves a terminal's cursor or breaks the line.
        text = json.dumps({name: value for name, value in line.items() if value})
        with self._lock:
            self._out.write(text + "\n")
            self._out.flush()

    def say(self, sentence: str) -> None:
        """A sentence for people becomes a line."""
        self.event("said", message=sentence)


class JsonHandler(logging.Handler):
    """What libraries log goes the same way: an exception as its class and place only."""

    def __init__(self, log: JsonLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:  # its text may quote what was sent
            frames = traceback.extract_tb(error.__traceback__)
            place = (
                f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}"
                if frames
                else ""
            )
            message = f"{type(error).__name__}{place}"
        else:
            message = record.getMessage()
        serious = record.levelno >= logging.ERROR
        self._log.event(record.name, message=message, level="error" if serious else "warning")
