"""What can be read from the build file without building: runs everywhere."""

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "images" / "Containerfile").read_text().replace("\\\n", " ")
STAGES = {
    name: (base, body)
    for base, name, body in re.findall(
        r"^FROM (?:--platform=\S+ )?(\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)",
        TEXT,
        re.MULTILINE | re.DOTALL,
    )
}
FINAL = {"node", "runtime", "gateway", "singleuser", "mlflow"}
USERS = {
    "node": "64000:64000",
    "runtime": "64100:64000",
    "gateway": "64010:64010",
    "mlflow": "64020:64020",
    "singleuser": "1000:100",
}


def lines(stage: str, word: str) -> list[str]:
    return re.findall(rf"^{word} (.*)$", STAGES[stage][1], re.MULTILINE)


def test_every_stage_is_an_image_or_feeds_one():
    assert set(STAGES) >= FINAL
    used = set(re.findall(r"--from=(\S+)", TEXT)) | {base for base, _ in STAGES.values()}
    assert set(STAGES) - used == FINAL


@pytest.mark.parametrize("target", sorted(FINAL))
def test_an_image_is_put_together_and_runs_nothing_meanwhile(target):
    """Then an arm64 image needs no emulator, and no layer holds what a later one deletes."""
    assert STAGES[target][0] == "root"
    assert lines(target, "RUN") == lines("root", "RUN") == []
    assert STAGES["root"][0] == "scratch"
    assert all("--from=" in line for line in lines(target, "COPY"))


@pytest.mark.parametrize("target", sorted(FINAL))
def test_users_are_numbers(target):
    """`runAsNonRoot` of a pod is decided by the number, before a name could be looked up."""
    assert lines(target, "USER") == [USERS[target]]


def test_the_base_is_named_by_whoever_builds():
    assert re.search(r"^ARG BASE_IMAGE$", TEXT, re.MULTILINE)
    outside = {base for base, _ in STAGES.values()} - set(STAGES) - {"scratch"}
    assert outside == {"${BASE_IMAGE}", "${BUILD_IMAGE}"}


@pytest.mark.parametrize("stage", sorted(name for name in STAGES if name.endswith("-venv")))
def test_every_environment_is_its_lock_alone(stage):
    """`ARG TARGETARCH` in each: a stage does not inherit it from the one below."""
    (lock,) = lines(stage, "COPY")
    (install,) = lines(stage, "RUN")
    name = lock.split()[0].removeprefix("requirements/").removesuffix(".txt")
    assert install.split()[:3] == ["sh", "/build/install_lock.sh", name]
    assert "TARGETARCH" in lines(stage, "ARG")
    if "$" not in name:
        assert (ROOT / "requirements" / f"{name}.txt").is_file()


def test_wheels_only_and_each_by_its_hash():
    for script in ("install_lock.sh", "install_tools.sh"):
        text = (ROOT / "images" / script).read_text()
        assert "--require-hashes" in text
        assert "--only-binary :all:" in text


def test_a_build_sees_what_is_named_and_nothing_else():
    first, *rest = [
        line
        for line in (ROOT / "images" / "Containerfile.dockerignore").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert first == "*"
    seen = {line[1:].split("/")[0] for line in rest if line.startswith("!")}
    copied = {
        word.split("/")[0]
        for _, body in STAGES.values()
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", body, re.MULTILINE)
        for word in line.split()
    }
    assert seen == copied


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "which images?"),
        (("nodes",), "there is no nodes"),
        (("node", "--base", "python:3.11-slim-bookworm"), "a tag, which may be something else"),
        (("node", "--arch", "riscv64"), "there is no riscv64"),
        (("node", "--base"), "--base needs a value"),
    ],
)
def test_a_slip_on_the_command_line_is_told(arguments, told):
    run = subprocess.run(
        [str(ROOT / "images" / "build.sh"), *arguments], capture_output=True, text=True, timeout=20
    )

    assert run.returncode == 1
    assert told in run.stderr
    assert "Next: " in run.stderr


def test_a_notebook_finds_the_models_that_it_carries():
    shown = [
        line[1:]
        for line in (ROOT / "images" / "Containerfile.dockerignore").read_text().splitlines()
        if line.startswith("!data/models/")
    ]
    carried = {
        name
        for notebook in (ROOT / "notebooks").glob("*.ipynb")
        for name in re.findall(r'models / \\"([\w.]+)', notebook.read_text())
    }

    assert "detector.weights.npz" in carried
    for name in carried:
        assert any(fnmatch(f"data/models/{name}", pattern) for pattern in shown), name
