"""Channels beside the outputs: what a job can make the domain say before anybody released it.

A channel of reactions has an alphabet: what the job does for each symbol. Its bits are those
of the number of different reactions that the submitter (or the gateway) sees.
"""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from darkroom.model.job import Limits
from darkroom.model.output import Output, Table
from tests.attack.channels.arena import LIMITS, Arena, Crossing
from tests.attack.channels.attempts import COUNTED, LEAVE
from tests.attack.channels.vault import SECRET


@dataclass(frozen=True, slots=True, kw_only=True)
class Reactions:
    """One way to make the domain react.

    Attributes:
        symbols: bodies of functions, of which the secret chooses one.
        seen: what the attacker looks at.
        sees: what there is to see with the control off.
        open: how many different things can be seen then; 0 for a channel without a control.
        with_gateway: whether it takes the gateway's help.
        live: whether time goes by as on the wall.
        split: "camera" for a job on two workers.
    """

    channel: str
    how: str
    symbols: tuple[str, ...]
    seen: Callable[[Crossing], Hashable]
    sees: Callable[[Crossing], Hashable] = lambda crossing: None
    open: int = 0
    outputs: dict[str, Output] = field(
        default_factory=lambda: {"t": Table(columns={"c": "text", "n": "int"}, max_rows=9)}
    )
    limits: Limits = LIMITS
    with_gateway: bool = False
    live: bool = False
    split: str = ""

    def body(self, choice: str) -> str:
        """The job that does what `choice`, an expression, says."""
        functions = "".join(
            f"def symbol{n}():\n" + "".join(f"    {line}\n" for line in text.splitlines())
            for n, text in enumerate(self.symbols)
        )
        names = ", ".join(f"symbol{n}" for n in range(len(self.symbols)))
        return f"{LEAVE}{functions}return [{names}][{choice}]()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a channel of reactions carries in one job.

    Attributes:
        before: bits that the submitter has before anything is released.
        mock: bits of the secret when the job runs on mock.
        kept: whether the secret made the domain react as the attacker's table says.
        open: different things to see with the control off.
    """

    before: float
    mock: float
    kept: bool
    open: int


def measure(arena: Arena, channel: Reactions, trials: int = 3) -> Measured:
    """Play every symbol, then let the secret choose a few times."""

    def play(choice: str, tier: str = "reviewed") -> Crossing:
        return arena.play(
            channel.body(choice),
            channel.outputs,
            tier=tier,
            release=False,
            limits=channel.limits,
            live=channel.live,
            split=channel.split,
        )

    count = len(channel.symbols)
    played = [play(str(n)) for n in range(count)]
    table = [channel.seen(crossing) for crossing in played]
    kept = all(
        channel.seen(play(f"read(data)[{k}] % {count}")) == table[SECRET[k] % count]
        for k in range(trials)
    )
    different = len(set(table))
    on_mock = {channel.seen(play(choice, "mock")) for choice in ("0", f"read(data)[0] % {count}")}
    return Measured(
        before=round(math.log2(different), 1),
        mock=round(math.log2(len(on_mock)), 1),
        kept=kept,
        open=len({channel.sees(crossing) for crossing in played}),
    )


def words(crossing: Crossing) -> Hashable:
    """State and reasons."""
    return crossing.state, tuple(crossing.reasons)


def times(crossing: Crossing) -> Hashable:
    """When each letter was written, and how much each said was done."""
    return tuple(
        (round(at, 3), letter.body["state"], *letter.body["shards"])
        for at, letter in crossing.heard
    )


GOOD = "return {'t': [('a', 1)]}"
RAISED = (
    "Exception", "AssertionError", "AttributeError", "FileNotFoundError", "ImportError",
    "IndexError", "KeyError", "NameError", "OSError", "RuntimeError", "SyntaxError",
    "SystemExit", "TypeError", "ValueError", "ZeroDivisionError",
)  # fmt: skip
OURS = ("DataError", "InputError", "NoAnnotationsError", "OutputError")
SIGNALS = ("SIGABRT", "SIGSEGV", "SIGTERM")
ENDINGS = (
    GOOD,
    *(f"raise {name}('x')" for name in RAISED),
    *(f"from darkroom import errors\nraise errors.{name}('x', next_step='x')" for name in OURS),
    *(f"import signal\nos.kill(os.getpid(), signal.{name})" for name in SIGNALS),
    "import ctypes\nctypes.CDLL(None).syscall(0x40000000 | 41, 2, 1, 0)\n" + GOOD,
    "leave()",
    "leave(t=b'x')",
    "leave(t=b' ' * 100_000)",
    'leave(t=b\'{"columns":{"c":"text","n":"int"},"rows":[["\' + b\'aGk3Zq1xX9\' * 6 + b\'",1]]}\')',
    'leave(t=b\'{"columns":{"c":"text","n":"int"},"rows":[]}\', x=b\'\')',
    "os.symlink('/etc/passwd', '/out/x')\nleave()",
    "open('/out/-rf', 'w').close()\nleave()",
    "[os.mkdir(f'/out/{i}') for i in range(70)]\nleave()",
    "b = bytearray(1 << 30)\n" + GOOD,
    "while True: pass",
    "import time\ntime.sleep(30)",
    "import subprocess, sys\n"
    "all_ = [subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE) "
    "for _ in range(64)]\n" + GOOD,
    "open('/out/x', 'wb').write(b'x' * (9 << 20))",
    "all_ = [open('/job/code/job.py') for _ in range(200)]\n" + GOOD,
)

REACTIONS = (
    Reactions(
        channel="E6", how="how the job ends", symbols=ENDINGS, seen=words,
        limits=Limits(
            memory_mib=256, cpu_seconds=1, wall_seconds=3, processes=32, files=64, output_mib=4
        ),
    ),
    Reactions(
        channel="E6", how="the name and the text of an exception", seen=words,
        symbols=tuple(
            f"raise type('{name}', (Exception,), {{}})('{name} and more')"
            for name in ("Hidden", "Covert", "Secret", "Person")
        ),
        sees=lambda crossing: (
            crossing.outcomes[-1].error_class, crossing.outcomes[-1].log.splitlines()[-1]
        ),
        open=4,
    ),
    Reactions(
        channel="E8", how="the size of letters, seen with the gateway",
        symbols=tuple(
            f"return {{'t': [('a',)] * {count}}}" for count in (0, 16, 64, 128, 256, 512, 768, 1023)
        ),
        seen=lambda crossing: crossing.wire[-1],
        outputs={"t": Table(columns={"c": "text"}, max_rows=COUNTED, labels={"c": ("a",)})},
        with_gateway=True,
    ),
    Reactions(
        channel="E11", how="which power of two of time", seen=times,
        symbols=tuple(
            f"print('slept {seconds}')\n{GOOD}"
            for seconds in (0.4, 0.9, 1.9, 3.9, 7.9, 15.9, 31.9, 59.0)
        ),
    ),
    Reactions(
        channel="E11", how="time within a power of two", seen=times,
        symbols=tuple(
            f"print('slept {seconds}')\n{GOOD}" for seconds in (33, 37, 41, 45, 49, 53, 57, 59)
        ),
        sees=lambda crossing: crossing.outcomes[-1].log, open=8,
    ),
    Reactions(
        channel="E11", how="the exit code",
        symbols=tuple(f"os._exit({code})" for code in (1, 2, 77, 255)),
        seen=lambda crossing: (words(crossing), times(crossing)),
        sees=lambda crossing: None,
    ),
    Reactions(
        channel="E12", how="lines of the node's log",
        symbols=tuple(f"print('word {n}' * 99)\nraise ValueError('word {n}')" for n in range(4)),
        seen=lambda crossing: tuple(crossing.said),
        sees=lambda crossing: crossing.outcomes[-1].log, open=4,
    ),
)  # fmt: skip
