"""The MTA's end of a connection to a milter: reach it, write, and wait for frames one by one.

It is made of the daemon's own parts (mmx.aio.dial, mmx.aio.stream), so that a milter which cannot be reached
is told of in the same words. Every wait has an end, and every frame the time at which it came. A milter that
sends more than is taken is not read on. Whatever goes wrong is a `MilterLostError` with the `Loss` in it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Self

from mmx.aio.dial import Dialling
from mmx.aio.stream import Stream
from mmx.core.action import Loss
from mmx.errors import UnavailableError
from mmx.settings.endpoint import ChildEndpoint

LARGEST_FRAME: Final = 16 << 20
"""Bytes of a reply that are read; Postfix has a bound far above, libmilter sends 64 KiB at most."""
HIGH_WATER: Final = 256 << 10
"""Bytes that wait for a milter which does not read; then the sender waits too."""
_GOES: Final = frozenset({"eof", "reset"})
_MOST_WAITING: Final = 1 << 20
"""Bytes of frames that wait to be taken, each with _OVERHEAD; then the milter is not read on."""
_OVERHEAD: Final = 128


class MilterLostError(UnavailableError):
    """The milter cannot be reached, has gone, is silent, or is no milter."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss.detail)
        self.loss = loss


class Link:
    """One connection. `name` is what the milter is called in messages."""

    def __init__(self, name: str, endpoint: ChildEndpoint) -> None:
        self.name = f"{name} at {endpoint}"
        self._loop = loop = asyncio.get_running_loop()
        self._stream = Stream(self, limit=LARGEST_FRAME, high_water=HIGH_WATER, accepted=False, loop=loop)
        self._frames: deque[tuple[float, bytes]] = deque()
        self._loss: Loss | None = None
        self._is_up = False
        self._waiter: asyncio.Future[None] | None = None
        self._is_paused = False
        self._waiting = 0

    @classmethod
    async def dial(cls, name: str, endpoint: ChildEndpoint, within: float) -> Self:
        """Connect within so many seconds. Raises MilterLostError."""
        link = cls(name, endpoint)
        dialling = Dialling(
            link._stream, link.lost, name=name, endpoint=endpoint, within=within, loop=link._loop
        )
        loss = dialling.start()
        if loss is not None:
            raise MilterLostError(loss)
        try:
            await link._wait(lambda: link._is_up, within, "answer to a connect")
        except BaseException:
            dialling.cancel()
            raise
        return link

    @property
    def has_frames(self) -> bool:
        """Frames have come that nobody has taken."""
        return bool(self._frames)

    def write(self, outbox: list[bytes]) -> None:
        """Write it all; the list is empty afterwards."""
        if outbox:
            self._stream.write(outbox)

    async def drain(self, within: float) -> None:
        """Wait until the milter reads on. Raises MilterLostError."""
        if self._stream.is_blocked:
            await self._wait(lambda: not self._stream.is_blocked, within, "read what it is sent")

    async def receive(self, within: float, what: str) -> tuple[float, bytes]:
        """The next frame and when it came; `what` it is the answer to. Raises MilterLostError."""
        if not self._frames:
            await self._wait(lambda: bool(self._frames), within, f"answer {what}")
        at, received = self._frames.popleft()
        self._waiting -= len(received) + _OVERHEAD
        if self._is_paused and not self._frames:
            self._is_paused = False
            self._stream.resume_reading()
        return at, received

    def close(self) -> None:
        """Hand over what was written, then close."""
        self._stream.close()

    # What the stream tells.

    def connected(self) -> None:
        self._is_up = True
        self._wake()

    def received(self, frames: list[bytes]) -> None:
        now = self._loop.time()
        self._frames.extend((now, frame) for frame in frames)
        self._waiting += sum(map(len, frames)) + _OVERHEAD * len(frames)
        if self._waiting > _MOST_WAITING and not self._is_paused:
            self._is_paused = True
            self._stream.pause_reading()
        self._wake()

    def lost(self, loss: Loss) -> None:
        self._loss = self._loss or (loss if not self._is_up else self._named(loss.reason, loss.detail))
        self._wake()

    def blocked(self, blocked: bool) -> None:
        if not blocked:
            self._wake()

    def _named(self, reason: str, detail: str) -> Loss:
        return Loss(reason, f"{self.name}: {detail}" if reason == "frame" else f"{self.name} {detail}")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, holds: Callable[[], bool], within: float, what: str) -> None:
        """Until it holds; the end of the link ends the wait too, once what had come before is taken."""
        timer = self._loop.call_later(within, self._give_up, within, what)
        try:
            while not holds():
                if self._loss is not None:
                    raise MilterLostError(_told(self._loss, what))
                self._waiter = self._loop.create_future()
                await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _give_up(self, within: float, what: str) -> None:
        self._loss = self._loss or self._named("timeout", f"does not {what} within {within:g} s")
        self._stream.abort()
        self._wake()


def _told(loss: Loss, what: str) -> Loss:
    """With what was waited for, where the loss does not say it."""
    return loss._replace(detail=f"{loss.detail} when it was to {what}") if loss.reason in _GOES else loss
