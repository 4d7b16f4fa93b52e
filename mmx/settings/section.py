"""One map of the settings being read: its known keys are taken one by one, what is left over is an error.

`Findings` collects what every section meets: problems, warnings, the place of each key in the files and the
origin of each value, which is its place or a word such as "default".
"""

from dataclasses import dataclass, field
from typing import TypeVar

from mmx.errors import Problem
from mmx.settings.detected import Detection
from mmx.settings.document import Node, Place, Scalar, Table, describe
from mmx.settings.values import Reader, RefusedError, did_you_mean

T = TypeVar("T")


@dataclass(slots=True)
class Findings:
    """What reading the settings brought to light; keys are dotted paths. `detection`: what the host has."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    detection: Detection = field(default_factory=Detection)

    def refuse(self, key: str, value: str, message: str, remedy: str) -> None:
        """Note an error about a key."""
        self.problems.append(self._problem(key, value, message, remedy))

    def warn(self, key: str, value: str, message: str, remedy: str = "") -> None:
        """Note a warning about a key."""
        self.warnings.append(self._problem(key, value, message, remedy))

    def _problem(self, key: str, value: str, message: str, remedy: str) -> Problem:
        path = key
        while path and path not in self.places:
            path = path.rpartition(".")[0]
        place = self.places.get(path)
        return Problem(
            place.file if place else self.file, place.line if place else None, key, value, message, remedy
        )


class Section:
    """The keys below one dotted path; `table` is None when the files do not have it."""

    def __init__(self, table: Table | None, path: str, findings: Findings) -> None:
        self.table = table
        self.path = path
        self.findings = findings
        self.known: list[str] = []
        if table is not None:
            findings.places |= {self.key(name): place for name, place in table.places.items()}

    def key(self, name: str) -> str:
        """The dotted path of a key of this section."""
        return f"{self.path}.{name}" if self.path else name

    def node(self, name: str) -> Node | None:
        """What the files say under a key, which is thereby known."""
        self.known.append(name)
        return self.table.entries.get(name) if self.table is not None else None

    def take(self, name: str, read: Reader[T], default: T, origin: str = "default") -> T:
        """The value of a key, or its default, whose origin may be another key."""
        node = self.node(name)
        if node is None:
            self.findings.origins[self.key(name)] = origin
            return default
        self.findings.origins[self.key(name)] = str(node.place)
        return self.read(name, node, read, default)

    def read(self, name: str, node: Node, read: Reader[T], default: T) -> T:
        """Read the node of a key; a refusal becomes problems and the default."""
        try:
            return read(node)
        except RefusedError as error:
            for fault in error.faults:
                place = fault.place
                key = ".".join(part for part in (self.key(name), fault.key) if part)
                self.findings.problems.append(
                    Problem(place.file, place.line, key, fault.value, fault.message, fault.remedy)
                )
            return default

    def section(self, name: str) -> "Section":
        """The section under a key; a key without a value is an empty one."""
        node = self.node(name)
        table = node if isinstance(node, Table) else None
        if node is not None and table is None and not (isinstance(node, Scalar) and node.kind == "null"):
            place = node.place
            problem = Problem(
                *(place.file, place.line, self.key(name), describe(node)),
                *("a map is wanted here", "write KEY: VALUE lines below, indented"),
            )
            self.findings.problems.append(problem)
        return Section(table, self.key(name), self.findings)

    def names(self) -> tuple[str, ...]:
        """The keys of a section whose keys are the administrator's names."""
        return tuple(self.table.entries) if self.table is not None else ()

    def finish(self) -> None:
        """Refuse every key that nobody took."""
        for name in self.names():
            if name not in self.known:
                self.findings.refuse(self.key(name), "", "unknown setting", did_you_mean(name, self.known))
