"""Whose turn it is: which approved job a free worker takes."""

import threading
from collections import Counter
from dataclasses import dataclass, field

from darkroom.model.job_record import JobRecord
from darkroom.node.backoff import Backoff


@dataclass(kw_only=True)
class Claims:
    """Which approved jobs a worker has taken, and which must wait a little.

    Attributes:
        taken: job id -> submitter.
        turns: submitter -> number of the turn in which they were served last.
    """

    taken: dict[str, str] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    not_before: dict[str, float] = field(default_factory=dict)
    tries: dict[str, Backoff] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, waiting: list[JobRecord], now: float) -> JobRecord | None:
        """A job that nobody has and that need not wait; submitters take turns.

        Who has the fewest jobs running comes first, then who was not served for longest; of
        equals and of one submitter, private jobs before mock, then the oldest: however much
        one of them queues, nobody waits for more than one job of each of the others.
        """
        with self.lock:
            free = [
                record
                for record in waiting
                if record.job_id not in self.taken
                and self.not_before.get(record.job_id, now) <= now
            ]
            if not free:
                return None
            running = Counter(self.taken.values())
            record = min(  # the first of equals: the oldest
                free,
                key=lambda job: (
                    running[job.submitter],
                    self.turns.get(job.submitter, 0),
                    job.request.spec.tier == "mock",
                ),
            )
            self.taken[record.job_id] = record.submitter
            self.turns[record.submitter] = max(self.turns.values(), default=0) + 1
            return record

    def give_back(self, job_id: str, *, again_at: float | None = None) -> None:
        """Its worker is done with it, or wants it again later."""
        with self.lock:
            self.taken.pop(job_id, None)
            if again_at is None:
                self.not_before.pop(job_id, None)
                self.tries.pop(job_id, None)
            else:
                self.not_before[job_id] = again_at

    def pause(self, job_id: str) -> float:
        """How long that job should rest after a failure that is not its own."""
        with self.lock:
            return self.tries.setdefault(job_id, Backoff()).next()

    def next_due(self, now: float) -> float | None:
        """Seconds until a resting job may be tried again; None when none rests."""
        with self.lock:
            due = [at for job, at in self.not_before.items() if job not in self.taken]
        return max(0.0, min(due) - now) if due else None
