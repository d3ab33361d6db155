"""The unprotected engine really works, over a folder and over a relay's mailboxes."""

import inspect
from pathlib import Path

import pytest
from syft.sync.connections import connection_router
from syft.sync.connections.base_connection import SyftboxPlatformConnection

from tests.attack.pysyft.stock import town as stock
from tests.attack.pysyft.stock.carrier import Carrier, FolderCarrier, RelayCarrier
from tests.attack.pysyft.stock.client import prebuilt, run_approved, stock_client
from tests.attack.pysyft.stock.connection import StockConnection
from tests.node.outside import Exchange


SCRIPT = "import os\nos.makedirs('outputs', exist_ok=True)\nopen('outputs/n.txt', 'w').write('3')\n"


def carriers(way: str, folder: Path) -> tuple[Carrier, Carrier]:
    """The owner's and the scientist's."""
    if way == "folder":
        shared = FolderCarrier(folder / "relay")
        return shared, shared
    exchange = Exchange()
    exchange.client("north").admit("alice")
    exchange.client("alice").admit("north")
    shared = FolderCarrier(folder / "shared")
    name_of = {stock.NORTH: "north", stock.ALICE: "alice"}.__getitem__
    mine, hers = (
        RelayCarrier(folder / name, shared, exchange.client(name), name_of)
        for name in ("north", "alice")
    )
    return mine, hers


@pytest.mark.parametrize("way", ["folder", "relay"])
def test_a_job_goes_there_and_back(way, tmp_path, monkeypatch):
    monkeypatch.setenv("PRE_SYNC", "false")
    monkeypatch.setenv("PATH", str(prebuilt(tmp_path / "programs")), prepend=":")
    at_north, at_alice = carriers(way, tmp_path)
    north = stock_client(at_north, email=stock.NORTH, folder=tmp_path / "n" / "box", owner=True)
    alice = stock_client(at_alice, email=stock.ALICE, folder=tmp_path / "a" / "box", owner=False)
    (tmp_path / "main.py").write_text(SCRIPT)

    alice.add_peer(stock.NORTH, sync=False, verbose=False)
    north.load_peers()
    north.approve_peer_request(stock.ALICE, verbose=False)
    alice.sync()
    alice.submit_python_job(stock.NORTH, str(tmp_path / "main.py"), "count", force_submission=True)
    north.sync()
    (job,) = north.job_client.jobs
    job.approve()
    run_approved(north)
    north.sync()
    alice.sync()

    (job,) = alice.job_client.jobs
    assert job.status == "done"
    assert [p.read_text() for p in job.output_paths] == ["3"]


def test_the_connection_answers_every_call_of_the_engine():
    declared = {
        name
        for name, value in vars(SyftboxPlatformConnection).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    called = {
        part.split("(")[0]
        for part in inspect.getsource(connection_router).split("connection.")[1:]
        if "(" in part.partition("\n")[0]
    }
    called = {name for name in called if name.isidentifier()}
    # The engine wraps this one itself; on a connection it is declared and never called.
    unused = {"watcher_send_proposed_file_changes_message", "copy"}

    assert len(declared | called) > 40
    assert not {n for n in (declared | called) - unused if n not in vars(StockConnection)}
