"""The MTA's side as a table: which command may come when, and where it leads.

    NEW         nothing was said yet
    NEGOTIATED  options agreed, no connection announced
    CONNECTED   between messages
    ENVELOPE    MAIL was seen
    DATA        DATA was seen, no content yet
    HEADERS     the header block is arriving
    BODY        end of headers was seen

S1 and 3.2 of the rule book, made wider where MTAs differ: HELO is optional, HELO and MAIL inside a
transaction abort it (S15, S4), RCPT and DATA may come again after DATA as long as no content has come (S17),
content may begin without DATA (versions before 4), EOH may be missing. ABORT and MACRO are legal wherever
options are agreed. What is not in the table is a violation: the MTA link is closed.
"""

from enum import Enum
from typing import Final

from mmx.wire import command


class Phase(Enum):
    """What the MTA has announced so far."""

    __hash__ = object.__hash__  # that of Enum is a function in Python, and each command asks for it

    NEW = "new"
    NEGOTIATED = "negotiated"
    CONNECTED = "connected"
    ENVELOPE = "envelope"
    DATA = "data"
    HEADERS = "headers"
    BODY = "body"


_ANYTIME: Final = {command.QUIT_NC: Phase.NEGOTIATED}
_BETWEEN: Final = {
    **_ANYTIME,
    command.HELO: Phase.CONNECTED,
    command.MAIL: Phase.ENVELOPE,
    command.ABORT: Phase.CONNECTED,
}
_CONTENT: Final = {
    command.HEADER: Phase.HEADERS,
    command.EOH: Phase.BODY,
    command.BODY: Phase.BODY,
    command.EOM: Phase.CONNECTED,
}

NEXT: Final[dict[Phase, dict[int, Phase]]] = {
    Phase.NEW: {command.OPTNEG: Phase.NEGOTIATED},
    Phase.NEGOTIATED: {
        **_ANYTIME,
        command.CONNECT: Phase.CONNECTED,
        command.ABORT: Phase.NEGOTIATED,
    },
    Phase.CONNECTED: {**_BETWEEN, command.UNKNOWN: Phase.CONNECTED},
    Phase.ENVELOPE: {
        **_BETWEEN,
        **_CONTENT,
        command.RCPT: Phase.ENVELOPE,
        command.DATA: Phase.DATA,
        command.UNKNOWN: Phase.ENVELOPE,
    },
    Phase.DATA: {
        **_BETWEEN,
        **_CONTENT,
        command.RCPT: Phase.ENVELOPE,
        command.DATA: Phase.DATA,
        command.UNKNOWN: Phase.DATA,
    },
    Phase.HEADERS: {**_BETWEEN, **_CONTENT},
    Phase.BODY: {
        **_BETWEEN,
        command.BODY: Phase.BODY,
        command.EOM: Phase.CONNECTED,
    },
}
"""Phase and command to the next phase. QUIT and MACRO change no phase and are legal everywhere."""
