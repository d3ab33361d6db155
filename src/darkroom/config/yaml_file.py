"""A YAML file that a person wrote, read strictly: what is wrong is told with its line.

Of YAML 1.2 the part that JSON has: mappings with texts as keys, lists, texts, numbers,
true, false and null. So `no` is a text, `010` is ten, and a file means the same to us, to
its schema and to an editor. Aliases are refused: a few lines of them fill any memory.
"""

import math
import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from darkroom.errors import SpecError


MAX_BYTES = 64 << 10
MAX_DEPTH = 16
MAX_NODES = 1_000  # of a text that somebody sent: pure-Python YAML makes about 10,000 a second
MAX_DIGITS = 18  # of a whole number: it fits every database and every other reader
# Of each kind of node, for `!!map x` is a text that says it is none.
_TAGS: dict[type[yaml.Node], set[str]] = {
    kind: {f"tag:yaml.org,2002:{name}" for name in names}
    for kind, names in (
        (yaml.MappingNode, ("map",)),
        (yaml.SequenceNode, ("seq",)),
        (yaml.ScalarNode, ("str", "int", "float", "bool", "null")),
    )
}


class _StrictLoader(yaml.SafeLoader):
    """PyYAML without its surprises: no aliases, no doubles, no dates, no `yes`."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own form

    def __init__(self, text: str, most: int | None) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes_left = most

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """One node, if it is of a kind that we take."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs
        if isinstance(event, yaml.AliasEvent):
            raise _Refused("aliases (*name) are not accepted", event.start_mark)
        if self._depth == MAX_DEPTH:
            raise _Refused(f"this is nested more than {MAX_DEPTH} deep", event.start_mark)
        if self._nodes_left is not None:
            if self._nodes_left == 0:
                raise _Refused("this holds more values than are read", event.start_mark)
            self._nodes_left -= 1
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and node.tag not in _TAGS[type(node)]:
            raise _Refused(f"the tag {ascii(node.tag)[:60]} is not accepted", node.start_mark)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping whose keys are texts, and all different."""
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _Refused("a key is a text", key_node.start_mark)
            if key in seen:
                raise _Refused(f"the key {ascii(key)[:60]} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def _whole(self, node: yaml.ScalarNode) -> int:
        text = self.construct_scalar(node)
        if not re.fullmatch(rf"[-+]?[0-9]{{1,{MAX_DIGITS}}}", text):
            raise _Refused(f"a whole number has 1 to {MAX_DIGITS} digits", node.start_mark)
        return int(text)

    def _real(self, node: yaml.ScalarNode) -> float:
        try:
            number = float(self.construct_scalar(node))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise _Refused("this is no finite number", node.start_mark)
        return number

    def _truth(self, node: yaml.ScalarNode) -> bool:
        text = self.construct_scalar(node)
        if text not in ("true", "false"):
            raise _Refused("write true or false", node.start_mark)
        return text == "true"


class _Refused(yaml.MarkedYAMLError):
    """YAML that we do not take, with the place."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


for _tag, _pattern, _first in (
    ("bool", "true|false", "tf"),
    ("int", "[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", "null|~|", ["n", "~", ""]),
):
    _StrictLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first)
    )
for _tag, _build in (
    ("int", _StrictLoader._whole),  # noqa: SLF001 - of this file
    ("float", _StrictLoader._real),  # noqa: SLF001
    ("bool", _StrictLoader._truth),  # noqa: SLF001
):
    _StrictLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _build)


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What a file says, and where it says it.

    Attributes:
        path: of the file.
        content: its mapping.
    """

    path: Path
    content: dict[str, Any]
    _root: yaml.Node = field(repr=False)

    def line(self, where: tuple[str | int, ...]) -> int:
        """The line of a field, or of the innermost thing around it that is there."""
        node, line = self._root, self._root.start_mark.line
        for step in where:
            found = _inner(node, step)
            if found is None:
                break
            node, line = found
        return line + 1

    def located(self, error: SpecError) -> SpecError:
        """The same error, with file and line."""
        return SpecError(
            f"{self.path}:{self.line(error.where)}: {error.message}",
            next_step=error.next_step,
            where=error.where,
        )

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Errors about the content name file and line."""
        try:
            yield
        except SpecError as error:
            raise self.located(error) from error


def _inner(node: yaml.Node, step: str | int) -> tuple[yaml.Node, int] | None:
    """A field's or an entry's node, and the line on which it begins."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value, key.start_mark.line
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line
    return None


def open_yaml(path: Path) -> YamlFile:
    """A YAML mapping from a file.

    Raises:
        SpecError: not there, too large, not YAML (with the line), or not a mapping.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SpecError(
            f"{path} cannot be read: {error.strerror}", next_step="check the path"
        ) from error
    return _parse(path, data)


def parse_yaml(text: str, name: str) -> dict[str, Any]:
    """A YAML mapping from a text of untrusted origin, as strictly as from a file.

    Args:
        text: the YAML.
        name: what errors call it.

    Raises:
        SpecError: too large, not YAML (with the line), or not a mapping.
    """
    return _parse(Path(name), text.encode("utf-8", "surrogatepass"), MAX_NODES).content


def _parse(path: Path, data: bytes, most: int | None = None) -> YamlFile:
    if len(data) > MAX_BYTES:
        raise SpecError(
            f"{path} has more than {MAX_BYTES >> 10} KiB", next_step="is it the right file?"
        )
    try:
        loader = _StrictLoader(data.decode("utf-8-sig"), most)
        root = loader.get_single_node()
        content = loader.construct_document(root) if root is not None else None
    except UnicodeDecodeError as error:
        raise SpecError(f"{path} is not UTF-8", next_step="save it as UTF-8 text") from error
    except yaml.YAMLError as error:
        raise _not_yaml(path, data, error) from error
    if root is None or not isinstance(content, dict):
        raise SpecError(f"{path}:1: this is not a mapping", next_step="start with key: value")
    return YamlFile(path, content, root)


def _not_yaml(path: Path, data: bytes, error: yaml.YAMLError) -> SpecError:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        line = mark.line + 1
    else:  # a character that YAML does not have
        line = data.decode("utf-8-sig")[: getattr(error, "position", 0)].count("\n") + 1
    problem = getattr(error, "problem", None) or "a character that YAML does not have"
    return SpecError(f"{path}:{line}: {problem}", next_step="mend that line")


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping alone; see `open_yaml`."""
    return open_yaml(path).content
