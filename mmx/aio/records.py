"""What is done of a message that has its verdict: its log line, the counters, the history.

The MTA has its answer by then, and the next event of a session should not wait for this one's bookkeeping. So
records are kept for a moment (`linger`), and told together: code and memory that mail keeps pushing out of
the processor's caches are then fetched once for many messages, and their lines go out in one write
(docs/performance.md has what it costs).

Nothing can see the difference but by a line's delay: whoever asks for what was counted, and whatever else is
logged, has the records told first (`tell`), so numbers are exact and lines in order, and each has the time of
its event. A process that is killed loses the lines of the last moment, as it loses the mail under way.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from mmx.core.action import MessageRecord
from mmx.observe.log import together

LINGER: Final = 0.02
"""Seconds that the daemon lets a record wait."""
MOST: Final = 64
"""Records that wait."""


class Records:
    """Records of messages on their way to `told`, which gets each with its Unix time."""

    __slots__ = ("_kept", "_linger", "_loop", "_timer", "_told")

    def __init__(
        self, told: Callable[[MessageRecord, float], None], loop: asyncio.AbstractEventLoop, linger: float
    ) -> None:
        self._told = told
        self._loop = loop
        self._linger = linger
        self._kept: list[tuple[MessageRecord, float]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, record: MessageRecord) -> None:
        """A message has its verdict."""
        self._kept.append((record, time.time()))
        if self._timer is None and self._linger:
            self._timer = self._loop.call_later(self._linger, self.tell)
        if not self._linger or len(self._kept) >= MOST:
            self.tell()

    def tell(self) -> None:
        """Tell what is kept."""
        if not self._kept:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        kept, self._kept = self._kept, []
        with together():
            for record, at in kept:
                self._told(record, at)
