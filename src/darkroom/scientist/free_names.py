"""Which names of the outside a piece of source needs. Reads syntax, runs nothing."""

import ast
import symtable
from collections.abc import Iterator


def free_names(source: str) -> tuple[str, ...]:
    """Names that the source uses and does not define, in order of first appearance.

    Annotations do not count: the captured file does not evaluate them.
    """
    tree = _without_annotations(ast.parse(source))
    text = ast.unparse(tree)
    table = symtable.symtable(text, "<job>", "exec")
    wanted = set(_needed(table, frozenset(_defined(table))))
    ordered = [n.id for n in _in_order(tree) if n.id in wanted]
    return tuple(dict.fromkeys([*ordered, *sorted(wanted)]))


def changes_globals(source: str) -> str:
    """The first name that a function declares `global`, or ""."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Global):
            return node.names[0]
    return ""


def dotted_uses(source: str, name: str) -> tuple[tuple[str, ...], ...]:
    """Attribute chains that begin at a name: `os.path.join` is `("path", "join")`."""
    chains = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            parts: list[str] = []
            inner: ast.expr = node
            while isinstance(inner, ast.Attribute):
                parts.append(inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name) and inner.id == name:
                chains.append(tuple(reversed(parts)))
    return tuple(dict.fromkeys(chains))


def imported_modules(source: str) -> tuple[tuple[str, tuple[str, ...], int], ...]:
    """Imports inside the source: module, the names taken from it, and the line."""
    found: list[tuple[str, tuple[str, ...], int]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, (), node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.append((module, tuple(alias.name for alias in node.names), node.lineno))
    return tuple(found)


def _without_annotations(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant("")
    return tree


def _defined(table: symtable.SymbolTable) -> set[str]:
    return {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}


def _needed(table: symtable.SymbolTable, known: frozenset[str]) -> Iterator[str]:
    at_module = table.get_type() == "module"
    for symbol in table.get_symbols():
        name = symbol.get_name()
        outside = at_module or symbol.is_global()
        if symbol.is_referenced() and outside and name not in known:
            yield name
    for child in table.get_children():
        yield from _needed(child, known)


def _in_order(tree: ast.Module) -> list[ast.Name]:
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
    return sorted(names, key=lambda n: (n.lineno, n.col_offset))
