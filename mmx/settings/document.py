"""YAML files to a tree that remembers where everything stood.

YAML is read more strictly than PyYAML does, because in a mail server's settings every one of these was meant
otherwise: a key twice in one map (the last would win in silence), a key that is no string (`no:` is False),
a tag, a merge key, a second document, bytes that are no UTF-8. Scalars keep their text beside the type YAML
sees in them, so that the readers of values can refuse `0660` (432), `1:30` (90) and `no` (False).

Files are merged map by map, key by key: a later file wins for every leaf, a list replaces a list.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import yaml

from mmx.errors import Problem

LARGEST_FILE: Final = 1 << 20
DEEPEST: Final = 32
MOST_ALIASES: Final = 50
MOST_NODES: Final = 50_000
_STANDARD: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file; lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: its text, and the type YAML sees in it (str, int, float, bool, null, timestamp)."""

    place: Place
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A map; keys in the order of the files, each with the place where it stood last."""

    place: Place
    entries: dict[str, "Node"]
    places: dict[str, Place]


Node = Scalar | Items | Table


def describe(node: Node) -> str:
    """The text of a value for a message; lists and maps are only named."""
    if isinstance(node, Scalar):
        return node.text
    return "a list" if isinstance(node, Items) else "a map"


def read_document(file: str, data: bytes) -> tuple[Table, list[Problem]]:
    """Read one file; on errors the table holds what could be understood."""
    empty = Table(Place(file, 1), {}, {})
    if len(data) > LARGEST_FILE:
        remedy = "split it, or check that this is a settings file"
        return empty, [Problem(file, None, "", "", f"larger than {LARGEST_FILE >> 20} MiB", remedy)]
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"\\x{data[error.start]:02x}"
        return empty, [Problem(file, line, "", byte, "not UTF-8", "save the file as UTF-8")]
    try:
        loader = _Loader(file, text)
        root = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return empty, [Problem(file, line, "", "", "a control character", "remove it")]
    except yaml.MarkedYAMLError as error:
        return empty, [_syntax_problem(file, error)]
    if root is None:
        return empty, loader.problems
    converter = _Converter(file)
    try:
        node = converter.convert(root, "")
    except _TooMuchError as error:
        remedy = "write the values out"
        return empty, [Problem(file, error.place.line, "", "", "aliases repeat too much", remedy)]
    problems = loader.problems + converter.problems
    if isinstance(node, Table):
        return node, problems
    if not (isinstance(node, Scalar) and node.kind == "null"):
        problems.append(
            Problem(
                file, node.place.line, "", describe(node), "not a map of settings", "write KEY: VALUE lines"
            )
        )
    return empty, problems


def merge(earlier: Table, later: Table) -> Table:
    """Lay a later file over an earlier one."""
    entries = dict(earlier.entries)
    for key, node in later.entries.items():
        below = entries.get(key)
        if isinstance(below, Table) and isinstance(node, Table):
            entries[key] = merge(below, node)
        else:
            entries[key] = node
    return Table(later.place, entries, earlier.places | later.places)


def _syntax_problem(file: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    parts = [part for part in (error.context, error.problem) if part]
    return Problem(
        file, mark.line + 1 if mark else None, "", "", f"not YAML: {', '.join(parts)}", "mend the line"
    )


class _Loader(yaml.SafeLoader):
    """A composer that notes tags, and bounds aliases and depth before they cost anything."""

    def __init__(self, file: str, text: str) -> None:
        super().__init__(text)
        self.file = file
        self.problems: list[Problem] = []
        self.depth = 0
        self.aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            self.aliases += 1
        elif getattr(event, "tag", None) is not None:
            message = "a YAML tag has no meaning here"
            self.problems.append(Problem(self.file, line, "", str(event.tag), message, "remove the tag"))
        self.depth += 1
        if self.depth > DEEPEST or self.aliases > MOST_ALIASES:
            bound = (
                f"nested deeper than {DEEPEST}"
                if self.depth > DEEPEST
                else f"more than {MOST_ALIASES} aliases"
            )
            raise yaml.composer.ComposerError(None, None, bound, event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _TooMuchError(Exception):
    """Aliases make more of a file than stands in it."""

    def __init__(self, place: Place) -> None:
        super().__init__(str(place))
        self.place = place


class _Converter:
    """PyYAML's nodes to ours; aliases are expanded, which is why the number of nodes is bounded."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.nodes = 0
        self.depth = 0

    def convert(self, node: yaml.Node, key: str) -> Node:
        place = Place(self.file, node.start_mark.line + 1)
        self.nodes += 1
        # An alias may stand inside what it repeats, hence the second bound.
        if self.nodes > MOST_NODES or self.depth > DEEPEST:
            raise _TooMuchError(place)
        if isinstance(node, yaml.ScalarNode):
            return Scalar(place, node.tag.removeprefix(_STANDARD), node.value)
        self.depth += 1
        branch: Items | Table
        if isinstance(node, yaml.SequenceNode):
            branch = Items(place, tuple(self.convert(item, key) for item in node.value))
        else:
            branch = self._table(node, place, key)
        self.depth -= 1
        return branch

    def _table(self, node: yaml.Node, place: Place, key: str) -> Table:
        entries: dict[str, Node] = {}
        places: dict[str, Place] = {}
        for key_place, name, value in self._pairs(node, key):
            path = f"{key}.{name}" if key else name
            if name in entries:
                message = f"already set in line {places[name].line}"
                self._complain(key_place, path, "", message, "keep one of the two")
                continue
            entries[name] = self.convert(value, path)
            places[name] = key_place
        return Table(place, entries, places)

    def _pairs(self, node: yaml.Node, key: str) -> Iterator[tuple[Place, str, yaml.Node]]:
        """The entries of a map whose keys are strings; the others are complained of."""
        for key_node, value in node.value:
            place = Place(self.file, key_node.start_mark.line + 1)
            kind = key_node.tag.removeprefix(_STANDARD)
            if isinstance(key_node, yaml.ScalarNode) and kind == "str":
                yield place, key_node.value, value
            elif kind == "merge":
                self._complain(place, key, "<<", "merge keys are not read", "write the settings out")
            else:
                text = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a list or map"
                self._complain(
                    place, key, text, f"a key must be a string, YAML reads {kind}", "put it in quotes"
                )

    def _complain(self, place: Place, key: str, value: str, message: str, remedy: str) -> None:
        self.problems.append(Problem(place.file, place.line, key, value, message, remedy))
