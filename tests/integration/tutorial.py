"""A page of docs/tutorial as a session of a shell: its commands, and what it says that they print.

    ```sh         commands, run in order in one shell of root; none may fail
    ```text       what the block before prints; `...` stands for anything in a line, a line `...` for lines

A comment right above a block is for the test, and says why:

    <!-- not run: REASON -->          the commands are left out
    <!-- not compared: REASON -->     what is shown is not compared
    <!-- status N -->                 a command ends with N, the others with 0
    <!-- until -->                    the commands are run again until they print what is shown
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOTE: Final = re.compile(r"<!-- ([^\n]*) -->\n\Z")
_ANYTHING: Final = "..."


@dataclass(frozen=True, slots=True)
class Block:
    """Commands, and what is shown of their output, None if nothing is."""

    line: int
    commands: str
    not_run: str = ""
    status: int = 0
    shown: str | None = None
    until: bool = False


def blocks(page: str) -> Iterator[Block]:
    """The blocks of commands of a page; raises ValueError if the page has what no test would see."""
    found: list[Block] = []
    for match in _FENCE.finditer(page):
        line = page.count("\n", 0, match.start()) + 1
        note = _NOTE.search(page[: match.start()])
        words = note[1] if note else ""
        kind, text = match[1], match[2]
        if kind == "sh":
            found.append(_commands(line, text, words))
        elif kind == "text" and found and found[-1].shown is None:
            if not words.startswith("not compared: "):
                last = found.pop()
                found.append(
                    Block(last.line, last.commands, last.not_run, last.status, text, words == "until")
                )
        else:
            raise ValueError(f"line {line}: a block of kind {kind!r} that belongs to no commands")
    return iter(found)


def _commands(line: int, text: str, words: str) -> Block:
    name, _, value = words.partition(": " if ":" in words else " ")
    if name == "not run" and value:
        return Block(line, text, not_run=value)
    return Block(line, text, status=int(value) if name == "status" else 0)


def fits(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; blanks at the ends of lines do not count."""
    return re.fullmatch("".join(_patterns(shown)), _stripped(printed)) is not None


def _patterns(shown: str) -> Iterator[str]:
    for line in _stripped(shown).splitlines():
        if line.strip() == _ANYTHING:
            yield r"(?:.*\n)*?"
        else:
            yield ".*".join(map(re.escape, line.split(_ANYTHING))) + r"\n"


def _stripped(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines())
