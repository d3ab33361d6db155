"""What a file imports, calls and looks up, by the names of `reach`."""

import ast
from collections.abc import Iterator, Sequence

from darkroom.owner.findings.reach import (
    CALLS,
    CHANCE,
    DYNAMIC,
    FILES,
    INSIDE,
    INSIDE_TEXT,
    METHODS,
    MODULES,
    UNDERSIDE,
)


Said = tuple[int, str, str]  # line, kind, sentence
_SEEDS = ("seed", "default_rng", "RandomState", "PRNGKey", "set_seed", "SeedSequence")
_BY_NAME = ("getattr", "setattr", "delattr", "hasattr")
_CLASS_PARTS = 3  # arguments of type() when it makes a class


def uses(nodes: Sequence[ast.AST]) -> Iterator[Said]:
    """Each import, call and lookup that is worth a look, among the nodes of a tree."""
    known = _aliases(nodes)
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _imported(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            yield from _imported_from(node)
        elif isinstance(node, ast.Call):
            yield from _called(node, known)
        elif isinstance(node, ast.Attribute | ast.Name):
            yield from _looked_up(node, known)


def dotted(node: ast.AST, known: dict[str, str]) -> str:
    """`a.b.c` under its first name, "" for anything else; as deep as a name may be."""
    parts: list[str] = []
    for _ in range(8):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Name):
            parts.append(known.get(node.id, node.id))
            return ".".join(reversed(parts))
        else:
            break
    return ""


def _aliases(nodes: Sequence[ast.AST]) -> dict[str, str]:
    """Name in the file -> what it stands for."""
    known: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                known[name] = alias.name if alias.asname else name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name | ast.Attribute):
            # `s = os.system` and `e = eval` are other names for the same thing.
            name = dotted(node.value, known)
            for target in node.targets:
                if isinstance(target, ast.Name) and name in CALLS:
                    known[target.id] = name
    return known


def _imported(line: int, module: str) -> Iterator[Said]:
    found = MODULES.get(module.partition(".")[0])
    if found:
        yield line, found[0], f"imports {module[:60]}: {found[1]}"


def _imported_from(node: ast.ImportFrom) -> Iterator[Said]:
    module = node.module or ""
    if not node.level:
        yield from _imported(node.lineno, module)
    if any(alias.name == "*" for alias in node.names):
        yield node.lineno, DYNAMIC, "imports everything of a module: names may come from there"


def _called(node: ast.Call, known: dict[str, str]) -> Iterator[Said]:
    name = dotted(node.func, known)
    line = node.lineno
    if name == "open" or name.endswith(".open"):
        yield line, FILES, _opened(node)
    elif name in _BY_NAME and len(node.args) > 1 and not _is_text(node.args[1]):
        yield line, DYNAMIC, f"{name} with a name that is built at run time"
    elif name == "type" and len(node.args) == _CLASS_PARTS:
        yield line, DYNAMIC, "makes a class at run time; an error crosses as the name of its class"
    elif name.rpartition(".")[2] in _SEEDS and any(not _is_constant(a) for a in node.args):
        yield line, CHANCE, f"{name[:60]} with a value that is not written here: a seed from data?"
    elif isinstance(node.func, ast.Attribute) and name not in CALLS:
        found = METHODS.get(node.func.attr)
        if found:
            yield line, found[0], f".{node.func.attr}(): {found[1]}"
    for keyword in node.keywords:
        if keyword.arg == "allow_pickle" and not _is(keyword.value, value=False):
            yield line, "code out of data", "allow_pickle: runs code that is hidden in data"


def _looked_up(node: ast.Attribute | ast.Name, known: dict[str, str]) -> Iterator[Said]:
    if isinstance(node, ast.Attribute) and node.attr in UNDERSIDE:
        yield node.lineno, INSIDE, f".{node.attr}: {INSIDE_TEXT}"
        return
    if isinstance(node.ctx, ast.Load):
        name = dotted(node, known)
        found = CALLS.get(name)
        if found is None and name.startswith("np."):
            found = CALLS.get(f"numpy.{name[3:]}")
        if found:
            yield node.lineno, found[0], f"{name}: {found[1]}"


def _opened(node: ast.Call) -> str:
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        if first.value.startswith(("/", "~", "..")):
            return "opens a file by an absolute path, outside of what the job was given"
        return "opens a file by its name"
    return "opens a file whose name is not written here"


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is(node: ast.AST, *, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _is_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant)
