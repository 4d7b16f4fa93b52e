"""All observations under way: how many there may be, who goes first when room is short, how they end.

Theory: a kept message is shown to each observing child at once, over a connection of its own. Nothing waits
for it, so there is no queue: a child to which `max_observations` messages are being shown already misses
this one. Kept bodies count towards `max_spool`; when a message that is under way needs their room,
observations are cut, the largest first. A stop cuts all.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from mmx.aio.observation import Observation
from mmx.aio.surroundings import Surroundings
from mmx.core.action import ObservedRecord
from mmx.core.negotiation import Knowledge
from mmx.core.plan import ObservedPlan
from mmx.core.transcript import Transcript

_log = logging.getLogger(__name__)


class Observers:
    """Shows kept messages to the children that observe; each ends in one call of `report`.

    `most` is how many messages one child may be shown at a time.
    """

    def __init__(
        self,
        around: Surroundings,
        knowledge: Knowledge,
        report: Callable[[ObservedRecord], None],
        *,
        most: int,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._around = around
        self._knowledge = knowledge
        self._report = report
        self._loop = loop
        self._running: set[Observation] = set()
        self._shown: Counter[str] = Counter()
        self._is_stopped = False
        self.most = most

    def __len__(self) -> int:
        return len(self._running)

    def keep(self, transcript: Transcript) -> None:
        """Show a message when the session that it came by has been served."""
        self._loop.call_soon(self._show, transcript)

    def make_room(self, size: int) -> bool:
        """Cut observations until their spools gave back `size` bytes; false if they have not so many."""
        by_size = sorted(self._running, key=lambda one: one.transcript.size, reverse=True)
        freed = 0
        for one in by_size:
            if freed >= size:
                break
            freed += one.transcript.size if one.transcript.is_last else 0
            one.cut("room in the spool was needed for other messages (max_spool)")
        return freed >= size

    def stop(self) -> None:
        """Cut all, and begin none any more."""
        self._is_stopped = True
        for one in list(self._running):
            one.cut("mmx was stopped")

    def _show(self, transcript: Transcript) -> None:
        for plan in transcript.chain.observed:
            skipped = transcript.sight(plan).skipped
            why = skipped or self._obstacle(plan.child.name)
            observation = None if why else self._prepare(transcript, plan)
            if observation is None:
                transcript.release()
                verdict = "skipped" if skipped else "missed"
                self._report(not_shown(transcript, plan.child.name, verdict, why or "internal error"))
                continue
            self._running.add(observation)
            self._shown[plan.child.name] += 1
            observation.start()

    def _obstacle(self, child: str) -> str:
        """Why this child cannot be shown one more message, "" if it can."""
        if self._is_stopped:
            return "mmx was stopped"
        if self._shown[child] >= self.most:
            return f"{self.most} observations are under way (max_observations)"
        return ""

    def _prepare(self, transcript: Transcript, plan: ObservedPlan) -> Observation | None:
        try:
            return Observation(
                transcript,
                plan,
                around=self._around,
                knowledge=self._knowledge,
                ended=self._ended,
                loop=self._loop,
            )
        except Exception:  # noqa: BLE001 - a fault of ours concerns no other message
            _log.exception("session=%s cannot be shown to %s", transcript.session, plan.child.name)
            return None

    def _ended(self, observation: Observation, record: ObservedRecord) -> None:
        self._running.discard(observation)
        self._shown[record.child] -= 1
        self._report(record)


def not_shown(transcript: Transcript, child: str, verdict: str, why: str) -> ObservedRecord:
    """The record of a message that was not shown."""
    return ObservedRecord(
        session=transcript.session,
        queue_id=transcript.queue_id,
        child=child,
        verdict=verdict,
        stage="",
        reply=b"",
        refused_recipients=0,
        edits=(),
        message=transcript.verdict,
        why=why,
        seconds=0.0,
    )
