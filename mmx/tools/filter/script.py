"""A script of `mmx filter`: what it negotiates, and rules for what it says and does.

At each event the first rule that fits is carried out, and none other; an event without one is answered
"continue". A rule fits if the event is among its own and all its tests hold. What a test is about may come at
that event or earlier: a rule at end of message may ask for a recipient or a word of the body. Only at RCPT
and HEADER it is this recipient and this header. So `Seen` remembers which tests held, not the mail: its
memory is bounded by the script.

A rule's steps are carried out in their order. Where none of them is an answer, "continue" follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from mmx.core.patterns import Patterns
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, frame
from mmx.wire.header import with_leading_space

EVENTS: Final = {
    "negotiate": command.OPTNEG,
    "connect": command.CONNECT,
    "helo": command.HELO,
    "mail": command.MAIL,
    "rcpt": command.RCPT,
    "data": command.DATA,
    "header": command.HEADER,
    "eoh": command.EOH,
    "body": command.BODY,
    "eom": command.EOM,
    "unknown": command.UNKNOWN,
    "abort": command.ABORT,
    "quit": command.QUIT,
}
ANSWERED: Final = frozenset(option.NO_REPLY)
"""The events that a verdict is due to."""
IN_MESSAGE: Final = (*tuple(EVENTS.values())[3:10], command.ABORT)
SEVERAL: Final = (command.RCPT, command.HEADER, command.BODY)
"""The events of which a message may have several."""

CLIENT, HELO, SENDER, RECIPIENT, HEADER, WORD = "client", "helo", "sender", "recipient", "header", "word"
KNOWN_FROM: Final = {
    CLIENT: command.CONNECT,
    HELO: command.HELO,
    SENDER: command.MAIL,
    RECIPIENT: command.RCPT,
    HEADER: command.HEADER,
    WORD: command.BODY,
}
"""The event with which the subject of a test comes."""

LONGEST_WORD: Final = 1000
_PUNCTUATION: Final = b".,;:!?\"'()<>[]{}"


class Deed(Enum):
    """What else a filter may do."""

    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Say:
    """A frame."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class SayHeader:
    """An edit of a header; the frame depends on whether values keep their leading blank."""

    code: int
    index: int
    name: bytes
    value: bytes

    def frame(self, *, leading_space: bool) -> bytes:
        """The frame."""
        value = with_leading_space(self.value) if leading_space and self.value else self.value
        if self.code == reply.ADDHEADER:
            return frame(self.code, payload.encode_strings(self.name, value))
        return frame(self.code, payload.encode_indexed_header(self.index, self.name, value))


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are no frame."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing, for a while."""

    seconds: float


Step = Say | SayHeader | Garbage | Pause | Deed


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """Whether what came is among the patterns; `name` is that of a header, in small letters."""

    subject: str
    patterns: Patterns
    name: bytes = b""


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do at some events; `number` counts from 1. `sessions`, `messages` and `nth` hold the counts at
    which it fits; empty: at all.
    """

    number: int
    line: int
    events: frozenset[int]
    steps: tuple[Step, ...]
    tests: tuple[Match, ...] = ()
    sessions: tuple[int, ...] = ()
    messages: tuple[int, ...] = ()
    nth: tuple[int, ...] = ()

    @property
    def answers(self) -> bool:
        """Whether a step is an answer, or the lack of one is meant."""
        return any(step in _NO_ANSWER or _is_verdict(step) for step in self.steps)


_NO_ANSWER: Final = frozenset(Deed)


def _is_verdict(step: Step) -> bool:
    return isinstance(step, Say) and step.frame[CODE] in reply.VERDICTS | {reply.CONN_FAIL}


@dataclass(frozen=True, slots=True)
class Negotiation:
    """What the filter answers to OPTNEG; `beyond_offer`: also what the MTA did not offer."""

    version: int = option.VERSION
    actions: int = 0
    steps: int = 0
    macros: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    beyond_offer: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script."""

    negotiation: Negotiation = field(default_factory=Negotiation)
    rules: tuple[Rule, ...] = ()


class Seen:
    """What one session has brought so far. `session` counts from 1; so does `message`, which is 0 before."""

    def __init__(self, rules: Sequence[Rule], session: int) -> None:
        self._rules = rules
        self._session = session
        self.message = 0
        self._tests = [test for rule in rules for test in rule.tests]
        self._held: set[Match] = set()
        self._now: set[Match] = set()
        self._counts: dict[int, int] = {}
        self._word = b""
        self._reads_words = any(test.subject == WORD for test in self._tests)

    def take(self, code: int, data: bytes) -> None:
        """An event came. Raises ProtocolError for data that cannot be read; the event counts all the same."""
        self._now = set()
        if code == command.MAIL:
            self.message += 1
            self._counts = {}
            self._word = b""
            self._held = {test for test in self._held if test.subject in (CLIENT, HELO)}
        self._counts[code] = self._counts.get(code, 0) + 1
        self._read(code, data)

    def rule(self, code: int) -> Rule | None:
        """The rule for the event that came."""
        return next((rule for rule in self._rules if code in rule.events and self._fits(rule, code)), None)

    def _read(self, code: int, data: bytes) -> None:
        if code == command.CONNECT:
            connection = payload.decode_connection(data)
            self._try(CLIENT, connection.hostname, connection.address)
        elif code == command.HELO:
            self._try(HELO, payload.decode_one_string(data))
        elif code in (command.MAIL, command.RCPT):
            address = payload.decode_address(data)[0].strip(b"<>")
            self._try(SENDER if code == command.MAIL else RECIPIENT, address)
        elif code == command.HEADER:
            name, value = payload.decode_header(data)
            self._try(HEADER, value.strip(), name=name.lower())
        elif code in (command.BODY, command.EOM) and self._reads_words:
            self._read_words(data, is_last=code == command.EOM)

    def _read_words(self, data: bytes, *, is_last: bool) -> None:
        text = self._word + data
        words = text.split()
        # The last word may go on in the next piece.
        self._word = words.pop()[-LONGEST_WORD:] if words and not is_last and not text[-1:].isspace() else b""
        self._try(WORD, *(word.strip(_PUNCTUATION) for word in words))

    def _try(self, subject: str, *values: bytes, name: bytes = b"") -> None:
        for test in self._tests:
            if (
                test.subject == subject
                and test.name == name
                and any(test.patterns.find(value.lower()) is not None for value in values)
            ):
                self._held.add(test)
                self._now.add(test)

    def _fits(self, rule: Rule, code: int) -> bool:
        counts = ((rule.sessions, self._session), (rule.messages, self.message))
        if not all(count in wanted for wanted, count in counts if wanted):
            return False
        if rule.nth and self._counts[code] not in rule.nth:
            return False
        return all(
            test in (self._now if code == KNOWN_FROM[test.subject] and code in SEVERAL[:2] else self._held)
            for test in rule.tests
        )
