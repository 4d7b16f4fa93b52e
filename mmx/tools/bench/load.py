"""The load: so many sessions at a time, each with some messages, until all messages are through.

The work is cut into rounds. With two targets each round is done for one after the other, now the one and now
the other beginning: what the machine does beside it then strikes both alike. A round ends when its last
message does.

What goes wrong counts as the failure of a message, a session that cannot be opened too, so the work always
comes to an end. A message of a session that is refused has the latency of its opening. The clock is not that
of the event loop: uvloop's counts milliseconds.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import perf_counter, process_time
from typing import Final

from mmx.tools.bench.tally import Result, Tally
from mmx.tools.bench.target import LostError, Session, Target

ROUNDS: Final = 10
_PAUSE: Final = 0.01
"""Seconds before the next try after a session was lost."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much, and how."""

    messages: int
    sessions: int
    per_session: int = 1


@dataclass(slots=True)
class Measured:
    """What was measured so far."""

    tallies: list[Tally]
    began: float = field(default_factory=perf_counter)
    cpu: float = field(default_factory=process_time)
    is_whole: bool = False

    @property
    def share(self) -> float:
        """How much of one CPU the load itself took since the beginning."""
        return (process_time() - self.cpu) / max(perf_counter() - self.began, 1e-9)


async def measure(
    targets: Sequence[Target], load: Load, measured: Measured, show: Callable[[int], None]
) -> None:
    """Do it all; `show` is told how many messages are through. `measured` is right at any moment."""
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        show(done)

    pairs = list(zip(targets, measured.tallies, strict=True))
    for share in shares(load.messages):
        for target, tally in pairs:
            await _Round(target, tally, load, share, count).run()
        pairs.reverse()
    measured.is_whole = True


def shares(messages: int) -> list[int]:
    """The messages of each round."""
    rounds = min(ROUNDS, messages)
    return [messages * (number + 1) // rounds - messages * number // rounds for number in range(rounds)]


class _Round:
    """One round with one target."""

    def __init__(
        self, target: Target, tally: Tally, load: Load, messages: int, count: Callable[[], None]
    ) -> None:
        self._target = target
        self._tally = tally
        self._load = load
        self._left = messages
        self._first = tally.done
        self._count = count

    async def run(self) -> None:
        began, before = perf_counter(), self._tally.messages.count
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(min(self._load.sessions, self._left)):
                    group.create_task(self._work(), name=f"session {number}")
        finally:
            self._tally.end_round(self._tally.messages.count - before, perf_counter() - began)

    async def _work(self) -> None:
        """One session after another."""
        while self._left > 0:
            session = self._target.session()
            self._left -= 1
            try:
                await self._use(session)
            except LostError as error:
                self._note(Result(failure=error.kind, detail=str(error)))
                await asyncio.sleep(_PAUSE)
            finally:
                session.close()

    async def _use(self, session: Session) -> None:
        """One session; its first message is taken already. Raises LostError for a message it did not take."""
        began = perf_counter()
        await session.open()
        opened = perf_counter() - began
        self._tally.openings.add(opened)
        for number in range(self._load.per_session):
            if number:
                if self._left <= 0 or session.is_refused:
                    break
                self._left -= 1
            is_refused = session.is_refused
            result = await session.deliver(self._first + self._left)
            self._note(replace(result, seconds=opened) if is_refused else result)
        with suppress(LostError):  # all its messages are through
            await session.quit()

    def _note(self, result: Result) -> None:
        self._tally.add(result)
        self._count()
