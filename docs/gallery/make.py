"""Put executed notebooks into the gallery: `python docs/gallery/make.py build/demo/notebooks [NAME.ipynb …]`.

Those that are there already are made anew, unless some are named. Synthetic data only. What papermill adds (paths, times, the injected cell) is taken out, and a
notebook that still names a path of this machine is refused.
"""

import re
import sys
from pathlib import Path

import nbformat


HERE = Path(__file__).parent
MACHINE_PATH = re.compile(r"/(?:home|root|tmp|work|Users|srv|opt)/[\w.-]+")
MOST_BYTES = 1_000_000


def cleaned(path: Path) -> str:
    """The notebook as the gallery keeps it.

    Raises:
        SystemExit: it names a path of this machine, or is too large to commit.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = {
        key: notebook.metadata[key] for key in ("kernelspec", "language_info")
    }
    notebook.cells = [
        cell
        for cell in notebook.cells
        if "injected-parameters" not in cell.metadata.get("tags", ())
    ]
    for cell in notebook.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k == "tags"}
    text = nbformat.writes(notebook)
    found = MACHINE_PATH.search(text)
    if found:
        raise SystemExit(f"{path.name} names a path of this machine: {found[0]}")
    if len(text.encode()) > MOST_BYTES:
        raise SystemExit(f"{path.name} is over {MOST_BYTES} bytes")
    return text


def main() -> None:
    """Clean all, then write all."""
    source, names = Path(sys.argv[1]), sys.argv[2:] or [p.name for p in HERE.glob("*.ipynb")]
    pages = {name: cleaned(source / name) for name in sorted(names)}
    for name, text in pages.items():
        (HERE / name).write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {len(text) // 1000} kB")


if __name__ == "__main__":
    main()
