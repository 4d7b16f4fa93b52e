"""Children that somebody has taken out of the chain of a running daemon: `mmx disable`, `mmx drain`.

The settings' chain stays what it is; sessions are given what `without` leaves of it, as after a reload: new
sessions at once, open ones at their next MAIL. It ends when somebody enables the child, when its time is up,
and at the latest with the next reload: then the settings hold.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mmx.core.plan import Chain

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sideline:
    """One child that is out. Times are Unix times."""

    word: str
    """`disabled` or `draining`."""
    who: str
    since: float
    until: float | None
    """None: until the next reload."""


class Sidelines:
    """`changed` is called when sessions are to be given another chain."""

    def __init__(self, changed: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self._changed = changed
        self._loop = loop
        self._out: dict[str, Sideline] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def of(self, child: str) -> Sideline | None:
        """Why a child is out; None if it is not."""
        return self._out.get(child)

    @property
    def names(self) -> list[str]:
        """The children that are out."""
        return list(self._out)

    def without(self, chain: Chain) -> Chain:
        """What is left of the chain."""
        if not self._out:
            return chain
        return replace(
            chain,
            children=tuple(plan for plan in chain.children if plan.name not in self._out),
            observed=tuple(plan for plan in chain.observed if plan.child.name not in self._out),
        )

    def take_out(self, child: str, word: str, who: str, seconds: float | None) -> Sideline:
        """Have a child see no new message."""
        self._forget(child)
        now = time.time()
        until = None if seconds is None else now + seconds
        self._out[child] = sideline = Sideline(word, who, now, until)
        if seconds is not None:
            self._timers[child] = self._loop.call_later(seconds, self._time_is_up, child)
        self._changed()
        return sideline

    def put_back(self, child: str) -> bool:
        """Have it see messages again; False if it did."""
        if child not in self._out:
            return False
        self._forget(child)
        self._changed()
        return True

    def clear(self) -> None:
        """A reload or a stop: forget all of it. Nobody is called."""
        for name in self.names:
            self._forget(name)

    def _time_is_up(self, child: str) -> None:
        word = self._out[child].word
        self.put_back(child)
        _log.warning("child %s is enabled again: its time of being %s is up", child, word)

    def _forget(self, child: str) -> None:
        self._out.pop(child, None)
        timer = self._timers.pop(child, None)
        if timer is not None:
            timer.cancel()
