"""Where each child stands at an event, and what follows from that for the others. Pure questions, no effects.

`standing` is the merge table of G3: walk the chain in order; PENDING makes the event wait, a `Verdict`
decides it, PASS goes on to the next child.
"""

from typing import Final

from mmx.core.child import Child, Link
from mmx.core.event import Event
from mmx.core.part import Part
from mmx.core.plan import ORIGINAL
from mmx.core.state import State
from mmx.core.verdict import Standing, Verdict
from mmx.wire import command, option

PENDING = Standing.PENDING
PASS = Standing.PASS
_GIVES_ANSWERS: Final = (Link.DIALLING, Link.NEGOTIATING, Link.UP)


def standing(state: State, child: Child, event: Event) -> Standing | Verdict:
    """The child's answer to an event as far as it is known."""
    part = child.part
    if part is not None and (part.undecided or part.skipped) and event.code != command.UNKNOWN:
        return _outside(part, event)
    if child.refusal is not None:
        return child.refusal
    if child.link is Link.RELEASED:
        return PASS if part is None or event.code == command.UNKNOWN else part.verdict or PASS
    if event.code == command.OPTNEG:
        open_question = child.link in (Link.DIALLING, Link.NEGOTIATING)
        return PENDING if open_question and state.knowledge.of(child.name) is None else PASS
    if event.code == command.UNKNOWN:
        if child.link not in _GIVES_ANSWERS:
            return PASS
        return PENDING if child.passed < event.serial else child.said_of(event) or PASS
    if state.transaction is not None and part is not None:
        if part.verdict is not None:
            return part.verdict
        if not part.finished and child.passed < event.serial:
            return PENDING
        # No later accept and no failure takes back the refusal of a recipient that others accepted.
        return part.replayed_refusal or child.said_of(event) or PASS
    if child.link is Link.DOWN:
        return PASS
    return PENDING if child.passed < event.serial else PASS


def _outside(part: Part, event: Event) -> Standing | Verdict:
    """A child that is left out, or that has not joined (yet): joins.py says what it lets pass."""
    if part.undecided and (event.code == command.EOM or part.considered < event.serial):
        return PENDING
    # It may have refused a recipient before the message became too large for it.
    return part.replayed_refusal or PASS


def passed_so_far(state: State, child: Child, event: Event) -> bool:
    """True if every earlier child has let the event pass."""
    for earlier in state.children:
        if earlier is child:
            return True
        if standing(state, earlier, event) is not PASS:
            return False
    return True


def may_change_content(child: Child) -> bool:
    """True while the child may still edit the content: it is not done, and negotiated that or is not yet
    known.
    """
    if child.link in (Link.RELEASED, Link.REFUSING):
        return False
    if child.part is None or child.part.finished:
        return False
    if child.link is not Link.UP:
        return True
    return bool(child.options.actions & option.CHANGES_CONTENT)


def reads_original(state: State, child: Child) -> bool:
    """True if the child is to be given the message as Postfix sent it."""
    if child.plan.content != ORIGINAL:
        return False
    if child.plan.original_always:
        return True
    for earlier in state.children:
        if earlier is child:
            break
        if _may_replace_body(earlier):
            return False
    return True


def _may_replace_body(child: Child) -> bool:
    part = child.part
    if part is not None and part.edits is not None and part.edits.body is not None:
        return True
    if not may_change_content(child):
        return False
    return child.link is not Link.UP or bool(child.options.actions & option.CHGBODY)


def accepted_for_good(child: Child) -> bool:
    """True if the child itself said accept to the session or to this message."""
    return child.link is Link.RELEASED or (child.part is not None and child.part.accepted)


def is_left_out(child: Child) -> bool:
    """True if the child does not see this message: its accept is not waited for."""
    return child.part is not None and bool(child.part.skipped) and child.part.replayed_refusal is None
