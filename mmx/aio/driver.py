"""One MTA connection: a session of the core, the links it speaks through, and its timer.

Theory: whatever happens (frames, a link up, lost or blocked, time) enters the core through `_enter`. Then
`_settle` does what the core wants, in this order: each peer's outbox is written, in one write a peer; the
actions are performed in order; dials that failed at once are reported back; and again until nothing is
left. All of it in the callback that brought the input: there is no task, no future and no wait between a
child's answer and the reply to the MTA.

A callback that comes while settling (a transport that reports a full buffer from inside `write`) enters the
core too, and what follows from it is done by the settling that is under way.

There is one timer. It is set for the earliest deadline seen and not touched when the deadline moves away:
it fires, finds that it is too early, and is set anew. So traffic costs no timers.

An exception out of the core is a fault of mmx: it is logged with its traceback and the core answers that
message with 451 (`internal_error`). If that fails too the MTA link is closed, and Postfix does what its
milter_default_action says.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Any, Final

from mmx.aio.child_link import ChildLink
from mmx.aio.surroundings import Surroundings
from mmx.aio.trace import SessionTrace
from mmx.core.action import (
    ChildFailed,
    Close,
    CloseMta,
    Dial,
    Judged,
    LookUp,
    Loss,
    MessageEnded,
    MessageKept,
    Note,
    PauseMta,
    Ready,
    Remark,
    ResumeMta,
)
from mmx.core.condition import Truth
from mmx.core.session import Session

TIMER_GRAIN: Final = 0.001
"""Seconds that an event loop's timer may fire early: uvloop's clock counts milliseconds."""

_log = logging.getLogger(__name__)


class Driver:
    """Owner of the MTA's link. `session` is the core's."""

    __slots__ = (
        "_at_once",
        "_is_held",
        "_links",
        "_loop",
        "_over",
        "_settling",
        "_surroundings",
        "_timer",
        "_timer_at",
        "has_served",
        "mta",
        "name",
        "session",
        "since",
        "trace",
    )

    def __init__(
        self, session: Session, name: str, surroundings: Surroundings, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.session = session
        self.name = name
        self._surroundings = surroundings
        self._loop = loop
        self.since = loop.time()
        self.trace: SessionTrace | None = None
        self.has_served = False
        self.mta = surroundings.make_stream(self, accepted=True)
        self._links: dict[int, ChildLink] = {}
        self._at_once: list[tuple[ChildLink, Loss]] = []
        self._is_held = False
        self._settling = False
        self._over = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        surroundings.began(self)

    # The MTA's link.

    def connected(self) -> None:
        self._watch()

    def received(self, frames: list[bytes]) -> None:
        if self.trace is not None:
            self.trace.received("", frames)
        self._enter(self.session.from_mta, *frames)

    def lost(self, loss: Loss) -> None:
        if loss.reason == "frame":
            self._enter(self.session.unreadable_mta, loss.detail)
        else:
            self._enter(self.session.mta_lost, loss.detail)

    def blocked(self, blocked: bool) -> None:
        self._read_mta()
        self._enter(self.session.mta_blocked, blocked)

    def _read_mta(self) -> None:
        """Read commands, unless the core holds them off or the answers to former ones are not taken."""
        if self._is_held or self.mta.is_blocked:
            self.mta.pause_reading()
        else:
            self.mta.resume_reading()

    # The children's links. A link that was given up never gets here: its stream has no owner any more.

    def child_up(self, link: ChildLink) -> None:
        if self.trace is not None:
            self.trace.happened(link.child.name, "up")
        self._enter(self.session.child_up, link.child)

    def child_received(self, link: ChildLink, frames: list[bytes]) -> None:
        if self.trace is not None:
            self.trace.received(link.child.name, frames)
        self._enter(self.session.from_child, link.child, *frames)

    def child_lost(self, link: ChildLink, loss: Loss) -> None:
        if self._links.get(id(link.child)) is link:
            del self._links[id(link.child)]
            link.child.out.clear()
            if self.trace is not None:
                self.trace.lost(link.child.name, loss)
            self._enter(self.session.child_lost, link.child, loss)

    def child_blocked(self, link: ChildLink, blocked: bool) -> None:
        self._enter(self.session.child_blocked, link.child, blocked)

    # Answers of DNS lists; they may come when the session is over.

    def looked_up(self, dns_list: str, listed: Truth) -> None:
        if not self.session.finished and not self._over:
            self._enter(self.session.looked_up, dns_list, listed)

    # Orders from the service.

    def close_if_idle(self) -> None:
        """End the session unless a message is under way or the first is still to come: the daemon stops.

        An MTA whose milter goes away before MAIL answers 4xx to it; after its message it mostly quits.
        """
        if self.has_served and not self.session.in_transaction:
            self.close()

    def close(self) -> None:
        """End the session: the daemon stops and cannot wait."""
        self._enter(self.session.stop)

    # The way into the core, and what comes out of it.

    def _enter(self, entry: Callable[..., None], *args: Any) -> None:
        self.session.now = self._loop.time()
        self._call(entry, *args)
        self._settle()

    def _call(self, entry: Callable[..., None], *args: Any) -> None:
        if self._over:
            return
        try:
            entry(*args)
        except Exception:  # noqa: BLE001 - a fault of ours must end in a defined verdict
            fault = self._surroundings.fault
            _log.exception("session=%s internal error; %s", self.name, fault)
            try:
                self.session.internal_error()
            except Exception:  # noqa: BLE001 - likewise
                _log.exception("session=%s cannot go on; its connections are closed", self.name)
                self._give_up()

    def _settle(self) -> None:
        if self._settling:
            return
        self._settling = True
        session = self.session
        try:
            self._write()
            while session.actions or self._at_once:
                self._act()
                self._write()
        except Exception:  # noqa: BLE001 - a session must not hang
            _log.exception("session=%s cannot be carried on; its connections are closed", self.name)
            self._give_up()
        finally:
            self._settling = False
        if session.finished or self._over:
            self._end()
        elif session.deadline < self._timer_at:
            self._watch()

    def _write(self) -> None:
        session = self.session
        while session.mta_out:
            if self.trace is not None:
                self.trace.sent("", session.mta_out)
            self.mta.write(session.mta_out)
            if session.mta_stalled and not self.mta.is_blocked:
                self._call(session.mta_blocked, False)
        for child in session.children:
            while child.out:
                link = self._links.get(id(child))
                if link is None or not link.stream.is_open:
                    break
                if self.trace is not None:
                    self.trace.sent(child.name, child.out)
                link.stream.write(child.out)
                if child.stalled and not link.stream.is_blocked:
                    self._call(session.child_blocked, child, False)

    def _act(self) -> None:
        session = self.session
        actions = session.actions[:]
        session.actions.clear()
        for action in actions:
            _PERFORM[type(action)](self, action)
        failures, self._at_once = self._at_once, []
        for link, loss in failures:
            if self._links.get(id(link.child)) is link:
                del self._links[id(link.child)]
                if self.trace is not None:
                    self.trace.lost(link.child.name, loss)
                self._call(session.child_lost, link.child, loss)

    def _dial(self, action: Dial) -> None:
        child = action.child
        if self.trace is not None:
            self.trace.happened(child.name, "dial", child.plan.endpoint)
        former = self._links.pop(id(child), None)
        if former is not None:
            former.close()
        link = self._links[id(child)] = ChildLink(self, child, self._surroundings)
        result = self._surroundings.dial(child, link.stream, link.failed)
        if isinstance(result, Loss):
            self._at_once.append((link, result))
        else:
            link.dialling = result

    def _close(self, action: Close) -> None:
        link = self._links.pop(id(action.child), None)
        if link is not None:
            if self.trace is not None:
                self.trace.sent(action.child.name, action.child.out)
                self.trace.happened(action.child.name, "close")
            if action.child.out:
                link.stream.write(action.child.out)
            link.close()
        action.child.out.clear()

    def _close_mta(self, _: CloseMta) -> None:
        self.mta.close()
        self._call(self.session.mta_lost, "")

    def _pause_mta(self, _: PauseMta) -> None:
        self._is_held = True
        self._read_mta()

    def _resume_mta(self, _: ResumeMta) -> None:
        self._is_held = False
        self._read_mta()

    def _look_up(self, action: LookUp) -> None:
        self._surroundings.look_up(action.address, action.lists, self.looked_up)

    def _note(self, action: Note) -> None:
        if self.trace is not None and isinstance(action, MessageEnded):
            self.trace.verdict(action.record)
        self._surroundings.note(self, action)

    # Time.

    def _watch(self) -> None:
        """Have the timer ring at the deadline; an earlier ring is left as it is."""
        deadline = self.session.deadline
        if deadline < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._timer_at = math.inf
        deadline = self.session.deadline
        now = self._loop.time()
        if now + TIMER_GRAIN < deadline:
            self._watch()
            return
        self.session.now = max(now, deadline)
        self._call(self.session.on_time)
        self._settle()

    # The end.

    def _give_up(self) -> None:
        self.mta.abort()
        self._over = True

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = -math.inf
        for link in self._links.values():
            link.close()
        self._links.clear()
        self.mta.close()
        if self.trace is not None:
            self.trace.happened("", "end")
        self._surroundings.ended(self)


_PERFORM: Final[dict[type, Callable[[Driver, Any], None]]] = {
    Dial: Driver._dial,  # noqa: SLF001 - the table belongs to the class
    Close: Driver._close,  # noqa: SLF001
    CloseMta: Driver._close_mta,  # noqa: SLF001
    PauseMta: Driver._pause_mta,  # noqa: SLF001
    ResumeMta: Driver._resume_mta,  # noqa: SLF001
    LookUp: Driver._look_up,  # noqa: SLF001
    Ready: Driver._note,  # noqa: SLF001
    ChildFailed: Driver._note,  # noqa: SLF001
    Judged: Driver._note,  # noqa: SLF001
    MessageEnded: Driver._note,  # noqa: SLF001
    MessageKept: Driver._note,  # noqa: SLF001
    Remark: Driver._note,  # noqa: SLF001
}
