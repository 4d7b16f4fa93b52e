"""Plays a scenario against the core alone: no sockets, a clock that only `wait` moves.

The stage does what the driver does: it stores the clock, calls an entry point, takes what was written for
each peer, then performs the actions in order. Entries that follow from actions and from children that answer
by themselves wait in a queue, so no entry is called from inside another.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from mmx.core import action
from mmx.core.child import Child
from mmx.wire.framing import FrameSplitter
from tests.scenarios import wiring
from tests.scenarios.model import MTA, Scenario
from tests.scenarios.player import Player
from tests.scenarios.queues import CLOSED

START: Final = 1000.0
"""The clock at the start of a scenario; nothing may depend on it."""
MOST_TIMER_CALLS: Final = 10000


class _Link:
    """One connection: its peer's unfinished input and output."""

    def __init__(self, limit: int) -> None:
        self.from_peer = FrameSplitter(limit)
        self.to_peer = FrameSplitter(1 << 31)


class CoreStage:
    """A Session and a clock."""

    def __init__(self, scenario: Scenario, player: Player) -> None:
        self._scenario = scenario
        self._player = player
        self._reach = {child.name: child.reach for child in scenario.children}
        self._now = START
        self._limit = wiring.frame_limit(scenario)
        self._mta: _Link | None = _Link(self._limit)
        self._links: dict[Child, _Link] = {}
        self._dialling: set[Child] = set()
        self._paused = False
        self._held: deque[Callable[[], None]] = deque()
        self._entries: deque[Callable[[], None]] = deque()
        self.session = wiring.session_of(scenario, wiring.chain_of(scenario), self._now)

    def send(self, peer: str, data: bytes) -> None:
        if peer == MTA:
            self._from_mta(partial(self._mta_bytes, data))
        else:
            self._entries.append(partial(self._child_bytes, peer, data))
        self._run()

    def hang_up(self, peer: str) -> None:
        if peer == MTA:
            self._from_mta(self._mta_gone)
        else:
            self._entries.append(partial(self._child_gone, peer, action.Loss("eof")))
        self._run()

    def reach(self, child: str, how: str) -> None:
        self._reach[child] = how
        if how == "up":
            self._entries.extend(partial(self._dialled, one) for one in self._dialling)
        self._run()

    def wait(self, seconds: float) -> None:
        until = self._now + seconds
        for _ in range(MOST_TIMER_CALLS):
            if self.session.deadline > until:
                self._now = until
                return
            self._now = max(self._now, self.session.deadline)
            self._enter(self.session.on_time)
            self._run()
        raise AssertionError(f"on_time does not move the deadline {self.session.deadline}")

    def reload(self, names: tuple[str, ...]) -> None:
        self._enter(self.session.set_chain, wiring.chain_of(self._scenario, names))
        self._run()

    def segment(self, peer: str, how: str) -> None:
        """Segmentation is not the core's matter."""

    def settle(self) -> None:
        """Everything has happened already."""

    def left_open(self) -> list[str]:
        left = [child.plan.name for child in [*self._links, *self._dialling]]
        return left if self.session.finished else [*left, "the session"]

    def _from_mta(self, entry: Callable[[], None]) -> None:
        (self._held if self._paused else self._entries).append(entry)

    def _run(self) -> None:
        while self._entries:
            self._entries.popleft()()

    def _mta_bytes(self, data: bytes) -> None:
        link = self._mta
        if link is None:
            return
        for frame in link.from_peer.feed(data):
            self._enter(self.session.from_mta, frame)
        if link.from_peer.error is not None:
            self._enter(self.session.unreadable_mta, link.from_peer.error)

    def _mta_gone(self) -> None:
        if self._mta is not None:
            self._mta = None
            self._enter(self.session.mta_lost)

    def _link(self, name: str) -> tuple[Child, _Link] | None:
        return next((item for item in self._links.items() if item[0].plan.name == name), None)

    def _child_bytes(self, name: str, data: bytes) -> None:
        found = self._link(name)
        if found is None:
            return
        child, link = found
        for frame in link.from_peer.feed(data):
            if self._links.get(child) is not link:
                return
            self._enter(self.session.from_child, child, frame)
        if link.from_peer.error is not None and self._links.get(child) is link:
            self._player.received(name, CLOSED)
            self._child_gone(name, action.Loss("frame", link.from_peer.error))

    def _child_gone(self, name: str, loss: action.Loss) -> None:
        found = self._link(name)
        if found is not None:
            del self._links[found[0]]
            self._enter(self.session.child_lost, found[0], loss)

    def _enter(self, entry: Callable[..., None], *args: Any) -> None:
        session = self.session
        session.now = self._now
        entry(*args)
        self._deliver()
        while session.actions:
            actions = session.actions[:]
            session.actions.clear()
            for one in actions:
                self._perform(one)
            self._deliver()

    def _deliver(self) -> None:
        """Write every outbox; who prepares more than one write carries is told once it was written."""
        session = self.session
        while session.mta_out:
            self._write_mta(b"".join(session.mta_out))
            if session.mta_stalled:
                session.mta_blocked(False)
        for child in session.children:
            while child.out and child in self._links:
                self._write_child(child, self._links[child])
                if child.stalled:
                    session.child_blocked(child, False)

    def _write_mta(self, data: bytes) -> None:
        self.session.mta_out.clear()
        if self._mta is not None:
            for frame in self._mta.to_peer.feed(data):
                self._player.received(MTA, frame)

    def _write_child(self, child: Child, link: _Link) -> None:
        data = b"".join(child.out)
        child.out.clear()
        for frame in link.to_peer.feed(data):
            answer = self._player.received(child.plan.name, frame)
            if answer is not None:
                self._entries.append(partial(self._child_bytes, child.plan.name, answer))

    def _perform(self, one: action.Action) -> None:
        match one:
            case action.Dial(child):
                self._dialling.add(child)
                self._entries.append(partial(self._dialled, child))
            case action.Close(child):
                self._close(child)
            case action.CloseMta():
                if self._mta is not None:
                    self._mta = None
                    self._player.received(MTA, CLOSED)
            case action.PauseMta():
                self._paused = True
            case action.ResumeMta():
                self._paused = False
                self._entries.extend(self._held)
                self._held.clear()

    def _close(self, child: Child) -> None:
        self._dialling.discard(child)
        link = self._links.pop(child, None)
        if link is not None:
            self._write_child(child, link)
            self._player.received(child.plan.name, CLOSED)
        child.out.clear()

    def _dialled(self, child: Child) -> None:
        """A connection attempt ends as the scenario says; a stalled one does not."""
        how = self._reach[child.plan.name]
        if child not in self._dialling or how == "stalled":
            return
        self._dialling.discard(child)
        if how in ("down", "missing"):
            loss = action.Loss("refused" if how == "down" else "missing")
            self._enter(self.session.child_lost, child, loss)
        else:
            self._links[child] = _Link(self._limit)
            self._enter(self.session.child_up, child)


def play(scenario: Scenario) -> None:
    """The whole scenario against the core alone; raises a mismatch."""
    player = Player(scenario)
    player.play(CoreStage(scenario, player))
