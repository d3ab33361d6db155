"""A gateway that is killed at any moment loses nothing that it answered with 2xx."""

import os
import sqlite3
import threading

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.bootstrap.gateway import GatewaySettings, serve
from darkroom.errors import DarkroomError, StateError, UnreachableError
from tests.gateway.serving import GatewayProcess, serving


@pytest.fixture(scope="module")
def keys():
    return SycKeyring.generate("alice", "scientist"), SycKeyring.generate("north", "domain")


@pytest.mark.slow
def test_kill_9_loses_and_doubles_no_message_that_was_answered(tmp_path, keys):
    alice_keys, north_keys = keys
    answered: list[str] = []
    enough = threading.Semaphore(0)
    stop = threading.Event()

    with GatewayProcess(tmp_path) as first:
        port = first.port
        with first.relay(alice_keys) as alice, first.relay(north_keys) as north:
            alice.register(alice_keys.identity)
            north.register(north_keys.identity)
            north.admit("alice")

            def send() -> None:
                for index in range(100_000):
                    if stop.is_set():
                        return
                    try:
                        alice.send("north", f"{index:032x}", b"x" * 500, expires_in=600)
                    except UnreachableError:
                        return
                    answered.append(f"{index:032x}")
                    enough.release()

            sender = threading.Thread(target=send)
            sender.start()
            for _ in range(40):
                assert enough.acquire(timeout=20)
            first.kill()
            stop.set()
            sender.join(20)

            with GatewayProcess(tmp_path, port=port):
                # The same clients go on: they log in again by themselves.
                for envelope_id in answered:
                    alice.send("north", envelope_id, b"again", expires_in=600)
                received = [parcel.id for parcel in north.receive(wait=0)]
                # What was under way when it died may be there, or not.
                assert answered == received[: len(answered)]
                assert len(received) - len(answered) in {0, 1}
                assert len(set(received)) == len(received)

                north.acknowledge(len(received))
                alice.send("north", answered[0], b"again", expires_in=600)
                assert [] == north.receive(wait=0)


@pytest.mark.slow
def test_a_blob_that_was_answered_is_there_after_kill_9(tmp_path, keys):
    alice_keys, _ = keys
    data = os.urandom(5 << 20)
    with GatewayProcess(tmp_path) as first, first.relay(alice_keys) as alice:
        alice.register(alice_keys.identity)
        address = alice.put_blob(data, [])
        first.kill()
        with GatewayProcess(tmp_path, port=first.port):
            assert data == alice.get_blob("alice", address)


@pytest.mark.slow
def test_a_gateway_stops_politely_and_answers_those_who_wait(tmp_path, keys):
    alice_keys, _ = keys
    with GatewayProcess(tmp_path) as gateway, gateway.relay(alice_keys) as alice:
        alice.register(alice_keys.identity)
        outcome: list[object] = []

        def poll() -> None:
            try:
                outcome.append(alice.receive(wait=50))
            except DarkroomError as error:
                outcome.append(error.code)

        poller = threading.Thread(target=poll)
        poller.start()
        assert [] == alice.admitted()
        said = gateway.stop()
        poller.join(20)

    assert not poller.is_alive()
    assert outcome in ([[]], ["unreachable"])
    assert "" == said  # no traceback, no request, nothing


def test_two_gateways_cannot_share_a_folder(tmp_path):
    second = GatewaySettings(state=tmp_path, port=0)
    with serving(tmp_path), pytest.raises(StateError, match="another gateway already serves"):
        serve(second, say=lambda _: None)


def test_a_newer_store_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "gateway.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(StateError, match="has schema 99"):
        serve(GatewaySettings(state=tmp_path, port=0), say=lambda _: None)


def test_a_damaged_store_is_said_and_left_alone(tmp_path):
    (tmp_path / "gateway.sqlite").write_bytes(b"not a database, certainly" * 100)

    with pytest.raises(StateError, match="SQLITE_NOTADB"):
        serve(GatewaySettings(state=tmp_path, port=0), say=lambda _: None)


def test_state_is_for_the_operator_alone(tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    with serving(state):
        assert state.stat().st_mode & 0o077 == 0
