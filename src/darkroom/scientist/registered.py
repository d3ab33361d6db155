"""What the run log registers a model as: kept here, so that its lineage is found offline."""

from darkroom.run_log import RunLog
from darkroom.scientist.record import decode_record
from darkroom.scientist.store import Store


def write_record(data: bytes, run_log: RunLog, store: Store) -> str:
    """Write a kept record, and keep which version of a registered model it became; its address.

    Raises:
        UnreachableError: not answered, or only in part; the caller keeps the record and retries.
    """
    record = decode_record(data)
    address = run_log.write(record)
    model = record.model or {}
    name, receipt = model.get("register", ""), model.get("tags", {}).get("receipt", "")
    if name and receipt and (version := run_log.registered(record.key, name)):
        store.put_registered(name, version, receipt)
    return address
