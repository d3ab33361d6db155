"""How much memory a gateway takes: idle, and while big blobs pass through."""

import random

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from tests.gateway.serving import GatewayProcess


@pytest.mark.slow
def test_memory_idle_and_with_a_big_blob(tmp_path):
    keyring = SycKeyring.generate("alice", "scientist")
    data = random.Random(1).randbytes(1 << 20) * 96
    with GatewayProcess(tmp_path) as gateway, gateway.relay(keyring) as relay:
        relay.register(keyring.identity)
        idle = gateway.memory_mib()

        address = relay.put_blob(data, [])
        assert data == relay.get_blob("alice", address)
        highest = gateway.memory_mib("VmHWM")

    print(f"idle {idle:.0f} MiB, highest {highest:.0f} MiB")
    assert idle < 70
    assert highest < idle + 60  # a few chunks of 4 MiB, not 96
