"""The answer to the MTA: when it is due and what it is (G3 to G10, X3, X4).

`settle` looks at the event that the MTA waits for. The first child in chain order that has not let it pass
decides, or makes it wait. What a decision ends:

    CONNECT HELO        the session: every child gets QUIT, all later events are answered from memory (G4)
    MAIL DATA, discard  the message: later events of it are answered from memory until ABORT, HELO or MAIL
    (G10)
    RCPT                that recipient
    EOM                 the message
    UNKNOWN             that command; accept and discard are never forwarded (V5)

Verdicts on content are known before end of message, but an MTA that streams its content without replies
takes them only there: the conclusion is kept and the children that still read are sent away.
"""

from math import inf
from typing import Final

from mmx.core import attribution, edits, joins, links, negotiation, report, transcript, verdict
from mmx.core.action import Loss, MessageKept, Remark
from mmx.core.child import Child, Link
from mmx.core.content import Content
from mmx.core.event import Event
from mmx.core.standing import PASS, PENDING, accepted_for_good, is_left_out, standing
from mmx.core.state import Burst, Conclusion, State, Transaction
from mmx.core.verdict import ACCEPT_FRAME, CONTINUE_FRAME, SKIP_FRAME, Standing, Verdict
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import MAX_DATA, frame

OVERLOADED: Final = verdict.with_text(b"451 4.3.2 Mail filter is overloaded - try again later")
NO_STORAGE: Final = verdict.with_text(b"451 4.3.1 Mail filter has no room for this message - try again later")
STOPPING: Final = verdict.with_text(b"451 4.3.2 Mail filter is being restarted - try again later")
INTERNAL: Final = verdict.with_text(b"451 4.3.0 Mail filter had an internal error - try again later")

_SESSION_EVENTS: Final = (command.CONNECT, command.HELO)
_STREAM: Final = (command.HEADER, command.EOH, command.BODY)
_ENDS_MESSAGE: Final = (command.MAIL, command.DATA, command.EOM, *_STREAM)


def settle(state: State) -> bool:
    """Answer the MTA if that can be done; True if something was answered."""
    _conclude_early(state)
    event = state.owed
    if event is None or state.burst is not None:
        return False
    if event.code == command.OPTNEG:
        return _settle_negotiation(state, event)
    transaction = state.transaction
    if transaction is not None and transaction.conclusion is not None and event.code != command.UNKNOWN:
        answer_conclusion(state, transaction, transaction.conclusion)
        return True
    if _body_reply_open(state, event):
        return False
    if event.code in _STREAM:
        _let_pass(state, event)
        return True
    decider, outcome = decide(state, event)
    if outcome is PENDING:
        return False
    if decider is not None and isinstance(outcome, Verdict):
        _refuse(state, event, decider, outcome)
    else:
        _let_pass(state, event)
    return True


def end_message_time(state: State) -> None:
    """The whole message took too long: whoever has not given its verdict fails."""
    state.message_deadline = inf
    late = [child for child in state.children if child.part is not None and not child.part.finished]
    _give_up(state, late, "the whole message took too long")


def end_event_time(state: State) -> None:
    """The MTA is not Postfix and must have its answer now: whoever owes it fails."""
    event = state.owed
    if event is None:
        return
    if event.code in _STREAM:
        _answer_stream(state, event)
        return
    late = [child for child in state.children if standing(state, child, event) is PENDING]
    _give_up(state, late, "an event took too long for an MTA that is not Postfix")


def _give_up(state: State, late: list[Child], reason: str) -> None:
    """Fail these children in chain order, up to the first whose default action decides."""
    for child in late:
        if child.part is not None and child.part.undecided and state.transaction is not None:
            joins.give_up(state, state.transaction, child, Loss("timeout", reason))
        else:
            links.fail(state, child, Loss("timeout", reason))
        if child.part is not None and child.part.verdict is not None:
            return


def decide(state: State, event: Event) -> tuple[Child | None, Standing | Verdict]:
    """The first child in chain order that does not let the event pass, and how it stands."""
    for child in state.children:
        outcome = standing(state, child, event)
        if outcome is not PASS and not (event.rejected and isinstance(outcome, Verdict)):
            return child, outcome
    return None, PASS


def _settle_negotiation(state: State, event: Event) -> bool:
    if decide(state, event)[1] is PENDING:
        return False
    known = [state.knowledge.of(child.name) for child in state.children]
    known += [negotiation.lists_of(state.knowledge.of(plan.child.name)) for plan in state.chain.observed]
    answer = negotiation.answer_to_mta(
        state.offer,
        [options for options in known if options is not None],
        state.chain.base_macros,
        state.chain.condition_macros,
    )
    state.answered_options = answer
    state.requested = answer.macros
    state.sent_macros = None
    state.answer(frame(reply.OPTNEG, payload.encode_options(*answer)))
    return True


def _conclude_early(state: State) -> None:
    """A verdict on content that nobody earlier can overrule: the rest of the message is not needed."""
    transaction = state.transaction
    if transaction is None or transaction.conclusion is not None:
        return
    if transaction.overflow:
        conclude(state, transaction, Conclusion(NO_STORAGE, "", transaction.overflow))
        state.actions.append(Remark("error", f"message refused: {transaction.overflow}"))
        return
    content = transaction.content
    if content is None:
        return
    for child in state.children:
        part = child.part
        refused = part.verdict if part is not None else None
        if refused is not None:
            decided = _named(state, child, refused)
            conclude(state, transaction, Conclusion(decided, child.name, report.why(child)))
            return
        if part is not None and not part.finished and child.link is not Link.RELEASED:
            return


def _refuse(state: State, event: Event, decider: Child, outcome: Verdict) -> None:
    decided = _named(state, decider, outcome)
    conclusion = Conclusion(decided, decider.name, report.why(decider))
    transaction = state.transaction
    if event.code in _SESSION_EVENTS:
        state.verdict = decided
        state.answer(decided.frame)
        report.session_refused(state, conclusion)
        for child in state.children:
            links.close(state, child, Link.REFUSING)
    elif transaction is None or event.code == command.UNKNOWN:
        state.answer(decided.frame)
    elif event.code in _ENDS_MESSAGE or decided is verdict.DISCARD:
        conclude(state, transaction, conclusion)
        answer_conclusion(state, transaction, conclusion)
    else:
        event.refused = True
        transaction.last_refusal = conclusion
        report.local_refusal(state, conclusion)
        state.answer(decided.frame)


def _named(state: State, child: Child, decided: Verdict) -> Verdict:
    return verdict.with_name(decided, child.name) if state.chain.name_in_reply else decided


def conclude(state: State, transaction: Transaction, conclusion: Conclusion) -> None:
    """The message has its verdict, which the MTA may not have been told yet."""
    transaction.conclusion = conclusion
    state.message_deadline = inf
    leave_transaction(state)


def leave_transaction(state: State) -> None:
    """Every child that is inside the message gets ABORT; one that owes its final verdict is closed instead
    (G6).
    """
    for child in state.children:
        links.end_part(state, child)


def answer_conclusion(state: State, transaction: Transaction, conclusion: Conclusion) -> None:
    """Tell the MTA how the message ended: at end of message for a stream, else at once and again from
    memory.
    """
    event = state.owed
    state.answer(conclusion.verdict.frame)
    if not conclusion.answered:
        conclusion.answered = True
        report.message_ended(state, transaction, conclusion)
    if event is not None and event.code == command.EOM:
        end_transaction(state)


def end_transaction(state: State) -> None:
    """Drop all that belongs to the message, unless it is kept for children that observe."""
    transaction = state.transaction
    if transaction is None:
        return
    kept = transcript.keep(state, transaction)
    state.transaction = None
    state.message_deadline = inf
    for child in state.children:
        if kept is None and child.part is not None and child.part.edits is not None:
            child.part.edits.drop()
        child.part = None
    if kept is not None:
        state.actions.append(MessageKept(kept))
    elif transaction.content is not None:
        transaction.content.body.close()


def _let_pass(state: State, event: Event) -> None:
    transaction = state.transaction
    if event.code == command.EOM and transaction is not None and transaction.content is not None:
        _deliver(state, transaction, transaction.content)
        return
    if event.code == command.MAIL and transaction is not None:
        transaction.mail_answered = state.now
    never = event.code == command.UNKNOWN or event.rejected or _join_open(state, event)
    never = never or bool(state.chain.children_header)
    if never or not _everybody_accepted(state):
        _answer_stream(state, event)
        return
    state.answer(ACCEPT_FRAME)
    if transaction is not None:
        conclusion = Conclusion(Verdict(ACCEPT_FRAME, "accept"), "", "every child accepted")
        transaction.conclusion = conclusion
        conclusion.answered = True
        report.message_ended(state, transaction, conclusion)
        leave_transaction(state)


def _join_open(state: State, event: Event) -> bool:
    """True if ACCEPT would make something impossible: a reload that waits for the next MAIL, or to show the
    message to a child that observes.
    """
    return bool(state.chain.observed) or (event.code in _SESSION_EVENTS and state.next_chain is not None)


def _everybody_accepted(state: State) -> bool:
    """ACCEPT makes Postfix drop mmx, so every child must have said it, and nothing may be open.

    An empty chain has said nothing: a child that a reload brings must still be able to join.
    """
    asked = False
    for child in state.children:
        if not is_left_out(child):
            if not accepted_for_good(child):
                return False
            asked = True
        if _holds(child):
            return False
    return asked and not state.refusal


def _holds(child: Child) -> bool:
    """True if the child wants this message held, or has settled something for all of this session."""
    return child.sentence is not None or (child.part is not None and child.part.hold is not None)


def _answer_stream(state: State, event: Event) -> bool:
    """An MTA that wants replies to its content is never kept waiting: the verdict comes at end of message."""
    body_done = event.code == command.BODY and state.answered_options.protocol & option.SKIP
    state.answer(SKIP_FRAME if body_done and not _anybody_wants_body(state) else CONTINUE_FRAME)
    return True


def _body_reply_open(state: State, event: Event) -> bool:
    """True while SKIP may still become the answer: every child that reads the body has this piece (G8)."""
    transaction = state.transaction
    if event.code != command.BODY or not state.answered_options.protocol & option.SKIP:
        return False
    if transaction is None or transaction.content is None:
        return False
    size = transaction.content.body.size
    readers = [child for child in state.children if _reads_body(child)]
    return bool(readers) and all(
        child.part is not None and child.part.offset == size and child.waits for child in readers
    )


def _reads_body(child: Child) -> bool:
    part = child.part
    if child.link is Link.RELEASED or part is None or part.finished or part.skip_body:
        return False
    return child.link is not Link.UP or child.wants(command.BODY)


def _anybody_wants_body(state: State) -> bool:
    """False if every child is finished with the body, now and for good (G8)."""
    return bool(state.chain.observed) or any(_reads_body(child) for child in state.children)


def _deliver(state: State, transaction: Transaction, content: Content) -> None:
    """Everybody let the message pass: all edits, the last body, the verdict, in one burst (X4)."""
    shares: list[tuple[edits.Edits, bool]] = []
    tail: list[bytes] = []
    for child in state.children:
        part = child.part
        if part is None:
            continue
        if part.delivered and part.edits is not None:
            shares.append((part.edits, part.original))
        if part.hold is not None:
            tail.append(attribution.hold(child, part.hold))
    held = bool(tail) or any(share.holds for share, _ in shares)
    if state.chain.children_header:
        try:
            tail += attribution.header_edits(state, shares, content)
        except attribution.TooManyHeadersError:
            _refuse_forged(state, transaction)
            return
    frames, body = edits.merge(shares, content)
    state.mta_out += frames
    state.mta_out += tail
    end = ACCEPT_FRAME if not held and _everybody_accepted(state) else CONTINUE_FRAME
    conclusion = Conclusion(Verdict(end, "quarantine" if held else "accept"), *report.holder(state))
    transaction.conclusion = conclusion
    state.progress_due = state.message_deadline = inf
    if body is None:
        _finish_delivery(state, end)
    else:
        if body.size == 0:
            state.mta_out.append(frame(reply.REPLBODY))
        state.burst = Burst(body, end)
        continue_burst(state)


def _refuse_forged(state: State, transaction: Transaction) -> None:
    """So many headers that Postfix would be busy deleting them: no ordinary message."""
    name = state.chain.children_header.decode("ascii", "replace")
    state.overflow(f"more than {attribution.MOST_FORGED} headers {name}")
    _conclude_early(state)
    if transaction.conclusion is not None:
        answer_conclusion(state, transaction, transaction.conclusion)


def continue_burst(state: State) -> None:
    """Send as much of the replaced body as the MTA takes, then the verdict. Nothing may come between (E8)."""
    burst = state.burst
    if burst is None:
        return
    room = state.chain.limits.output_high_water
    while burst.offset < burst.body.size:
        state.mta_stalled = room <= 0
        if state.mta_blocked or state.mta_stalled:
            return
        chunk = burst.body.read(burst.offset, MAX_DATA)
        burst.offset += len(chunk)
        room -= len(chunk)
        state.mta_out.append(frame(reply.REPLBODY, chunk))
    state.mta_stalled = False
    state.burst = None
    _finish_delivery(state, burst.end)


def _finish_delivery(state: State, end: bytes) -> None:
    transaction = state.transaction
    state.answer(end)
    if transaction is not None and transaction.conclusion is not None:
        transaction.conclusion.answered = True
        report.message_ended(state, transaction, transaction.conclusion)
    end_transaction(state)
