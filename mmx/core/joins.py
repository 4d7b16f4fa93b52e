"""Which children see a message, and when they enter it (design: conditions).

A child with `when` or `after` begins each message undecided (`Part.undecided`). It is asked about, in chain
order, whenever something may have become known, until it

    joins      it is dialled; what it has not seen is the replay, since it is far behind (S1, trap 55)
    is left out  `Part.skipped` says why; it gets nothing of this message and lets everything pass

Until then it lets the events before end of message pass, and may still change the content, so later children
wait for the content (G2). It never lets an event pass that it has not been asked about: for a recipient, and
for `after`, that is only once every earlier child has let the event pass, because a later child must not
learn of a recipient that was refused (V6). At end of message it lets nothing pass: everything is known then
but the answer of a DNS list and what an earlier child says, and both come.

Nothing here outlives the message but what `Facts` say of the client, so nothing sticks.
"""

from math import inf

from mmx.core import facts, links
from mmx.core.action import LookUp, Loss
from mmx.core.child import Child, Link
from mmx.core.condition import Condition, Facts, Truth, decide, matches
from mmx.core.event import Event
from mmx.core.part import Part
from mmx.core.plan import After, ChildPlan
from mmx.core.standing import passed_so_far
from mmx.core.state import State, Transaction
from mmx.wire import command, payload
from mmx.wire.framing import DATA


def is_conditional(plan: ChildPlan) -> bool:
    """True if the child sees only some mail."""
    return plan.when is not None or plan.after is not None


def meets_client(state: State, child: Child) -> bool:
    """True if the child is to see an event before the first MAIL: its condition holds whatever comes."""
    plan = child.plan
    if plan.after is not None:
        return False
    if plan.when is None:
        return True
    return decide(plan.when, facts.facts_of(state))[0] in (Truth.YES, Truth.UNKNOWN)


def begin_part(state: State, transaction: Transaction, child: Child) -> None:
    """A new message: a fresh part, and a connection if the child is known to see it."""
    part = child.part = Part()
    plan = child.plan
    if plan.max_size is not None:
        transaction.size_limit = min(transaction.size_limit, plan.max_size)
    if _is_awaited(state, child):
        part.said = set()
    if is_conditional(plan):
        part.undecided = True
        transaction.undecided += 1
        consider(state, transaction, child)
    else:
        _enter(state, child, part)


def _is_awaited(state: State, child: Child) -> bool:
    """True if another child sees only mail of which this one has said something."""
    name = child.name
    return any(
        other.plan.after is not None and other.plan.after.child == name for other in state.children
    ) or any(
        observed.child.after is not None and observed.child.after.child == name
        for observed in state.chain.observed
    )


def _enter(state: State, child: Child, part: Part) -> None:
    if child.sentence is not None:
        child.sentence(part)
    else:
        links.dial(state, child)


def consider(state: State, transaction: Transaction, child: Child) -> None:
    """Ask about an undecided child anew."""
    part = child.part
    if part is None or not part.undecided or transaction.conclusion is not None:
        return
    plan = child.plan
    event = state.owed
    newest: list[Event] = []
    news = event is not None and event.serial > part.considered
    if event is not None and news:
        in_order = event.code == command.RCPT or plan.after is not None
        if in_order and not passed_so_far(state, child, event):
            return
        part.considered = event.serial
        if event.code == command.RCPT and not event.rejected:
            part.candidates.append(event)
            newest = [event]
    said_so, why_said = said(state, plan.after)
    holds, why_holds = _holds(state, child, part, newest)
    if Truth.NO in (said_so, holds):
        _leave_out(transaction, part, why_said if said_so is Truth.NO else why_holds)
    elif Truth.OPEN not in (said_so, holds):
        _join(state, transaction, child, part, why_holds or why_said)


def _holds(state: State, child: Child, part: Part, newest: list[Event]) -> tuple[Truth, str]:
    condition = child.plan.when
    if condition is None:
        return Truth.YES, ""
    if newest:
        return _newest_recipient(condition, facts.facts_of(state, newest), part)
    candidates = [facts.address_of(event) for event in part.candidates if not event.refused]
    return decide(condition, facts.facts_of(state), candidates)


def _newest_recipient(condition: Condition, known: Facts, part: Part) -> tuple[Truth, str]:
    """The former ones were asked about before; one that can never satisfy is not asked about again."""
    outcome = decide(condition, known)
    if not matches(condition, known, known.recipients[0]):
        part.candidates.pop()
    return outcome


def said(state: State, after: After | None) -> tuple[Truth, str]:
    """What `after` makes of the replies so far; a child that was not asked keeps no other from running."""
    if after is None:
        return Truth.YES, ""
    earlier = next((child for child in state.children if child.name == after.child), None)
    part = earlier.part if earlier is not None else None
    if earlier is None or part is None or part.failed or part.skipped:
        return Truth.UNKNOWN, f"after: {after.child} was not asked"
    words = {"accept"} if earlier.link is Link.RELEASED else part.said or set()
    common = words & after.said
    if common:
        return Truth.YES, f"after: {after.child} said {min(common)}"
    if part.finished or earlier.link is Link.RELEASED:
        return Truth.NO, f"after: {after.child} said {', '.join(sorted(words)) or 'nothing'}"
    return Truth.OPEN, ""


def _join(state: State, transaction: Transaction, child: Child, part: Part, why: str) -> None:
    part.undecided = False
    part.because = why
    transaction.undecided -= 1
    _enter(state, child, part)


def _leave_out(transaction: Transaction, part: Part, why: str) -> None:
    part.undecided = False
    part.skipped = why or "condition"
    transaction.undecided -= 1


def give_up(state: State, transaction: Transaction, child: Child, loss: Loss) -> None:
    """No time is left to ask: the child counts as one that cannot be reached, so nothing passes unscanned."""
    part = child.part
    if part is not None and part.undecided:
        part.undecided = False
        transaction.undecided -= 1
        links.fail_unasked(state, child, loss)


def enforce_sizes(state: State, transaction: Transaction, octets: int) -> None:
    """Take the message from every child whose `max_size` it exceeds; none of them has its end yet."""
    for child in state.children:
        limit = _size_limit(child)
        if limit is not None and octets > limit:
            _take_away(state, transaction, child, f"max_size: more than {limit} bytes")
    limits = (limit for child in state.children if (limit := _size_limit(child)) is not None)
    transaction.size_limit = min(limits, default=inf)


def _size_limit(child: Child) -> int | None:
    part = child.part
    if part is None or part.finished or child.link is Link.RELEASED:
        return None
    return child.plan.max_size


def _take_away(state: State, transaction: Transaction, child: Child, why: str) -> None:
    part = child.part
    if part is None:
        return
    if part.undecided:
        _leave_out(transaction, part, why)
        return
    part.skipped = why
    part.stage = command.BODY
    links.end_part(state, child)


def look_up(state: State) -> None:
    """Ask the DNS lists that the chain's conditions need, once a session, as soon as the client is known."""
    wanted = tuple(name for name in state.chain.dns_lists if name not in state.asked_lists)
    if not wanted or state.greeting is None:
        return
    state.asked_lists.update(wanted)
    connection = payload.decode_connection(state.greeting.frame[DATA:])
    if connection.family in (b"4", b"6") and connection.address not in (b"", b"unknown"):
        state.actions.append(LookUp(connection.address.decode("latin-1"), wanted))
    else:
        state.listed.update(dict.fromkeys(wanted, Truth.UNKNOWN))


def is_trusted(state: State) -> bool:
    """True if {trusted_domain} is to be offered to the children of this message."""
    condition = state.chain.trusted_domain
    return condition is not None and condition.truth(facts.facts_of(state), None) is Truth.YES


def sees(state: State, child: Child, event: Event) -> bool:
    """False if the child takes only recipients that satisfy its condition, and this one never does."""
    condition = child.plan.when
    if not child.plan.only_matching or condition is None:
        return True
    known = facts.facts_of(state, ())
    return matches(condition, known, facts.address_of(event))
