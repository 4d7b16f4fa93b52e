"""Shaking hands with a child outside any session: connect, OPTNEG, QUIT.

Done with every child at start and after a reload, so that the first session can tell the MTA what the
children need, and by the probes of an open breaker. What the child answers goes into the Knowledge that all
sessions share.
"""

import asyncio
import logging
from typing import Final

from mmx.aio.dial import Dialling
from mmx.aio.stream import Stream
from mmx.core.action import Loss
from mmx.core.negotiation import Knowledge, offer_to_child, read_child_answer
from mmx.core.plan import ChildPlan
from mmx.errors import ProtocolError
from mmx.settings.endpoint import parse_child_endpoint
from mmx.wire import command, option
from mmx.wire.framing import CODE, DATA, frame
from mmx.wire.payload import Options, decode_options, encode_options

OFFER: Final = offer_to_child(Options(option.VERSION, option.ALL_ACTIONS, option.ALL_PROTOCOL, {}))
"""What Postfix offers."""

_log = logging.getLogger(__name__)


class Handshake:
    """Owner of the one link of a handshake."""

    def __init__(self, plan: ChildPlan, *, max_frame: int, loop: asyncio.AbstractEventLoop) -> None:
        self._plan = plan
        self._loop = loop
        self._result: asyncio.Future[Options | Loss] = loop.create_future()
        self._stream = Stream(self, limit=max_frame, high_water=max_frame, accepted=False, loop=loop)

    async def run(self) -> Options | Loss:
        """What the child negotiates, or why it does not."""
        within = self._plan.connect_timeout
        dialling = Dialling(
            self._stream,
            self._finish,
            name=self._plan.name,
            endpoint=parse_child_endpoint(self._plan.endpoint),
            within=within,
            loop=self._loop,
        )
        loss = dialling.start()
        if loss is not None:
            return loss
        try:
            async with asyncio.timeout(within):
                return await self._result
        except TimeoutError:
            dialling.cancel()
            return Loss(
                "timeout",
                f"{self._plan.name} at {self._plan.endpoint} does not negotiate within {within:g} s",
            )
        except asyncio.CancelledError:
            dialling.cancel()
            raise

    def connected(self) -> None:
        self._stream.write([frame(command.OPTNEG, encode_options(*OFFER))])

    def received(self, frames: list[bytes]) -> None:
        self._finish(self._read(frames[0]))
        self._stream.write([frame(command.QUIT)])
        self._stream.close()

    def lost(self, loss: Loss) -> None:
        self._finish(Loss(loss.reason, f"{self._plan.name} at {self._plan.endpoint} {loss.detail}"))

    def blocked(self, blocked: bool) -> None:
        """A few bytes block nothing."""

    def _read(self, received: bytes) -> Options | Loss:
        if received[CODE] != command.OPTNEG:
            return Loss(
                "frame", f"{self._plan.name} at {self._plan.endpoint} does not answer OPTNEG: no milter?"
            )
        try:
            options, _ = read_child_answer(decode_options(received[DATA:]), OFFER)
        except ProtocolError as error:
            return Loss("frame", f"{self._plan.name} at {self._plan.endpoint}: {error}")
        return options

    def _finish(self, result: Options | Loss) -> None:
        if not self._result.done():
            self._result.set_result(result)


async def shake_hands(plan: ChildPlan, knowledge: Knowledge, *, max_frame: int) -> Options | Loss:
    """Shake hands with a child and remember what it negotiates."""
    try:
        result = await Handshake(plan, max_frame=max_frame, loop=asyncio.get_running_loop()).run()
    except Exception:  # noqa: BLE001 - a fault of ours ends neither the start nor the probes of a breaker
        _log.exception("handshake with %s at %s", plan.name, plan.endpoint)
        return Loss("other", "internal error")
    if isinstance(result, Options):
        knowledge.learn(plan.name, result)
    return result
