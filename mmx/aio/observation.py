"""One message that is shown to one child, after the fact and without effect.

Theory: the child gets a session of its own, with the core and the driver that serve real ones. Where the
MTA's link would be stands a `Playback`: what the driver writes there is its answer, and what it says next
goes back into the driver in the same callback. Content is given a portion in each turn of the event loop, so
a long message holds up nobody.

The child's default action is accept in this session, so a failure ends nothing early but is noted as what it
is. `Observation` is the surroundings of its driver: links and dials are those of all sessions; notes are
read for failures and passed on without the action that was not taken. It ends once, whatever ends it: the
child's verdict, the end of its time, a cut because room is needed, or a fault; then the transcript is
released and the record reported.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from sys import maxsize
from typing import Final

from mmx.aio.child_link import ChildLink
from mmx.aio.dial import Dialling
from mmx.aio.driver import Driver
from mmx.aio.stream import Stream
from mmx.aio.surroundings import Surroundings
from mmx.core.action import ChildFailed, Loss, MessageEnded, MessageRecord, Note, ObservedRecord, Remark
from mmx.core.child import Child
from mmx.core.condition import Truth
from mmx.core.negotiation import Knowledge
from mmx.core.plan import ACCEPT, Chain, ObservedPlan
from mmx.core.playback import Playback
from mmx.core.session import Session
from mmx.core.transcript import Transcript

_log = logging.getLogger(__name__)

_NO_FRAMES: Final = 0


class _PlayedLink(Stream):
    """The link of an MTA that is played in this process: what is written is handed over as it is."""

    __slots__ = ("_take",)

    def __init__(
        self, owner: Driver | ChildLink, take: Callable[[list[bytes]], None], loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(owner, limit=_NO_FRAMES, high_water=_NO_FRAMES, accepted=True, loop=loop)
        self._take = take

    def write(self, outbox: list[bytes]) -> None:
        frames = outbox[:]
        outbox.clear()
        self._take(frames)


class Observation:
    """A message on its way to a child that observes; `ended` is called once, with what came of it."""

    def __init__(
        self,
        transcript: Transcript,
        plan: ObservedPlan,
        *,
        around: Surroundings,
        knowledge: Knowledge,
        ended: Callable[["Observation", ObservedRecord], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.transcript = transcript
        self.plan = plan
        self._around = around
        self._report = ended
        self._loop = loop
        self._since = loop.time()
        self._playback = Playback(transcript, plan)
        self._is_over = self._is_given_up = False
        self._reading: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        name = f"{transcript.session}/{plan.child.name}"
        session = Session(
            chain_of(transcript, plan),
            name=name,
            now=self._since,
            knowledge=knowledge,
            new_spool=self._playback.new_spool,
            listener=transcript.listener,
            stressed=transcript.stressed,
        )
        self._driver = Driver(session, name, self, loop)

    def start(self) -> None:
        """Begin to play; it may be over when this returns."""
        limit = self.transcript.chain.limits.message_timeout
        self._timer = self._loop.call_later(limit, self._expire, limit)
        self._driver.connected()
        self._say(self._playback.begin)

    def cut(self, why: str) -> None:
        """End it now: the message was not seen whole."""
        self._give_up("missed", why)

    def _expire(self, limit: float) -> None:
        self._give_up("failed", f"not done within {limit:g} s (message_timeout)")

    def _give_up(self, outcome: str, why: str) -> None:
        if not self._is_over:
            self._playback.end(outcome, why)
            self._playback.finished = self._is_given_up = True
            self._driver.close()

    # What the driver writes to the MTA, and what that says next.

    def _take(self, frames: list[bytes]) -> None:
        for received in frames:
            commands = self._playback.take(received)
            if commands:
                self._driver.received(commands)
        self._stream()

    def _read_on(self) -> None:
        self._reading = None
        if self._is_over:
            return
        self._say(self._playback.more)
        self._stream()

    def _stream(self) -> None:
        if self._playback.streams and self._reading is None:
            self._reading = self._loop.call_soon(self._read_on)

    def _say(self, commands: Callable[[], list[bytes]]) -> None:
        """Give the driver what the MTA says next."""
        try:
            said = commands()
        except OSError as error:
            self._give_up("missed", f"the spool cannot be read: {error.strerror}")
        except Exception:  # noqa: BLE001 - a fault of ours must leave nothing open
            _log.exception("session=%s cannot be shown to %s", self.transcript.session, self.plan.child.name)
            self._give_up("missed", "internal error")
        else:
            self._driver.received(said)

    # What a driver needs (Surroundings).

    fault = "the child misses the message"

    def look_up(self, address: str, lists: Sequence[str], tell: Callable[[str, Truth], None]) -> None:
        """Conditions were asked when the message was kept."""

    def began(self, driver: Driver) -> None:
        """It counts as no session."""

    def make_stream(self, owner: Driver | ChildLink, *, accepted: bool) -> Stream:
        if accepted:
            return _PlayedLink(owner, self._take, self._loop)
        return self._around.make_stream(owner, accepted=False)

    def dial(self, child: Child, stream: Stream, failed: Callable[[Loss], None]) -> Dialling | Loss:
        return self._around.dial(child, stream, failed)

    def note(self, driver: Driver, note: Note) -> None:
        if isinstance(note, ChildFailed):
            if note.action:
                self._playback.fail(note.step, f"{note.reason}: {note.detail}")
            note = note._replace(action="")
        elif isinstance(note, MessageEnded):
            self._take_record(note.record)
            return
        elif isinstance(note, Remark) and note.level == "error":
            note = note._replace(level="warning")
        self._around.note(driver, note)

    def _take_record(self, record: MessageRecord) -> None:
        """What the core says of the message: where the child decided on content, and faults of mmx."""
        if self._is_given_up or self._playback.outcome == "failed":
            return
        if not record.decider and record.verdict == "tempfail":
            self._playback.end("missed", record.why)
        elif self._playback.outcome:
            self._playback.stage = record.children[0].stage or self._playback.stage

    def ended(self, driver: Driver) -> None:  # noqa: ARG002 - it has no other
        if self._is_over:
            return
        self._is_over = True
        for handle in (self._timer, self._reading):
            if handle is not None:
                handle.cancel()
        if not self._playback.outcome:
            self._playback.end("missed", "internal error")
        self.transcript.release()
        self._report(self, self._record())

    def _record(self) -> ObservedRecord:
        played, transcript = self._playback, self.transcript
        return ObservedRecord(
            session=transcript.session,
            queue_id=transcript.queue_id,
            child=self.plan.child.name,
            verdict=played.outcome,
            stage=played.stage,
            reply=played.reply,
            refused_recipients=played.refused,
            edits=played.edits,
            message=transcript.verdict,
            why=played.why,
            seconds=self._loop.time() - self._since,
        )


def chain_of(transcript: Transcript, plan: ObservedPlan) -> Chain:
    """The chain of the session that plays to this child.

    What was within the bounds of the real session is so here; nobody waits, so no event has a limit for all
    children together. Whether the child sees the message has been decided. The macros that the MTA was asked
    for count as asked for here, so the child gets of them what it would get.
    """
    chain = transcript.chain
    limits = replace(
        chain.limits,
        progress_interval=inf,
        foreign_event_timeout=inf,
        max_headers=maxsize,
        max_transcript=maxsize,
    )
    child = replace(
        plan.child,
        unreachable=ACCEPT,
        died=ACCEPT,
        when=None,
        after=None,
        only_matching=False,
        max_size=None,
    )
    return replace(
        chain,
        children=(child,),
        observed=(),
        limits=limits,
        condition_macros=transcript.requested,
        dns_lists=(),
        name_in_reply=False,
        children_header=b"",
    )
