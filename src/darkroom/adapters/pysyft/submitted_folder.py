"""One job folder out of a message: whose it is, what it is called, which files it has.

PySyft's layout (syft-job 0.1.40): `app_data/job/inbox/<submitter>/v1/<job>/` with exactly
`code/`, `run.sh` and `config.yaml`. Paths are compared, never resolved or opened. `run.sh`
is kept to be read; nothing runs it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from darkroom.adapters.pysyft.wire import SUPPORTED, Proposal
from darkroom.errors import SpecError
from darkroom.model.job import require_path


INBOX = ("app_data", "job", "inbox")
LAYOUT = "v1"
CODE, LAUNCHER, CONFIG = "code", "run.sh", "config.yaml"
RESERVED = re.compile(r"v\d+")  # PySyft's folders of a protocol's version, as LAYOUT is
MAX_NAME = 100
MAX_CONFIG = 32 << 10  # characters; it names each file once
MAX_DEPENDENCIES, MAX_DEPENDENCY = 64, 200
OURS = {"syft", "syft-client"}  # inside the sandbox: darkroom.runtime.syft_names


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedFolder:
    """A job as PySyft's client wrote it down.

    Attributes:
        job_name: as the scientist called it; one line of printable characters.
        entrypoint: path within `code`.
        code: path within `code/` -> text.
        launcher: the text of `run.sh`, to be read and never run.
        dependencies: what it asks to be installed.
    """

    job_name: str
    entrypoint: str
    code: dict[str, str]
    launcher: str
    dependencies: tuple[str, ...]


def read_folder(
    proposal: Proposal,
    *,
    sender: str,
    datasite: str,
    parse_yaml: Callable[[str, str], dict[str, Any]],
) -> SubmittedFolder:
    """Check a message against who really sent it, and read its job.

    Args:
        proposal: hostile.
        sender: address of the pinned identity whose envelope it came in.
        datasite: our own address.
        parse_yaml: reads (text, name) strictly, without tags and aliases.

    Raises:
        SpecError: it names another sender or datasite, a path leaves the sender's inbox, it
            is not exactly one whole job, or no Python job that is run here.
    """
    if proposal.sender != sender:
        raise SpecError(
            "the message names another sender than the one who sent it",
            next_step="submit with your own keys",
        )
    if any(change.datasite != datasite for change in proposal.changes):
        raise SpecError("the message is for another datasite", next_step="send it there")
    places = [_within_inbox(change.path, sender) for change in proposal.changes]
    names = {name for name, _ in places}
    if len(names) != 1:
        raise SpecError("the message holds files of several jobs", next_step="submit one job")
    texts: dict[tuple[str, ...], str] = {}
    for (_, inner), change in zip(places, proposal.changes, strict=True):
        if inner in texts:
            raise SpecError("a file stands twice in the message", next_step="submit it again")
        texts[inner] = change.text
    return _folder(names.pop(), texts, parse_yaml)


def require_job_name(name: object) -> str:
    """The name itself: one line, no folder, nothing that reads as a path.

    Raises:
        SpecError: otherwise.
    """
    if (
        not isinstance(name, str)
        or not 1 <= len(name) <= MAX_NAME
        or not name.isascii()
        or not name.isprintable()
        or set(name) & set("/\\:<>&\"'")  # PySyft's tables do not escape names
        or name != name.strip()
        or name.startswith(".")
        or RESERVED.fullmatch(name)
    ):
        raise SpecError(
            f"job name {ascii(name)[:60]} is not accepted",
            next_step=f"use 1 to {MAX_NAME} plain letters, digits, spaces, '-', '_', '.', not v1",
        )
    return name


def _within_inbox(path: str, sender: str) -> tuple[str, tuple[str, ...]]:
    """(job, path below it) of a path in the sender's own inbox; no other is accepted."""
    parts = tuple(path.split("/"))
    head = (*INBOX, sender, LAYOUT)
    if (
        len(parts) < len(head) + 2
        or parts[: len(head)] != head
        or any(part in ("", ".", "..") for part in parts)
        or not path.isprintable()
    ):
        raise SpecError(
            f"the path {ascii(path)[:120]} lies outside the sender's own inbox",
            next_step=f"submit jobs for {'/'.join(head)}/ only",
        )
    return require_job_name(parts[len(head)]), parts[len(head) + 1 :]


def _folder(
    name: str,
    texts: dict[tuple[str, ...], str],
    parse_yaml: Callable[[str, str], dict[str, Any]],
) -> SubmittedFolder:
    code: dict[str, str] = {}
    for inner, text in texts.items():
        if inner[0] == CODE and len(inner) > 1:
            code[require_path("/".join(inner[1:]))] = text
            if any(inner[:depth] in texts for depth in range(2, len(inner))):
                raise SpecError(
                    f"{ascii('/'.join(inner))[:80]} lies in a folder that is a file, too",
                    next_step="rename one of them",
                )
        elif inner not in ((LAUNCHER,), (CONFIG,)):
            raise SpecError(
                f"{ascii('/'.join(inner))[:80]} does not belong into a job folder",
                next_step="a job has code/, run.sh and config.yaml, and nothing else",
            )
    if not code or (LAUNCHER,) not in texts or (CONFIG,) not in texts:
        raise SpecError(
            "the message is not a whole job",
            next_step="submit the job again: code/, run.sh and config.yaml together",
        )
    if len(texts[(CONFIG,)]) > MAX_CONFIG:
        raise SpecError(
            f"{CONFIG} has more than {MAX_CONFIG >> 10} KiB", next_step="submit fewer files"
        )
    config = parse_yaml(texts[(CONFIG,)], CONFIG)
    kinds = (config.get("type"), config.get("job_type", "local"))
    if kinds != ("python", "local"):
        raise SpecError(
            "only local Python jobs are run here",
            next_step="use client.submit_python_job; bash jobs and enclaves are refused",
        )
    entrypoint, dependencies = config.get("entrypoint"), config.get("dependencies", [])
    if not isinstance(entrypoint, str) or not entrypoint.endswith(".py") or entrypoint not in code:
        raise SpecError(
            "the entry point is no Python file of the job", next_step="name it: entrypoint=…"
        )
    if (
        not isinstance(dependencies, list)
        or len(dependencies) > MAX_DEPENDENCIES
        or not all(isinstance(d, str) and len(d) <= MAX_DEPENDENCY for d in dependencies)
    ):
        raise SpecError(
            f"the dependencies are no list of up to {MAX_DEPENDENCIES} short texts",
            next_step="submit it again",
        )
    return SubmittedFolder(
        job_name=name,
        entrypoint=entrypoint,
        code=code,
        launcher=texts[(LAUNCHER,)],
        dependencies=tuple(dependencies),
    )


def require_dependencies(asked: tuple[str, ...], offered: dict[str, str], where: str) -> None:
    """Nothing is ever installed for a job: what it asks for is there already, or it is refused.

    Args:
        asked: requirements (PEP 508).
        offered: distribution (normalised) -> version in the prebuilt environment.
        where: name of the environment.

    Raises:
        SpecError: naming the first that is not there.
    """
    for text in asked:
        try:
            wanted = Requirement(text)
            name = canonicalize_name(wanted.name)
            version = SUPPORTED if name in OURS else offered.get(name)
            fits = (
                version is not None
                and not (wanted.url or wanted.extras or wanted.marker)
                and wanted.specifier.contains(Version(version), prereleases=True)
            )
        except (InvalidRequirement, InvalidVersion):
            fits = False
        if not fits:
            raise SpecError(
                f"the dependency {ascii(text)[:80]} is not in the environment {where}, "
                "and nothing is installed for a job",
                next_step=f"leave it out, or use what is there: {', '.join(sorted(offered))[:300]}",
            )
