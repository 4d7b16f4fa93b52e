r"""Pages of docs/ as parts of manual pages: the Markdown that they are written in, line by line.

What is known: headings, paragraphs, lists, code between fences, and tables. A row of a table becomes an
entry: its first cell is the word, the last one what it means, and those between stand in a line of their own,
each behind the name of its column, as the last one does if that is not "meaning". `\|` in a cell is a bar.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from mmx.tools.manual.roff import Page, inline

_HEADING: Final = re.compile(r"(#+) (.*)")
_ITEM: Final = re.compile(r"(-|\d+\.) +(.*)")
_BAR: Final = re.compile(r"(?<!\\)\|")
_RULE: Final = re.compile(r"\|[-|: ]*-[-|: ]*\|$")
_FENCE: Final = "```"
_BULLET: Final = r"\(bu"
_MEANING: Final = "meaning"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, its level, and the lines below it up to the next one."""

    level: int
    title: str
    lines: tuple[str, ...]


def sections(markdown: str) -> list[Section]:
    """A page in parts."""
    found: list[tuple[int, str, list[str]]] = []
    fenced = False
    for line in markdown.splitlines():
        fenced ^= line.startswith(_FENCE)
        match = None if fenced else _HEADING.match(line)
        if match:
            found.append((len(match[1]), match[2], []))
        elif found:
            found[-1][2].append(line)
    return [Section(level, title, tuple(lines)) for level, title, lines in found]


def write_lines(page: Page, lines: Sequence[str]) -> None:
    """Write the blocks of a section."""
    for block in _blocks(lines):
        if block[0].startswith(_FENCE):
            page.verbatim(block[1:])
        elif block[0].startswith("|"):
            _write_table(page, block)
        elif _ITEM.match(block[0]):
            _write_list(page, block)
        else:
            page.paragraph(inline(" ".join(block)))


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(lines)
    block: list[str] = []
    for line in rest:
        begins_table = line.startswith("|") and not (block and block[0].startswith("|"))
        if block and (not line.strip() or line.startswith(_FENCE) or begins_table):
            yield block
            block = []
        if line.startswith(_FENCE):
            yield [line, *takewhile(lambda inner: not inner.startswith(_FENCE), rest)]
        elif line.strip():
            block.append(line)
    if block:
        yield block


def _write_list(page: Page, block: Sequence[str]) -> None:
    items: list[tuple[str, list[str]]] = []
    for line in block:
        match = _ITEM.match(line)
        if match:
            items.append((match[1], [match[2]]))
        else:
            items[-1][1].append(line.strip())
    for mark, text in items:
        page.item(_BULLET if mark == "-" else mark, inline(" ".join(text)))


def _write_table(page: Page, block: Sequence[str]) -> None:
    header, *rows = [_cells(line) for line in block if not _RULE.match(line)]
    names = header[1:]
    named = names if len(names) > 1 and names[-1] != _MEANING else names[:-1]
    for word, *cells in rows:
        told = [f"{name}: {cell}" for name, cell in zip(named, cells, strict=False) if cell]
        page.entry(inline(word), inline("; ".join(told)), *map(inline, cells[len(named) :]))


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip().replace(r"\|", "|") for cell in _BAR.split(inner)]
