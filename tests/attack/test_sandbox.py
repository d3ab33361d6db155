"""A hostile job against the sandbox. Where it is safe, the same attack is first seen to
succeed with the wall left out: a test that cannot fail proves nothing."""

import json
import os
import platform
import secrets
import socket
import stat
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from darkroom.adapters.sandbox.plan import Layer
from tests.sandbox.workshop import FIRST_UID, Workshop, as_root, limits, named, open_workshop  # noqa: F401


pytestmark = pytest.mark.attack
N = "return {'result': {'n': n}}"


def _value(out: Path) -> float:
    return json.loads((out / "result").read_bytes())["n"]


# ------------------------------------------------------------------------------ exhaustion


FORKS = (
    """
import os, signal
n = 0
try:
    while n < 150:
        if os.fork() == 0:
            signal.pause()
        n += 1
except OSError:
    pass
"""
    + N
)
MEMORY = "held = [bytearray(b'x' * 2**20) for _ in range(500)]\nn = 500\n" + N
SHARED_MEMORY = (
    """
import mmap
held = []
for n in range(500):
    area = mmap.mmap(-1, 2**20)
    area.write(b"x" * 2**20)
    held.append(area)
"""
    + N
)
FILL = (
    """
n = 0
try:
    for i in range(40):
        with open(f"/{where}/{i}", "wb") as file:
            file.write(bytes(2**21))
        n += 2
except OSError:
    pass
import os
for i in range(40):
    if os.path.exists(f"/{where}/{i}"):
        os.remove(f"/{where}/{i}")
"""
    + N
)
INODES = (
    """
import os
n = 0
try:
    for i in range(3000):
        open(f"/{where}/{i}", "w").close()
        n += 1
except OSError:
    pass
for i in range(n):
    os.remove(f"/{where}/{i}")
"""
    + N
)


@pytest.mark.parametrize("cgroups", [True, False], ids=["groups", "watched"])
def test_a_fork_bomb_stays_small(workshop: Workshop, cgroups: bool) -> None:
    room = limits(memory_mib=1024)  # the number of processes is what is tried here
    _, open_out = workshop.run(FORKS, without=("process count",), cgroups=cgroups, limits=room)
    outcome, out = workshop.run(FORKS, cgroups=cgroups, limits=room)

    assert _value(open_out) == 150
    assert outcome.status == "done"
    assert _value(out) <= 32


def test_a_fork_bomb_that_never_ends_is_ended(workshop: Workshop) -> None:
    outcome, _ = workshop.run(
        """
        import os
        while True:
            try: os.fork()
            except OSError: pass
        """,
        limits=limits(wall_seconds=5),
    )

    # Only a control group counts refusals; without one, time and processor time end it.
    counted = "pids" in workshop.sandbox().cgroups
    words = {"processes (32)"} if counted else {"wall clock (5 s)", "CPU time (20 s)"}
    assert outcome.limit in words
    assert outcome.seconds < (5 if counted else 7)


@pytest.mark.parametrize("cgroups", [True, False], ids=["groups", "watched"])
@pytest.mark.parametrize("bomb", [MEMORY, SHARED_MEMORY], ids=["private", "shared"])
def test_a_memory_bomb_ends_itself_only(workshop: Workshop, cgroups: bool, bomb: str) -> None:
    _, open_out = workshop.run(bomb, without=("memory",), cgroups=cgroups)
    outcome, _ = workshop.run(bomb, cgroups=cgroups, limits=limits(memory_mib=128))

    assert _value(open_out) >= 499
    assert outcome.limit == "memory (128 MiB)"


def test_memory_over_many_processes_counts_together(workshop: Workshop) -> None:
    outcome, _ = workshop.run(
        """
        import os, time
        for _ in range(8):
            if os.fork() == 0:
                held = bytearray(b"x" * (60 << 20))
                time.sleep(9)
        time.sleep(9)
        """,
        limits=limits(memory_mib=128, wall_seconds=8),
        cgroups=False,
    )

    assert outcome.limit == "memory (128 MiB)"


@pytest.mark.parametrize(("where", "most"), [("out", 4), ("tmp", 64)])
def test_the_disk_is_as_large_as_said(workshop: Workshop, where: str, most: int) -> None:
    _, open_out = workshop.run(_at(FILL, where), without=("disk",))
    outcome, out = workshop.run(_at(FILL, where))

    assert _value(open_out) == 80
    assert outcome.status == "done"
    assert _value(out) <= most


@pytest.mark.parametrize(("where", "most"), [("out", 80), ("tmp", 2048)])
def test_files_are_as_many_as_said(workshop: Workshop, where: str, most: int) -> None:
    _, open_out = workshop.run(_at(INODES, where), without=("disk",))
    outcome, out = workshop.run(_at(INODES, where))

    assert _value(open_out) == 3000
    assert outcome.status == "done"
    assert _value(out) <= most


def _at(body: str, where: str) -> str:
    return body.replace("{where}", where)


def test_endless_printing_blocks_nobody(workshop: Workshop) -> None:
    outcome, _ = workshop.run(
        "while True: print('x' * 65536, flush=True)", limits=limits(wall_seconds=1)
    )

    assert outcome.limit == "wall clock (1 s)"
    assert outcome.seconds < 3
    assert len(outcome.log) == 64 << 10


# ---------------------------------------------------------------------- outliving the job


DAEMON = """
import ctypes, os, signal, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(15, b"NAME", 0, 0, 0)
        os.closerange(0, 64)
        while True:
            time.sleep(1)
    os._exit(0)
time.sleep(0.1)
"""


@pytest.mark.parametrize("end", ["return {'result': {'n': 1}}", "time.sleep(60)"])
def test_no_daemon_outlives_its_job(workshop: Workshop, end: str) -> None:
    name = "d" + secrets.token_hex(5)

    outcome, _ = workshop.run(DAEMON.replace("NAME", name) + end, limits=limits(wall_seconds=1))

    assert outcome.status in ("done", "limit")
    assert named(name) == 0


def test_a_job_that_stops_and_traces_its_parents_is_ended_on_time(
    workshop: Workshop,
) -> None:
    outcome, _ = workshop.run(
        """
        import ctypes, os, signal, time
        libc = ctypes.CDLL(None)
        for pid in [1, os.getppid(), -1, 0]:
            for number in (signal.SIGSTOP, signal.SIGTSTP):
                try:
                    if pid > 0: os.kill(pid, number)
                except OSError: pass
            libc.ptrace(0x4206, pid, 0, 0)  # PTRACE_SEIZE
            libc.ptrace(16, pid, 0, 0)  # PTRACE_ATTACH
        try:
            open("/proc/1/mem", "r+b").write(b"x")
        except OSError: pass
        time.sleep(60)
        """,
        limits=limits(wall_seconds=1),
    )

    assert outcome.limit == "wall clock (1 s)"
    assert outcome.seconds < 2.5


def test_a_job_cannot_end_what_it_does_not_own(workshop: Workshop) -> None:
    ours = os.getpid()

    outcome, _ = workshop.run(
        f"""
        import os, signal
        for pid in ({ours}, {os.getppid()}):
            try: os.kill(pid, signal.SIGKILL)
            except OSError: pass
        try: os.kill(-1, signal.SIGKILL)
        except OSError: pass
        return {{"result": {{"n": 1}}}}
        """
    )

    assert outcome.status in ("done", "failed")
    assert workshop.run("return {'result': {'n': 1}}")[0].status == "done"


# ------------------------------------------------------------------------------ reading out


LOOK = (
    """
import os, sys
found = []
interpreter = (sys.prefix, sys.base_prefix)  # large, and the same for everybody
for top, folders, files in os.walk("/", followlinks=False):
    if top.startswith(("/proc", "/sys", "/usr", "/dev", *interpreter)):
        folders.clear()
        continue
    for name in files:
        try:
            found.append(open(os.path.join(top, name), "rb").read(1 << 16))
        except OSError:
            pass
for pid in os.listdir("/proc"):
    if pid.isdecimal():
        for name in ("environ", "cmdline", "maps", "mountinfo"):
            try:
                found.append(open(f"/proc/{pid}/{name}", "rb").read())
            except OSError:
                pass
found.append(repr(os.environ).encode())
n = sum(WORD.encode() in each for each in found)
import socket
print(socket.gethostname())
"""
    + N
)


def test_canaries_of_the_host_are_out_of_sight(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = "canary" + secrets.token_hex(8)
    body = LOOK.replace("WORD", f"({word[:6]!r} + {word[6:]!r})")
    monkeypatch.setenv("CANARY_TOKEN", word)
    planted = workshop.state / "planted"
    planted.mkdir(exist_ok=True)
    (planted / "other-dataset.txt").write_text(word)
    modes = [(folder, folder.stat().st_mode) for folder in (workshop.state, *_above(workshop))]
    try:
        for folder, mode in modes:  # not even file rights stand in the way
            folder.chmod(mode | stat.S_IROTH | stat.S_IXOTH)
        opened, open_out = workshop.run(body, without=("files",))
        outcome, out = workshop.run(body)
    finally:
        for folder, mode in modes:
            folder.chmod(mode)

    assert opened.status == "done", opened.log
    assert _value(open_out) >= 1
    assert outcome.status == "done", outcome.log
    assert _value(out) == 0
    assert outcome.log.strip() == b"sandbox"


def _above(workshop: Workshop) -> list[Path]:
    return [p for p in workshop.state.parents if p.stat().st_uid == os.geteuid()][:2]


def test_other_processes_are_not_there(workshop: Workshop) -> None:
    outcome, out = workshop.run(
        "import os\nn = sum(p.isdecimal() for p in os.listdir('/proc'))\n" + N
    )

    assert outcome.status == "done"
    assert _value(out) <= 2  # bubblewrap's own first process, and the job


# -------------------------------------------------------------------------------- network


class Sinks:
    """Listeners on everything that a job could try to reach."""

    def __init__(self, folder: Path) -> None:
        word = secrets.token_hex(6)
        self.sockets: dict[str, socket.socket] = {}
        self.addresses: dict[str, object] = {}
        for name, family, kind, address in [
            ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("any", socket.AF_INET, socket.SOCK_DGRAM, ("0.0.0.0", 0)),
            ("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
            ("udp6", socket.AF_INET6, socket.SOCK_DGRAM, ("::1", 0)),
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0a{word}"),
            ("abstract datagram", socket.AF_UNIX, socket.SOCK_DGRAM, f"\0b{word}"),
            ("path", socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "s")),
            ("path datagram", socket.AF_UNIX, socket.SOCK_DGRAM, str(folder / "d")),
        ]:
            sink = socket.socket(family, kind)
            try:
                sink.bind(address)
            except OSError:  # this host has no IPv6
                sink.close()
                continue
            if kind == socket.SOCK_STREAM:
                sink.listen()
            sink.setblocking(False)
            self.sockets[name] = sink
            self.addresses[name] = sink.getsockname()
        for name in ("s", "d"):
            (folder / name).chmod(0o777)

    def received(self) -> set[str]:
        """Names of the sinks that something reached."""
        reached = set()
        for name, sink in self.sockets.items():
            with suppress(OSError):
                while True:  # until nothing waits any more
                    if sink.type == socket.SOCK_STREAM:
                        sink.accept()[0].close()
                    else:
                        sink.recv(99)
                    reached.add(name)
        return reached


@pytest.fixture
def sinks(tmp_path: Path) -> Iterator[Sinks]:
    made = Sinks(tmp_path)
    yield made
    for sink in made.sockets.values():
        sink.close()


CHANNELS = (
    r"""
import socket, subprocess, urllib.request
S, D, R = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW
to = ADDRESSES
made = []

def try_(name, family, kind, address=None, protocol=0):
    try:
        with socket.socket(family, kind, protocol) as one:
            one.settimeout(0.3)
            made.append(name)
            if address is not None:
                one.connect(tuple(address) if isinstance(address, list) else address)
                one.send(b"frame")
    except OSError:
        pass

for name, address in to.items():
    family = socket.AF_UNIX if isinstance(address, str) else (
        socket.AF_INET6 if "6" in name else socket.AF_INET)
    kind = D if "udp" in name or "any" in name or "datagram" in name else S
    try_(name, family, kind, address)
try_("metadata", socket.AF_INET, S, ["169.254.169.254", 80])
try_("dns", socket.AF_INET, D, ["127.0.0.53", 53])
try_("broadcast", socket.AF_INET, D, ["255.255.255.255", 9])
try_("multicast", socket.AF_INET, D, ["224.0.0.251", 5353])
try_("icmp", socket.AF_INET, R, ["127.0.0.1", 0], 1)
try_("netlink", 16, R)
try_("packet", 17, R)
try_("vsock", 40, S)
try_("bluetooth", 31, R)
try_("can", 29, R)
try_("alg", 38, 5)
try_("sctp", socket.AF_INET, S, None, 132)
try:
    socket.getaddrinfo("example.org", 80); made.append("resolver")
except OSError:
    pass
try:
    urllib.request.urlopen(f"http://127.0.0.1:{to['tcp'][1]}/", timeout=0.3)
except OSError:
    pass
n = sum(name not in ("abstract", "abstract datagram", "path", "path datagram")
        for name in made)
print(made)
"""
    + N
)


def test_no_channel_leads_out(workshop: Workshop, sinks: Sinks) -> None:
    body = CHANNELS.replace("ADDRESSES", repr(_json(sinks.addresses)))
    open_walls: tuple[Layer, ...] = ("network", "system calls")

    workshop.run(body, without=open_walls)
    reached = sinks.received()
    outcome, out = workshop.run(body)

    assert {"tcp", "udp", "any", "abstract", "abstract datagram"} <= reached
    assert outcome.status == "done", outcome.log
    assert sinks.received() == set()
    assert _value(out) == 0, outcome.log  # only unix sockets could be made at all


@pytest.mark.parametrize("wall", ["network", "system calls"])
def test_each_of_the_two_walls_alone_keeps_addresses_shut(
    workshop: Workshop, sinks: Sinks, wall: Layer
) -> None:
    body = CHANNELS.replace("ADDRESSES", repr(_json(sinks.addresses)))

    workshop.run(body, without=(wall,))

    # Names in the abstract space are the namespace's business alone.
    assert sinks.received() <= {"abstract", "abstract datagram"}


def _json(addresses: dict[str, object]) -> dict[str, object]:
    return {
        name: list(address)[:2] if isinstance(address, tuple) else _text(address)
        for name, address in addresses.items()
    }


def _text(address: object) -> object:
    return address.decode() if isinstance(address, bytes) else address


# ----------------------------------------------------------------------------- the kernel


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86 has two older call tables")
@pytest.mark.parametrize(
    "attempt",
    [
        "ctypes.CDLL(None).syscall(0x40000000 | 41, 2, 1, 0)",
        """
        import mmap
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(b"\\xb8\\x67\\x01\\x00\\x00\\xcd\\x80\\xc3")  # mov eax, 359; int 0x80
        place = ctypes.addressof(ctypes.c_char.from_buffer(code))
        ctypes.CFUNCTYPE(ctypes.c_long)(place)()
        """,
    ],
    ids=["x32", "int80"],
)
def test_older_call_tables_are_no_way_round(workshop: Workshop, attempt: str) -> None:
    outcome, _ = workshop.run("import ctypes\n" + textwrap.dedent(attempt))

    assert outcome.status == "failed"
    assert outcome.error_class in ("SIGSYS", "SIGSEGV")  # SIGSEGV: a kernel without them


@pytest.mark.parametrize(
    "call",
    [
        "unshare(0x10000000)",
        "unshare(0x00020000)",
        "syscall(56 if X86 else 220, 0x10000000 | 17, 0, 0, 0, 0)",
        "mount(b'none', b'/tmp', b'tmpfs', 0, 0)",
        "umount2(b'/data', 2)",
        "setns(0, 0)",
        "ptrace(0, 0, 0, 0)",
        "personality(0x0040000)",
        "syscall(425, 8, 0)",
        "memfd_create(b'x', 0)",
        "shmget(0, 4096, 0o1666)",
        "setuid(0)",
        "chroot(b'/tmp')",
        "sethostname(b'x', 1)",
        "reboot(0)",
    ],
)
def test_the_kernel_is_asked_for_nothing_special(workshop: Workshop, call: str) -> None:
    outcome, out = workshop.run(
        f"""
        import ctypes, os
        X86 = os.uname().machine == "x86_64"
        libc = ctypes.CDLL(None, use_errno=True)
        n = libc.{call}
        print(n, ctypes.get_errno())
        """
        + N
    )

    assert outcome.status == "done", outcome.log
    assert _value(out) == -1


# --------------------------------------------------------------------------- hostile outputs


OUTPUTS = [
    ("os.symlink('/etc/passwd', '/out/x')", "OutputLinkError"),
    ("os.symlink('/proc/1/environ', '/out/result2')", "OutputLinkError"),
    ("os.symlink('..', '/out/up')", "OutputLinkError"),
    ("open('/out/a', 'w').close(); os.link('/out/a', '/out/b')", "OutputLinkError"),
    ("os.mkfifo('/out/pipe')", "OutputLinkError"),
    ("import socket; socket.socket(1, 1).bind('/out/sock')", "OutputLinkError"),
    ("f = open('/out/x', 'wb'); f.truncate(40 << 20)", "OutputSizeError"),
    ("os.makedirs('/out/' + '/'.join('abcdefg'))", "OutputSizeError"),
    ("[os.mkdir(f'/out/{i}') for i in range(70)]", "OutputSizeError"),
    ("open('/out/-rf', 'w').close()", "OutputNameError"),
    ("open('/out/a\\x1b[2J', 'w').close()", "OutputNameError"),
    ("open('/out/\\u0430', 'w').close()", "OutputNameError"),
    ("open(b'/out/\\xff', 'w').close()", "OutputNameError"),
    ("open('/out/' + 'a' * 200, 'w').close()", "OutputNameError"),
]


@pytest.mark.parametrize(("body", "error_class"), OUTPUTS)
def test_nothing_is_taken_from_a_hostile_out(
    workshop: Workshop, body: str, error_class: str
) -> None:
    outcome, out = workshop.run(f"import os\n{body}\nreturn {{'result': {{'n': 1}}}}")

    assert (outcome.status, outcome.error_class) == ("failed", error_class)
    assert not list(out.iterdir())


def test_closed_folders_and_files_are_no_obstacle(workshop: Workshop) -> None:
    outcome, out = workshop.run(
        """
        import os
        os.mkdir("/out/shut"); open("/out/shut/x", "w").close()
        os.chmod("/out/shut/x", 0); os.chmod("/out/shut", 0); os.chmod("/out", 0)
        os.chmod("/out", 0o700)
        return {"result": {"n": 1}}
        """
    )

    assert outcome.status == "done"
    assert sorted(p.name for p in out.rglob("*")) == ["result", "shut", "x"]


def test_a_forged_report_decides_nothing(workshop: Workshop) -> None:
    outcome, _ = workshop.run(
        """
        import os
        for fd in range(3, 32):
            try:
                for _ in range(64):
                    os.write(fd, b'{"error": "../../x", "errno": []}' * 99)
            except OSError: pass
        os._exit(1)
        """,
        limits=limits(wall_seconds=5),
    )

    assert (outcome.status, outcome.error_class) == ("failed", "Exception")


@pytest.mark.skipif(not as_root(), reason="needs a launcher that can give uids")
def test_each_job_has_a_user_of_its_own(workshop: Workshop) -> None:
    _, out = workshop.run("import os\nn = os.getuid()\n" + N)

    assert _value(out) >= FIRST_UID
