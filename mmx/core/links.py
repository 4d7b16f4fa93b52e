"""The connections to the children: dialling, shaking hands, failing, closing (design: failure rules).

A child that fails before the first MAIL is tried again there, whatever its default action: between messages
it simply lets events pass. Inside a message its default action is its verdict, at its place in the chain.
"""

from math import inf
from typing import Final

from mmx.core import negotiation, plan
from mmx.core.action import ChildFailed, Close, Dial, Loss, Ready, Remark
from mmx.core.child import QUIT_FRAME, Child, Link
from mmx.core.state import State
from mmx.core.verdict import OF_DEFAULT_ACTION
from mmx.errors import ProtocolError
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA, frame

_CONNECTED: Final = (Link.NEGOTIATING, Link.UP)


def dial(state: State, child: Child) -> None:
    """Ask the shell to connect, unless there is a connection or an attempt."""
    if child.link is Link.DOWN:
        child.connect(state.now)
        state.actions.append(Dial(child))


def connected(state: State, child: Child) -> None:
    """The shell has connected: speak first and at once (W3, N6)."""
    if child.link is not Link.DIALLING:
        return
    child.link = Link.NEGOTIATING
    child.offered = negotiation.offer_to_child(state.offer)
    child.out.append(frame(command.OPTNEG, payload.encode_options(*child.offered)))


def take_options(state: State, child: Child, received: bytes) -> None:
    """The first frame of a child must be its answer to OPTNEG (N12)."""
    try:
        if received[CODE] != reply.OPTNEG:
            raise ProtocolError(f"{reply_name(received[CODE])} where OPTNEG is due")
        answer = payload.decode_options(received[DATA:])
        child.options, remark = negotiation.read_child_answer(answer, child.offered)
    except ProtocolError as error:
        fail(state, child, Loss("protocol", str(error)))
        return
    child.link = Link.UP
    child.deadline = inf
    if remark:
        state.actions.append(Remark("warning", f"{child.name}: {remark}"))
    # Only a full offer shows what the child would like; a session with an old MTA teaches nothing new.
    full = child.offered.protocol == option.ALL_PROTOCOL and child.offered.actions == option.ALL_ACTIONS
    known = state.knowledge.of(child.name)
    if (full or known is None) and state.knowledge.learn(child.name, child.options):
        _check_against_answer(state, child)
    state.actions.append(Ready(child))


def _check_against_answer(state: State, child: Child) -> None:
    """The MTA was answered from older knowledge: say what this child now goes without until the next
    session.
    """
    answered = state.answered_options
    if not answered.version:
        return
    wanted = negotiation.answer_to_mta(state.offer, [child.options], state.chain.base_macros)
    gained = wanted.protocol & ~answered.protocol & option.RCPT_REJ
    lost = answered.protocol & ~wanted.protocol & option.NOUNKNOWN
    asked = answered.macros
    lists = any(set(names) - set(asked.get(stage, ())) for stage, names in wanted.macros.items())
    if gained or lost or lists:
        text = f"{child.name} wants more than it used to: the MTA is asked for it from the next session on"
        state.actions.append(Remark("info", text))


def reply_name(code: int) -> str:
    """A reply code for people."""
    return reply.NAMES.get(code) or f"reply {bytes((code,))!r}"


def step_of(child: Child) -> str:
    """The command whose reply is due."""
    if child.link is Link.DIALLING:
        return "connect"
    if child.link is Link.NEGOTIATING:
        return "OPTNEG"
    wanted = next((due.code for due in child.due if due.wanted), 0)
    return command.NAMES.get(wanted, "idle")


def fail(state: State, child: Child, loss: Loss) -> None:
    """The child is out for this message: close its link and let its default action speak."""
    if child.link in (Link.DOWN, Link.RELEASED, Link.REFUSING):
        return
    step = step_of(child)
    reached = child.link is Link.UP
    child.give_up_waiting(state.now)
    child.disconnect()
    state.actions.append(Close(child))
    action = _take_default_action(state, child, loss, reached=reached)
    state.actions.append(ChildFailed(child, step, loss.reason, loss.detail, action))


def fail_unasked(state: State, child: Child, loss: Loss) -> None:
    """The message ends before it is known whether the child sees it: its default action speaks."""
    action = _take_default_action(state, child, loss, reached=False)
    state.actions.append(ChildFailed(child, "condition", loss.reason, loss.detail, action))


def _take_default_action(state: State, child: Child, loss: Loss, *, reached: bool) -> str:
    part = child.part
    transaction = state.transaction
    if transaction is None or transaction.conclusion is not None or part is None:
        return ""
    if part.finished or part.undecided:
        return ""
    action = child.plan.died if reached else child.plan.unreachable
    if loss.reason == "resources":
        action = plan.TEMPFAIL  # a bound of mmx's own says nothing of the child, and must let no mail pass
    if action == plan.QUARANTINE and not state.answered_options.actions & option.QUARANTINE:
        action = plan.TEMPFAIL
    part.stage = state.owed.code if state.owed is not None else 0
    part.detail = f"{loss.reason}: {loss.detail}" if loss.detail else loss.reason
    if part.edits is not None:
        part.edits.drop()
    part.failed = True
    if action in OF_DEFAULT_ACTION:
        part.verdict = OF_DEFAULT_ACTION[action]
    elif action == plan.QUARANTINE:
        part.hold = b"content filter failed"
    return action


def leave(state: State, child: Child) -> None:
    """Close a link on which it is open what the child will still answer; it is dialled anew when it is to see
    something again.
    """
    close(state, child, Link.DOWN)
    child.tried = False


def end_part(state: State, child: Child) -> None:
    """Take the child out of the message: ABORT, or no more link if that would not bring it into step."""
    if not child.abort():
        leave(state, child)


def close(state: State, child: Child, link: Link) -> None:
    """Say good-bye and close; `link` is the state the child rests in."""
    if child.link in _CONNECTED:
        child.out.append(QUIT_FRAME)
    had = child.link is Link.DIALLING or child.link in _CONNECTED
    child.disconnect(link)
    if had:
        state.actions.append(Close(child))


def replace_children(state: State) -> None:
    """Take the chain that a reload left, at MAIL: new children join, removed ones get QUIT."""
    chain = state.next_chain
    if chain is None or state.refusal:
        return
    state.next_chain = None
    before = {child.name: child for child in state.children}
    after: list[Child] = []
    for child_plan in chain.children:
        child = before.get(child_plan.name)
        if child is not None and child.plan.endpoint == child_plan.endpoint:
            child.plan = child_plan
            del before[child_plan.name]
        else:
            child = Child(child_plan)
        after.append(child)
    for child in before.values():
        close(state, child, Link.DOWN)
    state.chain = chain
    state.sent_macros = None
    state.children = after
