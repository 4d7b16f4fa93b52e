"""The core alone, in this process: no sockets, no event loop, children that answer at once.

What remains of the benchmark `cpu` when the shell and the kernel are taken away. It needs no other process,
so it is the least noisy figure, and the one to look at while working on mmx/core.
"""

import time
from collections.abc import Callable
from typing import Final

from mmx.core.action import Dial
from mmx.core.child import Child, Link
from mmx.core.negotiation import Knowledge
from mmx.core.plan import HEADERS, WHOLE, Chain, ChildPlan
from mmx.core.session import Session
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, FrameSplitter, frame
from tests.bench import milter_load
from tests.bench.plan import Plan
from tests.bench.table import Row, row

_CONTINUE: Final = frame(reply.CONTINUE)
_UNANSWERED: Final = frozenset({command.MACRO, command.ABORT, command.QUIT})
_OPTIONS: Final = frame(command.OPTNEG, payload.encode_options(6, 0, 0, {}))


class CoreRun:
    """One session of the core and three children that say CONTINUE."""

    def __init__(self, *, pipelining: str = HEADERS) -> None:
        self._splitter = FrameSplitter(1 << 20)
        plans = tuple(ChildPlan(f"child{number}", "unix:/x", pipelining=pipelining) for number in range(3))
        self.session = Session(Chain(plans), name="bench", now=0.0, knowledge=Knowledge())
        offer = payload.encode_options(6, option.ALL_ACTIONS, option.ALL_PROTOCOL, {})
        self._feed(frame(command.OPTNEG, offer))
        for write in milter_load.greeting():
            self._feed(write)
        self._writes = (*milter_load.envelope(), milter_load.content_burst(), milter_load.ABORT)

    def message(self) -> None:
        """One message, up to the ABORT before the next."""
        for write in self._writes:
            self._feed(write)

    def _feed(self, data: bytes) -> None:
        self.session.from_mta(*FrameSplitter(1 << 20).feed(data))
        self._settle()

    def _settle(self) -> None:
        session = self.session
        moved = True
        while moved:
            moved = False
            session.mta_out.clear()
            for action in session.actions[:]:
                if type(action) is Dial:
                    session.child_up(action.child)
            session.actions.clear()
            for child in session.children:
                moved = self._answer(child) or moved

    def _answer(self, child: Child) -> bool:
        sent = [written[CODE] for written in child.out if written[CODE] not in _UNANSWERED]
        child.out.clear()
        if sent == [command.OPTNEG]:
            self.session.from_child(child, _OPTIONS)
        elif sent and child.link is Link.UP:
            self.session.from_child(child, *[_CONTINUE] * len(sent))
        return bool(sent)


def core(plan: Plan) -> list[Row]:
    """CPU time of the core a message, in milliseconds."""
    found = []
    for name, pipelining in (("CPU of the core alone", HEADERS), ("  with pipelining", WHOLE)):
        run = CoreRun(pipelining=pipelining)
        values = [_milliseconds(run.message, plan.cpu_messages // 2) for _ in range(plan.rounds)]
        found.append(row(name, values, "ms"))
    return found


def _milliseconds(work: Callable[[], None], times: int) -> float:
    work()
    begin = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begin) / times * 1000
