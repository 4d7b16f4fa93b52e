"""Which children see a mail, and why: the mail is played to a session of the core.

Theory: there is no second engine here. The session is the daemon's own (mmx.core.session), with the chain of
the settings; its children are played: each is connected to at once, wants every event and lets everything
pass. After each event one looks at what the session has made of each child: connected to, left out and why,
or not decided yet.

A child that only observes is shown a message when it has had its answer. Its condition is asked then, of the
same facts, so here it is played as the last of the chain.

What an earlier child would really say cannot be known, so `after` is left out of the played chain and told
beside the outcome.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mmx.core.action import ChildRecord, Dial, LookUp, MessageEnded
from mmx.core.child import Child
from mmx.core.condition import Truth, decide
from mmx.core.facts import facts_of
from mmx.core.leaf import shown
from mmx.core.negotiation import Knowledge
from mmx.core.plan import Chain
from mmx.core.session import Session
from mmx.tools.explain.mail import Mail, Step, steps
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA, FrameSplitter, frame
from mmx.wire.payload import Options

LookUpNow = Callable[[str, tuple[str, ...]], Mapping[str, Truth]]
"""Asks DNS lists about an address and waits for all answers."""

_WANTS_ALL: Final = Options(option.VERSION, 0, 0, {})
_OFFER: Final = payload.encode_options(option.VERSION, option.ALL_ACTIONS, option.ALL_PROTOCOL, {})
_UNANSWERED: Final = frozenset({command.MACRO, command.ABORT, command.QUIT, command.QUIT_NC})
_CONTINUE: Final = frame(reply.CONTINUE)
_LARGEST: Final = 1 << 31
_NEXT: Final = "the next event"


@dataclass(slots=True)
class Outcome:
    """What becomes of one child. `runs` is None if the mail does not go far enough to tell."""

    name: str
    runs: bool | None = None
    event: str = ""
    """Where that was decided."""
    why: str = ""
    """The part of the condition that decided, or those that are still open."""
    leaves: str = ""
    """Why it does not see the rest, and from which event on; "" if it sees all."""
    recipients: tuple[str, ...] = ()
    """Those that it is shown."""


class Play:
    """One mail, played as far as it goes."""

    def __init__(
        self, chain: Chain, mail: Mail, look_up: LookUpNow, *, listener: str = "", stressed: bool = False
    ) -> None:
        self._look_up = look_up
        self._children: dict[int, _PlayedChild] = {}
        self._connected: set[int] = set()
        plans = tuple(replace(plan, after=None) for plan in chain.everybody)
        knowledge = Knowledge()
        for plan in plans:
            knowledge.learn(plan.name, _WANTS_ALL)
        self._session = Session(
            replace(chain, children=plans, observed=()),
            name="explain",
            now=0.0,
            knowledge=knowledge,
            listener=listener,
            stressed=stressed,
        )
        self._outcomes = {plan.name: Outcome(plan.name) for plan in plans}
        self._enter(frame(command.OPTNEG, _OFFER))
        state = self._session.state
        self.lists = {**chain.base_macros, **state.requested}
        """Names of the macros that the MTA sends if they have a value, by stage."""
        for step in steps(mail, self.lists):
            self._play(step)
        for child in self._session.children:
            self._finish(child)

    @property
    def outcomes(self) -> list[Outcome]:
        """Of each child of the chain, in order, then of those that observe."""
        return list(self._outcomes.values())

    def _play(self, step: Step) -> None:
        self._enter(*step.frames)
        for child in self._session.children:
            self._look_at(child, step.label)

    def _look_at(self, child: Child, label: str) -> None:
        outcome = self._outcomes[child.name]
        part = child.part
        skipped = part.skipped if part is not None else ""
        if outcome.runs is None and skipped:
            outcome.runs, outcome.event, outcome.why = False, label, skipped
        elif outcome.runs is None and id(child) in self._connected:
            outcome.runs, outcome.event = True, label
            outcome.why = self._reason(child)
        elif outcome.runs and skipped and not outcome.leaves:
            outcome.leaves = f"{skipped}, from {label} on"

    def _look_back(self, record: ChildRecord) -> None:
        """The message has ended, and with it what the session knew of the child's part in it."""
        outcome = self._outcomes[record.name]
        if outcome.runs is None:
            outcome.runs, outcome.event, outcome.why = record.verdict != "skipped", "EOM", record.because

    def _reason(self, child: Child) -> str:
        """Why it runs; before MAIL the session has not written it down yet."""
        if child.part is not None and child.part.because:
            return child.part.because
        condition = child.plan.when
        return "" if condition is None else decide(condition, facts_of(self._session.state))[1]

    def _finish(self, child: Child) -> None:
        outcome = self._outcomes[child.name]
        played = self._children.get(id(child))
        outcome.recipients = played.recipients if played is not None else ()
        condition = child.plan.when
        if outcome.runs is not None or condition is None:
            return
        known = facts_of(self._session.state)
        truth, why = decide(condition, known)
        if truth is Truth.OPEN:
            outcome.why = condition.why(known, None)
        else:
            # The answer of a DNS list has come since the last event, or nobody has asked before MAIL.
            outcome.runs, outcome.event, outcome.why = truth is not Truth.NO, _NEXT, why

    # The session and what it wants, as the driver does it.

    def _enter(self, *frames: bytes) -> None:
        session = self._session
        session.mta_out.clear()
        session.from_mta(*frames)
        moves = True
        while moves:
            moves = self._act() or self._deliver()

    def _act(self) -> bool:
        actions = self._session.actions[:]
        self._session.actions.clear()
        for action in actions:
            if isinstance(action, Dial):
                self._connected.add(id(action.child))
                self._children[id(action.child)] = _PlayedChild()
                self._session.child_up(action.child)
            elif isinstance(action, LookUp):
                for zone, truth in self._look_up(action.address, action.lists).items():
                    self._session.looked_up(zone, truth)
            elif isinstance(action, MessageEnded):
                for record in action.record.children:
                    self._look_back(record)
        return bool(actions)

    def _deliver(self) -> bool:
        moved = False
        for child in self._session.children:
            if child.out:
                data = b"".join(child.out)
                child.out.clear()
                moved = True
                answers = self._children[id(child)].answers(data)
                if answers:
                    self._session.from_child(child, *answers)
        return moved


class _PlayedChild:
    """Lets everything pass."""

    def __init__(self) -> None:
        self._splitter = FrameSplitter(_LARGEST)
        self.recipients: tuple[str, ...] = ()

    def answers(self, data: bytes) -> list[bytes]:
        """The replies to what it is sent."""
        return [answer for one in self._splitter.feed(data) if (answer := self._answer(one)) is not None]

    def _answer(self, received: bytes) -> bytes | None:
        code = received[CODE]
        if code == command.OPTNEG:
            return frame(reply.OPTNEG, payload.encode_options(*_WANTS_ALL))
        if code == command.RCPT:
            self.recipients += (shown(payload.decode_address(received[DATA:])[0]),)
        return None if code in _UNANSWERED else _CONTINUE
