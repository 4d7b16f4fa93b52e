"""What a child gets next: the first thing of the transcript that it has not seen, when it may see it.

The order is always C H M R* T L* N B* E (S1), each event with its own macros (M5), whether the child lives
along or joins late. It waits
    - for its own reply to what it was sent, apart from content that `pipelining` lets go ahead,
    - at a recipient, until every earlier child has let it pass: a later child must not learn of a recipient
    that was
      refused, and no message takes one back (V6, G1),
    - at the content, until every earlier child that may change it is done (G2); a child whose `content` is
    original does
      not wait.
"""

from typing import Final

from mmx.core import edits, joins, links, macros
from mmx.core.action import Loss
from mmx.core.child import ABORT_FRAME, Child, Link
from mmx.core.content import Content, Source
from mmx.core.event import Event
from mmx.core.part import Part
from mmx.core.plan import LOCK_STEP
from mmx.core.standing import may_change_content, passed_so_far, reads_original
from mmx.core.state import State, Transaction
from mmx.wire import command, option
from mmx.wire.framing import frame

_EOH_FRAME: Final = frame(command.EOH)
_TRUSTED: Final = ((b"{trusted_domain}", b"yes"),)
_HEADERS_A_TURN: Final = 32
"""Headers between two looks at how much is ready for the child: few are large."""
_WORTH_A_WRITE: Final = 32 << 10
"""Bytes of content; what comes in less than that with its end goes to a child fed ahead in one write."""


def feed(state: State, child: Child) -> None:
    """Send a child that is up and does not wait everything it may see now; one that answers nothing is not
    fed for ever.
    """
    part = child.part
    if part is not None and part.progress == command.EOM:
        return
    if child.passed == state.serial and _has_seen_all(state, part):
        return
    if len(child.due) >= state.chain.limits.max_due:
        links.fail(state, child, Loss("protocol", f"{len(child.due)} replies are due"))
        return
    while _send_next(state, child) and child.link is Link.UP and not child.waits:
        pass


def _has_seen_all(state: State, part: Part | None) -> bool:
    """True if nothing is left for a child that has passed the latest event: content has no serials, and a
    part may have begun anew.
    """
    transaction = state.transaction
    if transaction is None:
        return True
    if transaction.content is not None or part is None or part.recipients_sent < len(transaction.recipients):
        return False
    return part.mail_sent and (transaction.data is None or part.progress != 0)


def _send_next(state: State, child: Child) -> bool:
    part = child.part
    if part is not None and part.source is not None and part.progress and state.transaction is not None:
        content = state.transaction.content
        if content is not None and state.transaction.conclusion is None and not part.finished:
            return _send_content(state, child, part, content)
    return _send_first_unseen(state, child)


def _send_first_unseen(state: State, child: Child) -> bool:
    greeting = state.greeting
    if greeting is None:
        return False
    if child.greeted is not greeting:
        child.greeted = greeting
        _send_event(state, child, greeting)
        return True
    if state.helo is not None and child.helo is not state.helo:
        child.helo = state.helo
        _end_former_message(child)
        _send_event(state, child, state.helo)
        return True
    transaction = state.transaction
    part = child.part
    if transaction is not None and part is not None and _takes_part(part) and transaction.conclusion is None:
        if _send_envelope(state, child, part, transaction):
            return True
        if transaction.content is not None and part.progress:
            return _send_content(state, child, part, transaction.content)
    return _send_unknown(state, child)


def _takes_part(part: Part) -> bool:
    return not part.finished and not part.undecided


def _send_event(state: State, child: Child, event: Event) -> None:
    """Macros go to a child that declined the event too (M5), as Postfix does it: not those of EOH, and not to
    a child whose version lacks the event (S12).
    """
    wanted = child.wants(event.code)
    if child.knows(event.code) and (wanted or event.code != command.EOH):
        received = event.macros
        if child.plan.set_macros or event.code == command.MAIL:
            received = _with_set_macros(state, child, event)
        if received is not None:
            child.out.append(_macros_for(state, child, received))
    if wanted:
        child.send(event.frame, event.code, event, state.now)
    else:
        child.passed = max(child.passed, event.serial)


def _end_former_message(child: Child) -> None:
    """ABORT, once, before the first event that follows a message: kilter.service waits for it (S14)."""
    if child.in_transaction or child.message_over:
        child.out.append(ABORT_FRAME)
    child.in_transaction = child.message_over = False


def _with_set_macros(state: State, child: Child, event: Event) -> bytes | None:
    """The event's macros as the settings and {trusted_domain} would have them for this child."""
    values = child.plan.set_macros
    received = macros.with_values(event.macros, event.code, values) if values else event.macros
    if event.code == command.MAIL and state.transaction is not None and state.transaction.trusted:
        received = macros.with_values(received, event.code, _TRUSTED, add=True)
    return received


def _macros_for(state: State, child: Child, received: bytes) -> bytes:
    lists = child.options.macros
    if not lists and not state.requested and len(received) <= 65536:
        return received
    return macros.for_child(received, lists, state.requested, state.chain.base_macros)


def _send_unknown(state: State, child: Child) -> bool:
    event = state.unknown
    if event is None or event is not state.owed or child.unknown is event:
        return False
    child.unknown = event
    if state.transaction is None:
        _end_former_message(child)
    _send_event(state, child, event)
    return True


def _send_envelope(state: State, child: Child, part: Part, transaction: Transaction) -> bool:
    if not part.mail_sent:
        _end_former_message(child)
        part.mail_sent = child.in_transaction = True
        _send_event(state, child, transaction.mail)
        return True
    if part.recipients_sent < len(transaction.recipients):
        return _send_recipient(state, child, part, transaction.recipients[part.recipients_sent])
    if transaction.data is not None and not part.progress:
        part.progress = command.DATA
        _send_event(state, child, transaction.data)
        return True
    return False


def _send_recipient(state: State, child: Child, part: Part, event: Event) -> bool:
    current = event is state.owed
    if event.rejected:
        asked = bool(child.options.protocol & option.RCPT_REJ)
        wanted = current and asked and child.passed < event.serial
    else:
        if current and not event.refused and not passed_so_far(state, child, event):
            return False
        wanted = not event.refused and (not child.plan.only_matching or joins.sees(state, child, event))
    part.recipients_sent += 1
    if wanted and not part.skip_recipients:
        _send_event(state, child, event)
    else:
        child.passed = max(child.passed, event.serial)
    return True


def _send_content(state: State, child: Child, part: Part, content: Content) -> bool:
    if not child.out:
        child.queued = 0
    child.stalled = child.queued >= state.chain.limits.output_high_water
    if child.stalled or child.blocked:
        return False
    source = part.source
    if source is None:
        source = part.source = choose_source(state, child, content)
        part.original = source is content
        if source is None:
            return False
    if not part.flowing and _gathers(state, child, part, content):
        return False
    part.flowing = (
        _send_headers(state, child, part, source, content)
        or _send_eoh(state, child, part, content)
        or _send_body(state, child, part, source, content)
        or _send_eom(state, child, part, source, content)
    )
    if not part.flowing:
        part.fed = content.size
    return part.flowing


def _gathers(state: State, child: Child, part: Part, content: Content) -> bool:
    """True while content for a child that needs not be waited for is better kept for one large write."""
    if content.eom is not None or content.size - part.fed >= _WORTH_A_WRITE or state.owed is not None:
        return False
    ahead = child.plan.pipelining != LOCK_STEP
    return ahead or not (child.answers(command.HEADER) or child.answers(command.BODY))


def choose_source(state: State, child: Child, content: Content) -> Source | None:
    """The message as this child is to see it, None while that is open."""
    if reads_original(state, child):
        return content
    shares = []
    for earlier in state.children:
        if earlier is child:
            break
        part = earlier.part
        if part is not None and part.verdict is not None:
            return None
        if may_change_content(earlier):
            return None
        if part is not None and part.edits is not None and part.delivered:
            shares.append((part.edits, part.original))
    if any(share.changes_content for share, _ in shares):
        return edits.revise(shares, content)
    return content


def _content_macros(state: State, child: Child, part: Part, content: Content, code: int) -> bytes | None:
    """libmilter ignores macros for L and B (S7), so a child known to be a libmilter program goes without.

    Others get them when they change: what a packet defines holds until it is defined anew. Sendmail has none
    for these commands (S25).
    """
    received = content.macros.get(code)
    if received is None or child.falls_silent:
        return None
    if child.plan.pipelining != LOCK_STEP:
        if part.content_macros.get(code) == received:
            return None
        part.content_macros[code] = received
    return _macros_for(state, child, received)


def _send_headers(state: State, child: Child, part: Part, source: Source, content: Content) -> bool:
    """As many as it may get at once."""
    count = source.header_count
    start = part.headers_sent
    if start >= count:
        return False
    if part.skip_headers or not child.wants(command.HEADER):
        part.headers_sent = count
        return True
    strip = state.leading_space and not child.options.protocol & option.HDR_LEADSPC
    end = min(count, start + child.room_ahead(command.HEADER), start + _HEADERS_A_TURN)
    frames = source.header_frames(start, end, strip=strip)
    part.headers_sent = end
    child.queued += sum(map(len, frames))
    received = _content_macros(state, child, part, content, command.HEADER)
    if received is not None:
        child.out.append(received)
    child.send_ahead(frames, state.now)
    return True


def _send_eoh(state: State, child: Child, part: Part, content: Content) -> bool:
    if part.progress != command.DATA or content.eoh is None:
        return False
    part.progress = command.EOH
    _send_event(state, child, content.eoh)
    return True


def _send_body(state: State, child: Child, part: Part, source: Source, content: Content) -> bool:
    if part.progress != command.EOH or part.skip_body or not child.wants(command.BODY):
        return False
    chunk = source.chunk(part.offset)
    if not chunk:
        return False
    part.offset += len(chunk)
    child.queued += len(chunk)
    received = _content_macros(state, child, part, content, command.BODY)
    if received is not None:
        child.out.append(received)
    child.send(frame(command.BODY, chunk), command.BODY, None, state.now)
    return True


def _send_eom(state: State, child: Child, part: Part, source: Source, content: Content) -> bool:
    if part.progress != command.EOH or content.eom is None or not source.complete:
        return False
    if child.wanted and not child.falls_silent:
        return False  # an answer too many must come before it can pass for the verdict (F10)
    part.progress = command.EOM
    part.edits = edits.Edits(
        state.new_spool,
        add_leading_space=state.leading_space and not child.options.protocol & option.HDR_LEADSPC,
    )
    _send_event(state, child, content.eom)
    return True


def end_of_headers(content: Content, event: Event | None) -> None:
    """Mark the end of the headers; an MTA that does not say it means it with the first body or the end (trap
    55).
    """
    if content.eoh is None:
        content.eoh = event or Event(command.EOH, _EOH_FRAME, None, 0)
