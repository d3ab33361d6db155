"""The owner's side of the stock engine, as a process: sync, approve, run, share, again.

Started by `bench/pysyft.py`; it stops on SIGTERM.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from tests.attack.pysyft.stock.carrier import FolderCarrier, RelayCarrier
from tests.attack.pysyft.stock.client import prebuilt, run_approved, stock_client


OWNER, SCIENTIST = "site@stock.example", "scientist@stock.example"
PAUSE = 0.05


def main() -> None:
    """Serve until the end."""
    folder, gateway, own, other, runner = sys.argv[1:]
    root = Path(folder)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if runner == "prebuilt":
        os.environ["PATH"] = f"{prebuilt(root / 'programs')}:{os.environ['PATH']}"
    relay = HttpRelay(gateway, SycKeyring.load(root / f"{own}.json"), SystemClock())
    names = {OWNER: own, SCIENTIST: other}
    carrier = RelayCarrier(
        root / "owner-mail", FolderCarrier(root / "shared"), relay, names.__getitem__
    )
    client = stock_client(carrier, email=OWNER, folder=root / "owner" / "box", owner=True)
    while not client.peer_manager.requested_by_peer_peers and not stop.is_set():
        client.load_peers()
        stop.wait(PAUSE)
    client.approve_peer_request(SCIENTIST, verbose=False)
    files = root / "files"
    client.create_dataset(
        "yard", files / "mock.txt", files / "private.txt", users=[SCIENTIST], sync=False
    )
    client.sync()
    (root / "open").touch()
    while not stop.is_set():
        client.sync()
        waiting = [job for job in client.job_client.jobs if job.status == "pending"]
        for job in waiting:
            job.approve()
        if waiting:
            run_approved(client, timeout=90)
            client.sync()
        stop.wait(PAUSE)


if __name__ == "__main__":
    main()
