"""What was seen decides; what the job says about itself comes last and is only a word."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.sandbox.outcome import Seen, judge, limit_words, read_report
from darkroom.model.error_class import ERROR_CLASSES
from darkroom.model.job import Limits


LIMITS = Limits(memory_mib=512, cpu_seconds=60, wall_seconds=30, processes=64, output_mib=16)
SEEN = Seen(code=1, seconds=1.0, max_rss_mib=2.0, log=b"")


def _report(error: object, number: object = 0) -> bytes:
    return json.dumps({"error": error, "errno": number}).encode()


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({"stopped": "wall clock"}, "wall clock (30 s)"),
        ({"stopped": "memory"}, "memory (512 MiB)"),
        ({"stopped": "CPU time"}, "CPU time (60 s)"),
        ({"stopped": "processes"}, "processes (64)"),
        ({"code": 128 + 24}, "CPU time (60 s)"),
        ({"code": 137, "oom_kills": 1}, "memory (512 MiB)"),
        ({"report": _report("MemoryError")}, "memory (512 MiB)"),
        ({"disk_full": True}, "disk (16 MiB)"),
        ({"code": 128 + 25}, "disk (16 MiB)"),
        ({"report": _report("OSError", 28)}, "disk (16 MiB)"),
        ({"report": _report("OSError", 24)}, "open files (256)"),
        ({"report": _report("BlockingIOError", 11)}, "processes (64)"),
        ({"forks_refused": 3}, "processes (64)"),
    ],
)
def test_limits_are_told_in_plain_words(seen: dict, words: str) -> None:
    outcome = judge(replace(SEEN, **seen), LIMITS)
    assert (outcome.status, outcome.limit, outcome.error_class) == ("limit", words, "")


@pytest.mark.parametrize(
    ("seen", "error_class"),
    [
        ({"report": _report("ValueError")}, "ValueError"),
        ({"report": b""}, "SystemExit"),
        ({"code": 139}, "SIGSEGV"),
        ({"code": 0, "refused_output": "OutputLinkError"}, "OutputLinkError"),
    ],
)
def test_faults_of_the_program(seen: dict, error_class: str) -> None:
    outcome = judge(replace(SEEN, **seen), LIMITS)
    assert (outcome.status, outcome.error_class) == ("failed", error_class)


def test_done_and_cancelled() -> None:
    assert judge(replace(SEEN, code=0, oom_kills=2), LIMITS).status == "done"
    assert judge(replace(SEEN, stopped="cancelled"), LIMITS).status == "cancelled"


@pytest.mark.parametrize(
    ("told", "crosses"),
    [
        ("Secret1011", "Exception"),
        ("ModuleNotFoundError", "ImportError"),
        ("ModelRefusedError", "DataError"),
        ("__import__", "Exception"),
        ("a b", "Exception"),
        ("", "Exception"),
        (None, "Exception"),
        (5, "Exception"),
        (["E"], "Exception"),
    ],
)
def test_a_job_does_not_choose_the_words_for_its_end(told: object, crosses: str) -> None:
    assert judge(replace(SEEN, report=_report(told)), LIMITS).error_class == crosses


@given(
    st.binary(max_size=300) | st.builds(_report, st.text(), st.integers(0, 200) | st.text()),
    st.integers(0, 255),
)
def test_whatever_a_job_reports_the_words_are_of_a_closed_list(report: bytes, code: int) -> None:
    outcome = judge(replace(SEEN, code=code, report=report), LIMITS)

    assert outcome.error_class in ("", *ERROR_CLASSES)
    assert outcome.limit in ("", *limit_words(LIMITS).values())
    assert isinstance(read_report(report)[1], int)


def test_the_endings_of_a_job_are_five_bits() -> None:
    assert len(ERROR_CLASSES) + len(limit_words(LIMITS)) <= 32
