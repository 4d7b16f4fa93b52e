"""An event loop whose clock stands still: tests with real sockets need no waiting and cannot be late.

Time passes only in `pass_time`, which stops at every timer on the way. Between two such steps `settle` runs
the loop until nothing happens any more: what is written to a unix socket can be read at once, so a turn of
the loop that finds nothing to do means that there is nothing.
"""

import asyncio
from typing import Any, Final, cast

QUIET_TURNS: Final = 4
"""Turns of the loop in which nothing happened before it counts as settled."""
MOST_TURNS: Final = 100_000
START: Final = 1000.0


class StillLoop(asyncio.SelectorEventLoop):
    """`errors` holds what the loop would have logged: exceptions in callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self._now = START
        self.errors: list[str] = []
        self.set_exception_handler(self._keep_error)

    def time(self) -> float:
        return self._now

    def settle(self) -> None:
        """Run until nothing happens without time passing."""
        self.run_until_complete(self._quiet())

    def pass_time(self, seconds: float) -> None:
        """Let the clock run, and everything due meanwhile happen at its time."""
        until = self._now + seconds
        for _ in range(MOST_TURNS):
            self.settle()
            due = self._next_timer()
            if due is None or due > until:
                self._now = until
                return
            self._now = max(self._now, due)
        raise AssertionError("a timer is set again and again for the same time")

    def end(self) -> None:
        """Cancel what is left and close."""
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run_until_complete(asyncio.wait(tasks))
        self.settle()
        self.close()

    def tasks(self) -> list[str]:
        """Names of the tasks that are not done."""
        return [task.get_name() for task in asyncio.all_tasks(self)]

    def _private(self, name: str) -> Any:
        return getattr(self, name)

    async def _quiet(self) -> None:
        quiet = 0
        for _ in range(MOST_TURNS):
            await asyncio.sleep(0)
            # This task runs first in its turn; what else is ready was found by the turn's look at sockets.
            quiet = 0 if self._private("_ready") else quiet + 1
            if quiet >= QUIET_TURNS:
                return
        raise AssertionError("the loop does not come to rest")

    def _next_timer(self) -> float | None:
        timers = cast("list[asyncio.TimerHandle]", self._private("_scheduled"))
        return min((timer.when() for timer in timers if not timer.cancelled()), default=None)

    def _keep_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.errors.append(f"{context['message']}: {context.get('exception')!r}")
