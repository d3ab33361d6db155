"""What the status of a Job and its pod means for a task; the texts are those of a kubelet."""

from typing import Any

import pytest

from darkroom.adapters.sandbox.kubernetes.pods import look


Object = dict[str, Any]
SECRET = "pixels 7f3a"
JOB = {"metadata": {"uid": "j", "namespace": "jobs"}, "status": {}}


def pod(status: Object, **meta: Any) -> Object:
    return {
        "metadata": {"ownerReferences": [{"uid": "j"}], **meta},
        "spec": {"nodeName": "pi-b"},
        "status": status,
    }


def ended_with(**terminated: Any) -> Object:
    state = {"terminated": {"reason": "Error", **terminated}}
    return pod({"phase": "Failed", "initContainerStatuses": [{"name": "work", "state": state}]})


def collected_with(**terminated: Any) -> Object:
    """The worker ended well, and the collector so."""
    ended = [
        {"name": name, "state": {"terminated": {"reason": "Error", **state}}}
        for name, state in (("work", {"exitCode": 0, "message": SECRET}), ("collect", terminated))
    ]
    work, collect = ended
    return pod({"phase": "Failed", "initContainerStatuses": [work], "containerStatuses": [collect]})


def waiting(reason: str, message: str = "") -> Object:
    state = {"waiting": {"reason": reason, "message": message}}
    statuses = [{"name": "work", "image": "r/i@sha256:0", "state": state}]
    return pod({"phase": "Pending", "initContainerStatuses": statuses})


def disrupted(phase: str, reason: str) -> Object:
    condition = {"type": "DisruptionTarget", "status": "True", "reason": reason}
    return pod({"phase": phase, "conditions": [condition]})


def failed(reason: str, message: str = "") -> Object:
    return pod({"phase": "Failed", "reason": reason, "message": message})


UNSCHEDULABLE = pod(
    {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/2 nodes are available: 2 Insufficient memory.",
            }
        ],
    }
)


@pytest.mark.parametrize(
    ("found", "state", "limit", "words"),
    [
        (pod({"phase": "Succeeded"}), "ended", "", ""),
        (ended_with(exitCode=137, reason="OOMKilled"), "ended", "memory", ""),
        (failed("DeadlineExceeded"), "ended", "wall clock", ""),
        (
            failed("Evicted", 'Usage of EmptyDir volume "out" exceeds the limit "4Mi".'),
            "ended",
            "disk",
            "",
        ),
        (
            failed("Evicted", "Pod ephemeral local storage usage exceeds the total limit"),
            "ended",
            "disk",
            "",
        ),
        (
            failed("Evicted", "The node was low on resource: memory."),
            "lost",
            "",
            "low on resource",
        ),
        (failed("OutOfmemory", "Node didn't have enough resource"), "lost", "", "pi-b gave"),
        (failed("NodeShutdown"), "lost", "", "pi-b"),
        (disrupted("Running", "DeletionByTaintManager"), "lost", "", "TaintManager"),
        (disrupted("Failed", "TerminationByKubelet"), "lost", "", "pi-b gave"),
        (pod({"phase": "Running"}, deletionTimestamp="now"), "lost", "", "is gone"),
        (pod({"phase": "Unknown"}), "lost", "", "is gone"),
        (ended_with(exitCode=77, message="reached 10.43.0.1 port 443"), "refused", "", "10.43.0.1"),
        (ended_with(exitCode=78, message="sha256:1"), "refused", "", "not the one that this node"),
        (ended_with(exitCode=79), "refused", "", "walls"),
        (ended_with(exitCode=80), "refused", "", "order"),
        (ended_with(exitCode=128, reason="StartError"), "refused", "", "does not start"),
        (ended_with(exitCode=139), "ended", "", ""),
        (ended_with(exitCode=81), "ended", "", ""),
        (collected_with(exitCode=81), "ended", "", ""),
        (collected_with(exitCode=1), "ended", "", ""),
        (collected_with(exitCode=82, message="No space left"), "refused", "", "No space left"),
        (collected_with(exitCode=137, reason="ContainerStatusUnknown"), "lost", "", "pi-b lost"),
        (waiting("PodInitializing"), "waiting", "", "prepares"),
        (waiting("ImagePullBackOff", "not found"), "waiting", "", "cannot be pulled"),
        (waiting("InvalidImageName"), "refused", "", "cannot be made"),
        (UNSCHEDULABLE, "waiting", "", "Insufficient memory"),
    ],
)
def test_a_pod_is_understood(found: Object, state: str, limit: str, words: str) -> None:
    seen = look(JOB, [found], "task-1")

    assert (seen.state, seen.limit) == (state, limit)
    assert words in seen.why


def test_the_cure_for_an_open_network_names_both_distributions() -> None:
    seen = look(JOB, [ended_with(exitCode=77, message="reached x")], "task-1")

    assert "does not enforce NetworkPolicies" in seen.why
    assert "k3s" in seen.next_step
    assert "calico" in seen.next_step


def test_a_pod_of_an_earlier_job_of_the_name_says_nothing() -> None:
    old = pod({"phase": "Succeeded"}, ownerReferences=[{"uid": "an earlier one"}])

    assert look(JOB, [old], "task-1").state == "waiting"


def test_a_job_past_its_deadline_hit_the_wall_clock_though_its_pod_is_gone() -> None:
    condition = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}
    job = {**JOB, "status": {"conditions": [condition]}}

    assert look(job, [], "task-1").limit == "wall clock"


def test_a_job_whose_pod_vanished_was_lost() -> None:
    condition = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    job = {**JOB, "status": {"conditions": [condition]}}

    assert look(job, [], "task-1").state == "lost"
    assert look(None, [], "task-1").state == "lost"


def test_somebody_elses_text_is_made_plain() -> None:
    seen = look(JOB, [ended_with(exitCode=77, message="\x1b[31m\u202egnp" + "x" * 9999)], "task-1")

    assert seen.why.isprintable()
    assert seen.why.isascii()
    assert len(seen.why) < 500


@pytest.mark.parametrize("code", [1, 81, 82, 137, 143])
def test_no_text_of_a_job_is_quoted(code: int) -> None:
    """The file of a container's last words is open to the job that runs there."""
    shown = repr(look(JOB, [ended_with(exitCode=code, message=SECRET)], "task-1"))
    shown += repr(look(JOB, [collected_with(exitCode=code)], "task-1"))

    assert SECRET not in shown
