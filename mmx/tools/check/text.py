"""Findings as text and as JSON.

What is good takes one line. Below anything else stand why it matters and the commands, each on a line of its
own without anything around it, so that it can be copied. On a terminal text is broken at its width, commands
never are.
"""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from mmx.observe.log import escape
from mmx.observe.wording import plural
from mmx.tools.check.finding import Finding, Level
from mmx.tools.colour import Paint

_WIDTH: Final = max(len(level.word) for level in Level)
_INDENT: Final = " " * (_WIDTH + 2)
_NAMES: Final = {"mmx": "mmx", "listener": "Listeners", "child": "Children"}
"""Headings of areas that are not their name with a capital."""
_ENDLESS: Final = 1 << 20
_NARROWEST: Final = 30
"""Characters of a line of text, on the narrowest terminal."""
_LONGEST: Final = 2000
"""Characters of a text that came from files or programs."""


def report(findings: Sequence[Finding], least: Level, paint: Paint, width: int = _ENDLESS) -> Iterator[str]:
    """The lines for those of at least this level, and a summary of all."""
    area = ""
    for finding in findings:
        if finding.level < least:
            continue
        if finding.area != area:
            if area:
                yield ""
            area = finding.area
            yield paint.bold(_NAMES.get(area, area.capitalize()))
        yield from _lines(finding, paint, width)
    if area:
        yield ""
    yield summary(findings)


def _lines(finding: Finding, paint: Paint, width: int) -> Iterator[str]:
    first, *rest = _broken(f"{_plain(finding.subject)}: {_plain(finding.seen)}", width)
    word = paint.level(finding.level.word, finding.level.word.ljust(_WIDTH))
    yield f"{word}  {first}"
    yield from (_INDENT + line for line in rest)
    if finding.level is Level.OK:
        return
    yield from (_INDENT + paint.dim(line) for line in _broken(finding.why, width))
    for command in finding.commands:
        yield f"{_INDENT}    {_printable(command)}"


def _broken(text: str, width: int) -> list[str]:
    room = max(width - len(_INDENT), _NARROWEST)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def summary(findings: Sequence[Finding]) -> str:
    """How many there are of each level, the gravest first."""
    counts = Counter(finding.level for finding in findings)
    blind = sum(finding.unseen for finding in findings)
    words = [
        plural(counts[level], level.word) if level is not Level.OK else f"{counts[level]} ok"
        for level in reversed(Level)
        if counts[level]
    ]
    if blind:
        words.append(f"{blind} could not be seen")
    return ", ".join(words).replace("\u202f", " ") or "nothing was looked at"


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """A list of objects, one a finding, all of them."""
    return [
        {
            "level": finding.level.word,
            "name": finding.name,
            "subject": finding.subject,
            "seen": finding.seen,
            "why": finding.why,
            "commands": list(finding.commands),
            "unseen": finding.unseen,
        }
        for finding in findings
    ]


def _plain(text: str) -> str:
    return escape(text, _LONGEST)


def _printable(command: str) -> str:
    """A command as it is to be pasted, but for what a terminal would obey."""
    return "".join(char if char.isprintable() else escape(char) for char in command)
