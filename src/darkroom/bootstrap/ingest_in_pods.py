"""`darkroom ingest --sandbox`: in the node's pod, where other pods decode.

What is read and what is made lies on the exchange, which all machines of the cluster reach:
sources in its inbox, unfinished work in `ingest`, the files that jobs read in `footage`.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from darkroom.bootstrap.cluster_sandbox import INBOX, open_cluster_sandbox
from darkroom.bootstrap.environments import lock_of
from darkroom.bootstrap.footage import open_footage
from darkroom.bootstrap.ingest import House
from darkroom.config.sandbox_file import sandbox_file
from darkroom.errors import InputError
from darkroom.model.domain_config import DomainConfig
from darkroom.node.footage_source import FootageSource
from darkroom.node.ingest import IngestPlan
from darkroom.ports import Runtime


FOLDER, FILE = 0o050, 0o040  # what a pod of the node's group needs


def house_in_pods(
    plan: IngestPlan,
    path: Path,
    *,
    domain: DomainConfig,
    state: Path,
    closing: contextlib.ExitStack,
    say: Callable[[str], None],
) -> House:
    """The cluster's sandbox beside a node that serves, and the node's own store.

    Args:
        plan: whose sources pods will read.
        path: of sandbox.yaml.
        domain: whose environments have images.
        state: the node's folder.
        closing: ends the sandbox.
        say: tells the operator.

    Raises:
        SpecError: naming file and line.
        InputError: a source lies where no pod sees it.
        IsolationError: the cluster, or its volumes, cannot be used.
    """
    cluster = open_cluster_sandbox(
        path, domain, lock=lock_of, closing=closing, say=say, beside_node=True
    )
    for source in plan.sources:
        _show(source, cluster.exchange / INBOX)
    return House(
        sandbox=cluster.sandbox,
        runtime=decoding(cluster.runtimes),
        store=open_footage(state, domain, beside=cluster.exchange),
        work=cluster.exchange,
    )


def inbox_of(path: Path) -> Path:
    """Where sources lie, by the exchange of a sandbox.yaml.

    Raises:
        SpecError: naming file and line.
    """
    return sandbox_file(path).exchange / INBOX


def decoding(runtimes: Mapping[str, Runtime]) -> Runtime:
    """The environment whose image decodes: the first that offers an interpreter, else the first.

    Every runtime image has OpenCV; those with an interpreter are the small ones. It keeps its
    name and lock hash, which the pod compares with its own as it does for a job.
    """
    return next((r for r in runtimes.values() if r.interpreter), next(iter(runtimes.values())))


def _show(source: FootageSource, inbox: Path) -> None:
    """See that pods can mount and read a source. A world has no file: it is in the request."""
    if source.path is None:
        return
    inbox = inbox.resolve()
    if inbox not in source.path.parents:  # `path` is resolved: no link leads out
        raise InputError(
            f"{source.path.name!a} does not lie in {inbox}, where pods can read it",
            next_step=f"copy it there with `kubectl cp`, and name {inbox}/{source.path.name}",
        )
    try:
        for place, needed in _parts(source, source.path):
            mode = place.stat().st_mode
            if mode & needed != needed:
                place.chmod(mode & 0o7777 | needed)
    except OSError as error:
        raise InputError(
            f"pods cannot read {source.path.name!a}: {error.strerror}",
            next_step="let the group 64000 read it: chgrp -R 64000, chmod -R g+rX",
        ) from error


def _parts(source: FootageSource, path: Path) -> Iterator[tuple[Path, int]]:
    if source.kind == "video":
        yield path, FILE
        return
    yield path, FOLDER
    for name in source.pictures:
        yield path / name, FILE
