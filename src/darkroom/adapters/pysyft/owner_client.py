"""The stock client in the owner's role, its parts replaced where PySyft foresees it."""

import shutil
from collections.abc import Callable
from pathlib import Path

from syft.sync.sync.caches.persisted_dict import PersistedDict
from syft_rds.client import SyftRDSClient

from darkroom.adapters.pysyft.client import build_client
from darkroom.adapters.pysyft.owner_box import OwnerBox
from darkroom.adapters.pysyft.owner_connection import OwnerConnection
from darkroom.adapters.pysyft.owner_desk import Footage, ReviewQueue, Scientists
from darkroom.adapters.pysyft.owner_jobs import OwnerJobs
from darkroom.adapters.pysyft.owner_runner import OwnerRunner
from darkroom.adapters.pysyft.referenced_datasets import ReferencedDatasets


__all__ = ["SyftRDSClient", "owner_client"]


def owner_client(
    *,
    address: str,
    folder: Path,
    queue: ReviewQueue,
    scientists: Scientists,
    footage: Footage,
    tell: Callable[[str], object],
) -> SyftRDSClient:
    """A `SyftRDSClient` on the owner's desk.

    Args:
        address: of the domain.
        folder: the SyftBox; `<folder>-held` beside it has outputs that wait for release and
            links to private files.
        queue, scientists, footage: the desk.
        tell: where a sentence for a person goes.
    """
    folder = folder.resolve()
    held = folder.with_name(f"{folder.name}-held")
    held.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.rmtree(held / "outputs", ignore_errors=True)  # linked again as far as they are wanted
    # The engine keeps every message it ever saw; what lies in the box is enough.
    shutil.rmtree(folder.with_name(f"{folder.name}-events"), ignore_errors=True)
    connection = OwnerConnection(address=address, scientists=scientists)
    client = build_client(connection, address=address, folder=folder, owner=True)
    # The stock one reads its whole file again for every path it is asked for: quadratic.
    client.sync_engine.datasite_owner_syncer.event_cache.file_hashes = PersistedDict()
    jobs = OwnerJobs.from_config(client.job_client.config)
    box = OwnerBox(address=address, jobs=jobs, held=held / "outputs", queue=queue, tell=tell)
    datasets = ReferencedDatasets(
        syftbox_folder=folder,
        email=address,
        held=held / "datasets",
        footage=footage,
        scientists=scientists,
        tell=tell,
    )
    datasets.list_known()
    connection.box, connection.datasets = box, datasets
    client.job_client = jobs
    client.job_runner = OwnerRunner(jobs.config, box=box, queue=queue, tell=tell)
    client.dataset_manager = datasets
    client.load_peers()
    return client
