"""The stock client of a data owner or a scientist, with the engine's encryption on."""

import sys
from pathlib import Path

from syft_job.job_runner import SyftJobRunner
from syft_rds.client import SyftRDSClient

from darkroom.adapters.pysyft.client import compose_client
from tests.attack.pysyft.stock.carrier import Carrier
from tests.attack.pysyft.stock.connection import StockConnectionConfig


def stock_client(
    carrier: Carrier, *, email: str, folder: Path, owner: bool, encrypted: bool = True
) -> SyftRDSClient:
    """A client as `login_do` and `login_ds` build it, on a carrier instead of Google Drive."""
    client = compose_client(
        StockConnectionConfig(email=email, carrier=carrier),
        address=email, folder=folder, owner=owner, encrypted=encrypted,
    )  # fmt: skip
    client.peer_manager.write_own_version()
    client.load_peers()
    return client


def prebuilt(folder: Path) -> Path:
    """A folder of programs that lets the stock `run.sh` run without a network.

    It makes a virtual environment with `uv` and installs into it. Here `uv` makes one whose
    `python` is ours and installs nothing: the environment is there already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    uv = folder / "uv"
    uv.write_text(
        "#!/bin/bash\n"
        'if [ "$1" = venv ]; then\n'
        "  mkdir -p .venv/bin\n"
        f"  printf '#!/bin/bash\\nexec {sys.executable} \"$@\"\\n' > .venv/bin/python\n"
        "  chmod +x .venv/bin/python\n"
        '  printf \'export PATH="%s/.venv/bin:$PATH"\\n\' "$PWD" > .venv/bin/activate\n'
        "fi\n"
    )
    uv.chmod(0o755)
    return folder


def run_approved(client: SyftRDSClient, *, timeout: int = 30, stream: bool = False) -> None:
    """What the owner's daemon does: `bash run.sh` of every approved job, by the stock runner."""
    assert type(client.job_runner) is SyftJobRunner
    client.process_approved_jobs(
        stream_output=stream,
        timeout=timeout,
        share_outputs_with_submitter=True,
        share_logs_with_submitter=True,
    )
