"""The watch announces each request once; with --yes it decides, loudly."""

import threading

import pytest

from darkroom.owner.watch import LOUD, watch
from tests.owner.town import job


class Listener:
    """Collects what is said, and ends the watch after some rounds."""

    def __init__(self):
        self.sheets, self.lines = [], []

    def sheet(self, sheet):
        self.sheets.append(sheet)

    def line(self, text, *, loud=False):
        self.lines.append(text)


@pytest.fixture
def listener():
    return Listener()


def rounds(town, listener, *steps, **more):
    """Watch; while it polls, each step happens once, then it ends."""
    stop, left = threading.Event(), list(steps)

    def pump():
        if left:
            left.pop(0)()
        else:
            stop.set()

    town.gateway.pump = pump
    watch(town.desk, listener, stop=stop, **more)


def test_each_request_is_announced_once(town, listener):
    town.ask_review()
    rounds(town, listener, lambda: None, lambda: town.ask_release(job()), lambda: None)

    assert ["count-people" in s.title or "outputs" in s.title for s in listener.sheets] == [
        True
    ] * 2
    assert 1 == len([line for line in listener.lines if line.startswith("watching")])
    assert [] == town.heard()


def test_with_yes_it_says_so_decides_by_digest_and_is_heard(town, listener):
    request = job()
    steps = (town.ask_review, lambda: town.ask_release(request), lambda: None, lambda: None)
    rounds(town, listener, *steps, yes=True)

    assert LOUD == listener.lines[0]
    said = " ".join(listener.lines)
    assert f"APPROVED {request.job_digest}" in said
    assert "RELEASED sha256:" in said
    verdicts = [letter.body["decision"]["body"] for letter in town.heard()]
    assert ["approve", "release"] == [v["verdict"] for v in verdicts]
    assert not any(v.get("with_log") for v in verdicts)


@pytest.mark.attack
def test_even_yes_refuses_what_is_not_what_it_says(town, listener):
    town.ask_review(attachments={"code/job.py": b"import os"})
    rounds(town, listener, lambda: None, yes=True)

    (letter,) = town.heard()
    assert "reject" == letter.body["decision"]["body"]["verdict"]
    assert any("REFUSED" in line for line in listener.lines)


def test_a_gateway_that_goes_away_is_said_once_and_waited_for(town, listener):
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            town.gateway.away = False

    def away():
        town.gateway.away = True

    rounds(town, listener, away, town.ask_review, lambda: None, pause=pause)

    assert [1.0, 2.0, 5.0] == pauses
    assert 1 == len([line for line in listener.lines if "does not answer" in line])
    assert "the gateway answers again" in listener.lines
    assert 1 == len(listener.sheets)
