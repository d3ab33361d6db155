"""Find the source text of a function or class, in a file or in a notebook cell."""

import ast
import inspect
import linecache
import sys
import textwrap
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from darkroom.errors import InputError


Definition = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One definition as its author wrote it.

    Attributes:
        text: the source without its indentation, ends with a newline.
        node: its syntax tree; line 1 is the first line of `text`.
        place: where the author finds it: a file name or `a notebook cell`.
        first_line: the line in `place` where `text` begins.
    """

    text: str
    node: Definition
    place: str
    first_line: int


def find_source(item: Any) -> Found:  # noqa: ANN401  # a function or a class
    """The source of a function or class.

    Raises:
        InputError: for a lambda, a coroutine, something written in C, or when the text is
            gone or is not the text that was executed.
    """
    name = getattr(item, "__qualname__", getattr(item, "__name__", repr(type(item))))
    if isinstance(item, FunctionType):
        _require_plain_function(item)
        lines, start, filename = _function_lines(item, name)
    else:
        lines, start, filename = _class_lines(item, name)
    text = textwrap.dedent("".join(lines))
    if not text.endswith("\n"):
        text += "\n"
    node = _parse(text, "".join(lines), item.__name__, name)
    if isinstance(item, FunctionType):
        _require_same(item, node, name)
    return Found(text=text, node=node, place=_place(filename), first_line=start)


def _require_plain_function(item: FunctionType) -> None:
    if item.__name__ == "<lambda>":
        raise InputError(
            "a lambda has no name that a reviewer could read",
            next_step="write it as a function with `def`",
        )
    if hasattr(item, "__wrapped__"):
        raise InputError(
            f"{item.__name__} is wrapped by a decorator, so its source is not what runs",
            next_step=f"take the decorator off {item.__name__}",
        )
    if inspect.iscoroutinefunction(item) or inspect.isasyncgenfunction(item):
        raise InputError(
            f"{item.__name__} is asynchronous; a job runs from top to bottom",
            next_step="write it with `def` and without `await`",
        )


def _function_lines(item: FunctionType, name: str) -> tuple[list[str], int, str]:
    try:
        lines, start = inspect.getsourcelines(item)
    except (OSError, TypeError, IndentationError, SyntaxError) as error:
        raise _no_source(name) from error
    return lines, start, item.__code__.co_filename


def _class_lines(item: Any, name: str) -> tuple[list[str], int, str]:  # noqa: ANN401
    """A class of `__main__` has no file: look where one of its methods was compiled."""
    for filename in _class_files(item):
        lines = linecache.getlines(filename)
        node = _last_class(lines, item.__name__)
        if node is not None:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return lines[first - 1 : node.end_lineno], first, filename
    raise _no_source(name)


def _class_files(item: Any) -> list[str]:  # noqa: ANN401
    files = [
        member.__code__.co_filename
        for member in vars(item).values()
        if isinstance(member, FunctionType) and member.__module__ == item.__module__
    ]
    module = sys.modules.get(item.__module__)
    if getattr(module, "__file__", None):
        files.append(str(module.__file__))  # type: ignore[union-attr]  # it has a file
    # A class without methods (a dataclass): the newest cell that defines it.
    cells = [name for name in linecache.cache if "ipykernel" in name or name.startswith("<ipython")]
    return [*dict.fromkeys(files), *reversed(cells)]


def _last_class(lines: list[str], name: str) -> ast.ClassDef | None:
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:
        return None
    found = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == name]
    return found[-1] if found else None


def _parse(text: str, original: str, short: str, name: str) -> Definition:
    try:
        tree = ast.parse(text)
        if original[:1] in (" ", "\t"):
            # Taking the indentation off must not change a string that spans lines.
            indented = ast.parse("if True:\n" + original).body[0]
            assert isinstance(indented, ast.If)
            if ast.dump(indented.body[0]) != ast.dump(tree.body[0]):
                raise InputError(
                    f"{name} holds a string over several lines and is indented",
                    next_step=f"define {short} at the top level of a cell",
                )
    except SyntaxError as error:
        raise _no_source(name) from error
    node = tree.body[0] if len(tree.body) == 1 else None
    if not isinstance(node, Definition) or node.name != short:
        raise _no_source(name)
    return node


def _require_same(item: FunctionType, node: Definition, name: str) -> None:
    """The text may be newer than what was executed: compare what shows it cheaply."""
    assert isinstance(node, ast.FunctionDef)
    wanted = item.__code__.co_varnames[: item.__code__.co_argcount]
    written = tuple(a.arg for a in (*node.args.posonlyargs, *node.args.args))
    used = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    used |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    # co_names also holds imported modules and their attributes; those only widen `used`.
    for imported in ast.walk(node):
        if isinstance(imported, ast.Import | ast.ImportFrom):
            used |= {part for a in imported.names for part in (a.name, *a.name.split("."))}
            used |= {getattr(imported, "module", None) or ""}
    plain = {n for n in item.__code__.co_names if not n.startswith(("@", "__"))}
    if wanted != written or not plain <= used:
        raise InputError(
            f"the source of {name} changed after it was defined",
            next_step=f"run the cell or import that defines {name} again",
        )


def _place(filename: str) -> str:
    if "ipykernel" in filename or filename.startswith("<ipython"):
        return "a notebook cell"
    return filename


def _no_source(name: str) -> InputError:
    return InputError(
        f"the source of {name} cannot be found",
        next_step="define it in a notebook cell or in a file, then try again",
    )
