"""What each command of the MTA does, one function a command, chosen by a table.

`take` checks the command against `mta.NEXT`; what is malformed or out of order is a violation, which closes
the MTA link without an answer, so the MTA's own default action holds. After a message has been refused, its
further events are answered from memory wherever they come (G10).
"""

import re
from collections.abc import Callable
from typing import Final

from mmx.core import feeding, joins, links, macros, negotiation, report, settling, transcript
from mmx.core.action import CloseMta, Remark
from mmx.core.child import Child, Link
from mmx.core.content import Content
from mmx.core.event import Event
from mmx.core.mta import NEXT, Phase
from mmx.core.plan import OVERHEAD
from mmx.core.state import Conclusion, State, Transaction
from mmx.errors import ProtocolError
from mmx.wire import command, option, payload
from mmx.wire.framing import CODE, DATA, frame

_DATA_FRAME: Final = frame(command.DATA)
_REJECTED: Final = b"{rcpt_mailer}\0error\0"
_MESSAGE: Final = frozenset(
    {command.RCPT, command.DATA, command.HEADER, command.EOH, command.BODY, command.EOM}
)
_LOOPBACK: Final = re.compile(rb"(127\.|::1\Z|IPv6:::1\Z)")


def take(state: State, received: bytes) -> None:
    """Do one command."""
    code = received[CODE]
    handler = _HANDLERS.get(code)
    try:
        if handler is None:
            raise ProtocolError(f"unknown command {bytes((code,))!r}")
        _check_order(state, code)
        state.handling = code
        handler(state, received)
        state.handling = 0
    except ProtocolError as error:
        violate(state, str(error))


def _check_order(state: State, code: int) -> None:
    following = NEXT[state.phase].get(code)
    if following is not None:
        state.phase = following
        return
    if code == command.MACRO and state.phase is Phase.NEW:
        raise ProtocolError("MACRO before OPTNEG")
    if code in (command.QUIT, command.MACRO):
        return
    transaction = state.transaction
    if code in _MESSAGE and transaction is not None and transaction.conclusion is not None:
        return
    raise ProtocolError(f"{command.NAMES[code]} in phase {state.phase.value}")


def violate(state: State, reason: str) -> None:
    """The MTA speaks no milter protocol (any more): close its link and let the children go."""
    state.actions.append(Remark("error", f"MTA link closed: {reason}"))
    end_session(state)


def end_session(state: State) -> None:
    """Nothing more will come from the MTA."""
    if state.finished:
        return
    state.finished = True
    abort_transaction(state)
    for child in state.children:
        links.close(state, child, Link.DOWN)
    state.owed = None
    state.burst = None
    state.inbox.clear()
    state.actions.append(CloseMta())


def abort_transaction(state: State) -> None:
    """The message is given up: ABORT to every child inside it."""
    transaction = state.transaction
    state.unknown = None
    if transaction is None:
        return
    report.message_aborted(state, transaction)
    settling.leave_transaction(state)
    settling.end_transaction(state)


def _optneg(state: State, received: bytes) -> None:
    state.offer = negotiation.read_offer(payload.decode_options(received[DATA:]))
    for child in state.children:
        if state.knowledge.of(child.name) is None and not joins.is_conditional(child.plan):
            links.dial(state, child)
    state.owe(state.event(command.OPTNEG, received))


def _macro(state: State, received: bytes) -> None:
    if len(received) <= DATA:
        raise ProtocolError("MACRO without a command code")
    code = received[DATA]
    if (received[-1] and len(received) > DATA + 1) or received.count(0, DATA + 1) % 2:
        raise ProtocolError("MACRO with a name that has no value")
    if code in command.NAMES:
        state.macros[code] = received


def _connect(state: State, received: bytes) -> None:
    connection = payload.decode_connection(received[DATA:])
    event = state.event(command.CONNECT, received)
    state.greeting = event
    version = macros.value_of(event.macros, b"v") if event.macros is not None else None
    state.postfix = version is not None and version.startswith(b"Postfix")
    state.local_mail = (
        connection.hostname == b"localhost"
        and connection.port == 0
        and _LOOPBACK.match(connection.address) is not None
    )
    joins.look_up(state)
    _dial_for(state, command.CONNECT)
    state.owe(event)


def _dial_for(state: State, code: int) -> None:
    """Dial whoever should see this event, once between messages; a child that declines it can wait."""
    for child in state.children:
        known = state.knowledge.of(child.name)
        declined = known is not None and known.protocol & option.NOT_WANTED[code]
        if not child.tried and not declined and joins.meets_client(state, child):
            links.dial(state, child)


def _helo(state: State, received: bytes) -> None:
    payload.decode_one_string(received[DATA:])
    abort_transaction(state)
    state.helo = state.event(command.HELO, received)
    _dial_for(state, command.HELO)
    _owe_or_repeat(state, state.helo)


def _mail(state: State, received: bytes) -> None:
    payload.decode_address(received[DATA:])
    abort_transaction(state)
    event = state.event(command.MAIL, received)
    if state.verdict is None:
        links.replace_children(state)
        transaction = Transaction(event, state.now)
        state.transaction = transaction
        _note_queue_id(transaction, event)
        reason = state.refusal or state.refuse_mail()
        if reason:
            state.actions.append(Remark("error", f"mail refused: {reason}"))
            transaction.conclusion = Conclusion(settling.OVERLOADED, "", reason)
        else:
            joins.look_up(state)
            transaction.trusted = joins.is_trusted(state)
            for child in state.children:
                joins.begin_part(state, transaction, child)
    _owe_or_repeat(state, event)


def _owe_or_repeat(state: State, event: Event) -> None:
    """After a refusal of the session everything is answered from memory (G4)."""
    state.owe(event)
    if state.verdict is not None:
        state.answer(state.verdict.frame)


def _envelope_event(state: State, code: int, received: bytes) -> tuple[Transaction, Event] | None:
    """The event inside its transaction, None if the session was refused and the answer is given already."""
    event = state.event(code, received)
    transaction = state.transaction
    if transaction is None:
        if state.verdict is None:
            raise ProtocolError(f"{command.NAMES[code]} outside a message")
        _owe_or_repeat(state, event)
        return None
    _note_queue_id(transaction, event)
    state.owe(event)
    return transaction, event


def _rcpt(state: State, received: bytes) -> None:
    payload.decode_address(received[DATA:])
    found = _envelope_event(state, command.RCPT, received)
    if found is None:
        return
    transaction, event = found
    _reopen_envelope(state, transaction)
    if state.answered_options.protocol & option.RCPT_REJ and event.macros is not None:
        event.rejected = _REJECTED in event.macros
    if transaction.conclusion is not None:
        return
    transaction.transcript_size += len(received) + len(event.macros or b"") + OVERHEAD
    if transaction.transcript_size > state.chain.limits.max_transcript:
        state.overflow(f"more than {state.chain.limits.max_transcript} bytes of recipients")
    transaction.recipients.append(event)


def _data(state: State, received: bytes) -> None:
    found = _envelope_event(state, command.DATA, received)
    if found is None:
        return
    transaction, event = found
    _reopen_envelope(state, transaction)
    if transaction.conclusion is None:
        transaction.data = event


def _reopen_envelope(state: State, transaction: Transaction) -> None:
    """DATA was passed and came to nothing, because someone beside mmx refused it (S17).

    libmilter takes neither a second DATA nor a RCPT after it (S1): every child gets the envelope anew.
    """
    if transaction.data is None or transaction.conclusion is not None:
        return
    transaction.data = None
    for child in state.children:
        if child.part is not None and not child.part.finished:
            child.part.restart()


def _note_queue_id(transaction: Transaction, event: Event) -> None:
    if not transaction.queue_id and event.macros is not None:
        transaction.queue_id = macros.value_of(event.macros, b"i") or b""


def _content_of(state: State, transaction: Transaction) -> Content:
    """The content, begun with its first event; an MTA older than version 4 sends no DATA before it (N10)."""
    if transaction.data is None:
        state.serial += 1
        transaction.data = Event(command.DATA, _DATA_FRAME, None, state.serial)
    if transaction.content is None:
        transaction.content = Content(state.new_spool())
        state.message_deadline = state.now + state.chain.limits.message_timeout
    return transaction.content


def _stream(state: State, code: int, received: bytes) -> None:
    """HEADER, EOH and BODY: kept for whoever still needs them, and answered only where no NR flag was
    agreed.
    """
    transaction = state.transaction
    if transaction is None:
        raise ProtocolError(f"{command.NAMES[code]} outside a message")
    if transaction.conclusion is None or transcript.goes_on(state, transaction):
        content = _content_of(state, transaction)
        macro = state.macros.get(code) if code != command.EOH else None
        if macro is not None:
            content.macros[code] = macro
        _STREAMS[code](state, content, received)
        if content.octets > transaction.size_limit:
            joins.enforce_sizes(state, transaction, content.octets)
    if not state.answered_options.protocol & option.NO_REPLY[code]:
        state.owe(Event(code, received, None, state.serial))


def _header(state: State, received: bytes) -> None:
    _stream(state, command.HEADER, received)


def _keep_headers(state: State, content: Content, received: bytes) -> None:
    """This one and those that wait behind it. Headers change nothing but the content, and are the most that
    an MTA sends, so those it waits for no reply to are taken together.
    """
    _keep_header(state, content, received)
    if not state.answered_options.protocol & option.NR_HDR:
        return
    inbox, macro = state.inbox, state.macros.get(command.HEADER)
    while inbox and (inbox[0] == macro or inbox[0][CODE] == command.HEADER):
        further = inbox.popleft()
        if further[CODE] == command.HEADER:  # Postfix repeats the macros before each
            _keep_header(state, content, further)


def _keep_header(state: State, content: Content, received: bytes) -> None:
    if received[DATA : DATA + 1] == b"\0":
        state.actions.append(Remark("warning", "a header without a name is left out"))
        return
    content.add_header(received)
    if content.headers_size > state.chain.limits.max_headers:
        state.overflow(f"more than {state.chain.limits.max_headers} bytes of headers")


def _eoh(state: State, received: bytes) -> None:
    _stream(state, command.EOH, received)


def _keep_eoh(state: State, content: Content, received: bytes) -> None:
    feeding.end_of_headers(content, state.event(command.EOH, received))


def _body(state: State, received: bytes) -> None:
    _stream(state, command.BODY, received)


def _keep_body(state: State, content: Content, received: bytes) -> None:
    feeding.end_of_headers(content, None)
    if not content.add_body(received[DATA:]):
        state.overflow("no room to keep the message")


def _eom(state: State, received: bytes) -> None:
    found = _envelope_event(state, command.EOM, received)
    if found is None:
        return
    transaction, event = found
    if transaction.conclusion is not None and not transcript.goes_on(state, transaction):
        return
    content = _content_of(state, transaction)
    event.serial = state.serial = state.serial + 1
    if len(received) > DATA:
        _keep_body(state, content, received)
        if content.octets > transaction.size_limit:
            joins.enforce_sizes(state, transaction, content.octets)
        event.frame = _EOM_FRAME
    feeding.end_of_headers(content, None)
    content.eom = event


def _abort(state: State, received: bytes) -> None:
    abort_transaction(state)


def _quit(state: State, received: bytes) -> None:
    end_session(state)


def _quit_nc(state: State, received: bytes) -> None:
    """The same link, another SMTP client (never passed on: a libmilter child may hang on it, S6)."""
    abort_transaction(state)
    for child in state.children:
        links.close(state, child, Link.DOWN)
    state.children = [] if state.refusal else [Child(child.plan) for child in state.children]
    state.forget_client()


def _unknown(state: State, received: bytes) -> None:
    payload.decode_one_string(received[DATA:])
    state.unknown = state.event(command.UNKNOWN, received)
    if state.verdict is None:
        _dial_for(state, command.UNKNOWN)
    _owe_or_repeat(state, state.unknown)


_EOM_FRAME: Final = frame(command.EOM)
_STREAMS: Final[dict[int, Callable[[State, Content, bytes], None]]] = {
    command.HEADER: _keep_headers,
    command.EOH: _keep_eoh,
    command.BODY: _keep_body,
}
_HANDLERS: Final[dict[int, Callable[[State, bytes], None]]] = {
    command.OPTNEG: _optneg,
    command.MACRO: _macro,
    command.CONNECT: _connect,
    command.HELO: _helo,
    command.MAIL: _mail,
    command.RCPT: _rcpt,
    command.DATA: _data,
    command.HEADER: _header,
    command.EOH: _eoh,
    command.BODY: _body,
    command.EOM: _eom,
    command.ABORT: _abort,
    command.QUIT: _quit,
    command.QUIT_NC: _quit_nc,
    command.UNKNOWN: _unknown,
}
