"""What a milter said of a mail, line by line: from the replies that were read here, or from a trace.

A trace (mmx.aio.trace) tells of frames between mmx and its children. A reply does not say which command it
belongs to: children answer in order, so the commands that a reply is due to are kept until it comes. A child
may leave commands of a message unanswered after its verdict; with the next MAIL it is in step again.
"""

import base64
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from mmx.errors import ProtocolError
from mmx.observe.log import escape
from mmx.tools.frame_text import reply_text
from mmx.tools.mta.outcome import Outcome
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA

_MOST_DUE: Final = 4096
_UNANSWERED: Final = frozenset({command.MACRO, command.ABORT, command.QUIT, command.QUIT_NC})
_LONGEST: Final = 300
CONTINUE: Final = reply.NAMES[reply.CONTINUE]


class Said(NamedTuple):
    """Something that a milter said. `at` is when, in seconds of some clock; `event` the command it answers,
    "" for what is no answer.
    """

    by: str
    at: float
    event: str
    text: str


def said_in(outcome: Outcome, by: str) -> list[Said]:
    """What was said to an MTA here."""
    lines = [Said(by, at, "", reply.NAMES[reply.PROGRESS]) for at in outcome.progress]
    for exchange in outcome.exchanges:
        if exchange.code == command.EOM:
            lines += [Said(by, exchange.ended, exchange.name, reply_text(edit)) for edit in outcome.edits]
        if exchange.reply:
            lines.append(Said(by, exchange.ended, exchange.name, reply_text(exchange.reply)))
    return sorted(lines, key=lambda line: line.at)


@dataclass(slots=True)
class _Child:
    due: deque[int]
    protocol: int = 0


class Conversation:
    """The children's side of one traced session."""

    def __init__(self) -> None:
        self._children: dict[str, _Child] = {}

    @property
    def names(self) -> list[str]:
        """The children in the order in which they were first told of, which is that of the chain."""
        return list(self._children)

    def hear(self, event: dict[str, Any], at: float) -> Said | None:
        """An event of the trace, at its time; what a child said, if it is that."""
        name, what = event["child"], event["what"]
        if not name:
            return None
        child = self._children.setdefault(name, _Child(deque(maxlen=_MOST_DUE)))
        if what == "out":
            self._told(child, base64.b64decode(event["data"]))
        elif what == "in":
            return _answer(child, name, at, base64.b64decode(event["data"]), event["left_out"])
        elif what == "lost":
            return Said(name, at, "", f"connection lost, {escape(event.get('text', ''), _LONGEST)}")
        return None

    @staticmethod
    def _told(child: _Child, received: bytes) -> None:
        code = received[CODE]
        if code in (command.OPTNEG, command.MAIL):
            child.due.clear()
        if code not in _UNANSWERED and not child.protocol & option.NO_REPLY.get(code, 0):
            child.due.append(code)


def _answer(child: _Child, name: str, at: float, received: bytes, left_out: int) -> Said:
    code = received[CODE]
    text = reply_text(received, left_out)
    if code == reply.PROGRESS:
        return Said(name, at, "", text)
    if code in reply.EDITS:
        return Said(name, at, command.NAMES[child.due[0]] if child.due else "", text)
    if code == reply.OPTNEG:
        try:
            child.protocol = payload.decode_options(received[DATA:]).protocol
        except ProtocolError:
            pass  # the text says so
    return Said(name, at, command.NAMES[child.due.popleft()] if child.due else "", text)


def shortened(lines: list[Said]) -> list[Said]:
    """A run of CONTINUE by one milter becomes one line, with the time of the last."""
    short: list[Said] = []
    first = ""
    for line in lines:
        last = short[-1] if short else None
        if last is not None and last.text == CONTINUE == line.text and last.by == line.by:
            short[-1] = line._replace(event=f"{first} to {line.event}" if first != line.event else first)
        else:
            first = line.event
            short.append(line)
    return short
