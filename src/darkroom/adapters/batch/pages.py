"""Write executed notebooks as HTML beside them. A program of its own: it holds foreign text.

Started as `python -m darkroom.adapters.batch.pages <notebook> …`.
"""

import sys
from pathlib import Path


def main() -> None:
    """One page for each notebook that is named."""
    # A grammar of addresses that no notebook is checked against: seconds of CPU to import.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    import nbformat
    from nbconvert import HTMLExporter

    exporter = HTMLExporter()  # type: ignore[no-untyped-call]
    for path in map(Path, sys.argv[1:]):
        notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": path.stem}})
        path.with_suffix(".html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
