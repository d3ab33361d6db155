"""T4, T7, T8: what a job leaves behind is an attack: links, names, sizes, how it ended."""

import json
from pathlib import Path

import pytest

from darkroom.adapters.sandbox import outcome as outcomes
from darkroom.adapters.sandbox.outcome import Seen, judge
from darkroom.model.error_class import ERROR_CLASSES
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
