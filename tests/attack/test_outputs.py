"""T4, T7, T8: what a job leaves behind is an attack: links, names, sizes, how it ended."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from darkroom.adapters.sandbox import outcome as outcomes
from darkroom.adapters.sandbox.outcome import Seen, judge
from darkroom.errors import OutputError, SpecError
from darkroom.model.error_class import ERROR_CLASSES
from darkroom.model.output import Table
from darkroom.runtime.encoded_text import looks_encoded
from darkroom.runtime.model_files import repack_arrays
from darkroom.runtime.outputs import encode
from tests.attack.canaries import search, word
from tests.sandbox.workshop import Workshop, limits


HOSTILE = [
    ("os.symlink('/etc/passwd', '/out/x')", "OutputLinkError"),
    ("os.symlink('/proc/1/environ', '/out/result2')", "OutputLinkError"),
    ("os.symlink('..', '/out/up')", "OutputLinkError"),
    ("open('/out/a', 'w').close(); os.link('/out/a', '/out/b')", "OutputLinkError"),
    ("os.mkfifo('/out/pipe')", "OutputLinkError"),
    ("import socket; socket.socket(1, 1).bind('/out/sock')", "OutputLinkError"),
    ("f = open('/out/x', 'wb'); f.truncate(40 << 20)", "OutputSizeError"),
    ("os.makedirs('/out/' + '/'.join('abcdefg'))", "OutputSizeError"),
    ("[os.mkdir(f'/out/{i}') for i in range(70)]", "OutputSizeError"),
    ("open('/out/-rf', 'w').close()", "OutputNameError"),
    ("open('/out/a\\x1b[2J', 'w').close()", "OutputNameError"),
    ("open('/out/\\u0430', 'w').close()", "OutputNameError"),
    ("open(b'/out/\\xff', 'w').close()", "OutputNameError"),
    ("open('/out/' + 'a' * 200, 'w').close()", "OutputNameError"),
]


@pytest.mark.attack("T4", "T7", control="on")
@pytest.mark.parametrize(("body", "error_class"), HOSTILE)
def test_nothing_is_taken_from_a_hostile_out(
    workshop: Workshop, body: str, error_class: str
) -> None:
    outcome, out = workshop.run(f"import os\n{body}\nreturn {{'result': {{'n': 1}}}}")

    assert (outcome.status, outcome.error_class) == ("failed", error_class)
    assert not list(out.iterdir())


@pytest.mark.attack("T4", control="on")
def test_closed_folders_and_files_are_no_obstacle(workshop: Workshop) -> None:
    outcome, out = workshop.run(
        """
        import os
        os.mkdir("/out/shut"); open("/out/shut/x", "w").close()
        os.chmod("/out/shut/x", 0); os.chmod("/out/shut", 0); os.chmod("/out", 0)
        os.chmod("/out", 0o700)
        return {"result": {"n": 1}}
        """
    )

    assert outcome.status == "done"
    assert sorted(p.name for p in out.rglob("*")) == ["result", "shut", "x"]


@pytest.mark.attack("T8", control="on")
def test_a_forged_report_decides_nothing(workshop: Workshop) -> None:
    outcome, _ = workshop.run(
        """
        import os
        for fd in range(3, 32):
            try:
                for _ in range(64):
                    os.write(fd, b'{"error": "../../x", "errno": []}' * 99)
            except OSError: pass
        os._exit(1)
        """,
        limits=limits(wall_seconds=5),
    )

    assert (outcome.status, outcome.error_class) == ("failed", "Exception")


RAISE = f"raise ValueError({word('frame')!r}) from KeyError({word('secret')!r})"


@pytest.mark.attack("T7", "T26", control="off")
def test_a_traceback_that_is_read_tells_what_was_raised(workshop: Workshop) -> None:
    """The log holds it; this is what a live log would have shown."""
    outcome, _ = workshop.run(RAISE)

    assert {"frame", "secret"} <= {f.planted for f in search(outcome.log)}


@pytest.mark.attack("T7", "T26", control="on")
def test_of_an_error_only_the_class_is_told(workshop: Workshop) -> None:
    outcome, out = workshop.run(RAISE)

    assert (outcome.status, outcome.error_class, outcome.limit) == ("failed", "ValueError", "")
    assert not list(Path(out).iterdir())


# ------------------------------------------------------------------ beside what a value says


PIXELS = np.random.default_rng(0).integers(2, 256, 1200).astype(np.uint8)


def as_truth() -> np.ndarray:
    """Pixels as the bytes of truth values: all of them are true."""
    return PIXELS.view(np.bool_)


def as_padding() -> np.ndarray:
    """Ones of 16 bytes, of which the last six are not part of the number."""
    ones = np.ones(200, np.longdouble)
    ones.view(np.uint8).reshape(200, 16)[:, 10:] = PIXELS.reshape(200, 6)
    return ones


def as_selectors() -> str:
    """Eight bytes as marks that no screen shows, behind an ordinary word."""
    return "gate" + "".join(chr(0xE0100 + byte % 240) for byte in PIXELS[:8])


def as_npz(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, w=array)
    return file.getvalue()


@pytest.mark.attack("T7", control="off")
def test_numbers_and_texts_that_are_passed_on_carry_bytes_that_nobody_sees() -> None:
    truth = np.load(io.BytesIO(as_npz(as_truth())))["w"]
    assert truth.all()
    assert (truth.view(np.uint8) == PIXELS).all()

    ones = np.load(io.BytesIO(as_npz(as_padding())))["w"]
    assert (ones == 1).all()
    assert (ones.view(np.uint8).reshape(200, 16)[:, 10:].ravel() == PIXELS).all()

    assert not looks_encoded([as_selectors()])
    assert [ord(c) - 0xE0100 for c in as_selectors()[4:]] == [b % 240 for b in PIXELS[:8]]


@pytest.mark.attack("T7", control="on")
@pytest.mark.parametrize("make", [as_truth, as_padding])
def test_an_array_has_no_room_beside_its_numbers(make: Callable[[], np.ndarray]) -> None:
    with pytest.raises(OutputError):
        repack_arrays("m", as_npz(make()), most=1 << 20)


@pytest.mark.attack("T7", control="on")
def test_a_text_has_no_room_behind_its_words() -> None:
    with pytest.raises(OutputError, match="hidden"):
        encode("t", Table(columns={"v": "text"}, max_rows=1), [[as_selectors()]])
    with pytest.raises(SpecError, match="hidden"):
        Table(columns={"v": "text"}, max_rows=1, labels={"v": (as_selectors(),)})


# ----------------------------------------------------------------------- how it says it ended


def told(name: str) -> bytes:
    """What is told of a run whose own report names this class."""
    report = json.dumps({"error": name, "errno": 0}).encode()
    seen = Seen(code=1, seconds=0.1, max_rss_mib=1.0, log=b"", report=report)
    return repr(judge(seen, limits())).encode()


@pytest.mark.attack("T8", "T7", control="off")
def test_a_class_name_that_is_passed_on_carries_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "error_class", lambda name: name)

    assert search(told(word("frame")))


@pytest.mark.attack("T8", "T7", control="on")
@pytest.mark.parametrize(
    "name", [word("frame"), word("frame").upper(), "x" * 60, "__class__", "Exception\n", "é", ""]
)
def test_a_class_of_the_jobs_own_making_has_no_name(name: str) -> None:
    assert search(told(name)) == []
    assert told(name) == told("SomethingElse")


@pytest.mark.attack("T8", "T7", control="on")
@pytest.mark.parametrize(
    "end",
    [
        f"raise type({word('frame')!r}, (Exception,), {{}})()",
        f'import os\nos.write(3, b\'{{"error": "{word("frame")}"}}\')\nos._exit(1)',
        *(f"import os\nos._exit({code})" for code in (1, 77, 130, 138, 255)),
        *(f"import os\nos.kill(os.getpid(), {number})" for number in (1, 10, 34)),
    ],
    ids=["class", "report", "1", "77", "130", "138", "255", "SIGHUP", "SIGUSR1", "SIGRTMIN"],
)
def test_however_it_ends_the_word_for_it_is_ours(workshop: Workshop, end: str) -> None:
    outcome, _ = workshop.run(end)

    assert outcome.status == "failed"
    assert outcome.error_class in ERROR_CLASSES
    assert search(outcome.error_class.encode()) == []
