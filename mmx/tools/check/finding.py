"""What `mmx check` finds: kinds of findings, which are constants, and the findings themselves.

A kind has a name, `AREA.WORDS`, a level, and why it matters; docs/reference/findings.md has a row for each. A
finding is a kind met at a place: what was seen there, and the commands that mend it. The commands are exact:
pasted into a shell of root, in order, they make the finding go away. Where something cannot be seen, the
finding says so; its level is a note, since nothing is known to be wrong.
"""

import enum
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


class Level(enum.IntEnum):
    """How bad a finding is."""

    OK = 0
    NOTE = 1
    """Worth knowing; perhaps meant to be so."""
    WARNING = 2
    """Mail flows, but not all of it as it should, or it will not when something happens."""
    ERROR = 3
    """Mail is deferred, lost or not filtered."""

    @property
    def word(self) -> str:
        return self.name.lower()


LEVELS: Final = {level.word: level for level in Level}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `commands` mend it; `unseen`: it could not be looked at."""

    level: Level
    name: str
    subject: str
    seen: str
    why: str = ""
    commands: tuple[str, ...] = ()
    unseen: bool = False

    @property
    def area(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be found. `level` is the usual one."""

    name: str
    level: Level
    why: str
    unseen: bool = False

    def at(self, subject: str, seen: str, *commands: str, level: Level | None = None) -> Finding:
        """This kind, met at `subject`."""
        told = self.level if level is None else level
        return Finding(told, self.name, subject, seen, self.why, tuple(commands), self.unseen)


def unseen(name: str) -> Kind:
    """The kind for what could not be looked at."""
    return Kind(name, Level.NOTE, "what is wrong there, if anything, is not known", unseen=True)


def good(area: str, subject: str, seen: str) -> Finding:
    """A thing that is as it should be."""
    return Finding(Level.OK, f"{area}.ok", subject, seen)


def shell(*words: str) -> str:
    """A command line of these words, quoted where the shell would take them apart."""
    return shlex.join(words)


def worst(findings: Iterable[Finding]) -> Level:
    """The highest level among them."""
    return max((finding.level for finding in findings), default=Level.OK)
