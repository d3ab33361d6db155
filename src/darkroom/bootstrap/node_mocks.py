"""Mock faces at a node, for jobs of the tier mock: rendered from the card in another process.

Rendering needs a camera world in memory; the node itself stays small. The process gets the
card and a folder, and nothing else of the node.
"""

import json
import subprocess
import sys
import threading
from pathlib import Path

from darkroom.errors import DataError
from darkroom.model.dataset import DatasetCard, Manifest


SECONDS = 600.0


class NodeMocks:
    """Renders the mock of a card once and keeps it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._one = threading.Lock()

    def __call__(self, card: DatasetCard) -> tuple[Path, Manifest]:
        """Folder and manifest of the mock face.

        Raises:
            DataError: it cannot be rendered.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._one:
            done = subprocess.run(
                [sys.executable, "-I", "-m", __name__, str(self._folder)],
                input=json.dumps(card.to_mapping()).encode(),
                capture_output=True,
                env={"PATH": "/usr/bin:/bin"},
                timeout=SECONDS,
                check=False,
            )
        if done.returncode:
            raise DataError(
                f"the mock of {card.name} cannot be rendered", next_step="look at its card"
            )
        face = Path(done.stdout.decode().strip())
        return face, Manifest.from_mapping(json.loads((face / "manifest.json").read_bytes()))


def main() -> None:
    """Render the card on standard input below a folder; print where."""
    from darkroom.scientist.mock import mock_face

    card = DatasetCard.from_mapping(json.loads(sys.stdin.buffer.read()))
    print(mock_face(card, Path(sys.argv[1])))  # noqa: T201 - the answer to the node


if __name__ == "__main__":
    main()
