"""What a child's reply does to its part, one table row an event (S3, V-table, 4.1 of the rule book).

    event        c s          a                      r t y 4                 d
    CONNECT HELO passes       released for good      refuses the session     passes, with a remark
    MAIL DATA    passes       out of the message     refuses the message     discards the message
    RCPT         passes       out of the message     refuses the recipient   discards the message
    HEADER EOH   passes       out of the message     refuses the message     discards the message
    BODY         passes (s: no more of that kind)
    EOM          delivered    delivered              refuses the message     discards the message
    UNKNOWN      passes       passes, joins anew     refuses the command     passes, with a remark

A recipient that Postfix itself rejected is for information. ACCEPT there makes the child join the message
anew, because libmilter has left it (S3) and the mail must not go unscanned for it. After DISCARD libmilter
stays in the message.
"""

from collections.abc import Callable
from typing import Final

from mmx.core import attribution, links, verdict, verdict_map
from mmx.core.action import Judged, Loss, Remark
from mmx.core.child import Child, Due, Link
from mmx.core.edits import NoRoomError
from mmx.core.part import Part
from mmx.core.state import State
from mmx.core.verdict import Verdict
from mmx.errors import ProtocolError
from mmx.wire import command, payload, reply
from mmx.wire.framing import CODE, DATA


def take(state: State, child: Child, received: bytes) -> None:
    """Understand one frame of a child; whatever it may not say here fails it."""
    if child.link is Link.NEGOTIATING:
        links.take_options(state, child, received)
        return
    if child.link is not Link.UP:
        return
    try:
        _take_reply(state, child, received)
    except ProtocolError as error:
        links.fail(state, child, Loss("protocol", str(error)))


def _take_reply(state: State, child: Child, received: bytes) -> None:
    code = received[CODE]
    if not child.due:
        raise ProtocolError(f"{links.reply_name(code)} where no reply is due")
    if code in reply.EDITS:
        _take_edit(state, child, received)
    elif code == reply.PROGRESS:
        if len(received) > DATA:
            raise ProtocolError("data after PROGRESS")
        child.extend(state.now)
    elif code in reply.VERDICTS:
        decided, remark = verdict.of_reply(received)
        if remark:
            state.actions.append(Remark("warning", f"{child.name}: {remark}"))
        _take_verdict(state, child, code, decided)
    else:
        raise ProtocolError(f"{links.reply_name(code)} is no reply to {links.step_of(child)}")


def _take_edit(state: State, child: Child, received: bytes) -> None:
    head = child.due[0]
    part = child.part
    if head.code != command.EOM:
        raise ProtocolError(f"{links.reply_name(received[CODE])} before end of message")
    if part is None or part.edits is None or not head.wanted:
        return
    if received[CODE] == reply.QUARANTINE:
        received = attribution.hold(child, payload.decode_one_string(received[DATA:]))
    try:
        remark = part.edits.add(received, child.options.actions)
    except NoRoomError:
        state.overflow("no room to keep a replaced body")
        return
    if remark:
        state.actions.append(Remark("warning", f"{child.name}: {remark}"))
    if part.edits.size > state.chain.limits.max_edits:
        raise ProtocolError(f"more than {state.chain.limits.max_edits} bytes of edits")


def _take_verdict(state: State, child: Child, code: int, decided: Verdict | None) -> None:
    due = child.take_due(state.now)
    if not due.wanted:
        if decided is not None or code == reply.ACCEPT:
            child.forget_aborted(state.now)
        return
    if due.event is not None:
        child.passed = max(child.passed, due.event.serial)
    part = child.part
    if part is not None and part.said is not None:
        part.said.add(decided.word if decided is not None else _WORDS[code])
    if decided is not None and child.plan.verdicts:
        code, decided = verdict_map.turn(state, child, due, code, decided)
    _EFFECTS[due.code](state, child, due, code, decided)


def _greeting(state: State, child: Child, due: Due, code: int, decided: Verdict | None) -> None:
    if code == reply.ACCEPT:
        state.actions.append(Judged(child, command.NAMES[due.code], "accept"))
        links.close(state, child, Link.RELEASED)
    elif code == reply.DISCARD:
        _remark(state, child, due, "DISCARD means nothing before MAIL; taken as CONTINUE")
    elif decided is not None:
        state.actions.append(Judged(child, command.NAMES[due.code], decided.word))
        child.refusal = decided
        if child.part is not None:
            child.part.stage = due.code
        links.close(state, child, Link.REFUSING)


def _message(state: State, child: Child, due: Due, code: int, decided: Verdict | None) -> None:
    part = child.part
    if part is None:
        return
    if code == reply.SKIP:
        part.skip_headers = part.skip_headers or due.code == command.HEADER
        part.skip_body = part.skip_body or due.code == command.BODY
    elif code == reply.ACCEPT:
        part.accepted = True
        _leave(state, child, part, due)
    elif decided is not None:
        part.verdict = decided
        _leave(state, child, part, due)


def _leave(state: State, child: Child, part: Part, due: Due) -> None:
    """An early verdict. What was sent ahead is not answered by libmilter; others may answer it or not."""
    part.stage = due.code
    if child.is_ambiguous(due, len(child.due)):
        links.leave(state, child)
    else:
        child.forget_content()


def _recipient(state: State, child: Child, due: Due, code: int, decided: Verdict | None) -> None:
    part, event = child.part, due.event
    if part is None or event is None:
        return
    if event.rejected:
        _rejected_recipient(state, child, part, due, code)
    elif code == reply.SKIP:
        part.skip_recipients = True
    elif code in (reply.ACCEPT, reply.DISCARD):
        _message(state, child, due, code, decided)
    elif decided is not None:
        state.actions.append(Judged(child, command.NAMES[due.code], decided.word))
        part.stage = command.RCPT
        if event is state.owed:
            child.said = (event, decided)
        else:
            part.replayed_refusal = _milder(part.replayed_refusal, decided)


def _milder(old: Verdict | None, new: Verdict) -> Verdict:
    """4xx before 5xx: a refused replayed recipient refuses the whole message, so the client may try again."""
    return new if old is None or (new.temporary and not old.temporary) else old


def _rejected_recipient(state: State, child: Child, part: Part, due: Due, code: int) -> None:
    if code == reply.SKIP:
        part.skip_recipients = True
    elif code in (reply.ACCEPT, reply.DISCARD):
        _remark(
            state, child, due, f"{reply.NAMES[code]} on a recipient that Postfix rejected; taken as CONTINUE"
        )
        if code == reply.ACCEPT:
            _join_anew(child, part)


def _join_anew(child: Child, part: Part) -> None:
    """libmilter has left the message (S3): the envelope is replayed to it."""
    child.end_message()
    part.restart()


def _unknown(state: State, child: Child, due: Due, code: int, decided: Verdict | None) -> None:
    if code in (reply.ACCEPT, reply.DISCARD):
        _remark(state, child, due, f"{reply.NAMES[code]} on an unknown command; taken as CONTINUE")
        if code == reply.ACCEPT and child.part is not None and not child.part.finished:
            _join_anew(child, child.part)
    elif decided is not None and due.event is not None:
        state.actions.append(Judged(child, command.NAMES[due.code], decided.word))
        child.said = (due.event, decided)


def _end_of_message(state: State, child: Child, due: Due, code: int, decided: Verdict | None) -> None:
    part = child.part
    if part is None or part.edits is None:
        return
    child.end_message()
    part.stage = command.EOM
    if decided is not None:
        part.verdict = decided
        part.edits.drop()
        return
    part.delivered = True
    part.accepted = code == reply.ACCEPT
    try:
        part.edits.finish()
    except NoRoomError:
        state.overflow("no room to keep a replaced body")
    verdict_map.turn_hold(child, part)


def _remark(state: State, child: Child, due: Due, text: str) -> None:
    state.actions.append(Remark("info", f"{child.name}: at {command.NAMES[due.code]}: {text}"))


_WORDS: Final = {reply.CONTINUE: "continue", reply.SKIP: "continue", reply.ACCEPT: "accept"}
_Effect = Callable[[State, Child, Due, int, Verdict | None], None]
_EFFECTS: Final[dict[int, _Effect]] = {
    command.CONNECT: _greeting,
    command.HELO: _greeting,
    command.MAIL: _message,
    command.RCPT: _recipient,
    command.DATA: _message,
    command.HEADER: _message,
    command.EOH: _message,
    command.BODY: _message,
    command.EOM: _end_of_message,
    command.UNKNOWN: _unknown,
}
