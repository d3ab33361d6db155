"""What the owner's watch tells its operator: how many wait, and which job by its word only."""

import io
import json

from darkroom.adapters.json_log import JsonLog
from darkroom.bootstrap.operations import Operations, OperationsSettings
from darkroom.bootstrap.owner_operations import OwnerOperations
from darkroom.model.correlation import correlation_of
from darkroom.model.metrics.owner import OWNER
from tests.owner.test_watch import Listener, rounds
from tests.owner.town import job


def test_requests_are_counted_and_named_by_their_word(town):
    out = io.StringIO()
    settings = OperationsSettings(process="owner")
    operator = Operations(settings, metrics=OWNER, folder=town.folder, say=str)
    operator.log = JsonLog("owner", out, lambda: 0.0)
    watched, request = OwnerOperations(operator, town.store), job()
    beats = []
    steps = (town.ask_review, lambda: town.ask_release(request), lambda: None, lambda: None)
    rounds(town, Listener(), *steps, beat=lambda: beats.append(1), shown=watched.shown)

    told = operator.meter.read().decode()
    assert 'darkroom_owner_requests_waiting{subject="code"} 1\n' in told
    assert 'darkroom_owner_requests_waiting{subject="output"} 1\n' in told
    assert 'darkroom_owner_requests_announced_total{subject="code"} 1\n' in told
    assert 'darkroom_owner_oldest_request_seconds{subject="code"}' in told
    assert "\ndarkroom_ready 1\n" in told
    assert len(beats) > len(steps)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["code-request-shown", "output-request-shown"]
    assert lines[1]["correlation"] == correlation_of(request.job_id)
    for secret in ("alice", "plaza", "count", request.job_id, request.job_digest):
        assert secret not in out.getvalue()
        assert not [line for line in told.splitlines() if secret in line and line[0] != "#"]
