"""T21: a package that is not the one that was locked."""

import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.test_locks import ROOT


NAME = "canary_wheel"
CODE = "WORD = 'as locked'\n"


def wheel(folder: Path, code: str) -> Path:
    """A package of one file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{NAME}-1.0-py3-none-any.whl"
    files = {
        f"{NAME}.py": code,
        f"{NAME}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n",
        f"{NAME}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: x\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
            sha = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
            record += f"{name},sha256={sha.decode()},{len(text)}\n"
        archive.writestr(
            f"{NAME}-1.0.dist-info/RECORD", record + f"{NAME}-1.0.dist-info/RECORD,,\n"
        )
    return path


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A lock of an honest wheel, and a tampered one in its place."""
    honest = wheel(tmp_path / "wheels", CODE)
    lock = tmp_path / "lock.txt"
    lock.write_text(
        f"{NAME}==1.0 --hash=sha256:{hashlib.sha256(honest.read_bytes()).hexdigest()}\n"
    )
    wheel(tmp_path / "wheels", CODE.replace("as locked", "tampered"))
    return lock


def install(lock: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """As requirements/setup.sh installs, but from a folder: no network is asked."""
    return subprocess.run(
        [
            sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-index", "--no-cache",
            "--offline", "--find-links", str(lock.parent / "wheels"), "--python", sys.executable,
            "--target", str(lock.parent / "site"), *flags, "-r", str(lock),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip


@pytest.mark.attack("T21", control="off")
def test_without_hashes_a_tampered_package_is_installed(locked: Path) -> None:
    locked.write_text(f"{NAME}==1.0\n")

    assert install(locked).returncode == 0
    assert "tampered" in (locked.parent / "site" / f"{NAME}.py").read_text()


@pytest.mark.attack("T21", control="on")
def test_a_tampered_package_is_not_installed(locked: Path) -> None:
    refused = install(locked, "--require-hashes")

    assert refused.returncode != 0
    assert "hash" in refused.stderr.lower()
    assert not (locked.parent / "site" / f"{NAME}.py").exists()


@pytest.mark.attack("T21", control="on")
def test_the_locked_package_is_installed_without_a_network(locked: Path) -> None:
    wheel(locked.parent / "wheels", CODE)

    assert install(locked, "--require-hashes").returncode == 0
    assert (locked.parent / "site" / f"{NAME}.py").read_text() == CODE


@pytest.mark.attack("T21", control="on")
def test_the_project_installs_with_hashes_only() -> None:
    script = (ROOT / "requirements" / "setup.sh").read_text().replace("\\\n", " ")
    installs = [line for line in script.splitlines() if "pip install" in line]

    assert installs
    for line in installs:  # the project itself is the folder that it lies in
        assert "--require-hashes" in line or "--editable ." in line, line
