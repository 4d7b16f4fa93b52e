"""What all single tests of a condition have in common.

A test says once what it makes of the facts: its `Truth`, the value it looked at and a word about it. The text
for people is put together only when somebody asks for it.
"""

from abc import abstractmethod
from typing import Final

from mmx.core.condition import Facts, Point, Truth

LONGEST: Final = 80
"""Bytes of a value that are shown."""

Finding = tuple[Truth, bytes, str]
"""A truth, the value looked at (b"" if there is none), and what of it decided."""

OPEN: Final[Finding] = (Truth.OPEN, b"", "not known yet")


class Leaf:
    """One test. `label` is its name in the settings."""

    __slots__ = ()
    label = ""

    @property
    def per_recipient(self) -> bool:
        """True if it is about one recipient."""
        return False

    @abstractmethod
    def look(self, facts: Facts, recipient: bytes | None, negated: bool, /) -> Finding:
        """What it makes of the facts; see `Condition.truth`."""

    def truth(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> Truth:
        """The truth alone."""
        return self.look(facts, recipient, negated)[0]

    def why(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> str:
        """The value and what of it decided, for people."""
        _, value, words = self.look(facts, recipient, negated)
        return f"{self.label}: {shown(value)} {words}" if value else f"{self.label}: {words}"


def shown(value: bytes) -> str:
    """A value from the network, cut to LONGEST; what is no printable ASCII is escaped."""
    text = value[:LONGEST].decode("ascii", "backslashreplace")
    text = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
    return text + "..." if len(value) > LONGEST else text


def yes_or_no(holds: bool, value: bytes, yes: str, no: str) -> Finding:
    """A finding that is plainly one or the other."""
    return (Truth.YES, value, yes) if holds else (Truth.NO, value, no)


def unknown(facts: Facts, due: Point, why: str) -> Finding:
    """What is missing: still to come before the event `due`, then never."""
    return OPEN if facts.point < due else (Truth.UNKNOWN, b"", why)
