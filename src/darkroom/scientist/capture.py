"""Turn a function into a tree of source files, without pickle.

What the function needs comes along as text: helper functions and classes of the same
notebook or file, imports, and constants that are plain literals. Everything else is
refused, with its name and the cure. The same function gives the same bytes on every
machine, so that its digest means something.
"""

import builtins
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from darkroom.errors import InputError, SpecError
from darkroom.model.job import MAX_FILE_BYTES, MAX_TREE_BYTES, require_path
from darkroom.scientist.free_names import (
    changes_globals,
    dotted_uses,
    free_names,
    imported_modules,
)
from darkroom.scientist.literal import is_literal, literal_source
from darkroom.scientist.source import Found, find_source
from darkroom.scientist.undecorated import undecorated


# What every job environment has beside the standard library, and what each one adds.
OFFERED = frozenset({"numpy", "cv2", "darkroom"})
ENVIRONMENT_OFFERS: dict[str, frozenset[str]] = {
    "tflite": frozenset(),
    "tensorflow": frozenset({"tensorflow", "keras", "ai_edge_litert"}),
}
# The parts of Darkroom that exist inside the sandbox.
DARKROOM_INSIDE = (
    "darkroom.runtime", "darkroom.vision", "darkroom.model", "darkroom.errors",
    "darkroom.adapters.litert", "darkroom.adapters.tensorflow",
)  # fmt: skip
# IPython puts these among the builtins; in a job they do not exist.
NOT_IN_A_JOB = frozenset({"display", "get_ipython", "exit", "quit", "input", "breakpoint"})
HEADER = '"""A job, written down by Darkroom from the function {name}."""\n\n'
FUTURE = "from __future__ import annotations\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a stretch of `job.py` was written by its author."""

    first: int
    last: int
    place: str
    place_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A code tree.

    Attributes:
        files: path -> bytes; `job.py` and what is carried under `files/`.
        entrypoint, merge: `job:function`; merge may be "".
        origins: from lines of `job.py` back to the author's lines.
    """

    files: dict[str, bytes]
    entrypoint: str
    merge: str = ""
    origins: tuple[Origin, ...] = ()

    def author_line(self, line: int) -> tuple[str, int] | None:
        """Place and line where the author wrote a line of `job.py`."""
        for origin in self.origins:
            if origin.first <= line <= origin.last:
                return origin.place, origin.place_line + line - origin.first
        return None


def capture(
    function: FunctionType,
    *,
    merge: FunctionType | None = None,
    carried: Mapping[str, str | Path | bytes] | None = None,
    environment: str = "tflite",
) -> Captured:
    """Write a function and all it needs down as files.

    Args:
        function: `def job(data, params)`.
        merge: joins the parts of several workers.
        carried: name -> path or bytes of files that go along under `files/`.
        environment: the job environment, which decides what may be imported.

    Raises:
        InputError: naming what cannot go along and what to do instead.
    """
    writer = _Writer(environment=environment)
    writer.add(function.__name__, function, needed_by="the job")
    if merge is not None:
        writer.add(merge.__name__, merge, needed_by="merge")
    source, origins = writer.module(function.__name__)
    files = {"job.py": source.encode(), **_carried(carried or {})}
    if sum(map(len, files.values())) > MAX_TREE_BYTES:
        raise SpecError(
            f"the job is larger than {MAX_TREE_BYTES >> 20} MiB", next_step="carry less"
        )
    return Captured(
        files=files,
        entrypoint=f"job:{function.__name__}",
        merge=f"job:{merge.__name__}" if merge else "",
        origins=origins,
    )


def _carried(carried: Mapping[str, str | Path | bytes]) -> dict[str, bytes]:
    files = {}
    for name, value in carried.items():
        path = require_path(f"files/{name}")
        if isinstance(value, bytes):
            data = value
        else:
            place = Path(value)
            try:
                if place.stat().st_size > MAX_FILE_BYTES:
                    raise SpecError(
                        f"{place.name} is larger than {MAX_FILE_BYTES >> 20} MiB",
                        next_step="carry a smaller file",
                    )
                data = place.read_bytes()
            except OSError as error:
                raise InputError(
                    f"the carried file {name} cannot be read: {error.strerror}",
                    next_step=f"check the path {place}",
                ) from error
        files[path] = data
    return files


@dataclass(slots=True)
class _Writer:
    environment: str
    _seen: dict[str, Any] = field(default_factory=dict)
    _imports: dict[str, str] = field(default_factory=dict)  # statement -> name it binds
    _constants: dict[str, str] = field(default_factory=dict)
    _definitions: list[tuple[Found | None, str]] = field(default_factory=list)

    def add(self, name: str, value: Any, *, needed_by: str) -> None:  # noqa: ANN401
        """Take in what a name stands for, and all that it needs in turn."""
        value = getattr(value, "__darkroom_function__", value)  # a job used as a helper
        if name in self._seen:
            self._require_same(name, value)
            return
        self._seen[name] = value
        if isinstance(value, ModuleType):
            self._add_import(value.__name__, name, needed_by)
        elif isinstance(value, FunctionType | type) and _is_own(value):
            self._add_definition(name, value)
        elif is_literal(value):
            self._constants[name] = f"{name} = {literal_source(name, value)}\n"
        elif (home := _importable(name, value)) is not None:
            module, attribute = home
            self._require_offered(module, needed_by)
            alias = "" if attribute == name else f" as {name}"
            self._imports[f"from {module} import {attribute}{alias}\n"] = name
        else:
            raise _refused(name, value, needed_by)

    def _add_definition(self, name: str, value: Any) -> None:  # noqa: ANN401
        found = undecorated(find_source(value), _globals_of(value))
        label = found.node.name
        if (other := changes_globals(found.text)) != "":
            raise InputError(
                f"{label} changes the global {other}; every worker has its own globals",
                next_step=f"return {other} instead of keeping it between calls",
            )
        for module, names, line in imported_modules(found.text):
            if names and all(self._offers(f"{module}.{name}") for name in names):
                continue
            self._require_offered(module, f"{label}, line {found.first_line + line - 1}")
        around = _surroundings(value)
        for needed in free_names(found.text):
            if needed in around:
                inner = around[needed]
                if isinstance(inner, ModuleType):
                    self._add_submodules(inner, found.text, needed, label)
                self.add(needed, inner, needed_by=label)
            elif needed in NOT_IN_A_JOB or not hasattr(builtins, needed):
                raise _undefined(needed, label)
        self._definitions.append((found, found.text))
        if name != label:
            if label in self._seen:
                self._require_same(label, value)
            self._seen[label] = value
            self._definitions.append((None, f"{name} = {label}\n"))

    def _require_same(self, name: str, value: Any) -> None:  # noqa: ANN401
        known = self._seen[name]
        same_literal = is_literal(known) and is_literal(value) and known == value
        if known is not value and not same_literal:
            raise InputError(
                f"{name} means two different things in this job",
                next_step="rename one of them",
            )

    def _add_import(self, module: str, name: str, needed_by: str) -> None:
        self._require_offered(module, needed_by)
        if module == name:
            self._imports[f"import {module}\n"] = name
        else:
            self._imports[f"import {module} as {name}\n"] = name

    def _add_submodules(self, module: ModuleType, text: str, name: str, needed_by: str) -> None:
        """`import xml` alone does not give `xml.etree`: name the submodules in use."""
        for chain in dotted_uses(text, name):
            inner: object = module
            path = module.__name__
            for part in chain:
                inner = getattr(inner, part, None)
                path = f"{path}.{part}"
                if not isinstance(inner, ModuleType) or sys.modules.get(path) is not inner:
                    break
                self._require_offered(path, needed_by)
                if path.startswith("darkroom."):
                    continue  # our own names load themselves
                # binds nothing new when the root is bound under its own name
                bound = (
                    path
                    if name == path.partition(".")[0]
                    else f"{path} as _{path.replace('.', '_')}"
                )
                self._imports[f"import {bound}\n"] = name

    def _offers(self, module: str) -> bool:
        root = module.partition(".")[0]
        if root == "darkroom":
            return module == root or any(
                module == inside or module.startswith(f"{inside}.") for inside in DARKROOM_INSIDE
            )
        return root in sys.stdlib_module_names or root in self._offered()

    def _offered(self) -> frozenset[str]:
        return OFFERED | ENVIRONMENT_OFFERS.get(self.environment, frozenset())

    def _require_offered(self, module: str, needed_by: str) -> None:
        if self._offers(module):
            return
        root = module.partition(".")[0]
        file = getattr(sys.modules.get(root), "__file__", None)
        if root == "darkroom":
            cure = f"inside a job there are {', '.join(DARKROOM_INSIDE)}"
        elif file is not None and "site-packages" not in file:
            cure = (
                f"import what you need by name (`from {module} import …`): functions and "
                "classes of your own files come along as source"
            )
        else:
            cure = f"use {', '.join(sorted(self._offered()))} or the standard library instead"
        raise InputError(
            f"{needed_by} uses the module {module}, which the environment "
            f"{self.environment} does not have",
            next_step=cure,
        )

    def module(self, name: str) -> tuple[str, tuple[Origin, ...]]:
        """The text of `job.py` and where its lines come from."""
        text = HEADER.format(name=name) + FUTURE
        text += "".join(sorted(self._imports))
        if self._constants:
            text += "\n" + "".join(self._constants[n] for n in sorted(self._constants))
        origins = []
        for found, source in self._definitions:
            text += "\n\n" if found else ""
            if found:
                first = text.count("\n") + 1
                origins.append(
                    Origin(
                        first=first,
                        last=first + source.count("\n") - 1,
                        place=found.place,
                        place_line=found.first_line,
                    )
                )
            text += source
        return text, tuple(origins)


def _is_own(value: Any) -> bool:  # noqa: ANN401  # a function or class
    """Whether it was written in the notebook or in a file of the user's own."""
    root = value.__module__.partition(".")[0] if value.__module__ else ""
    if root == "__main__":
        return True
    if root == "darkroom" or root in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(value.__module__), "__file__", None)
    functions = [value] if isinstance(value, FunctionType) else _methods(value)
    if file is None and functions:
        file = functions[0].__code__.co_filename
    return file is not None and "site-packages" not in file and "dist-packages" not in file


def _globals_of(value: Any) -> Mapping[str, Any]:  # noqa: ANN401
    if isinstance(value, FunctionType):
        return value.__globals__
    if value.__module__ in sys.modules:
        return vars(sys.modules[value.__module__])
    methods = _methods(value)  # a module that was loaded by hand and never registered
    return methods[0].__globals__ if methods else {}


def _methods(kind: Any) -> list[FunctionType]:  # noqa: ANN401  # a class
    """The methods that were written in the class itself, not made by a decorator."""
    made = [m for m in vars(kind).values() if isinstance(m, FunctionType)]
    return [m for m in made if not m.__code__.co_filename.startswith("<string>")]


def _surroundings(value: Any) -> dict[str, Any]:  # noqa: ANN401  # a function or class
    """What the names in it stand for: globals, and the variables of a closure."""
    around = dict(_globals_of(value))
    functions = [value] if isinstance(value, FunctionType) else _methods(value)
    for function in functions:
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            try:
                inner = cell.cell_contents
            except ValueError:
                continue
            if name == "__class__":
                continue
            if not (is_literal(inner) or isinstance(inner, FunctionType | type | ModuleType)):
                raise _refused(name, inner, function.__name__)
            around[name] = inner
    return around


def _importable(name: str, value: Any) -> tuple[str, str] | None:  # noqa: ANN401
    """The module and the name in it under which a value can be imported again."""
    wanted = [getattr(value, "__name__", None), name]
    homes: list[Any] = [getattr(value, "__module__", None)]
    if homes[0] is None and callable(value):
        roots = OFFERED | {"math"}
        homes = sorted(m for m in sys.modules if m.partition(".")[0] in roots and "._" not in m)
    for home in homes:
        if not isinstance(home, str) or home in ("__main__", "builtins"):
            continue
        module = sys.modules.get(home)
        for attribute in wanted:
            if isinstance(attribute, str) and getattr(module, attribute, None) is value:
                return _public(home, attribute, value), attribute
    return None


def _public(home: str, attribute: str, value: object) -> str:
    """`darkroom` instead of the module inside it that happens to define the name."""
    root = home.partition(".")[0]
    if root in OFFERED and home != root:
        package = importlib.import_module(root)
        if getattr(package, attribute, None) is value:
            return root
    return home


def _undefined(name: str, needed_by: str) -> InputError:
    if name in NOT_IN_A_JOB:
        return InputError(
            f"{needed_by} uses {name}, which does not exist in a job",
            next_step="return what you want to see as a declared output",
        )
    return InputError(
        f"{needed_by} uses {name}, which is not defined",
        next_step=f"define {name} in a cell above, or pass it as a parameter",
    )


def _refused(name: str, value: object, needed_by: str) -> InputError:
    kind = type(value).__name__
    cures = {
        "ndarray": f"save it with numpy.savez and carry it: files={{'{name}.npz': path}}",
        "DataFrame": f"carry it as a file, or use {name}.values.tolist()",
        "PosixPath": f"carry the file: files={{'{name}': path}}, then darkroom.code_path",
        "function": "write it as a function with `def` at the top level",
        "frozenset": f"write {name} as a set",
        "float": f"build it inside the function: {name} = float('{value}')",
    }
    return InputError(
        f"{needed_by} uses {name}, a {kind}, which cannot go along with a job",
        next_step=cures.get(
            kind, f"build {name} inside the function, pass it as a parameter, or carry a file"
        ),
    )
