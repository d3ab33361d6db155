"""Shapes of code that deserve a look whatever names they use."""

import ast
from collections.abc import Iterator, Sequence

from darkroom.owner.findings.uses import Said, dotted


BITS = "bits"
HIDING = "errors"
AT_IMPORT = "runs at import"
TIMING = "timing"
PRINTING = "log"
_SHIFTS = (ast.LShift, ast.RShift, ast.BitXor)
_MASKS = (ast.BitAnd, ast.BitOr)
_QUIET_DECORATORS = frozenset(
    {
        "staticmethod", "classmethod", "property", "dataclass", "dataclasses.dataclass",
        "functools.cache", "functools.lru_cache", "functools.wraps", "functools.cached_property",
        "contextlib.contextmanager", "abc.abstractmethod", "typing.override", "typing.final",
        "cache", "lru_cache", "wraps", "contextmanager", "abstractmethod", "override",
    }
)  # fmt: skip
_QUIET_STATEMENTS = (
    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass,
    ast.Assign, ast.AnnAssign,
)  # fmt: skip
_IMPLICIT = frozenset({"__del__", "__init_subclass__", "__set_name__", "__class_getitem__"})
_EVERYTHING = ("Exception", "BaseException", "builtins.Exception", "builtins.BaseException")


def shapes(tree: ast.Module, nodes: Sequence[ast.AST]) -> Iterator[Said]:
    """Each shape that is worth a look in a tree; `nodes` are all of it."""
    yield from _at_import(tree, nodes)
    printed = [n for n in nodes if isinstance(n, ast.Call) and dotted(n.func, {}) == "print"]
    if printed:
        yield (
            printed[0].lineno,
            PRINTING,
            f"prints in {len(printed)} places: that is the log, which stays unless you release it",
        )
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _function(node)
        elif isinstance(node, ast.Try | ast.TryStar):
            yield from _handlers(node)
        elif isinstance(node, ast.For | ast.While | ast.AsyncFor) and _idle(node.body):
            yield node.lineno, TIMING, "a loop that does nothing but take time"
        elif isinstance(node, ast.Raise) and _ends(node):
            yield node.lineno, "how it ends", "ends the whole job from here; that can be a message"


def _at_import(tree: ast.Module, nodes: Sequence[ast.AST]) -> Iterator[Said]:
    for statement in tree.body:
        if isinstance(statement, ast.Expr):
            quiet = isinstance(statement.value, ast.Constant)
        else:
            quiet = isinstance(statement, _QUIET_STATEMENTS) or _is_main_guard(statement)
        if not quiet:
            yield statement.lineno, AT_IMPORT, "this runs when the file is imported"
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                name = dotted(called, {})
                if name not in _QUIET_DECORATORS:
                    yield (
                        decorator.lineno,
                        AT_IMPORT,
                        f"the decorator {name[:60] or 'here'} runs at import and may replace "
                        f"{node.name[:60]}",
                    )
        if isinstance(node, ast.ClassDef) and node.keywords:
            yield node.lineno, AT_IMPORT, "a class with keywords: its metaclass runs at import"


def _is_main_guard(node: ast.stmt) -> bool:
    if not isinstance(node, ast.If):
        return False
    names = [n for n in ast.walk(node.test) if isinstance(n, ast.Name)]
    return [n.id for n in names] in (["__name__"], ["TYPE_CHECKING"])


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Said]:
    if node.name in _IMPLICIT:
        yield node.lineno, "inside of Python", f"{node.name} runs without being called"
    shifts, masks = [], []
    returns = False
    for inner in ast.walk(node):
        if isinstance(inner, ast.BinOp | ast.AugAssign):
            if isinstance(inner.op, _SHIFTS):
                shifts.append(inner.lineno)
            elif isinstance(inner.op, _MASKS) and _has_number(inner):
                masks.append(inner.lineno)
        returns = returns or isinstance(inner, ast.Return | ast.Yield)
    lines = sorted({*shifts, *masks})
    if lines:
        where = ", ".join(map(str, lines[:6])) + (" …" if len(lines) > 6 else "")  # noqa: PLR2004
        back = ", which returns values" if returns else ""
        yield (
            lines[0],
            BITS,
            f"works on single bits (line {where}) in {node.name[:60]}{back}: numbers can be "
            "packed with anything that way",
        )


def _has_number(node: ast.BinOp | ast.AugAssign) -> bool:
    """`x & 1` picks bits; `mask & other` is how arrays of truth values are joined."""
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
    return any(isinstance(s, ast.Constant) and isinstance(s.value, int) for s in sides)


def _handlers(node: ast.Try | ast.TryStar) -> Iterator[Said]:
    for handler in node.handlers:
        if handler.type is None or dotted(handler.type, {}) in _EVERYTHING:
            silent = all(isinstance(s, ast.Pass | ast.Continue) for s in handler.body)
            yield (
                handler.lineno,
                HIDING,
                "catches every error" + (" and says nothing" if silent else "")
                + ": what fails on which frame can be told apart in what comes back",
            )  # fmt: skip


def _idle(body: list[ast.stmt]) -> bool:
    return all(
        isinstance(s, ast.Pass | ast.Continue)
        or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        or (isinstance(s, ast.AugAssign) and isinstance(s.value, ast.Constant))
        for s in body
    )


def _ends(node: ast.Raise) -> bool:
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return raised is not None and dotted(raised, {}) in ("SystemExit", "KeyboardInterrupt")
