"""A seeded run of many sessions through real sockets, which keeps count of what it did itself.

What happens is drawn before the run: at most one child of a message does something else than to let it pass,
so what becomes of the message is plain. Children count what they say when they say it, the MTA's side what
became of messages; both fill `Run.expected`, whose keys are those of the samples of the registry.

Where several children are asked at once, only the last of the chain refuses or fails decisively: whether the
reply of a later child still counted would else be a matter of chance.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mmx.core.action import STAGES
from mmx.observe.tally import WAITED_FOR
from mmx.wire import command, option, reply
from mmx.wire.framing import frame
from mmx.wire.payload import encode_indexed_header

CHAIN: Final[Mapping[str, str]] = {
    "first": "accept",
    "guarded": "quarantine",
    "small": "reject",
    "third": "shutdown",
    "last": "tempfail",
}
"""The children of the chain and their default actions."""
GONE: Final = "gone"
"""A child that is not there; its default action is accept."""
OBSERVER: Final = "watch"

LARGE: Final = 5000
"""Bytes of a body that `small` does not take (max_size: 3000)."""
PARTNER: Final = "example.com"
"""Domain whose mail `guarded` is not shown (when: [not partners])."""

DIE: Final = "die"
GARBAGE: Final = "garbage"
_REASON: Final = {DIE: "eof", GARBAGE: "protocol"}

SAYS: Final[Mapping[str, bytes]] = {
    "continue": frame(reply.CONTINUE),
    "accept": frame(reply.ACCEPT),
    "reject": frame(reply.REJECT),
    "tempfail": frame(reply.TEMPFAIL),
    "shutdown": frame(reply.SHUTDOWN),
    "discard": frame(reply.DISCARD),
    "quarantine": frame(reply.QUARANTINE, b"why\0") + frame(reply.CONTINUE),
}
EDITS: Final[Mapping[str, bytes]] = {
    "ADDHEADER": frame(reply.ADDHEADER, b"X\0v\0"),
    "INSHEADER": frame(reply.INSHEADER, encode_indexed_header(1, b"X", b"v")),
    "CHGHEADER": frame(reply.CHGHEADER, encode_indexed_header(1, b"Subject", b"v")),
    "ADDRCPT": frame(reply.ADDRCPT, b"<new@example.org>\0"),
    "ADDRCPT_PAR": frame(reply.ADDRCPT_PAR, b"<new@example.org>\0NOTIFY=NEVER\0"),
    "DELRCPT": frame(reply.DELRCPT, b"<r1@example.org>\0"),
    "CHGFROM": frame(reply.CHGFROM, b"<>\0"),
    "REPLBODY": frame(reply.REPLBODY, b"new\r\n"),
}

_REFUSALS: Final = ("reject", "tempfail", "shutdown")
_EARLY: Final = ("accept", *_REFUSALS, "discard")
_TOGETHER: Final = (command.MAIL, command.DATA)
_CHILD_BY_CHILD: Final = (command.RCPT, command.HEADER, command.EOH, command.BODY, command.EOM)
_FAILS_AT: Final = (command.RCPT, command.EOM)
_GREETINGS: Final = (command.CONNECT, command.HELO)
_NOT_ASKED: Final = {"guarded": "partner", "small": "large"}


@dataclass(frozen=True)
class Deed:
    """What one child does at one command; `message` is 0 before the first."""

    child: str
    message: int
    code: int
    what: str


@dataclass(frozen=True)
class MessagePlan:
    """What the MTA sends, and what one child makes of it."""

    deed: Deed | None
    partner: bool
    large: bool
    recipients: int
    edits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    given_up: bool = False
    """The MTA aborts after the recipients."""


@dataclass(frozen=True)
class SessionPlan:
    """One connection of the MTA."""

    greeting: Deed | None
    unknown: Deed | None
    messages: tuple[MessagePlan, ...]
    says_quit: bool
    probe: bool = False


Key = tuple[str, tuple[tuple[str, str], ...]]


def key(name: str, **labels: str) -> Key:
    """As a sample has it."""
    return name, tuple(sorted(labels.items()))


class Run:
    """The plans of all sessions, and what was counted so far."""

    def __init__(self, seed: int, sessions: int) -> None:
        dice = random.Random(seed)
        self.plans = [_session(dice) for _ in range(sessions - 1)]
        self.plans.append(_PLAIN)
        self.expected: Counter[Key] = Counter()
        self._replied: dict[int, set[tuple[str, str]]] = defaultdict(set)
        self._edits: dict[int, list[tuple[str, str]]] = defaultdict(list)

    def deed(self, child: str, session: int, message: int, code: int) -> str:
        """What the child is to do there; "" for nothing special."""
        plan = self.plans[session]
        if code in _GREETINGS:
            found = plan.greeting
        else:
            found = plan.messages[message - 1].deed if message else plan.unknown
        return found.what if found is not None and (found.child, found.code) == (child, code) else ""

    # What children count.

    def replied(self, child: str, session: int, code: int) -> None:
        """A child was waited for."""
        stage = command.BODY if code in (command.HEADER, command.EOH) else code
        self._replied[session].add((child, WAITED_FOR[stage]))

    def said(self, child: str, code: int, word: str) -> None:
        """A child gave a verdict."""
        if word != "continue" or code == command.EOM:
            self.expected[key("mmx_child_verdicts_total", child=child, stage=STAGES[code], verdict=word)] += 1

    def failed(self, child: str, code: int, what: str) -> None:
        """A child failed in a message."""
        labels = {"child": child, "stage": STAGES[code], "reason": _REASON[what]}
        self.expected[key("mmx_child_failures_total", **labels)] += 1
        self.expected[key("mmx_default_action_total", child=child, action=CHAIN[child])] += 1

    def edited(self, child: str, session: int, kinds: tuple[str, ...]) -> None:
        """A child asked for edits."""
        self._edits[session] += [(child, kind) for kind in kinds]

    def observed(self, word: str) -> None:
        """The child that observes gave its verdict."""
        self.expected[key("mmx_observed_verdicts_total", child=OBSERVER, verdict=word)] += 1

    # What the MTA counts.

    def connected(self, *, probe: bool) -> None:
        """A connection; with the first word of it the child that is gone is dialled."""
        self.expected[key("mmx_sessions_total")] += 1
        self.expected[key("mmx_probes_total")] += probe
        if not probe:
            self._gone()

    def _gone(self) -> None:
        self.expected[key("mmx_child_failures_total", child=GONE, stage="connect", reason="missing")] += 1

    def began(self, plan: MessagePlan) -> None:
        """MAIL was sent: the child that is gone is dialled again, and others may not be asked."""
        self._gone()
        self.expected[key("mmx_default_action_total", child=GONE, action="accept")] += 1
        if plan.partner:
            labels = {"child": "guarded", "condition": "not partners"}
            self.expected[key("mmx_child_skipped_total", **labels)] += 1

    def sent(self, session: int, size: int) -> None:
        """The content was sent; a child that let go of the whole session does not ask for its size."""
        self.expected[key("mmx_message_bytes_total")] += size
        greeting = self.plans[session].greeting
        if size == LARGE and (greeting is None or greeting.child != "small"):
            self.expected[key("mmx_child_skipped_total", child="small", condition="max_size")] += 1

    def ended(self, session: int, verdict: str, child: str = "") -> None:
        """A message is done, or the client was refused; `child` is the one whose deed it was."""
        if verdict == "quarantine":
            self.expected[key("mmx_quarantined_total", child=child)] += 1
        self.expected[key("mmx_messages_total", verdict=verdict)] += 1
        if verdict in ("accept", "quarantine"):
            for editor, kind in self._edits[session]:
                self.expected[key("mmx_child_edits_total", child=editor, kind=kind)] += 1
        self._edits[session].clear()
        self.closed(session)

    def closed(self, session: int) -> None:
        """What was waited for counts with the next message, or with the end of the session."""
        for child, stage in self._replied[session]:
            self.expected[key("mmx_child_duration_seconds_count", child=child, stage=stage)] += 1
        self._replied[session].clear()


def outcome(plan: MessagePlan) -> str:
    """The verdict that the message gets if the MTA does not give it up."""
    deed = plan.deed
    if deed is None:
        return "accept"
    word = CHAIN[deed.child] if deed.what in _REASON else deed.what
    one_of_two = deed.code == command.RCPT and plan.recipients == 2 and deed.what in _REFUSALS
    return "accept" if one_of_two else word


_PLAIN: Final = SessionPlan(
    None, None, (MessagePlan(None, partner=False, large=False, recipients=1),), says_quit=True
)
"""The last one: every child shakes hands in it."""


def _session(dice: random.Random) -> SessionPlan:
    if dice.random() < 0.03:
        return SessionPlan(None, None, (), says_quit=False, probe=True)
    greeting = unknown = None
    if dice.random() < 0.08:
        greeting = Deed("last", 0, dice.choice(_GREETINGS), dice.choice(_REFUSALS))
    elif dice.random() < 0.08:
        greeting = Deed(dice.choice(("first", "small", "last")), 0, dice.choice(_GREETINGS), "accept")
    elif dice.random() < 0.1:
        unknown = Deed("last", 0, command.UNKNOWN, dice.choice(("continue", *_REFUSALS)))
    released = greeting.child if greeting is not None else ""
    messages = tuple(_message(dice, number, released) for number in range(1, dice.choice((1, 2, 3, 4))))
    refused = greeting is not None and greeting.what != "accept"
    return SessionPlan(greeting, unknown, () if refused else messages, says_quit=dice.random() < 0.7)


def _message(dice: random.Random, number: int, released: str) -> MessagePlan:
    partner, large = dice.random() < 0.15, dice.random() < 0.15
    absent = {"guarded"} if partner else set()
    absent |= {"small"} if large else set()
    asked = [name for name in CHAIN if name not in absent and name != released]
    deed = _deed(dice, number, asked) if dice.random() < 0.8 else None
    given_up = deed is None and dice.random() < 0.2
    edits = {
        name: tuple(dice.choices(sorted(EDITS), k=dice.choice((0, 1, 3))))
        for name in asked
        if dice.random() < 0.5
    }
    edits = {name: tuple(dict.fromkeys(kinds)) for name, kinds in edits.items()}
    return MessagePlan(deed, partner, large, dice.choice((1, 2)), edits, given_up)


def _deed(dice: random.Random, number: int, asked: list[str]) -> Deed:
    if dice.random() < 0.3:
        return Deed(dice.choice(asked), number, dice.choice(_FAILS_AT), dice.choice((DIE, GARBAGE)))
    if dice.random() < 0.3:
        child = dice.choice(asked)
        together = _EARLY if child == "last" else ("accept",)
        return Deed(child, number, dice.choice(_TOGETHER), dice.choice(together))
    code = dice.choice(_CHILD_BY_CHILD)
    words = (*_EARLY, "quarantine") if code == command.EOM else _EARLY
    return Deed(dice.choice(asked), number, code, dice.choice(words))


OPTIONS: Final = (6, option.ALL_ACTIONS, 0)
"""What every child negotiates: all edits, so that each sees the content when those before it are done."""
