"""Which children can be reached: every dial goes through here, and past the child's breaker.

While a breaker is open a task shakes hands with the child whenever its probe is due. Breakers belong to a
child at an endpoint: a child that moves starts with a new one.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from mmx.aio.breaker import Breaker
from mmx.aio.dial import Dialling
from mmx.aio.handshake import shake_hands
from mmx.aio.outages import Outages
from mmx.aio.stream import Stream
from mmx.core.action import Loss
from mmx.core.negotiation import Knowledge
from mmx.core.plan import ChildPlan
from mmx.settings.endpoint import parse_child_endpoint

_log = logging.getLogger(__name__)

_MARGIN: Final = 0.1
"""Seconds, and share of connect_timeout, that a dial ends before the core's time is up: it knows why."""

_endpoint = lru_cache(maxsize=256)(parse_child_endpoint)


class Reach:
    """Breakers and probes of all children. `max_frame` bounds what a probe reads."""

    def __init__(
        self, knowledge: Knowledge, *, outages: Outages, max_frame: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._knowledge = knowledge
        self._outages = outages
        self._max_frame = max_frame
        self._loop = loop
        self._kept: frozenset[tuple[str, str]] | None = None
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._probes: dict[tuple[str, str], asyncio.Task[None]] = {}

    def dial(self, plan: ChildPlan, stream: Stream, failed: Callable[[Loss], None]) -> Dialling | Loss:
        """Begin to connect `stream` to a child; a Loss if that failed already, or if its breaker is open."""
        breaker = self._breakers.get(_key(plan))
        if breaker is not None and breaker.is_open:
            pause = max(breaker.next_probe - self._loop.time(), 0.0)
            return Loss(
                "breaker",
                f"{plan.name} at {plan.endpoint} let several connects in a row time out; next "
                f"try in {pause:.0f} s",
            )
        dialling = Dialling(
            stream,
            failed,
            name=plan.name,
            endpoint=_endpoint(plan.endpoint),
            within=plan.connect_timeout - min(_MARGIN, _MARGIN * plan.connect_timeout),
            loop=self._loop,
        )
        return dialling.start() or dialling

    def is_down(self, plan: ChildPlan) -> bool:
        """Whether sessions do not even try this child at the moment."""
        breaker = self._breakers.get(_key(plan))
        return breaker is not None and breaker.is_open

    def succeeded(self, plan: ChildPlan) -> None:
        """A session shook hands with the child."""
        breaker = self._breakers.get(_key(plan))
        if breaker is not None:
            breaker.succeeded()
        back = self._outages.answered(plan, self._loop.time())
        if back is not None:
            _log.warning(back)

    def failed(self, plan: ChildPlan, reason: str) -> None:
        """A session could not connect to the child or not negotiate with it; `reason` as in Loss."""
        if self._kept is not None and _key(plan) not in self._kept:
            return  # a session from before the reload: nobody else dials there, and no probe would end
        if reason == "timeout":
            breaker = self._breakers.setdefault(_key(plan), Breaker())
            if breaker.timed_out(self._loop.time()):
                _log.error(
                    "child %s at %s let several connects in a row time out: its default action "
                    "holds until it answers",
                    plan.name,
                    plan.endpoint,
                )
                self._start_probe(plan, breaker)
        elif (
            reason not in {"busy", "resources", "breaker"}
            and (breaker_seen := self._breakers.get(_key(plan))) is not None
        ):
            breaker_seen.refused()

    def keep_only(self, plans: Iterable[ChildPlan]) -> None:
        """Forget the breakers of children that are not in the chain any more, or have moved."""
        plans = tuple(plans)
        self._outages.keep_only(plans)
        self._kept = frozenset(_key(plan) for plan in plans)
        for key in self._breakers.keys() - self._kept:
            del self._breakers[key]
            if key in self._probes:
                self._probes.pop(key).cancel()

    def stop(self) -> None:
        """End every probe."""
        self.keep_only(())

    def _start_probe(self, plan: ChildPlan, breaker: Breaker) -> None:
        key = _key(plan)
        if key in self._probes:
            self._probes[key].cancel()
        self._probes[key] = self._loop.create_task(self._probe(plan, breaker), name=f"probe {plan.name}")

    async def _probe(self, plan: ChildPlan, breaker: Breaker) -> None:
        while breaker.is_open:
            pause = breaker.next_probe - self._loop.time()
            if pause > 0:
                await asyncio.sleep(pause)
                continue
            result = await shake_hands(plan, self._knowledge, max_frame=self._max_frame)
            if isinstance(result, Loss):
                breaker.probe_failed(self._loop.time())
            else:
                self.succeeded(plan)


def _key(plan: ChildPlan) -> tuple[str, str]:
    return plan.name, plan.endpoint
