"""One MTA connection and its children: the entry points that the shell calls.

Every entry is synchronous, may come in any order, and never raises for what a peer sent. After each the
shell writes every peer's outbox, then does the `actions`, then re-arms one timer for `deadline`. `now` is
set by the shell before each entry: the core has no clock.

Each entry ends in `_run`: feed the children, answer the MTA if that can be done, take the next frame that
waited for the answer, until nothing moves.
"""

from collections.abc import Callable
from math import inf

from mmx.core import commands, feeding, joins, links, replies, settling
from mmx.core.action import Action, Loss, PauseMta, Remark, ResumeMta
from mmx.core.child import Child, Link
from mmx.core.condition import Truth
from mmx.core.content import NewSpool
from mmx.core.event import Event
from mmx.core.negotiation import Knowledge
from mmx.core.plan import Chain
from mmx.core.spool import MemorySpool
from mmx.core.state import Conclusion, State
from mmx.core.verdict import CONTINUE_FRAME, PROGRESS_FRAME, Verdict
from mmx.wire import command, option
from mmx.wire.framing import CODE

_ALWAYS_ANSWERED = frozenset(
    {
        command.OPTNEG,
        command.CONNECT,
        command.HELO,
        command.MAIL,
        command.RCPT,
        command.DATA,
        command.EOM,
        command.UNKNOWN,
    }
)

_STREAMED = frozenset({command.HEADER, command.EOH, command.BODY})
_PASSED_ON_LATER = _STREAMED | {command.MACRO}
"""Commands after which the next one may be done first, as long as no reply to them is owed."""


def _must_answer(state: State, code: int) -> bool:
    """True if the MTA waits for a reply to this command."""
    if code in _STREAMED:
        return not state.answered_options.protocol & option.NO_REPLY[code]
    return code in _ALWAYS_ANSWERED


def _waits_for_content(state: State) -> bool:
    """True if the MTA may be waiting for a child's reply to a piece of content (no NR flags agreed)."""
    return state.owed is not None and state.owed.code != command.EOM


def _never() -> str:
    return ""


class Session:
    """One MTA connection. `now` must be set before each entry, in seconds of any steady clock."""

    __slots__ = ("_state", "actions", "mta_out")

    def __init__(
        self,
        chain: Chain,
        *,
        name: str,
        now: float,
        knowledge: Knowledge,
        new_spool: NewSpool = MemorySpool,
        refusal: str = "",
        refuse_mail: Callable[[], str] = _never,
        listener: str = "",
        stressed: bool = False,
    ) -> None:
        self._state = State(
            chain,
            name=name,
            now=now,
            knowledge=knowledge,
            new_spool=new_spool,
            refusal=refusal,
            refuse_mail=refuse_mail,
            listener=listener,
            stressed=stressed,
        )
        self.mta_out = self._state.mta_out
        """Bytes for the MTA; the shell joins, writes and clears them."""
        self.actions: list[Action] = self._state.actions
        """What the shell has to do; it clears the list."""

    @property
    def state(self) -> State:
        """For traces and tests; nobody but the core changes it."""
        return self._state

    @property
    def now(self) -> float:
        """Time of the entry."""
        return self._state.now

    @now.setter
    def now(self, value: float) -> None:
        self._state.now = value

    @property
    def mta_stalled(self) -> bool:
        """More is ready for the MTA: call `mta_blocked(False)` after writing."""
        return self._state.mta_stalled

    @property
    def children(self) -> list[Child]:
        """The children of the chain in order, each with its outbox `out`."""
        return self._state.children

    @property
    def finished(self) -> bool:
        """True once the MTA link is gone."""
        return self._state.finished

    @property
    def in_transaction(self) -> bool:
        """True while a message is under way: a stopping service lets it end."""
        return self._state.transaction is not None

    @property
    def silent(self) -> bool:
        """True if the MTA has said nothing at all: a probe."""
        return self._state.serial == 0

    def from_mta(self, *received: bytes) -> None:
        """Whole frames came from the MTA: all of one read, so that content is passed on once."""
        state = self._state
        if state.finished:
            return
        state.quiet_since = state.now
        state.inbox.extend(received)
        if state.owed is None and not self._take_inbox():
            return
        self._run()

    def from_child(self, child: Child, *received: bytes) -> None:
        """Whole frames came from a child: all of one read."""
        state = self._state
        place = 0
        while place < len(received):
            one = received[place]
            passed = 0
            if one == CONTINUE_FRAME and child.link is Link.UP and not _waits_for_content(state):
                passed = child.pass_content(received[place:], state.now)
            place += passed or 1
            if not passed:
                replies.take(state, child, one)
                self._run()
            elif place == len(received) and not child.waits:
                feeding.feed(state, child)
                if state.actions:
                    self._run()

    def child_up(self, child: Child) -> None:
        """The connection asked for by `Dial` is there."""
        links.connected(self._state, child)

    def child_lost(self, child: Child, loss: Loss) -> None:
        """The connection failed, ended, or cannot be read on."""
        links.fail(self._state, child, loss)
        self._run()

    def child_blocked(self, child: Child, blocked: bool) -> None:
        """The child does not take what is written to it, or takes it again."""
        child.blocked = blocked
        if not child.due and child.link is Link.UP:
            child.time_reading(self._state.now)
        if not blocked:
            self._run()

    def mta_blocked(self, blocked: bool) -> None:
        """The MTA does not take what is written to it, or takes it again."""
        self._state.mta_blocked = blocked
        if not blocked:
            self._run()

    def mta_lost(self, why: str = "") -> None:
        """The MTA link ended; without QUIT if `why` says so."""
        state = self._state
        if why and not state.finished and not self.silent:
            state.actions.append(Remark("info", f"MTA link lost: {why}"))
        commands.end_session(state)

    def unreadable_mta(self, why: str) -> None:
        """The MTA's bytes are no frames."""
        if not self._state.finished:
            commands.violate(self._state, why)

    def looked_up(self, dns_list: str, listed: Truth) -> None:
        """The answer of a DNS list to `LookUp`: YES, NO, or UNKNOWN if it gave none."""
        if not self._state.finished:
            self._state.listed[dns_list] = listed
            self._run()

    def set_chain(self, chain: Chain) -> None:
        """A reload: the new chain holds from the next MAIL on."""
        self._state.next_chain = chain

    def stop(self) -> None:
        """The service cannot wait any longer: a reply that is owed becomes 451, then the link is closed."""
        if not self._state.finished:
            self._refuse(settling.STOPPING, "mmx is stopping")
            commands.end_session(self._state)

    def internal_error(self) -> None:
        """An entry raised: a fault of mmx, so 451 for this message, whatever any default action says."""
        self._refuse(settling.INTERNAL, "internal error")
        self._run()

    def _refuse(self, verdict: Verdict, why: str) -> None:
        """Let the children go and refuse what is under way, told to the MTA now or when it asks."""
        state = self._state
        state.burst = None
        for child in state.children:
            links.close(state, child, Link.DOWN)
        transaction = state.transaction
        told = (
            transaction is not None and transaction.conclusion is not None and transaction.conclusion.answered
        )
        if transaction is not None and not told:
            settling.conclude(state, transaction, Conclusion(verdict, "", why))
        if state.owed is None and _must_answer(state, state.handling):
            state.owe(Event(state.handling, b"", None, state.serial))
        state.handling = 0
        if state.owed is not None:
            self._answer_refusal(state.owed, verdict)

    def _answer_refusal(self, event: Event, verdict: Verdict) -> None:
        state = self._state
        transaction = state.transaction
        if event.code == command.OPTNEG:
            commands.end_session(state)
        elif transaction is not None and transaction.conclusion is not None and event.code != command.UNKNOWN:
            settling.answer_conclusion(state, transaction, transaction.conclusion)
        else:
            if event.code in (command.CONNECT, command.HELO):
                state.verdict = verdict
            state.answer(verdict.frame)

    def _take_inbox(self) -> bool:
        """Do commands up to one that must be answered; True if anything may have to move because of them."""
        state = self._state
        moves = False
        while state.inbox and state.owed is None:
            received = state.inbox.popleft()
            if received == state.macros.get(command.HEADER):
                continue  # Postfix repeats them before each header
            commands.take(state, received)
            code = received[CODE]
            moves = moves or code != command.MACRO
            if code not in _PASSED_ON_LATER:
                break
        if state.owed is not None and state.owed.code in _ALWAYS_ANSWERED:
            settling.settle(state)
        return moves

    def _run(self) -> None:
        """Feed the children, answer the MTA, go on with what it sent meanwhile, until nothing moves."""
        state = self._state
        while True:
            transaction = state.transaction
            for child in state.children:
                if transaction is not None and transaction.undecided:
                    joins.consider(state, transaction, child)
                if child.link is Link.UP and not child.waits:
                    feeding.feed(state, child)
            if state.owed is not None or state.transaction is not None:
                if state.burst is not None:
                    settling.continue_burst(state)
                elif settling.settle(state):
                    continue
            if state.owed is not None or not state.inbox:
                break
            self._take_inbox()
        if state.inbox_paused != bool(state.inbox) and not state.finished:
            state.inbox_paused = not state.inbox_paused
            state.actions.append(PauseMta() if state.inbox_paused else ResumeMta())

    @property
    def deadline(self) -> float:
        """When `on_time` is due at the latest."""
        state = self._state
        if state.finished:
            return inf
        due = min(state.progress_due, state.message_deadline)
        for child in state.children:
            if child.deadline < due:  # noqa: PLR1730 - asked after every entry, and `min` costs three times that
                due = child.deadline
        if state.owed is None or state.burst is not None:
            waiting_ends = state.quiet_since + state.chain.limits.idle_timeout
        elif state.postfix:
            return due
        else:
            waiting_ends = state.owed_since + state.chain.limits.foreign_event_timeout
        return min(due, waiting_ends)

    def on_time(self) -> None:
        """Some wait may be over; calling it early or late does no harm."""
        state = self._state
        if state.finished:
            return
        now = state.now
        limits = state.chain.limits
        unanswerable = state.owed is None or state.burst is not None
        if unanswerable and now >= state.quiet_since + limits.idle_timeout:
            state.actions.append(Remark("info", "MTA link closed: no command for too long"))
            commands.end_session(state)
            return
        self._expire(now)
        if now >= state.progress_due:
            state.progress_due = now + limits.progress_interval
            if state.burst is None:
                state.mta_out.append(PROGRESS_FRAME)
        self._run()
        # Whoever joins because another one is out of time has none either: an event has one end for all.
        for _ in state.children:
            if self.deadline > now:
                break
            self._expire(now)
            self._run()

    def _expire(self, now: float) -> None:
        state = self._state
        limits = state.chain.limits
        for child in state.children:
            if now >= child.deadline:
                links.fail(state, child, Loss("timeout", f"no answer within {now - child.since:.0f} s"))
        if now >= state.message_deadline:
            settling.end_message_time(state)
        foreign = state.owed is not None and not state.postfix and state.burst is None
        if foreign and now >= state.owed_since + limits.foreign_event_timeout:
            settling.end_event_time(state)
