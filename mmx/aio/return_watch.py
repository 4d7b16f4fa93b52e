"""Noticing that a child which is gone is back, also while there is no mail.

Every session tries a child that is gone, so mail finds out by itself. But whoever watches mmx may keep mail
away because of it: a balancer sends none while `/-/ready` says that a required child is down, and then
nothing would ever end the outage. So mmx shakes hands with such children now and then. Children whose breaker
is open are left to its probes.
"""

import asyncio
from typing import Final

from mmx.aio.handshake import shake_hands
from mmx.aio.sessions import Sessions
from mmx.core.action import Loss

PERIOD: Final = 5.0
"""Seconds between two looks."""


class ReturnWatch:
    """Looks after the children of `sessions`."""

    def __init__(self, sessions: Sessions, max_frame: int, period: float = PERIOD) -> None:
        self._sessions = sessions
        self._max_frame = max_frame
        self._period = period
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look every now and then, until `stop`."""
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="return watch")

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._period)
            await self._look()

    async def _look(self) -> None:
        sessions = self._sessions
        gone = [
            plan
            for plan in sessions.chain.everybody
            if sessions.outages.of(plan) is not None and not sessions.reach.is_down(plan)
        ]
        knowledge = sessions.knowledge
        tries = (shake_hands(plan, knowledge, max_frame=self._max_frame) for plan in gone)
        for plan, result in zip(gone, await asyncio.gather(*tries), strict=True):
            if not isinstance(result, Loss):
                sessions.greeted(plan, result)
