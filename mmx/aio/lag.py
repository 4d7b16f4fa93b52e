"""How late the event loop is: the longest delay of its own timer in the last minute.

All mail goes through one loop, so what holds it up holds up every session. A timer that should ring once a
second tells by how much it is late; a scrape, which comes in between, sees a longer period than its own.
"""

import asyncio
from collections import deque
from typing import Final

PERIOD: Final = 1.0
"""Seconds between two rings."""

_KEPT: Final = 60


class LoopLag:
    """The delays of the last minute."""

    __slots__ = ("_delays", "_due", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._delays: deque[float] = deque(maxlen=_KEPT)
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Measure from now on."""
        self.stop()
        self._arm()

    def stop(self) -> None:
        """Measure no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def worst(self) -> float:
        """The longest delay in seconds, that of a ring which is overdue included."""
        overdue = self._loop.time() - self._due if self._timer is not None else 0.0
        return max(*self._delays, overdue, 0.0)

    def _arm(self) -> None:
        self._due = self._loop.time() + PERIOD
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._delays.append(self._loop.time() - self._due)
        self._arm()
