"""Conditions joined: `all`, `any` and `not` in Kleene's logic, and a condition that has a name.

    all   NO if any part is NO; else OPEN, else UNKNOWN, if any part is that; else YES
    any   YES if any part is YES; else OPEN, else UNKNOWN, if any part is that; else NO
    not   YES and NO change places

OPEN goes before UNKNOWN because an open part may still decide the whole. `negated` reaches every part with
the number of `not` above it, so that a test knows on which side of the decision it stands.
"""

from collections.abc import Sequence
from typing import ClassVar, Final, Protocol

from mmx.core.condition import Condition, Facts, Truth

_OPPOSITE: Final = {Truth.YES: Truth.NO, Truth.NO: Truth.YES}


class Part(Condition, Protocol):
    """A condition that can say why under a `not` too."""

    def why(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> str:
        """The part that decided."""


class _Join:
    """Several parts, of which one that is `_decisive` decides."""

    __slots__ = ("_parts", "per_recipient")
    _decisive: ClassVar = Truth.NO
    _otherwise: ClassVar = Truth.YES

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        self.per_recipient: bool = any(part.per_recipient for part in parts)

    def truth(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> Truth:
        """What the parts make of the facts together."""
        result = self._otherwise
        for part in self._parts:
            truth = part.truth(facts, recipient, negated=negated)
            if truth is self._decisive:
                return truth
            if truth is Truth.OPEN or (truth is Truth.UNKNOWN and result is not Truth.OPEN):
                result = truth
        return result

    def why(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> str:
        """The first part that decides, or all of them if it takes all."""
        deciding: Part | None = None
        result = self._otherwise
        for part in self._parts:
            truth = part.truth(facts, recipient, negated=negated)
            if truth is self._decisive:
                return part.why(facts, recipient, negated=negated)
            if truth is not result and truth is not self._otherwise and result is not Truth.OPEN:
                result, deciding = truth, part
        parts = self._parts if deciding is None else (deciding,)
        return ", ".join(part.why(facts, recipient, negated=negated) for part in parts)


class All(_Join):
    """Every part must hold; none at all hold."""

    __slots__ = ()


class Any(_Join):
    """One part must hold."""

    __slots__ = ()
    _decisive: ClassVar = Truth.YES
    _otherwise: ClassVar = Truth.NO


class Not:
    """The opposite."""

    __slots__ = ("_part", "per_recipient")

    def __init__(self, part: Part) -> None:
        self._part = part
        self.per_recipient: bool = part.per_recipient

    def truth(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> Truth:
        """YES for NO and NO for YES."""
        truth = self._part.truth(facts, recipient, negated=not negated)
        return _OPPOSITE.get(truth, truth)

    def why(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> str:
        """What the part says, which is then the reason for the opposite."""
        return f"not ({self._part.why(facts, recipient, negated=not negated)})"


class Named:
    """A condition of the settings, with its name before each reason."""

    __slots__ = ("_name", "_part", "per_recipient")

    def __init__(self, name: str, part: Part) -> None:
        self._name = name
        self._part = part
        self.per_recipient: bool = part.per_recipient

    def truth(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> Truth:
        """What the condition makes of the facts."""
        return self._part.truth(facts, recipient, negated=negated)

    def why(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> str:
        """The name, then the part that decided."""
        return f"{self._name}: {self._part.why(facts, recipient, negated=negated)}"
