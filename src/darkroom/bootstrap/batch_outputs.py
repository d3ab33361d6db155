"""What an executed notebook shows, without the secrets of who ran it.

A guard against accidents (a cell that prints its environment or a key file), not against the
notebook's author, who could write a key down in many ways.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from darkroom.errors import StateError


WITHHELD = "This output held a secret of the identity that ran the notebook. It is not kept."
MAX_EXECUTED = 64 << 20


def withhold(path: Path, secrets: frozenset[str]) -> list[int]:
    """Take every output with a secret out of an executed notebook.

    Paths that papermill writes into it are made plain names. The file is rewritten.

    Returns:
        The numbers of the code cells whose outputs were taken out.

    Raises:
        StateError: no notebook, too large, or a secret lies outside of the outputs; then the
            file is removed.
    """
    content = _read(path)
    found = []
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, start=1):
        if _holds(cell["outputs"], secrets):
            cell["outputs"] = [{"output_type": "stream", "name": "stderr", "text": WITHHELD}]
            found.append(number)
    told = content["metadata"].get("papermill", {})
    for name in ("input_path", "output_path"):
        if isinstance(told.get(name), str):
            told[name] = Path(told[name]).name
    if _holds(content, secrets):
        path.unlink()
        raise StateError(
            f"the executed {path.name} held a secret of its identity in a source or a parameter",
            next_step="take it out of the notebook; it is not kept and went nowhere",
        )
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        content = json.loads(path.read_bytes()) if size <= MAX_EXECUTED else None
    except (OSError, ValueError) as error:
        raise StateError(
            f"the executed notebook {path} is not there", next_step="is the disk full?"
        ) from error
    if content is None:
        raise StateError(
            f"the executed notebook has {size >> 20} MiB; {MAX_EXECUTED >> 20} are kept",
            next_step=f"let its cells show less; all of it lies at {path}",
        )
    assert isinstance(content, dict)
    return content


def _holds(value: Any, secrets: frozenset[str]) -> bool:
    return any(secret in text for text in _texts(value) for secret in secrets)


def _texts(value: Any) -> Iterator[str]:
    """Every text in it, and lists of lines as one; line breaks inside hide nothing."""
    if isinstance(value, str):
        yield value
        yield "".join(value.split())
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        if all(isinstance(item, str) for item in value):
            yield from _texts("".join(value))
        else:
            for item in value:
                yield from _texts(item)
