"""Plays a scenario against the core alone: no sockets, a clock that only `wait` moves.

The stage does what the driver does: it stores the clock, calls an entry point, takes what was written for each peer,
then performs the actions in order. Entries that follow from actions and from children that answer by themselves wait in
a queue, so no entry is called from inside another.
"""

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from mmx.core import action
from mmx.core.child import Child
from mmx.core.negotiation import Knowledge
from mmx.core.plan import Chain, ChildPlan, Limits
from mmx.core.session import Session
from mmx.core.spool import MemorySpool
from mmx.wire.framing import FrameSplitter
from mmx.wire.payload import Options
from tests.scenarios.model import MTA, ChildSpec, Scenario
from tests.scenarios.player import Player
from tests.scenarios.queues import CLOSED

START: Final = 1000.0
"""The clock at the start of a scenario; nothing may depend on it."""
MAX_FRAME: Final = 65536 + 1024
MOST_TIMER_CALLS: Final = 10000


class BoundedSpool(MemorySpool):
    """A spool with room for so many bytes."""

    def __init__(self, room: float) -> None:
        super().__init__()
        self._room = room

    def append(self, data: bytes) -> bool:
        return self.size + len(data) <= self._room and super().append(data)


def plan_of(scenario: Scenario, child: ChildSpec) -> ChildPlan:
    """mmx's settings for the child."""
    limits = scenario.limits
    return ChildPlan(
        name=child.name,
        endpoint=f"unix:/{child.name}",
        content=child.content,
        original_always=child.original_always,
        unreachable=child.unreachable,
        died=child.died,
        connect_timeout=limits.get("connect", 5.0),
        command_timeout=limits.get("command", 25.0),
        content_timeout=limits.get("content", 240.0),
        pipelining=child.pipelining,
    )


def limits_of(scenario: Scenario) -> Limits:
    """The session's bounds."""
    given = scenario.limits
    usual = Limits()
    return Limits(
        message_timeout=given.get("message", usual.message_timeout),
        idle_timeout=given.get("idle", usual.idle_timeout),
        progress_interval=given.get("progress", usual.progress_interval),
        foreign_event_timeout=given.get("foreign", usual.foreign_event_timeout),
        max_edits=int(given.get("edits", usual.max_edits)),
        max_headers=int(given.get("headers", usual.max_headers)),
        max_transcript=int(given.get("transcript", usual.max_transcript)),
        max_due=int(given.get("due", usual.max_due)),
        output_high_water=int(given.get("high_water", usual.output_high_water)),
    )


def chain_of(scenario: Scenario, names: tuple[str, ...] | None = None) -> Chain:
    """The chain of these children, in this order; without names the one at the start."""
    if names is None:
        names = tuple(child.name for child in scenario.children if not child.absent)
    return Chain(
        children=tuple(plan_of(scenario, scenario.child(name)) for name in names),
        limits=limits_of(scenario),
        name_in_reply=scenario.name_in_reply,
    )


def knowledge_of(scenario: Scenario) -> Knowledge:
    """What mmx knows of the children from earlier sessions."""
    knowledge = Knowledge()
    for child in scenario.children:
        if child.known:
            options = Options(child.version, child.actions, child.protocol, dict(child.macros))
            knowledge.learn(child.name, options)
    return knowledge


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
        self._frame_limit = int(scenario.limits.get("frame", MAX_FRAME))
        self._mta: _Link | None = _Link(self._frame_limit)
        self._links: dict[Child, _Link] = {}
        self._dialling: set[Child] = set()
        self._paused = False
        self._held: deque[Callable[[], None]] = deque()
        self._entries: deque[Callable[[], None]] = deque()
        room = scenario.limits.get("spool", math.inf)
        self.session = Session(
            chain_of(scenario),
            name="s1",
            now=self._now,
            knowledge=knowledge_of(scenario),
            new_spool=lambda: BoundedSpool(room),
        )
        self._after_entry()

    def send(self, peer: str, data: bytes) -> None:
        if peer == MTA:
            self._from_mta(lambda: self._mta_bytes(data))
        else:
            self._entries.append(lambda: self._child_bytes(peer, data))
        self._run()

    def hang_up(self, peer: str) -> None:
        if peer == MTA:
            self._from_mta(self._mta_gone)
        else:
            self._entries.append(lambda: self._child_gone(peer, action.Loss("eof")))
        self._run()

    def reach(self, child: str, how: str) -> None:
        self._reach[child] = how

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
        self._enter(lambda: self.session.set_chain(chain_of(self._scenario, names)))
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
        if self._mta is None:
            return
        for frame in self._mta.from_peer.feed(data):
            self._enter(lambda frame=frame: self.session.from_mta(frame))  # type: ignore[misc]
        if self._mta is not None and self._mta.from_peer.error is not None:
            error = self._mta.from_peer.error
            self._mta = None
            self._enter(lambda: self.session.mta_lost(error))
            self._player.received(MTA, CLOSED)

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
            self._enter(lambda frame=frame: self.session.from_child(child, frame))  # type: ignore[misc]
        if link.from_peer.error is not None and self._links.get(child) is link:
            self._child_gone(name, action.Loss("frame", link.from_peer.error))

    def _child_gone(self, name: str, loss: action.Loss) -> None:
        found = self._link(name)
        if found is not None:
            del self._links[found[0]]
            self._enter(lambda: self.session.child_lost(found[0], loss))

    def _enter(self, entry: Callable[[], None]) -> None:
        self.session.now = self._now
        entry()
        self._after_entry()

    def _after_entry(self) -> None:
        self._deliver()
        actions, self.session.actions[:] = list(self.session.actions), []
        for one in actions:
            self._perform(one)

    def _deliver(self) -> None:
        written, self.session.mta_out[:] = b"".join(self.session.mta_out), []
        if written and self._mta is not None:
            for frame in self._mta.to_peer.feed(written):
                self._player.received(MTA, frame)
        for child in [*self._links]:
            written, child.out[:] = b"".join(child.out), []
            for frame in self._links[child].to_peer.feed(written):
                answer = self._player.received(child.plan.name, frame)
                if answer is not None:
                    self._entries.append(
                        lambda name=child.plan.name, data=answer: self._child_bytes(name, data)  # type: ignore[misc]
                    )

    def _perform(self, one: action.Action) -> None:
        match one:
            case action.Dial(child):
                self._dialling.add(child)
                self._entries.append(lambda: self._dialled(child))
            case action.Close(child):
                self._dialling.discard(child)
                if self._links.pop(child, None) is not None:
                    self._player.received(child.plan.name, CLOSED)
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

    def _dialled(self, child: Child) -> None:
        """A connection attempt ends as the scenario says; a stalled one does not."""
        how = self._reach[child.plan.name]
        if child not in self._dialling or how == "stalled":
            return
        self._dialling.discard(child)
        if how in ("down", "missing"):
            loss = action.Loss("refused" if how == "down" else "missing")
            self._enter(lambda: self.session.child_lost(child, loss))
        else:
            self._links[child] = _Link(self._frame_limit)
            self._enter(lambda: self.session.child_up(child))


def play(scenario: Scenario) -> None:
    """The whole scenario against the core alone; raises Mismatch."""
    player = Player(scenario)
    player.play(CoreStage(scenario, player))
