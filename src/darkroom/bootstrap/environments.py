"""The prebuilt interpreters of a machine, and the locks that they were built from."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from darkroom.adapters.sandbox.runtimes import describe_runtime
from darkroom.config import REPOSITORY
from darkroom.model.domain_config import DomainConfig
from darkroom.ports import Runtime


LOCKS = {"litert": "runtime-litert", "tflite-runtime": "runtime-tflite-runtime"}


def lock_of(name: str, interpreter: str) -> Path:
    """The lock of an environment, beside the code."""
    return REPOSITORY / "requirements" / f"{LOCKS.get(interpreter, f'runtime-{name}')}.txt"


def offered_runtimes(domain: DomainConfig) -> dict[str, Runtime]:
    """The prebuilt interpreters that `domain.yaml` names."""
    python = Path(sys.executable)
    with ThreadPoolExecutor(2) as pool:
        asked = {
            name: pool.submit(
                describe_runtime, name, python, lock_of(name, interpreter), interpreter=interpreter
            )
            for name, interpreter in domain.environments.items()
        }
        return {name: future.result() for name, future in asked.items()}
