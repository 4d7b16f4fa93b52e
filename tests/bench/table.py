"""Results: rows with a budget or without, as a plain table and as JSON."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One measured figure. With `must`, `aim` is the budget's wish; `at_least`: more is better.

    `values` are the single measurements, in order, of which `value` is the median.
    """

    name: str
    value: float
    unit: str
    values: tuple[float, ...] = ()
    must: float | None = None
    aim: float | None = None
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """How the figure stands to its budget: "aim", "must", "MISSED", or "" without a budget."""
        if self.must is None or self.aim is None:
            return ""
        if self._reaches(self.aim):
            return "aim"
        return "must" if self._reaches(self.must) else "MISSED"

    def _reaches(self, bound: float) -> bool:
        return self.value >= bound if self.at_least else self.value <= bound

    def cells(self) -> tuple[str, ...]:
        spread = f"{_figure(min(self.values))} to {_figure(max(self.values))}" if len(self.values) > 1 else ""
        sign = ">= " if self.at_least else "<= "
        bounds = [f"{sign}{bound:g}" if bound is not None else "" for bound in (self.must, self.aim)]
        return (self.name, _figure(self.value), self.unit, spread, *bounds, self.verdict)


TITLES = ("what", "value", "unit", "spread", "must", "aim", "reached")


def row(name: str, values: Sequence[float], unit: str, **budget: float) -> Row:
    """A row for the median of some measurements."""
    at_least = bool(budget.pop("at_least", 0.0))
    return Row(name, statistics.median(values), unit, tuple(values), at_least=at_least, **budget)


def _figure(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}"


def render(rows: Sequence[Row]) -> str:
    """The rows as lines of text, columns aligned."""
    lines = [TITLES, *(entry.cells() for entry in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(TITLES))]
    lines.insert(1, tuple("-" * width for width in widths))
    right = {1, 3}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def write_json(path: Path, machine: dict[str, str], rows: Sequence[Row]) -> None:
    """Machine and rows, for comparing runs."""
    entries = [{**asdict(entry), "reached": entry.verdict} for entry in rows]
    path.write_text(json.dumps({"machine": machine, "rows": entries}, indent=1) + "\n")
