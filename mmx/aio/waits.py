"""For which children sessions wait, and how long already; and a line for the log when that is long.

A walk over all open sessions and their children, a fraction of a microsecond each, when somebody asks; the
watch asks once a second. The line comes while the child is waited for, not only when the message is done:
what is hung can be seen then.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Final

from mmx.aio.throttle import Throttle
from mmx.core.child import Child, Link
from mmx.core.plan import ChildPlan
from mmx.core.session import Session
from mmx.observe.log import Line

PERIOD: Final = 1.0
"""Seconds between two looks of the watch."""

_CONNECTED: Final = (Link.NEGOTIATING, Link.UP)
_ON_THE_WAY: Final = (Link.DIALLING, Link.NEGOTIATING)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Waits:
    """The sessions that have to do with one child."""

    connected: int = 0
    waiting: int = 0
    since: float = inf
    """When the oldest wait began."""
    in_message: int = 0
    """A message that it sees is under way."""

    def oldest(self, now: float) -> float:
        """How long the longest wait has lasted; 0 if nobody waits."""
        return max(now - self.since, 0.0)


def waits_of(sessions: Iterable[Session]) -> dict[str, Waits]:
    """By the child's name; children that nobody has to do with are missing."""
    found: dict[str, Waits] = {}
    for session in sessions:
        for child in session.children:
            _add(found, child)
    return found


def _add(found: dict[str, Waits], child: Child) -> None:
    connected = child.link in _CONNECTED
    waiting = is_waited_for(child)
    in_message = child.part is not None and not child.part.finished
    if not connected and not waiting and not in_message:
        return
    waits = found.get(child.name)
    if waits is None:
        waits = found[child.name] = Waits()
    waits.connected += connected
    waits.in_message += in_message
    if waiting:
        waits.waiting += 1
        waits.since = min(waits.since, child.since)


def is_waited_for(child: Child) -> bool:
    """Whether a reply of the child, or its connection, is waited for."""
    return child.wanted > 0 or child.link in _ON_THE_WAY


def slow_line(plan: ChildPlan, waits: Waits, now: float) -> Line:
    """What is told of a child that is waited for."""
    oldest = waits.oldest(now)
    values = {"child": plan.name, "socket": plan.endpoint, "waiting": waits.waiting, "seconds": oldest}
    return Line("child is slow", values, "no reply yet; see what it waits for")


class SlowWatch:
    """Looks once a second for children that are waited for longer than `slow_after`, and logs it once a
    minute for each.
    """

    def __init__(
        self, sessions: Callable[[], Iterable[Session]], throttle: Throttle, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._sessions = sessions
        self._throttle = throttle
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self.slow_after = inf

    def start(self, slow_after: float) -> None:
        """Look from now on."""
        self.stop()
        self.slow_after = slow_after
        self._timer = self._loop.call_later(min(PERIOD, slow_after), self._ring)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def look(self) -> None:
        """Log each child that is slow now."""
        now = self._loop.time()
        sessions = tuple(self._sessions())
        late = {
            name: waits for name, waits in waits_of(sessions).items() if waits.oldest(now) >= self.slow_after
        }
        plans = {child.name: child.plan for session in sessions for child in session.children} if late else {}
        for name, waits in late.items():
            if self._throttle.passes(("slow", name), now) is not None:
                _log.warning(slow_line(plans[name], waits, now))

    def _ring(self) -> None:
        self._timer = self._loop.call_later(min(PERIOD, self.slow_after), self._ring)
        self.look()
