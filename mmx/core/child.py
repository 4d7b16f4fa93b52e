"""One child in one session: its connection, the replies it owes, its part in the message (part.py).

Link
    DOWN         not connected
    DIALLING     Dial was asked for
    NEGOTIATING  connected, OPTNEG sent
    UP           takes events
    RELEASED     said accept to the session
    REFUSING     refused the session

Replies due are a FIFO. Each entry is wanted or not: after an ABORT the child still owes the reply to what
was aborted, in order, and that reply is legitimate (real children answer M, A, M in order). The timer runs
for the head. A frame on an empty FIFO fails the child (F10).
"""

from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from math import inf
from typing import Final

from mmx.core.event import Event
from mmx.core.part import Part
from mmx.core.plan import HEADERS, LOCK_STEP, WHOLE, ChildPlan
from mmx.core.verdict import CONTINUE_FRAME, Verdict
from mmx.wire import command, option
from mmx.wire.framing import frame
from mmx.wire.payload import Options

ABORT_FRAME: Final = frame(command.ABORT)
QUIT_FRAME: Final = frame(command.QUIT)

_STREAMED: Final = frozenset({command.HEADER, command.EOH, command.BODY})
CONTENT_COMMANDS: Final = _STREAMED | {command.EOM}
MESSAGE_COMMANDS: Final = CONTENT_COMMANDS | {command.MAIL, command.RCPT, command.DATA}
_AHEAD: Final = 256
"""Replies that a child fed ahead may owe before it is waited for."""
_MAY_FOLLOW: Final[dict[str, frozenset[int]]] = {
    LOCK_STEP: frozenset(),
    HEADERS: frozenset({command.HEADER, command.EOH}),
    WHOLE: CONTENT_COMMANDS,
}
"""What is not waited for before the next command goes out, by the child's `pipelining`. That nothing else is
due before EOM goes to a child that is not known to be a libmilter program is asked there.
"""
_VERSION_OF: Final = {command.DATA: 4, command.UNKNOWN: 3}
"""Events that came with a protocol version (N13)."""


class Link(Enum):
    """State of a child's connection; see the module's table."""

    DOWN = "down"
    DIALLING = "dialling"
    NEGOTIATING = "negotiating"
    UP = "up"
    RELEASED = "released"
    REFUSING = "refusing"


class Due:
    """A reply that a child owes. Headers that go out together share one."""

    __slots__ = ("code", "event", "wanted")

    def __init__(self, code: int, event: Event | None) -> None:
        self.code = code
        self.event = event
        """The event itself, None for header, body and end of headers."""
        self.wanted = True


class Child:
    """One child in one session. `out` is its outbox: the driver writes and clears it."""

    __slots__ = (
        "blocked",
        "deadline",
        "due",
        "greeted",
        "helo",
        "in_transaction",
        "link",
        "message_over",
        "offered",
        "options",
        "out",
        "part",
        "passed",
        "plan",
        "queued",
        "refusal",
        "said",
        "sentence",
        "since",
        "stalled",
        "tried",
        "unknown",
        "waited",
        "wanted",
    )

    def __init__(self, plan: ChildPlan) -> None:
        self.plan = plan
        self.out: list[bytes] = []
        self.part: Part | None = None
        self.tried = False
        """Dialled, and not to be dialled again before the next MAIL."""
        self.refusal: Verdict | None = None
        """Its verdict on the whole session (link REFUSING)."""
        self.sentence: Callable[[Part], None] | None = None
        """What it has settled for every message of this session (verdict_map.py)."""
        self.waited: dict[int, float] = {}
        """Seconds that it was waited for since the last message that was told of, by command code; content
        before its end counts as BODY, since it is sent without waiting for each reply.
        """
        self.link = Link.DOWN
        self._reset_connection()

    def _reset_connection(self) -> None:
        self.options = Options(option.VERSION, 0, 0, {})
        self.offered = self.options
        self.due: deque[Due] = deque()
        self.wanted = 0
        """Wanted entries in `due`."""
        self.deadline = inf
        self.since = 0.0
        """When the head of `due` began to be waited for."""
        self.greeted: Event | None = None
        self.helo: Event | None = None
        self.unknown: Event | None = None
        self.passed = 0
        """Serial of the last event that it answered or did not want."""
        self.said: tuple[Event, Verdict] | None = None
        """The latest RCPT or UNKNOWN that it refused."""
        self.in_transaction = False
        """It saw MAIL and no ABORT or final verdict since (G6)."""
        self.message_over = False
        """It gave its final verdict on a message and saw no MAIL since."""
        self.blocked = False
        self.stalled = False
        """More is ready for it than one write should carry: call `child_blocked(child, False)` after
        writing.
        """
        self.queued = 0

    def __repr__(self) -> str:
        owes = " ".join(command.NAMES[due.code] if due.wanted else "-" for due in self.due)
        return f"<{self.plan.name} {self.link.value} owes [{owes}] passed {self.passed}>"

    @property
    def name(self) -> str:
        """Its name in the settings."""
        return self.plan.name

    def connect(self, now: float) -> None:
        """The shell was asked to dial."""
        self.out.clear()
        self._reset_connection()
        self.link = Link.DIALLING
        self.tried = True
        self.since = now
        self.deadline = now + self.plan.connect_timeout

    def disconnect(self, link: Link = Link.DOWN) -> None:
        """The connection is gone or about to be closed."""
        self.link = link
        self._reset_connection()

    def wants(self, code: int) -> bool:
        """True if the child is to get this event."""
        return not self.options.protocol & option.NOT_WANTED[code] and self.knows(code)

    def knows(self, code: int) -> bool:
        """True if the event exists in the child's protocol version."""
        return self.options.version >= _VERSION_OF.get(code, option.OLDEST_VERSION)

    def answers(self, code: int) -> bool:
        """True if the child replies to this event."""
        return not self.options.protocol & option.NO_REPLY[code]

    @property
    def falls_silent(self) -> bool:
        """True if it is known to answer nothing more of a message after its verdict, as libmilter (S2)."""
        return self.plan.pipelining == WHOLE

    def is_ambiguous(self, due: Due, behind: int) -> bool:
        """True if a verdict in this reply leaves open what the child does with content sent after it;
        `behind` is how many replies are due after it.
        """
        part = self.part
        if self.falls_silent or due.code not in CONTENT_COMMANDS or part is None:
            return False
        if behind:
            return True
        beyond_headers = due.code == command.HEADER and part.progress == command.EOH
        return (beyond_headers and self.wants(command.EOH)) or (due.code != command.BODY and part.offset > 0)

    def said_of(self, event: Event) -> Verdict | None:
        """What it said of this very event, if that was a refusal."""
        return self.said[1] if self.said is not None and self.said[0] is event else None

    @property
    def waits(self) -> bool:
        """True if a wanted reply must come before anything else is sent."""
        if not self.wanted:
            return False
        return len(self.due) >= _AHEAD or self.due[-1].code not in _MAY_FOLLOW[self.plan.pipelining]

    def send(self, received: bytes, code: int, event: Event | None, now: float) -> None:
        """Put a command into the outbox; its reply is due unless the child declined to give one."""
        self.out.append(received)
        if not self.answers(code):
            if event is not None:
                self.passed = max(self.passed, event.serial)
            return
        if not self.due:
            self._time_head(code, now)
        self.due.append(Due(code, event))
        self.wanted += 1

    def room_ahead(self, code: int) -> int:
        """How many commands of this kind it may be sent at once."""
        if code not in _MAY_FOLLOW[self.plan.pipelining]:
            return 1
        return max(1, _AHEAD - len(self.due)) if self.answers(code) else _AHEAD

    def send_ahead(self, headers: list[bytes], now: float) -> None:
        """Put headers into the outbox together; the reply to each is due."""
        self.out += headers
        if self.answers(command.HEADER):
            if not self.due:
                self._time_head(command.HEADER, now)
            self.due.extend([Due(command.HEADER, None)] * len(headers))
            self.wanted += len(headers)

    def _time_head(self, code: int, now: float) -> None:
        plan = self.plan
        self.since = now
        self.deadline = now + (plan.content_timeout if code in CONTENT_COMMANDS else plan.command_timeout)

    def extend(self, now: float) -> None:
        """PROGRESS: the wait for the head begins again (T8)."""
        code = self.due[0].code
        plan = self.plan
        self.deadline = now + (plan.content_timeout if code in CONTENT_COMMANDS else plan.command_timeout)

    def take_due(self, now: float) -> Due:
        """The reply to the head has come."""
        due = self.due.popleft()
        if due.wanted:
            self.wanted -= 1
            self._end_wait(due.code, now)
        self._time_next(now)
        return due

    def _end_wait(self, code: int, now: float) -> None:
        seconds = now - self.since
        if self.part is not None:
            self.part.seconds += seconds
        if code in _STREAMED:
            code = command.BODY
        self.waited[code] = self.waited.get(code, 0.0) + seconds

    def give_up_waiting(self, now: float) -> None:
        """It failed: what was waited for will not come."""
        if self.due and self.due[0].wanted:
            self._end_wait(self.due[0].code, now)

    def _time_next(self, now: float) -> None:
        if self.due:
            self._time_head(self.due[0].code, now)
        else:
            self.time_reading(now)

    def time_reading(self, now: float) -> None:
        """No reply is due: the child has only to take what is written to it."""
        self.since = now
        self.deadline = now + self.plan.content_timeout if self.blocked else inf

    def pass_content(self, received: Sequence[bytes], now: float) -> int:
        """Take the CONTINUEs in front that answer content before its end, and say how many they are. They
        change nobody else's standing.
        """
        due = self.due
        most = min(len(received), len(due))
        taken = 0
        while taken < most and received[taken] == CONTINUE_FRAME:
            head = due[0]
            if head.code not in _STREAMED or not head.wanted:
                break
            due.popleft()
            if head.event is not None:
                self.passed = max(self.passed, head.event.serial)
            taken += 1
        if taken:
            self.wanted -= taken
            self._end_wait(command.BODY, now)
            if self.part is not None and self.part.said is not None:
                self.part.said.add("continue")
            self._time_next(now)
        return taken

    def forget_aborted(self, now: float) -> None:
        """A verdict on an aborted message: what was fed ahead of it will not be answered either."""
        while self.due and not self.due[0].wanted and self.due[0].code in MESSAGE_COMMANDS - {command.MAIL}:
            self.due.popleft()
        if self.due:
            self._time_head(self.due[0].code, now)
        else:
            self.deadline = inf

    def forget_content(self) -> None:
        """An early verdict: a child fed ahead will not answer the rest of the message (S2)."""
        self.due.clear()
        self.wanted = 0
        self.deadline = inf
        self.end_message()

    def end_message(self) -> None:
        """It gave its final verdict on the message."""
        self.in_transaction = False
        self.message_over = True

    def abort(self) -> bool:
        """End its part in the transaction; False if the connection must go: because it owes its final
        verdict, or because a verdict before would leave open whether it answers the rest.
        """
        owed = [due for due in self.due if due.wanted and due.code in MESSAGE_COMMANDS]
        if owed and (owed[-1].code == command.EOM or self.is_ambiguous(owed[0], len(owed) - 1)):
            return False
        for due in owed:
            due.wanted = False
        self.wanted -= len(owed)
        if self.in_transaction:
            self.out.append(ABORT_FRAME)
            self.in_transaction = False
        return True
