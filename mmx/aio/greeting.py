"""Handshakes with all children, at the start and after each reload.

They go on in the background while mail is done already; systemd is told that all is ready when each child has
answered or failed to.
"""

import asyncio
import logging

from mmx.aio.handshake import shake_hands
from mmx.aio.notify import Notifier
from mmx.aio.sessions import Sessions
from mmx.core.action import Loss
from mmx.core.plan import Chain, ChildPlan
from mmx.wire import option
from mmx.wire.payload import Options

_log = logging.getLogger(__name__)


class Greeting:
    """The handshakes with the chain in force."""

    def __init__(self, sessions: Sessions, notifier: Notifier) -> None:
        self._sessions = sessions
        self._notifier = notifier
        self._task: asyncio.Task[None] | None = None

    def begin(self, chain: Chain, max_frame: int) -> None:
        """Shake hands with every child, in place of what is under way; `max_frame` is in bytes."""
        self.cancel()
        self._task = asyncio.get_running_loop().create_task(self._greet(chain, max_frame), name="handshakes")

    def cancel(self) -> None:
        """Leave it."""
        if self._task is not None:
            self._task.cancel()

    async def _greet(self, chain: Chain, max_frame: int) -> None:
        plans = chain.everybody
        enforced = len(chain.children)
        if not enforced:
            _log.warning("no children: mail passes unchecked")
        knowledge = self._sessions.knowledge
        results = await asyncio.gather(*(shake_hands(plan, knowledge, max_frame=max_frame) for plan in plans))
        for number, (plan, result) in enumerate(zip(plans, results, strict=True)):
            _report(plan, result, observes=number >= enforced)
            self._sessions.greeted(plan, result)
        down = sum(isinstance(result, Loss) for result in results[:enforced])
        observing = f", {len(chain.observed)} only observing" if chain.observed else ""
        self._notifier.ready(f"{enforced} children, {down} down{observing}")


def _report(plan: ChildPlan, result: Options | Loss, *, observes: bool) -> None:
    if isinstance(result, Loss):
        effect = "it only observes: no effect on mail" if observes else f"default action: {plan.unreachable}"
        _log.warning("child %s is down (%s): %s; %s", plan.name, result.reason, result.detail, effect)
        return
    actions = [name for bit, name in enumerate(option.ACTION_NAMES) if result.actions >> bit & 1]
    _log.info(
        "child %s at %s: version %d, may use %s, protocol %#x",
        plan.name,
        plan.endpoint,
        result.version,
        " ".join(actions) or "no action",
        result.protocol,
    )
