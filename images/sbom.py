"""What an image is made of, as CycloneDX: `sbom.py NAME VENV ROOT FILE`.

cyclonedx-bom reads the virtual environment; Debian's packages and the interpreter, which it
does not know, are added from the root file system. The result is checked against CycloneDX's
schema before it is written, and holds no time: the same image has the same bill.
"""

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main() -> None:
    """Write the bill of the image NAME."""
    name, venv, root, file = sys.argv[1], *map(Path, sys.argv[2:])
    bill = of_python(venv)
    bill["components"] += [*of_debian(root), *of_interpreter(root)]
    bill.setdefault("metadata", {})["component"] = {
        "type": "container",
        "name": name,
        "bom-ref": name,
    }
    text = json.dumps(bill, indent=1, sort_keys=True, ensure_ascii=False)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        sys.exit(f"sbom: {wrong}")
    file.write_text(text + "\n", encoding="utf-8")


def of_python(venv: Path) -> dict[str, Any]:
    """The bill of a virtual environment."""
    command = Path(sys.executable).parent / "cyclonedx-py"
    asked = [str(command), "environment", "--output-reproducible", "--sv", "1.6", str(venv)]
    said = subprocess.run(asked, check=True, capture_output=True)
    return json.loads(said.stdout)


def of_debian(root: Path) -> Iterator[dict[str, Any]]:
    """One component for each installed Debian package."""
    status = (root / "var/lib/dpkg/status").read_text(encoding="utf-8")
    for paragraph in status.split("\n\n"):
        fields = dict(
            line.split(": ", 1)
            for line in paragraph.splitlines()
            if ": " in line and not line.startswith(" ")
        )
        if not fields.get("Status", "").startswith("install ok"):
            continue
        name, version, machine = fields["Package"], fields["Version"], fields["Architecture"]
        # The purl of a version writes + as it is, and : as %3A.
        purl = f"pkg:deb/debian/{name}@{version.replace(':', '%3A')}?arch={machine}"
        yield {
            "type": "library",
            "name": name,
            "version": version,
            "purl": purl,
            "bom-ref": purl,
        }


def of_interpreter(root: Path) -> Iterator[dict[str, Any]]:
    """CPython, where it is no Debian package (the official image builds its own)."""
    if (root / "usr/local/bin/python3.11").exists():
        version = platform.python_version()
        purl = f"pkg:generic/python@{version}"
        yield {
            "type": "application",
            "name": "python",
            "version": version,
            "purl": purl,
            "bom-ref": purl,
        }


if __name__ == "__main__":
    main()
