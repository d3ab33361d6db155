"""Prints LOCK=sha256:… for environments, as a node computes it: `lock_hash.py ROOT LOCK...`."""

import sys
from pathlib import Path


def main() -> None:
    """ROOT is a checkout or `/opt/darkroom`; a LOCK is a name in its requirements/."""
    root = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(root / "src"))
    from darkroom.walls.lock_hash import lock_hash

    for name in sys.argv[2:]:
        lock = root / "requirements" / f"{name}.txt"
        print(f"{name}={lock_hash(lock.read_bytes(), root / 'src' / 'darkroom')}")


if __name__ == "__main__":
    main()
