"""A job's source without the decorator that made it a job."""

import ast
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from darkroom.scientist.source import Found


def undecorated(found: Found, around: Mapping[str, Any]) -> Found:
    """Leave out `@darkroom.job(...)`, which has no meaning inside the job itself."""
    ours = [d for d in found.node.decorator_list if _is_job(d, around)]
    if not ours:
        return found
    dropped = {line for d in ours for line in range(d.lineno, (d.end_lineno or d.lineno) + 1)}
    lines = found.text.splitlines(keepends=True)
    first = min(set(range(1, len(lines) + 1)) - dropped)
    kept = "".join(line for n, line in enumerate(lines, 1) if n not in dropped)
    tree = ast.parse(kept)
    node = tree.body[0]
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    return replace(found, text=kept, node=node, first_line=found.first_line + first - 1)


def _is_job(decorator: ast.expr, around: Mapping[str, Any]) -> bool:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    value = _resolve(call, around)
    return getattr(value, "__darkroom_decorator__", False) is True


def _resolve(node: ast.expr, around: Mapping[str, Any]) -> object:
    if isinstance(node, ast.Name):
        return around.get(node.id)
    if isinstance(node, ast.Attribute):
        inner = _resolve(node.value, around)
        if isinstance(inner, ModuleType):
            return getattr(inner, node.attr, None)
    return None
