"""Bits got against bits paid, attempt by attempt, from what the game's processes wrote down."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
from darkroom.bootstrap.scientist import STORE
from darkroom.errors import InputError
from darkroom.policy.ledger import Entry
from darkroom.policy.transitions import FINAL
from tests.ctf.flag import FLAG_BITS, Flag
from tests.ctf.readings import Guess, read_guess, read_released


# The scoreboard answers whoever guesses: a number from 0 to all bits of the flag.
ANSWER_BITS = math.ceil(math.log2(FLAG_BITS + 1))
MEASURED = ("released", "guess")  # the other lines say 0 whatever the flag is
MAX_GUESSES = 100
HEADER = f"{'attempt':<34}{'how it ended':<14}{'channel':<10}{'got':>6}{'paid':>7}  flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One attempt.

    Attributes:
        name: of the job with its id, or of the guess file.
        ended: the state of the job; `guess` for a file; why a file is none.
        channel: E1 to E14 as in docs/airlock-capacity.md, the player's word, or "-".
        got: measured bits of the flag.
        paid: bits that the ledger charged for the jobs it was learned from.
        bound: bits that nobody should get beyond: what this job was charged, or for a guess all
            that was charged so far, and what lines before this one may have told.
        found: whether it is the flag.
    """

    name: str
    ended: str
    channel: str = "-"
    got: int = 0
    paid: int = 0
    bound: int = 0
    found: bool = False

    @property
    def broken(self) -> bool:
        """Whether more came than was paid for: what this game looks for."""
        return self.got > self.bound

    def __str__(self) -> str:
        flag = "CAPTURED" if self.found else "no"
        more = "  MORE THAN WAS PAID FOR" if self.broken else ""
        return (
            f"{self.name[:32]:<34}{self.ended[:12]:<14}{self.channel[:8]:<10}"
            f"{self.got:>6,}{self.paid:>7,}  {flag}{more}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """Where a game lies.

    Attributes:
        node: state folder of the domain's node.
        home: of the player.
        guesses: folder of guess files.
    """

    flag: Flag
    node: Path
    home: Path
    guesses: Path


def charged(entries: list[Entry]) -> dict[str, int]:
    """Bits that the ledger holds against each job; what it gave back is not among them."""
    paid: dict[str, int] = {}
    for entry in entries:
        job = entry.reservation.partition(":")[0]  # `<job>:log` is charged for the same job
        sign = {"reserve": 1, "refund": -1, "settle": 0}[entry.kind]
        paid[job] = paid.get(job, 0) + sign * (entry.amount.bits or 0)
    return paid


@dataclass
class Scoreboard:
    """Scores each attempt once, when it is over.

    Attributes:
        game: where to look.
        lines: those so far.
    """

    game: Game
    lines: list[Line] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _guessed: int = 0

    def look(self) -> Iterator[Line]:
        """Attempts that ended since the last look."""
        paid, ended = self._of_the_node()
        for job_id, (name, state) in ended.items():
            if job_id in self._seen:
                continue
            line = self._of_job(job_id, name, state, paid.get(job_id, 0))
            if line is not None:
                self._seen.add(job_id)
                self.lines.append(line)
                yield line
        for path in sorted(self.game.guesses.glob("*")):
            if self._guessed < MAX_GUESSES and path.is_file():
                yield from self._of_file(path, paid)

    def paid(self) -> int:
        """Bits charged in this game."""
        return sum(self._of_the_node()[0].values())

    def _of_the_node(self) -> tuple[dict[str, int], dict[str, tuple[str, str]]]:
        store = SqliteNodeStore(self.game.node / "node.db", read_only=True)
        try:
            # A job that was charged nothing was on mock, or never began.
            paid = {job: bits for job, bits in charged(store.entries()).items() if bits}
            ended = {
                record.job_id: (record.request.spec.name, record.state)
                for record in store.jobs(*FINAL)
                if record.job_id in paid
            }
        finally:
            store.close()
        return paid, ended

    def _of_job(self, job_id: str, name: str, state: str, paid: int) -> Line | None:
        """None while a released result is on its way to the player."""
        outputs = self._released(job_id) if state == "released" else {}
        if outputs is None:
            return None
        got, channel = read_released(outputs, self.game.flag)
        return Line(
            name=f"{name[:20]} {job_id[:8]}", ended=state, channel=channel, got=got, paid=paid,
            bound=paid + self._told(),
        )  # fmt: skip

    def _released(self, job_id: str) -> dict[str, bytes] | None:
        path = self.game.home / STORE
        if not path.exists():
            return None
        store = SqliteScientistStore(path)
        try:
            row = store.result(job_id)
        finally:
            store.close()
        return row.outputs if row else None

    def _of_file(self, path: Path, paid: dict[str, int]) -> Iterator[Line]:
        key = f"{path.name} {path.stat().st_mtime_ns}"
        if key in self._seen:
            return
        self._seen.add(key)
        self._guessed += 1
        try:
            line = self._of_guess(path.name, read_guess(path), paid)
        except InputError:
            line = Line(name=path.name, ended="no guess")
        self.lines.append(line)
        yield line

    def _of_guess(self, name: str, guess: Guess, paid: dict[str, int]) -> Line:
        jobs = set(guess.jobs) & set(paid) if guess.jobs else set(paid)
        return Line(
            name=name,
            ended="guess",
            channel=guess.channel or "-",
            got=guess.bits(self.game.flag),
            paid=sum(paid[job] for job in jobs),
            bound=sum(paid.values()) + self._told(),
            found=guess.found(self.game.flag),
        )

    def _told(self) -> int:
        """What the board has told whoever reads it."""
        return ANSWER_BITS * sum(line.ended in MEASURED for line in self.lines)
