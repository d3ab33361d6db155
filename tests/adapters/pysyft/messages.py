"""Messages and jobs in the engine's form, made without the engine.

`test_wire.py` and `test_submitted_folder.py` hold them against what the engine writes.
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

import yaml

from darkroom.adapters.pysyft.address import address_of
from darkroom.adapters.pysyft.wire import MEMBER


NORTH, ALICE, BOB = map(address_of, ("north", "alice", "bob"))
MAIN = "print(1)\n"
LAUNCHER = "#!/bin/bash\npython main.py\n"


def config(**more: Any) -> str:
    """The `config.yaml` of a job."""
    fields = {
        "canonical_name": "JobSubmissionMetadata", "version": "1", "name": "count",
        "type": "python", "job_type": "local", "entrypoint": "main.py",
        "submitted_at": "2026-11-01T00:00:00Z", "code_path": "/home/alice/main.py",
        "dependencies": ["syft==0.10.0"], "files": ["main.py"], "is_folder_submission": False,
        "datasets": None, "headers": {},
    }  # fmt: skip
    return yaml.safe_dump({k: v for k, v in (fields | more).items() if v is not ...})


def job(
    name: str = "count",
    *,
    by: str = ALICE,
    code: Mapping[str, str] | None = None,
    more: Mapping[str, str] | None = None,
    **fields: Any,
) -> dict[str, str]:
    """Path in the datasite -> text of a whole job.

    Args:
        name: of the job.
        by: whose inbox it lies in.
        code: path below `code/` -> text.
        more: other files of its folder; they win.
        fields: of its `config.yaml`.
    """
    below = f"app_data/job/inbox/{by}/v1/{name}"
    inside = {
        **{f"code/{path}": text for path, text in (code or {"main.py": MAIN}).items()},
        "run.sh": LAUNCHER,
        "config.yaml": config(**fields),
        **(more or {}),
    }
    return {f"{below}/{path}": text for path, text in inside.items()}


def change(path: str, text: str, **more: Any) -> dict[str, Any]:
    """A proposed file, as JSON."""
    fields = {
        "id": "0" * 8 + "-0000-4000-8000-" + "0" * 12, "old_hash": None,
        "new_hash": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        "submitted_timestamp": 1780000000.5, "path_in_datasite": path, "content": text,
        "datasite_email": NORTH, "is_deleted": False, "content_type": "text",
    }  # fmt: skip
    return {k: v for k, v in (fields | more).items() if v is not ...}


def proposal(files: Mapping[str, str], *, sender: str = ALICE, **more: Any) -> dict[str, Any]:
    """A message that proposes these files, as JSON."""
    return {
        "id": "1" * 8 + "-0000-4000-8000-" + "0" * 12,
        "sender_email": sender,
        "message_filename": {"submitted_timestamp": 1780000000.5, "uid": "u"},
        "proposed_file_changes": [change(path, text, **more) for path, text in files.items()],
    }


def member(name: str = MEMBER, size: int = 0, **more: Any) -> tarfile.TarInfo:
    """The header of a tar member."""
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in more.items():
        setattr(info, key, value)
    return info


def tarred(data: bytes) -> bytes:
    """A tar with one member."""
    return as_tar((member(size=len(data)), data))


def as_tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar of any members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def packed(fields: object) -> bytes:
    """Any JSON value, or the bytes that stand in its place, as a message on the wire."""
    data = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return gzip.compress(tarred(data), 1, mtime=0)


def message(files: Mapping[str, str], **more: Any) -> bytes:
    """A message that proposes these files, on the wire."""
    return packed(proposal(files, **more))
