"""Conditions: what is known of a mail, and what a condition makes of it.

A condition is a tree of tests. Each test answers with a `Truth` about the `Facts` known so far:

    YES      it holds, whatever comes
    NO       it does not hold, whatever comes
    OPEN     a later event, or an answer that is still awaited, will tell
    UNKNOWN  nothing will tell (a macro the MTA does not send, a name server that does not answer)

`all`, `any` and `not` join them as Kleene's logic does; OPEN comes before UNKNOWN where neither decides. A
child whose condition is UNKNOWN runs: what cannot be evaluated lets no mail pass unscanned.

A test of recipients is about one recipient. `decide` asks for each accepted one: the child runs if any
satisfies the whole condition, so `not` applies to each recipient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Protocol

from mmx.wire.payload import Connection


class Truth(Enum):
    """What a condition makes of the facts; see the module's table."""

    YES = "yes"
    NO = "no"
    OPEN = "open"
    UNKNOWN = "unknown"


class Point(IntEnum):
    """How far the session has come: the latest event that the facts hold."""

    CONNECT = 0
    HELO = 1
    MAIL = 2
    RCPT = 3
    DATA = 4
    EOH = 5
    EOM = 6


@dataclass(slots=True)
class Facts:
    """What is known so far. Everything is as received; `macros` go by bare name (`i`, `auth_type`)."""

    point: Point = Point.CONNECT
    listener: str = ""
    stressed: bool = False
    client: Connection | None = None
    listed: Mapping[str, Truth] = field(default_factory=dict)
    """DNS list to its answer; a list that is missing has not answered yet."""
    helo: bytes | None = None
    """None also after MAIL, if the client said none."""
    macros: Mapping[bytes, bytes] = field(default_factory=dict)
    """All macros with a value that came up to now."""
    sent_macros: frozenset[bytes] = frozenset()
    """Bare names that the MTA sends when they have a value; others are never known."""
    sender: bytes = b""
    """The address of MAIL as the client wrote it, mostly with its angle brackets."""
    parameters: Sequence[bytes] = ()
    """ESMTP parameters of MAIL."""
    recipients: Sequence[bytes] = ()
    """Addresses of RCPT that nobody has refused so far, as the client wrote them."""
    headers: Sequence[tuple[bytes, bytes]] = ()
    """Name and value; the value may begin with the blank after the colon."""
    size: int = 0
    """Bytes of header and body received."""


class Condition(Protocol):
    """A test, or several joined. Implementations are immutable and shared by all sessions."""

    @property
    def per_recipient(self) -> bool:
        """True if a test in it is about one recipient."""

    def truth(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> Truth:
        """What it makes of the facts; `recipient` is the one asked about, None while there is none.

        `negated`: an odd number of `not` stands above, so a YES here would keep the child from running; a
        test that rests on a promise of the client (a declared SIZE) does not count that way then.
        """

    def why(self, facts: Facts, recipient: bytes | None) -> str:
        """For people: the part that decided and the rule in it, such as "s25r: rule 3"."""


def decide(
    condition: Condition, facts: Facts, candidates: Sequence[bytes] | None = None
) -> tuple[Truth, str]:
    """Whether a child with this condition sees the message, and the part that decided, "" while open.

    `candidates` are the recipients that may still satisfy it; all of the facts if None.
    """
    if not condition.per_recipient:
        truth = condition.truth(facts, None)
        return truth, "" if truth is Truth.OPEN else condition.why(facts, None)
    whatever = condition.truth(facts, None)
    if whatever is Truth.NO or (whatever is Truth.YES and facts.point < Point.RCPT):
        return whatever, condition.why(facts, None)
    return _any_recipient(condition, facts, facts.recipients if candidates is None else candidates)


def _any_recipient(condition: Condition, facts: Facts, candidates: Sequence[bytes]) -> tuple[Truth, str]:
    unknown: bytes | None = None
    still_open = facts.point < Point.DATA
    for recipient in candidates:
        truth = condition.truth(facts, recipient)
        if truth is Truth.YES:
            return truth, condition.why(facts, recipient)
        if truth is Truth.OPEN:
            still_open = True
        elif truth is Truth.UNKNOWN:
            unknown = recipient
    if unknown is not None:
        return Truth.UNKNOWN, condition.why(facts, unknown)
    if still_open:
        return Truth.OPEN, ""
    last = facts.recipients[-1] if facts.recipients else None
    return Truth.NO, condition.why(facts, last)


def matches(condition: Condition, facts: Facts, recipient: bytes) -> bool:
    """True if the child is to see this recipient (`recipients: matching`): all that is not a plain no."""
    return condition.truth(facts, recipient) is not Truth.NO
