"""All sessions of the process, and what they share: chain, knowledge, breakers, spool budget.

A connection above `max_sessions`, like a MAIL while the spool is full, is answered, with 451 for its mail:
silence would be a time-out for the client, and a refused connection the MTA's own default action.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from mmx.aio.child_link import ChildLink
from mmx.aio.dial import Dialling
from mmx.aio.dns_lists import DnsLists
from mmx.aio.driver import Driver
from mmx.aio.lag import LoopLag
from mmx.aio.ledger import Ledger
from mmx.aio.observers import Observers
from mmx.aio.outages import Outages
from mmx.aio.reach import Reach
from mmx.aio.records import Records
from mmx.aio.sidelines import Sidelines
from mmx.aio.spool import FileSpool, SpoolBudget
from mmx.aio.stream import Stream
from mmx.aio.throttle import Throttle
from mmx.aio.trace import Traces
from mmx.aio.waits import SlowWatch
from mmx.core.action import (
    ChildFailed,
    Judged,
    Loss,
    MessageEnded,
    MessageKept,
    MessageRecord,
    Note,
    ObservedRecord,
    Ready,
    Remark,
)
from mmx.core.child import Child
from mmx.core.condition import Truth
from mmx.core.negotiation import Knowledge
from mmx.core.plan import Chain, ChildPlan
from mmx.core.session import Session
from mmx.observe.history import History
from mmx.observe.log import Line
from mmx.observe.message_line import MessageLine, failure_line, observed_line
from mmx.observe.tally import Tally
from mmx.settings.model import Settings
from mmx.wire.payload import Options

REPEAT: Final = 60.0
"""Seconds between two log lines that say the same."""

_ACCEPTING: Final = 5
"""Turns of the event loop that lie between accept(2) and the first call of the new connection's protocol."""

SILENCE: Final = 1.0
"""Seconds that a stop waits for the first word of a connection; Postfix speaks at once."""

_HANDSHAKE_STEPS: Final = frozenset({"connect", "OPTNEG"})

_log = logging.getLogger(__name__)
_LEVELS: Final = logging.getLevelNamesMapping()


class Sessions:
    """The surroundings of every driver. `max_sessions` connections of the MTA are served; those above it, up
    to `max_connections`, are only answered. Records of messages wait for `linger` seconds.
    """

    def __init__(
        self,
        settings: Settings,
        chain: Chain,
        *,
        max_sessions: int,
        loop: asyncio.AbstractEventLoop,
        max_connections: int = sys.maxsize,
        linger: float = 0.0,
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._max_sessions = max_sessions
        self._max_connections = max_connections
        self._drivers: set[Driver] = set()
        self._throttle = Throttle(REPEAT)
        # A restart goes on above the names that it used before, unless there were 256 sessions a second.
        self._serial = int(time.time() * 256)
        self._draining = False
        self._all_ended = asyncio.Event()
        self.chain = chain
        self._served = chain
        self.sidelines = Sidelines(self._hand_out, loop)
        self.traces = Traces(self._drivers)
        self.knowledge = Knowledge()
        self.budget = SpoolBudget(settings.limits.max_spool)
        self._spool_directory = Path(settings.spool_directory)
        self.tally = Tally(settings)
        self.lag = LoopLag(loop)
        self.settings_taken_at = time.time()
        self.history = History(keeps_addresses=settings.status.addresses)
        self.records = Records(self._message, loop, linger)
        self.outages = Outages(self._throttle)
        self.ledger = Ledger(self._throttle)
        self.slow_watch = SlowWatch(self.open_sessions, self._throttle, loop)
        self.reach = Reach(
            self.knowledge, outages=self.outages, max_frame=settings.limits.max_frame, loop=loop
        )
        self.dns_lists = DnsLists(loop=loop, timeout=settings.dnsbl.timeout)
        self.observers = Observers(
            self, self.knowledge, self._observed, most=settings.limits.max_observations, loop=loop
        )
        self.budget.relief = self.observers.make_room

    def __len__(self) -> int:
        return len(self._drivers)

    @property
    def now(self) -> float:
        """The time of the event loop."""
        return self._loop.time()

    @property
    def max_sessions(self) -> int:
        """Sessions that are served at a time."""
        return self._max_sessions

    @property
    def stressed(self) -> bool:
        """Whether more sessions are open than the share of `max_sessions` that `stressed_above` allows."""
        return len(self._drivers) * 100 > self._settings.stressed_above * self._max_sessions

    @property
    def drivers(self) -> Collection[Driver]:
        """Of the open sessions."""
        return self._drivers

    def open_sessions(self) -> Iterator[Session]:
        """The sessions as they are; nobody but the core changes them."""
        return (driver.session for driver in self._drivers)

    def greeted(self, plan: ChildPlan, result: Options | Loss) -> None:
        """The handshake at the start or after a reload is done, and told of."""
        if isinstance(result, Loss):
            self.outages.began(plan, result, self._loop.time())
        else:
            self.reach.succeeded(plan)

    def has_room(self) -> bool:
        """Whether one more connection may be accepted."""
        return len(self._drivers) < self._max_connections

    def accept(self, listener: str = "") -> Stream:
        """A new session for a connection of the MTA: the protocol factory of the listeners."""
        self._serial += 1
        self.tally.sessions += 1
        name = f"{self._serial & 0xFFFFFFFF:08x}"
        session = Session(
            self._served,
            name=name,
            now=self._loop.time(),
            knowledge=self.knowledge,
            new_spool=self._new_spool,
            refusal=self._refuse_session(),
            refuse_mail=self._refuse_mail,
            listener=listener,
            stressed=self.stressed,
        )
        driver = Driver(session, name, self, self._loop)
        self.traces.began(driver)
        return driver.mta

    def change(
        self, settings: Settings, chain: Chain, *, max_sessions: int, max_connections: int = sys.maxsize
    ) -> None:
        """New settings: for new sessions at once, for the others at their next MAIL."""
        self.records.tell()
        moved = {plan.name: plan.endpoint for plan in chain.everybody}
        for plan in self.chain.everybody:
            if moved.get(plan.name) != plan.endpoint:
                self.knowledge.forget(plan.name)
        self._settings = settings
        self._max_sessions = max_sessions
        self._max_connections = max_connections
        self.budget.limit = settings.limits.max_spool
        self._spool_directory = Path(settings.spool_directory)
        self.chain = chain
        self.observers.most = settings.limits.max_observations
        self.tally.follow(settings)
        self.settings_taken_at = time.time()
        self.reach.keep_only(chain.everybody)
        self.history.keep_only(
            (plan.name for plan in chain.everybody), keeps_addresses=settings.status.addresses
        )
        self.dns_lists.change(settings.dnsbl.timeout)
        self.sidelines.clear()
        self._hand_out()

    def _hand_out(self) -> None:
        """Give every session the chain less the children that somebody took out."""
        self._served = self.sidelines.without(self.chain)
        for driver in self._drivers:
            driver.session.set_chain(self._served)

    async def drain(self, within: float) -> None:
        """End all sessions: between messages at once, others after their message or `within` seconds."""
        self._draining = True
        # Connections that the kernel had handed over just before the listeners closed become sessions first.
        for _ in range(_ACCEPTING):
            await asyncio.sleep(0)
        for driver in list(self._drivers):
            driver.close_if_idle()
        if self._drivers:
            self._loop.call_later(SILENCE, self._close_silent)
            self._all_ended.clear()
            try:
                async with asyncio.timeout(within):
                    await self._all_ended.wait()
            except TimeoutError:
                _log.warning(
                    "%d sessions were still open after %g s: what is under way is refused with 451",
                    len(self._drivers),
                    within,
                )
        for driver in list(self._drivers):
            driver.close()
        self.records.tell()
        self.observers.stop()
        self.reach.stop()
        self.sidelines.clear()
        self.slow_watch.stop()
        self.lag.stop()
        self.dns_lists.stop()

    def _close_silent(self) -> None:
        """A connection that has not said a word by now is no MTA with a message on its way."""
        for driver in list(self._drivers):
            if driver.session.silent:
                driver.close()

    # What a driver needs (Surroundings).

    fault = "the message is refused with 451"

    def began(self, driver: Driver) -> None:
        self._drivers.add(driver)

    def make_stream(self, owner: Driver | ChildLink, *, accepted: bool) -> Stream:
        limits = self._settings.limits
        return Stream(
            owner,
            limit=limits.max_frame,
            high_water=limits.output_high_water,
            accepted=accepted,
            loop=self._loop,
        )

    def dial(self, child: Child, stream: Stream, failed: Callable[[Loss], None]) -> Dialling | Loss:
        return self.reach.dial(child.plan, stream, failed)

    def look_up(self, address: str, lists: Sequence[str], tell: Callable[[str, Truth], None]) -> None:
        self.dns_lists.look_up(address, lists, tell)

    def note(self, driver: Driver, note: Note) -> None:
        name = driver.name
        if isinstance(note, MessageEnded):
            self.records.add(note.record)
            driver.has_served = True
            if self._draining:
                self._loop.call_soon(driver.close_if_idle)
        elif isinstance(note, Judged):
            self.tally.judged(note)
        elif isinstance(note, MessageKept):
            self.observers.keep(note.transcript)
        elif isinstance(note, Ready):
            self.reach.succeeded(note.child.plan)
        elif isinstance(note, ChildFailed):
            if note.step in _HANDSHAKE_STEPS:
                self.reach.failed(note.child.plan, note.reason)
            self._log_failure(name, note)
            self.tally.failure(note)
            self.history.failure(note, time.time())
        else:
            self._log_remark(name, note)

    def _message(self, record: MessageRecord, at: float) -> None:
        _log.info(MessageLine(record, at))
        self.tally.message(record)
        self.history.message(record, at)
        self.ledger.enter(record, self._loop.time())

    def _observed(self, record: ObservedRecord) -> None:
        _log.info(observed_line(record))
        self.history.observed(record, time.time())
        self.tally.observation(record)

    def ended(self, driver: Driver) -> None:
        self._drivers.discard(driver)
        self.tally.session_ended(driver.session)
        if not self._drivers:
            self._all_ended.set()

    # Bounds.

    def _new_spool(self) -> FileSpool:
        return FileSpool(
            self.budget, memory=self._settings.limits.message_memory, directory=self._spool_directory
        )

    def _refuse_session(self) -> str:
        if len(self._drivers) < self._max_sessions:
            return ""
        self._log_repeated(
            "max_sessions",
            f"{self._max_sessions} sessions are open: mail of further ones is refused with 451 "
            "(max_sessions)",
        )
        return "too many sessions"

    def _refuse_mail(self) -> str:
        if not self.budget.is_exhausted or self.observers.make_room(1):
            return ""
        self._log_repeated("max_spool", "the spool is full: new messages are refused with 451 (max_spool)")
        return "spool is full"

    def _log_failure(self, session: str, failed: ChildFailed) -> None:
        held_back = self.outages.failed(failed, self._loop.time())
        if held_back is None:
            _log.debug(failure_line(session, failed))
        else:
            _log.warning(failure_line(session, failed, _more(held_back)))

    def _log_remark(self, session: str, remark: Remark) -> None:
        """What a child does wrong it does in every message, and a bound is hit by many: one line tells it."""
        level = _LEVELS[remark.level.upper()]
        held_back: int | None = 0
        if level > logging.INFO:
            held_back = self._throttle.passes(remark.text, self._loop.time())
        text = remark.text + _more(held_back or 0)
        _log.log(logging.DEBUG if held_back is None else level, Line("", {"session": session}, text))

    def _log_repeated(self, kind: str, text: str) -> None:
        held_back = self._throttle.passes(kind, self._loop.time())
        if held_back is not None:
            _log.error("%s%s", text, _more(held_back))


def _more(held_back: int) -> str:
    return f" (and {held_back} more like this before)" if held_back else ""
