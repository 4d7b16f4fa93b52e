"""The record of a message for the log, taken when its verdict is given."""

from mmx.core import holds
from mmx.core.action import ChildRecord, MessageEnded, MessageRecord, Remark
from mmx.core.child import Child, Link
from mmx.core.event import Event
from mmx.core.part import Part
from mmx.core.state import Conclusion, State, Transaction
from mmx.core.verdict import Verdict
from mmx.errors import ProtocolError
from mmx.wire import command, payload
from mmx.wire.framing import DATA


def why(child: Child) -> str:
    """Why the child decided: its failure, the stage of its own verdict."""
    part = child.part
    if part is not None and part.detail:
        return part.detail
    if part is not None and part.stage:
        return f"said so at {command.NAMES[part.stage]}"
    return "said so"


def holder(state: State) -> tuple[str, str]:
    """The last child that wants the message held, and why; empty if none does."""
    for child in reversed(state.children):
        part = child.part
        if part is not None and (part.hold is not None or (part.edits is not None and part.edits.holds)):
            return child.name, part.detail or "quarantine"
    return "", ""


def local_refusal(state: State, conclusion: Conclusion) -> None:
    """A recipient refused to cleanup(8) keeps the message in the maildrop: a configuration problem (S23)."""
    if state.local_mail:
        text = (
            f"{conclusion.decider} refused a recipient of mail that was not sent by SMTP; "
            "Postfix will try it again for ever: let that child accept local mail"
        )
        state.actions.append(Remark("warning", text))


def session_refused(state: State, conclusion: Conclusion) -> None:
    """A child refused the client before any message."""
    _emit(state, None, conclusion)


def message_ended(state: State, transaction: Transaction, conclusion: Conclusion) -> None:
    """The message has its verdict."""
    _emit(state, transaction, conclusion)


def message_aborted(state: State, transaction: Transaction) -> None:
    """The MTA gave the message up; if every recipient was refused, that is the verdict."""
    if transaction.conclusion is not None and transaction.conclusion.answered:
        return
    refusal = transaction.last_refusal
    if refusal is not None and all(event.refused or event.rejected for event in transaction.recipients):
        _emit(state, transaction, refusal)
    else:
        _emit(state, transaction, Conclusion(Verdict(b"", "aborted"), "", "given up by the MTA"))


def _emit(state: State, transaction: Transaction | None, conclusion: Conclusion) -> None:
    recipients = transaction.recipients if transaction is not None else []
    content = transaction.content if transaction is not None else None
    record = MessageRecord(
        session=state.name,
        queue_id=transaction.queue_id if transaction is not None else b"",
        client=client_of(state.greeting),
        helo=_first_string(state.helo),
        sender=_first_string(transaction.mail) if transaction is not None else b"",
        recipients=sum(not (event.refused or event.rejected) for event in recipients),
        refused_recipients=sum(event.refused for event in recipients),
        size=content.body.size if content is not None else 0,
        verdict=conclusion.verdict.word,
        reply=conclusion.verdict.text,
        decider=conclusion.decider,
        why=conclusion.why,
        seconds=state.now - (transaction.since if transaction is not None else state.owed_since),
        children=tuple(child_record(child) for child in state.children),
        held=holds.held_by(state, transaction)
        if transaction is not None and conclusion.verdict.word == "quarantine"
        else None,
    )
    for child in state.children:
        if child.waited:
            child.waited = {}
    state.actions.append(MessageEnded(record))


def child_record(child: Child) -> ChildRecord:
    """The child's share; one that refused or was let go of at the greeting has no part."""
    part = child.part
    if part is None or child.refusal is not None:
        word = child.refusal.word if child.refusal is not None else child.link.value
        return ChildRecord(child.name, word, "", 0.0, waited=child.waited)
    return ChildRecord(
        child.name,
        _word_of(child, part),
        command.NAMES.get(part.stage, ""),
        part.seconds,
        part.detail,
        part.skipped or part.because,
        failed=part.failed,
        waited=child.waited,
        edits=part.edits.counts() if part.delivered and part.edits is not None else (),
    )


def _word_of(child: Child, part: Part) -> str:
    """Its verdict on the message; one that was let go of has accepted it, unless it has settled something."""
    settled = part.verdict is not None or part.hold is not None
    return "accept" if child.link is Link.RELEASED and not settled else part.word


def client_of(greeting: Event | None) -> bytes:
    """`name[address]` as Postfix writes it."""
    if greeting is None:
        return b""
    try:
        connection = payload.decode_connection(greeting.frame[DATA:])
    except ProtocolError:
        return b""
    name = b"unknown" if connection.hostname[:1] == b"[" else connection.hostname
    return name + b"[" + (connection.address or b"unknown") + b"]"


def _first_string(event: Event | None) -> bytes:
    return event.frame[DATA:].split(b"\0", 1)[0] if event is not None else b""
