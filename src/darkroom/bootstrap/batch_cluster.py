"""A batch as a Kubernetes Job: made, followed to its end, removed."""

import contextlib
import re
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NoReturn

from darkroom import config
from darkroom.adapters.batch.cluster import Cluster
from darkroom.adapters.batch.job_manifest import (
    GRACE_SECONDS,
    START_SECONDS,
    ClusterOrder,
    config_map_manifest,
    job_manifest,
)
from darkroom.adapters.batch.kubeconfig import Access, read_access
from darkroom.display.visible import visible
from darkroom.errors import (
    DeniedError,
    InputError,
    JobFailedError,
    UnreachableError,
    WorkerLostError,
)


POLL_SECONDS = 1.0
LOST_SECONDS = 120.0  # without an answer of the API server
LIMIT_EXIT = 137  # killed: the memory limit, most often
# Waiting will not mend these; what a person has to do about them.
HOPELESS = {
    "CreateContainerConfigError": "make the Secret: darkroom batch secret … | kubectl apply -f -",
    "InvalidImageName": "check --image",
    "ErrImageNeverPull": "load the image on the node",
    "ImagePullBackOff": "check --image, and that the cluster reaches its registry",
}


class StopAskedError(BaseException):
    """Somebody asked us to end; the Job is removed on the way out."""


def person_access() -> Access:
    """The current context of the person's kubeconfig.

    Raises:
        SpecError: there is none, or it cannot be used.
    """
    path = config.kubeconfig()
    opened = config.open_yaml(path)
    with opened.blamed():
        return read_access(opened.content, path.parent)


def job_name(notebook: str) -> str:
    """A name for a Job: readable, and never the same."""
    stem = re.sub(r"[^a-z0-9]+", "-", notebook.removesuffix(".ipynb").lower()).strip("-")[:40]
    return f"batch-{stem or 'notebook'}-{secrets.token_hex(4)}".replace("--", "-")


def run_on_cluster(order: ClusterOrder, access: Access, *, say: Callable[[str], None]) -> int:
    """Make the Job, print what its pod prints, remove it.

    Returns:
        The exit code of the pod's `darkroom batch run`.

    Raises:
        DeniedError: no right to do so in that namespace.
        InputError: the cluster does not take it as it is.
        JobFailedError: the pod never ran, or was ended by a limit.
        UnreachableError: the API server does not answer.
        WorkerLostError: its machine is gone.
        StopAskedError: SIGTERM; the Job is removed.
    """
    config_map_manifest(order, {"metadata": {"uid": ""}})  # what is too large is said first
    with closing(Cluster(access, order.namespace)) as cluster, _stoppable():
        stored = cluster.create_job(job_manifest(order))
        try:
            cluster.create_config_map(config_map_manifest(order, stored))
            say(f"Job {order.namespace}/{order.name}")
            return _follow(cluster, order, say)
        finally:
            with contextlib.suppress(UnreachableError):  # its own deadline removes it then
                cluster.delete_job(order.name)


def _follow(cluster: Cluster, order: ClusterOrder, say: Callable[[str], None]) -> int:
    end = time.monotonic() + order.seconds + START_SECONDS + 2 * GRACE_SECONDS
    seen, log = "", _Log(cluster, say)
    answered = time.monotonic()
    while True:
        try:
            job = cluster.job(order.name)  # first: of a Job that is over the pod has ended, too
            pod = cluster.pod_of(order.name)
            answered = time.monotonic()
        except UnreachableError:
            if time.monotonic() - answered > LOST_SECONDS:
                raise
            time.sleep(POLL_SECONDS)
            continue
        state = _state(pod)
        if state != seen:
            say(f"pod: {state}")
            seen = state
        if pod is not None and state in ("running", "ended"):
            log.follow(pod["metadata"]["name"])
        if pod is not None and state == "ended":
            return _exit_code(pod)
        _refuse_if_over(job, pod, order)
        if time.monotonic() > end:
            raise JobFailedError(
                f"the Job {order.name} did not end in its time", next_step="look at its node"
            )
        time.sleep(POLL_SECONDS)


def _state(pod: dict[str, Any] | None) -> str:
    if pod is None:
        return "waiting for a place"
    status = pod.get("status", {})
    if "terminated" in _container(pod) or status.get("phase") in ("Succeeded", "Failed"):
        return "ended"
    if "running" in _container(pod):
        return "running"
    waiting = _container(pod).get("waiting", {})
    unplaced: dict[str, Any] = next(
        (c for c in status.get("conditions", ())
         if c.get("type") == "PodScheduled" and c.get("status") == "False"),
        {},
    )  # fmt: skip
    reason = waiting.get("reason") or unplaced.get("reason") or "pending"
    message = waiting.get("message") or unplaced.get("message") or ""
    return visible(f"{reason}: {message}" if message else reason)[:200]


def _container(pod: dict[str, Any]) -> dict[str, Any]:
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    found = statuses[0].get("state", {})
    return found if isinstance(found, dict) else {}


def _exit_code(pod: dict[str, Any]) -> int:
    lost = [c for c in pod["status"].get("conditions", ())
            if c.get("type") == "DisruptionTarget" and c.get("status") == "True"]  # fmt: skip
    ended = _container(pod).get("terminated")
    if lost or ended is None:
        reason = visible(str((lost or [pod["status"]])[0].get("reason", "no reason given")))[:100]
        raise WorkerLostError(
            f"the pod was ended by the cluster ({reason}); what it asked for may still come",
            next_step="run it again; give --state-claim to keep what was asked",
        )
    if ended["exitCode"] == LIMIT_EXIT:
        reason = visible(str(ended.get("reason", "")))[:60]
        raise JobFailedError(
            f"the pod was killed ({reason or 'no reason given'})",
            next_step="OOMKilled: give more with --memory",
        )
    return int(ended["exitCode"])


def _refuse_if_over(job: dict[str, Any], pod: dict[str, Any] | None, order: ClusterOrder) -> None:
    if pod is not None:
        reason = _container(pod).get("waiting", {}).get("reason", "")
        if reason in HOPELESS:
            raise InputError(
                f"the pod of {order.name} cannot start: {_state(pod)}", next_step=HOPELESS[reason]
            )
    for condition in job.get("status", {}).get("conditions", ()):
        if condition.get("type") == "Failed" and condition.get("status") == "True":
            reason = visible(str(condition.get("reason", "")))[:60]
            raise JobFailedError(
                f"the Job {order.name} ended without a result ({reason})",
                next_step="DeadlineExceeded: no place or no image in time; see kubectl describe",
            )


class _Log:
    """What the pod prints, each line once."""

    def __init__(self, cluster: Cluster, say: Callable[[str], None]) -> None:
        self._cluster, self._say = cluster, say
        self._last, self._closed = "", False

    def follow(self, pod: str) -> None:
        """Print until the log ends, or is quiet for a while."""
        if self._closed:
            return
        try:
            for stamp, text in self._cluster.log(pod, since=self._last):
                if stamp > self._last:
                    self._last = stamp
                    self._say(visible(text))
        except UnreachableError:
            return  # cut off: the next call goes on from the last line
        except (DeniedError, InputError) as error:
            self._closed = isinstance(error, DeniedError)
            if self._closed:
                self._say(f"{error.message}: only its end is told")


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM ends us as Ctrl-C does: in order."""

    def stop(*_: object) -> NoReturn:
        raise StopAskedError

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
