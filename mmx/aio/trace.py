"""Traces: what travels between the MTA, mmx and its children, for who asks for it (`mmx trace`).

Theory: a driver has a `SessionTrace` while somebody traces, else None, and asks only that. It is told of
every frame that is read or written, and of connections that come and go. Each `Trace`, one a client, has a
`Tap` on every session, which decides whether what passes is wanted: by the client's address as soon as
CONNECT tells it, by the queue id as soon as a macro does. Until then a tap keeps what has passed, PENDING
events of it at most, so that a trace shows the session from its beginning.

Nothing waits for a trace. Its queue is bounded by number and bytes; what does not fit is counted and told of
as "lost". Of bodies only as many bytes are kept as were asked for, none as a rule. A fault in here ends the
trace of that session, and is logged.
"""

import asyncio
import base64
import ipaddress
import logging
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mmx.core.action import Loss, MessageRecord
from mmx.errors import ProtocolError
from mmx.wire import command, payload, reply
from mmx.wire.framing import CODE, DATA

if TYPE_CHECKING:
    from mmx.aio.driver import Driver

MOST_EVENTS: Final = 10_000
"""Events that wait for a client."""
MOST_BYTES: Final = 4 << 20
"""Bytes of frames among them."""
PENDING: Final = 256
"""Events of a session that are kept until it is known whether they are wanted."""
AT_ONCE: Final = 200
"""Events that are handed to a client in one go."""

_BODIES: Final = frozenset({command.BODY, reply.REPLBODY})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_log = logging.getLogger(__name__)


class TraceEvent(NamedTuple):
    """Something that happened between mmx and a peer: the child of that name, the MTA if it is "".

    `what` is "in" or "out" (a frame that mmx read or wrote), "begin" or "end" (of the session), "dial", "up",
    "lost" or "close" (a child's connection), or "verdict" (a message is done).
    """

    at: float
    session: str
    child: str
    what: str
    frame: bytes = b""
    left_out: int = 0
    """Bytes at the end of the frame."""
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the control socket."""
        said: dict[str, Any] = {
            "at": self.at,
            "session": self.session,
            "child": self.child,
            "what": self.what,
        }
        if self.frame:
            said |= {"data": base64.b64encode(self.frame).decode(), "left_out": self.left_out}
        if self.text:
            said["text"] = self.text
        return said


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be traced; all of it must hold."""

    network: Network | None = None
    """The client's address."""
    queue_id: bytes = b""
    child: str = ""
    """Beside the MTA's frames only those of this child."""
    count: int | None = None
    """The trace ends after so many messages."""
    body: int = 0
    """Bytes of each frame of a body."""


class Trace:
    """One client's queue."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._queue: deque[TraceEvent | int] = deque()
        self._bytes = 0
        self._lost = 0
        self._messages = 0
        self._wake = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """As many messages as were asked for are in it."""
        return self.wanted.count is not None and self._messages >= self.wanted.count

    def put(self, event: TraceEvent) -> None:
        """Add an event if there is room."""
        if self.is_over:
            return
        if len(self._queue) >= MOST_EVENTS or self._bytes >= MOST_BYTES:
            self._lost += 1
            return
        if self._lost:
            self._queue.append(self._lost)
            self._lost = 0
        self._queue.append(event)
        self._bytes += len(event.frame)
        self._messages += event.what == "verdict"
        self._wake.set()

    async def take(self) -> list[dict[str, Any]]:
        """The next events, waited for; none when the trace is over."""
        while not self._queue and not self.is_over:
            self._wake.clear()
            await self._wake.wait()
        events = [self._queue.popleft() for _ in range(min(AT_ONCE, len(self._queue)))]
        told: list[dict[str, Any]] = []
        for event in events:
            if isinstance(event, int):
                told.append({"lost": event})
            else:
                self._bytes -= len(event.frame)
                told.append(event.as_json())
        if not self._queue and self._lost:
            told.append({"lost": self._lost})
            self._lost = 0
        return told


class Tap:
    """One trace's ear at one session."""

    __slots__ = ("_client", "_matches", "_pending", "trace")

    def __init__(self, trace: Trace, address: bytes | None, queue_id: bytes) -> None:
        """`address` and `queue_id` are what is known of a session that is open already."""
        self.trace = trace
        wanted = trace.wanted
        self._client: bool | None = None if wanted.network is not None else True
        self._matches = not wanted.queue_id or queue_id == wanted.queue_id
        self._pending: deque[TraceEvent] = deque(maxlen=PENDING)
        if address is not None and wanted.network is not None:
            self._client = _is_in(address, wanted.network)

    def hear(self, event: TraceEvent) -> None:
        """Pass it on, keep it, or forget it."""
        wanted = self.trace.wanted
        if event.what == "in" and not event.child:
            self._learn(event.frame, wanted)
        if self._client is False or (wanted.child and event.child not in ("", wanted.child)):
            return
        self._pending.append(self._shortened(event))
        if self._client and self._matches:
            for one in self._pending:
                self.trace.put(one)
            self._pending.clear()

    def _shortened(self, event: TraceEvent) -> TraceEvent:
        kept = DATA + self.trace.wanted.body
        if len(event.frame) <= kept or event.frame[CODE] not in _BODIES:
            return event
        return event._replace(frame=event.frame[:kept], left_out=len(event.frame) - kept)

    def _learn(self, received: bytes, wanted: Wanted) -> None:
        code, data = received[CODE], received[DATA:]
        try:
            if code == command.CONNECT and wanted.network is not None:
                self._client = _is_in(payload.decode_connection(data).address, wanted.network)
            elif code == command.MACRO and wanted.queue_id:
                of, pairs = payload.decode_macros(data)
                queue_id = dict(pairs).get(b"i", b"" if of == command.MAIL else None)
                if queue_id is not None:
                    self._matches = queue_id == wanted.queue_id
        except ProtocolError:
            pass  # mmx itself tells of it


class SessionTrace:
    """What a driver tells; it asks only whether there is one."""

    __slots__ = ("session", "taps")

    def __init__(self, session: str) -> None:
        self.session = session
        self.taps: list[Tap] = []

    def received(self, child: str, frames: Iterable[bytes]) -> None:
        """Mmx read frames, all of one read."""
        now = time.time()
        self._tell(TraceEvent(now, self.session, child, "in", frame) for frame in frames)

    def sent(self, child: str, outbox: Sequence[bytes]) -> None:
        """Mmx writes frames."""
        now = time.time()
        self._tell(
            TraceEvent(now, self.session, child, "out", frame) for part in outbox for frame in _frames(part)
        )

    def happened(self, child: str, what: str, text: str = "") -> None:
        """A connection came or went."""
        self._tell([TraceEvent(time.time(), self.session, child, what, text=text)])

    def lost(self, child: str, loss: Loss) -> None:
        """A connection of a child is gone, or did not come about."""
        self.happened(child, "lost", f"{loss.reason}: {loss.detail}")

    def verdict(self, record: MessageRecord) -> None:
        """A message is done."""
        self.happened("", "verdict", f"{record.verdict} by {record.decider or 'nobody'}")

    def _tell(self, events: Iterable[TraceEvent]) -> None:
        try:
            for event in events:
                for tap in self.taps:
                    tap.hear(event)
        except Exception:  # noqa: BLE001 - a fault of ours must not disturb the mail
            _log.exception("session=%s internal error in its trace, which ends", self.session)
            self.taps.clear()


class Traces:
    """All traces that run."""

    def __init__(self, drivers: Collection["Driver"]) -> None:
        self._drivers = drivers
        self.running: list[Trace] = []

    def start(self, trace: Trace) -> None:
        """Listen to every session from now on."""
        self.running.append(trace)
        for driver in self._drivers:
            self._attach(driver, trace)

    def stop(self, trace: Trace) -> None:
        """Listen no more."""
        self.running.remove(trace)
        for driver in self._drivers:
            if driver.trace is not None:
                driver.trace.taps = [tap for tap in driver.trace.taps if tap.trace is not trace]
                if not driver.trace.taps:
                    driver.trace = None

    def began(self, driver: "Driver") -> None:
        """A new session."""
        for trace in self.running:
            self._attach(driver, trace)
        if driver.trace is not None:
            driver.trace.happened("", "begin")

    @staticmethod
    def _attach(driver: "Driver", trace: Trace) -> None:
        if driver.trace is None:
            driver.trace = SessionTrace(driver.name)
        state = driver.session.state
        address = None
        if state.greeting is not None:
            try:
                address = payload.decode_connection(state.greeting.frame[DATA:]).address
            except ProtocolError:
                address = b""
        queue_id = state.transaction.queue_id if state.transaction is not None else b""
        driver.trace.taps.append(Tap(trace, address, queue_id))


def _frames(part: bytes) -> Iterator[bytes]:
    """The frames that a piece of output consists of."""
    start = 0
    while start < len(part):
        end = start + CODE + int.from_bytes(part[start : start + CODE], "big")
        yield part[start:end]
        start = end


def _is_in(address: bytes, network: Network) -> bool:
    try:
        found = ipaddress.ip_address(address.decode("ascii").removeprefix("IPv6:"))
    except ValueError:
        return False
    return found in network
