"""A job that waits for review, as the folder in which PySyft's owner sees it. Pure.

What the scientist sent is hostile: no name of theirs becomes a permission file, a folder that
the engine skips, markup or a terminal command. What cannot be shown as it is, is listed in
its place, and then the job is decided at the desk.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from syft.sync.utils.path_filters import EXCLUDE_PATTERNS
from syft_job.client import PERMISSION_FILE_NAME
from syft_job.models import JobSubmissionMetadata

from darkroom.adapters.pysyft.address import address_of
from darkroom.adapters.pysyft.declaration import SUFFIXES, Declaration
from darkroom.adapters.pysyft.submitted_folder import (
    CODE,
    CONFIG,
    LAUNCHER,
    SubmittedFolder,
    require_job_name,
)
from darkroom.adapters.pysyft.translation import JOB_PARAMETER, MODELS, MODULE, code_tree
from darkroom.errors import SpecError
from darkroom.model.canonical import digest_bytes
from darkroom.model.job import JobRequest
from darkroom.model.output import output_to_mapping


LISTING = "NOT-SHOWN.txt"
MAX_SHOWN = 1 << 20  # bytes of one text; the engine keeps several copies
MAX_SHOWN_TOGETHER = 4 << 20
_RESERVED = frozenset(name.casefold() for name in (*EXCLUDE_PATTERNS, PERMISSION_FILE_NAME))
_MARKUP = set("<>&\"'`")  # the stock tables write names into HTML as they are
_PROTOCOL = re.compile(r"v\d+", re.IGNORECASE)
_PLACE = f"{CODE}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFolder:
    """What lies in the folder of one job.

    Attributes:
        files: path -> text; `config.yaml` is the last one.
        hidden: why it cannot be judged by what is shown; "" when it can.
    """

    files: dict[str, str]
    hidden: str = ""


def job_name(request: JobRequest) -> str:
    """How the scientist calls the job, if that is a harmless name; else its id."""
    wished = request.parameters.get(JOB_PARAMETER, request.spec.name)
    try:
        name = require_job_name(wished)
    except SpecError:
        return request.job_id
    harmless = not (
        _MARKUP & set(name) or name.casefold() in _RESERVED or _PROTOCOL.fullmatch(name)
    )
    return name if harmless else request.job_id


def job_folder(
    request: JobRequest, files: Mapping[str, bytes], *, name: str, asked_at: float
) -> JobFolder:
    """The folder of a job.

    Args:
        request: checked.
        files: path -> bytes, those of its spec.
        name: of the folder.
        asked_at: Unix seconds at which the owner was asked.
    """
    entrypoint = _pysyft_entrypoint(request, files)
    models: frozenset[str] = frozenset()
    if entrypoint:
        own = {p: d for p, d in files.items() if p not in (f"{MODULE}.py", LAUNCHER)}
        code = {p.removeprefix(_PLACE): d for p, d in own.items() if p.startswith(_PLACE)}
        code |= {p: d for p, d in own.items() if not p.startswith(_PLACE)}
        launcher = _starts(f"{_PLACE}{entrypoint}") + files[LAUNCHER]
        models = frozenset(p for p in own if p.startswith(f"{MODELS}/") and p.endswith(SUFFIXES))
    else:
        code = dict(files)
        launcher = f"# Nothing runs this file: Darkroom calls {request.spec.entrypoint}.\n".encode()
        module = request.spec.entrypoint.partition(":")[0].replace(".", "/")
        places = (f"{module}.py", f"{module}/__init__.py")
        entrypoint = next((place for place in places if place in files), "")
    shelf = _Shelf(code, models)
    texts = {f"{_PLACE}{path}": text for path, text in shelf.texts.items()}
    texts[LAUNCHER] = shelf.text(LAUNCHER, launcher)
    if shelf.aside or not shelf.texts:
        listing = LISTING
        while listing in shelf.texts:
            listing = f"_{listing}"
        lines = ["Files of this job that are not text, or not shown here:", "", *shelf.aside]
        texts[f"{_PLACE}{listing}"] = "\n".join(lines) + "\n"
    texts[CONFIG] = _config(request, name, entrypoint, sorted(shelf.texts), asked_at)
    return JobFolder(files=texts, hidden="; ".join(shelf.hidden)[:300])


class _Shelf:
    """Sorts files into texts that can be shown and what is only listed."""

    def __init__(self, files: Mapping[str, bytes], models: frozenset[str] = frozenset()) -> None:
        self._models = models  # those that the domain registered; any other name is the job's own
        self.texts: dict[str, str] = {}
        self.aside: list[str] = []
        self.hidden: list[str] = []
        self._room = MAX_SHOWN_TOGETHER
        folders = {
            "/".join(parts[:depth])
            for path in files
            for parts in [path.split("/")]
            for depth in range(1, len(parts))
        }
        for path, data in sorted(files.items()):
            reason = self._against(path, data, folders)
            if reason:
                self.aside.append(f"{path}  {len(data):,} bytes  {digest_bytes(data)}  {reason}")
                if reason != "a model":
                    self.hidden.append(f"{path} is {reason}")
            else:
                self._room -= len(data)
                self.texts[path] = self.text(path, data)

    def _against(self, path: str, data: bytes, folders: set[str]) -> str:
        if path in self._models:
            return "a model"
        if any(part.casefold() in _RESERVED for part in path.split("/")):
            return "under a name that PySyft keeps for itself"
        if path in folders:
            return "a file and a folder"
        if len(data) > min(MAX_SHOWN, self._room):
            return "too long"
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return "not text"
        return ""

    def text(self, path: str, data: bytes) -> str:
        """A text with what a terminal would not show written out."""
        shown = data.decode("utf-8", "backslashreplace")
        plain = shown.removeprefix("\ufeff").replace("\r\n", "\n")
        found = {c for c in set(plain) if c not in "\n\t " and unicodedata.category(c)[0] in "CZ"}
        if not found:
            return shown
        self.hidden.append(f"{path} holds characters that hide or reorder others")
        written = shown.translate({ord(c): f"⟨U+{ord(c):04X}⟩" for c in found})
        if len(written) > MAX_SHOWN:
            written = f"{written[:MAX_SHOWN]}\n⟨the rest is at the desk⟩\n"
        return written


def _starts(entrypoint: str) -> bytes:
    return f"# Nothing runs this file; Darkroom starts {entrypoint}\n".encode()


def _pysyft_entrypoint(request: JobRequest, files: Mapping[str, bytes]) -> str:
    """The entry point below `code/`, if this is exactly the tree of a PySyft job; else "".

    Whoever dresses a job of their own up as one has another module that starts it.
    """
    spec, module = request.spec, files.get(f"{MODULE}.py")
    places = {path.partition("/")[0] for path in files if "/" in path}
    tops = {path for path in files if "/" not in path}
    if (
        spec.entrypoint != f"{MODULE}:main"
        or module is None
        or tops != {f"{MODULE}.py", LAUNCHER}
        or not places <= {CODE, MODELS}
        or any(f"{_PLACE}{path}" in files for path in files)  # shown side by side
    ):
        return ""
    head = f"{MODELS}/"
    hashes = {p.removeprefix(head): h for p, h in spec.files.items() if p.startswith(head)}
    try:
        declaration = Declaration(
            dataset=request.dataset,
            dataset_version=request.dataset_version,
            environment=spec.environment,
            outputs=spec.outputs,
            models=hashes,
        )
    except SpecError:
        return ""
    for path in sorted(files):
        inner = path.removeprefix(_PLACE)
        if inner == path or not path.endswith(".py"):
            continue
        folder = SubmittedFolder(
            job_name="job", entrypoint=inner, code={}, launcher="", dependencies=()
        )
        tree = code_tree(folder, declaration, datasite=address_of(request.audience))
        if tree[f"{MODULE}.py"] == module:
            return inner
    return ""


def _config(
    request: JobRequest, name: str, entrypoint: str, files: list[str], asked_at: float
) -> str:
    """`config.yaml`, written as JSON (which is YAML): nothing in it can be a tag or a command."""
    spec = request.spec
    metadata = JobSubmissionMetadata(
        name=name,
        type="python",
        submitted_by=address_of(request.submitter),
        datasite_email=address_of(request.audience),
        submitted_at=datetime.fromtimestamp(asked_at, UTC),
        entrypoint=entrypoint or None,
        files=files,
        headers={
            "darkroom": {
                "job_id": request.job_id,
                "job_digest": request.job_digest,
                "code_digest": spec.code_digest,
                "dataset": request.dataset,
                "dataset_version": request.dataset_version,
                "tier": spec.tier,
                "project": request.project,
                "environment": spec.environment.name,
                "outputs": {n: output_to_mapping(o) for n, o in spec.outputs.items()},
                "limits": asdict(spec.limits),
                "parameters": dict(request.parameters),
            }
        },
    )
    return json.dumps(metadata.disk_dict(), indent=1, sort_keys=True) + "\n"
