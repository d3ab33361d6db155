"""All that a Raspberry Pi needs exists as a wheel: nothing is compiled beside the cameras.

Asks the package index, and skips with its reason where there is none. The answer is kept
under build/ for as long as the lock and the resolver stay the same.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]
# Raspberry Pi OS Bookworm, 64 bit: glibc 2.36.
PLATFORM = "aarch64-manylinux_2_36"
UNREACHABLE = re.compile(
    r"dns error|error sending request|connect(ion)? (error|refused|timed? ?out)|timed out|"
    r"network|offline|failed to fetch",
    re.IGNORECASE,
)


def resolver() -> str:
    found = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if found is None:
        pytest.skip("uv is not installed (make setup does it)")
    return found


def resolve(lock: Path, platform: str) -> subprocess.CompletedProcess[str]:
    """Resolve a lock as if on another machine, from wheels only; nothing is installed."""
    return subprocess.run(
        [
            resolver(),
            "pip",
            "compile",
            str(lock),
            "--python-version=3.11",
            f"--python-platform={platform}",
            "--only-binary=:all:",
            "--no-header",
            "--no-annotate",
            "--quiet",
            "--color=never",
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "UV_HTTP_TIMEOUT": "15", "UV_HTTP_RETRIES": "1"},
    )


def skip_where_unreachable(run: subprocess.CompletedProcess[str]) -> None:
    """Skip, with the reason, where no index answered; an index that says no is an answer."""
    if run.returncode and "No solution found" not in run.stderr and UNREACHABLE.search(run.stderr):
        pytest.skip("the package index cannot be reached, so arm64 wheels were not looked up")


def names(text: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9._-]+==[^\s\\;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("role", ["node", "runtime-litert", "runtime-tflite-runtime"])
def test_role_resolves_to_arm64_wheels(role: str) -> None:
    lock = ROOT / "requirements" / f"{role}.txt"
    key = hashlib.sha256(lock.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:16]
    known = ROOT / "build" / "arm64" / f"{role}-{key}"
    if known.is_file():
        assert names(known.read_text()) == names(lock.read_text())
        return

    run = resolve(lock, PLATFORM)
    skip_where_unreachable(run)

    assert run.returncode == 0, run.stderr
    assert names(run.stdout) == names(lock.read_text()), "arm64 needs other packages than the lock"
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text(run.stdout)


def test_a_package_without_such_a_wheel_is_seen(tmp_path: Path) -> None:
    """The resolver does refuse: tflite-runtime has no wheel for an older glibc."""
    lock = tmp_path / "lock.txt"
    lock.write_text("tflite-runtime==2.14.0\n")

    run = resolve(lock, "aarch64-manylinux_2_28")
    skip_where_unreachable(run)

    assert run.returncode != 0
    assert "tflite-runtime" in run.stderr
