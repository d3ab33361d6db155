"""A task becomes a command line; nothing is started here."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.sandbox.plan import (
    ENVIRONMENT,
    LAYERS,
    Descriptors,
    Enforcement,
    Host,
    Places,
    command,
    memory_bytes,
    out_mount,
    visible,
)
from darkroom.model.job import Limits
from darkroom.ports import Runtime


HOST = Host(
    bwrap=Path("/usr/bin/bwrap"),
    prlimit=Path("/usr/bin/prlimit"),
    setpriv=Path("/usr/bin/setpriv"),
    folders=(Path("/usr/lib"),),
    links=((Path("/lib"), "usr/lib"),),
    package=Path("/srv/code/darkroom"),
    root=True,
)
RUNTIME = Runtime(
    name="tflite",
    python=Path("/srv/venv/bin/python"),
    paths=(Path("/srv/venv"), Path("/usr/lib/python3.11"), Path("/srv/venv/lib")),
    lock_hash="",
)
PLACES = Places(stage=Path("/stage"), uid=64100, dataset=True, code=True)
LIMITS = Limits(memory_mib=512, cpu_seconds=60, processes=64, files=128, output_mib=16)


def _command(host: Host = HOST, **how: object) -> list[str]:
    enforcement = Enforcement(
        **{"memory_held": True, "processes_held": True, **how}  # type: ignore[arg-type]
    )
    fds = Descriptors(info=5, report=6, seccomp=7)
    return command(host, "run", RUNTIME, LIMITS, PLACES, fds, enforcement)


def _pairs(args: list[str], flag: str) -> list[tuple[str, str]]:
    return [(args[i + 1], args[i + 2]) for i, a in enumerate(args) if a == flag]


def test_every_namespace_is_new() -> None:
    args = _command()
    for name in ("net", "pid", "ipc", "uts"):
        assert f"--unshare-{name}" in args
    assert "--unshare-user" not in args


def test_an_ordinary_user_needs_a_user_namespace_and_no_setpriv() -> None:
    args = _command(replace(HOST, root=False))
    assert "--unshare-user" in args
    assert "--reuid=64100" not in args


def test_root_gives_up_every_right_before_the_interpreter_starts() -> None:
    args = _command()
    after = args[args.index(str(HOST.setpriv), args.index("--")) :]
    assert after[1:8] == [
        "--reuid=64100",
        "--regid=64100",
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--no-new-privs",
        "--",
    ]
    assert after[8] == "/srv/venv/bin/python"
    assert after[9] == "-I"


def test_only_out_and_tmp_are_writable() -> None:
    writable = {target for _, target in _pairs(_command(), "--bind")}
    assert writable == {"/out", "/tmp"}
    assert _command()[-20:].count("--bind") == 0


def test_the_environment_is_fixed() -> None:
    args = _command()
    assert "--clearenv" in args
    assert dict(_pairs(args, "--setenv")) == dict(ENVIRONMENT)


def test_a_folder_inside_another_is_mounted_once() -> None:
    assert visible(RUNTIME, HOST) == [Path("/srv/venv"), Path("/srv/code/darkroom")]


@pytest.mark.parametrize(("memory_held", "expected"), [(True, False), (False, True)])
def test_without_a_group_one_process_is_held_by_its_own_limit(
    memory_held: bool, expected: bool
) -> None:
    args = _command(memory_held=memory_held)
    assert any(a.startswith("--data=") for a in args) is expected


@pytest.mark.parametrize("layer", LAYERS)
def test_leaving_a_wall_out_changes_something_or_is_done_elsewhere(layer: str) -> None:
    elsewhere = {"wall clock", "files"}  # the supervisor's clock; what it exposes
    changed = _command(without=frozenset({layer}), memory_held=False) != _command(memory_held=False)
    assert changed or layer in elsewhere


@given(memory=st.integers(1, 1 << 20), out=st.integers(1, 1 << 20), files=st.integers(1, 9999))
def test_a_full_disk_never_looks_like_a_full_memory(memory: int, out: int, files: int) -> None:
    limits = Limits(memory_mib=memory, output_mib=out, files=files)
    assert memory_bytes(limits) >= (memory + out) << 20
    assert f"size={out}m" in out_mount(limits, 1, frozenset())
