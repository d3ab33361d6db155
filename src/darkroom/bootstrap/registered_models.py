"""The models that `domain.yaml` registers, held open while a node runs.

Opened before root is given up and folders are closed; a file that is replaced meanwhile stays
the one that the profile names, until the node starts again.
"""

import functools
import os
from pathlib import Path

from darkroom.adapters.pysyft.endpoint import RegisteredModel
from darkroom.config import REPOSITORY
from darkroom.errors import StateError
from darkroom.model.canonical import digest_bytes
from darkroom.model.domain_config import DomainConfig
from darkroom.model.job import MAX_FILE_BYTES


def registered_models(domain: DomainConfig) -> dict[str, RegisteredModel]:
    """File name -> model. A relative path is one of the repository, if there is no other.

    Raises:
        StateError: one cannot be read, or is larger than a file of a job may be.
    """
    return {name: _held(name, Path(path)) for name, path in domain.models.items()}


def _held(name: str, path: Path) -> RegisteredModel:
    file = path if path.exists() else REPOSITORY / path
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe waits
        data = os.pread(descriptor, MAX_FILE_BYTES + 1, 0)
    except OSError as error:
        raise StateError(
            f"the model {name} cannot be read: {error.strerror}",
            next_step="correct its path under models: in domain.yaml",
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise StateError(
            f"the model {name} has more than {MAX_FILE_BYTES >> 20} MiB",
            next_step="register a smaller one: no job could carry it",
        )
    return RegisteredModel(
        sha256=digest_bytes(data),
        size=len(data),
        read=functools.partial(os.pread, descriptor, MAX_FILE_BYTES + 1, 0),
    )
