"""PySyft's own client, put together on a connection of ours (syft 0.10, syft-rds 0.6).

The stock `login_ds` and `login_do` know Google Drive only. The pieces are the stock ones;
the order follows `syft.sync.syftbox_manager` and `syft_rds.config`.
"""

from pathlib import Path

from syft.sync.connections.base_connection import ConnectionConfig
from syft.sync.syftbox_manager import SyftboxManagerConfig, default_collections_folder
from syft.sync.sync.caches.datasite_owner_cache import DataSiteOwnerEventCacheConfig
from syft.sync.sync.caches.datasite_watcher_cache import DataSiteWatcherCacheConfig
from syft.sync.sync.datasite_owner_syncer import DatasiteOwnerSyncerConfig
from syft.sync.sync.datasite_watcher_syncer import DatasiteWatcherSyncerConfig
from syft.sync.version.peer_manager import PeerManagerConfig
from syft_rds.client import SyftRDSClient
from syft_rds.config import DATASET_COLLECTION_SPECS, SyftRDSClientConfig

from darkroom.adapters.pysyft.local_connection import LiveConnection, LocalConnection
from darkroom.errors import InputError


def build_client(
    connection: LocalConnection,
    *,
    address: str,
    folder: Path,
    owner: bool,
) -> SyftRDSClient:
    """A stock client of that address, with its files below `folder`.

    The engine's own encryption stays off: every letter under the connection is sealed and
    signed for pinned keys.

    Args:
        connection: ours.
        address: our own.
        folder: PySyft's SyftBox folder; nothing private lies in it.
        owner: in the role of a datasite's owner, else of a scientist.

    Raises:
        InputError: the folder holds something else.
    """
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is not a folder", next_step="name another one")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return compose_client(
        LiveConnection(connection), address=address, folder=folder, owner=owner, encrypted=False
    )


def compose_client(
    connection: ConnectionConfig, *, address: str, folder: Path, owner: bool, encrypted: bool
) -> SyftRDSClient:
    """The engine's parts in line, on any connection.

    Args:
        connection: what its transports are made from.
        address: our own.
        folder: PySyft's SyftBox folder; it is there.
        owner: in the role of a datasite's owner, else of a scientist.
        encrypted: with the engine's own encryption.
    """
    live = [connection]
    collections = default_collections_folder(folder, address, DATASET_COLLECTION_SPECS)
    config = SyftboxManagerConfig(
        email=address,
        syftbox_folder=folder,
        has_do_role=owner,
        has_ds_role=not owner,
        use_in_memory_cache=False,
        datasite_owner_syncer_config=DatasiteOwnerSyncerConfig(
            email=address,
            syftbox_folder=folder,
            collections_folder=collections,
            collection_specs=DATASET_COLLECTION_SPECS,
            connection_configs=live,
            cache_config=DataSiteOwnerEventCacheConfig(
                email=address,
                use_in_memory_cache=False,
                syftbox_folder=folder,
                collections_folder=collections,
            ),
        ),
        datasite_watcher_syncer_config=DatasiteWatcherSyncerConfig(
            email=address,
            syftbox_folder=folder,
            connection_configs=live,
            datasite_watcher_cache_config=DataSiteWatcherCacheConfig(
                email=address,
                use_in_memory_cache=False,
                syftbox_folder=folder,
                collection_specs=DATASET_COLLECTION_SPECS,
                connection_configs=live,
            ),
        ),
        peer_manager_config=PeerManagerConfig(
            email=address,
            syftbox_folder=folder,
            connection_configs=live,
            has_do_role=owner,
            has_ds_role=not owner,
            use_encryption=encrypted,
        ),
    )
    client = SyftRDSClient.from_config(SyftRDSClientConfig._compose(config))  # noqa: SLF001 - the one way to line up its parts
    client.sync_engine.write_local_version()
    return client
