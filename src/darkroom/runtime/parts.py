"""What a worker leaves for the job's own merge: JSON, with arrays beside it."""

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkroom.errors import OutputError


FOLDER, TREE, ARRAYS = "part", "part.json", "arrays.npz"
ARRAY = "__array__"
DEPTH = 32
MAX_TREE = 64 << 20
_STEP = "return dicts, lists, numbers, texts and arrays"


def write_part(out: Path, value: object) -> None:
    """Write a part.

    Raises:
        OutputError: it holds something that is neither JSON nor an array of numbers.
    """
    arrays: dict[str, Any] = {}
    tree = json.dumps(_plain(value, arrays, DEPTH), allow_nan=False)
    folder = out / FOLDER
    folder.mkdir()
    (folder / TREE).write_text(tree)
    if arrays:
        import numpy as np

        with (folder / ARRAYS).open("wb") as file:
            np.savez(file, **arrays)


def read_part(folder: Path) -> Any:  # noqa: ANN401 - whatever the worker returned
    """Read a part; nothing is unpickled.

    Raises:
        OutputError: it is not what `write_part` writes.
    """
    arrays: dict[str, Any] = {}
    try:
        path = folder / FOLDER / TREE
        if path.stat().st_size > MAX_TREE:
            raise ValueError
        tree = json.loads(path.read_bytes())
        packed = folder / FOLDER / ARRAYS
        if packed.exists():
            import numpy as np

            with np.load(io.BytesIO(packed.read_bytes()), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        return _restored(tree, arrays)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise OutputError("a part of the job cannot be read", next_step=_STEP) from error


def _plain(value: Any, arrays: dict[str, Any], depth: int) -> Any:  # noqa: ANN401
    if depth == 0:
        raise OutputError("a part is nested too deeply", next_step=_STEP)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise OutputError(
                "a part holds NaN or infinity outside an array",
                next_step="put such numbers into an array",
            )
        return value
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise OutputError("a part has a key that is not a text", next_step=_STEP)
        return {k: _plain(v, arrays, depth - 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v, arrays, depth - 1) for v in value]
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return _plain(value.item(), arrays, depth - 1)
    if getattr(getattr(value, "dtype", None), "kind", "O") in "fiub":
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {ARRAY: name}
    raise OutputError(f"a part holds {type(value).__name__[:40]}", next_step=_STEP)


def _restored(value: Any, arrays: dict[str, Any]) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        if set(value) == {ARRAY}:
            return arrays[value[ARRAY]]
        return {k: _restored(v, arrays) for k, v in value.items()}
    if isinstance(value, list):
        return [_restored(v, arrays) for v in value]
    return value
