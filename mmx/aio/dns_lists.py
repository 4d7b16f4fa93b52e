"""DNS lists: what the sessions want to know of their clients, asked once and kept for a while.

Theory: a session names lists as the settings write them (mmx.settings.dns_zone) and is told of each by a call
of `tell`: at once if the answer is known, else when it comes. All lists are asked together, each in a task of
its own that ends within the time limit; sessions that want the same are told by the same task. A list that
does not answer, or answers with what is no statement about a client, is UNKNOWN, and a child whose condition
rests on it runs.

Answers are kept as long as their TTL says, within bounds. What is kept is the answer, not what a filter makes
of it, so two conditions may read one list in different ways. Silence is not kept: the next client asks anew.

Bounds: `MAX_KEPT` answers, the oldest goes first; `MAX_ASKED` questions under way, above which a question is
UNKNOWN at once. Each takes a file descriptor.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from mmx.aio.dns_query import Answer, Silence, ask, question_of, system_resolver
from mmx.aio.throttle import Throttle
from mmx.core.condition import Truth
from mmx.settings.dns_zone import DnsZone, is_fault, parse_dns_zone

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

MAX_ASKED: Final = 256
"""Questions under way at once."""
MAX_KEPT: Final = 20_000
"""Answers kept; each takes about 300 bytes."""
LONGEST_KEPT: Final = 3600.0
"""Seconds that an answer is kept at most, whatever its TTL says."""
REPEAT: Final = 60.0
"""Seconds between two log lines about one list."""

Tell = Callable[[str, Truth], None]
"""Told of a list, as it is written in the settings, and what it makes of the client."""

_log = logging.getLogger(__name__)


class DnsLists:
    """All that the process asks DNS lists."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        timeout: float,
        new_resolver: Callable[[], "Resolver"] = system_resolver,
    ) -> None:
        self._loop = loop
        self._timeout = timeout
        self._new_resolver = new_resolver
        self._resolver: Resolver | None = None
        self._zones: dict[str, DnsZone] = {}
        self._kept: dict[str, tuple[Answer, float]] = {}
        self._asked: dict[str, list[tuple[str, Tell]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._throttle = Throttle(REPEAT)

    def change(self, timeout: float) -> None:
        """New settings: the name servers of the system are read anew, too."""
        self._timeout = timeout
        self._resolver = None
        self._zones.clear()

    def stop(self) -> None:
        """Ask no more; nobody is told of what was under way."""
        for task in self._tasks:
            task.cancel()
        self._asked.clear()

    def look_up(self, address: str, lists: Sequence[str], tell: Tell) -> None:
        """Tell of each list whether it has this client."""
        try:
            question = question_of(address)
        except ValueError:
            _log.warning("DNS lists cannot be asked for %r: no address", address)
            self._tell_all(lists, tell, Truth.UNKNOWN)
            return
        if question is None:
            self._tell_all(lists, tell, Truth.NO)
            return
        for written in lists:
            self._look_up(question, written, tell)

    @staticmethod
    def _tell_all(lists: Sequence[str], tell: Tell, truth: Truth) -> None:
        for written in lists:
            tell(written, truth)

    def _look_up(self, question: str, written: str, tell: Tell) -> None:
        name = f"{question}.{self._zone(written).name}"
        answer = self._known(name)
        if answer is not None:
            tell(written, self._truth(written, answer))
        elif name in self._asked:
            self._asked[name].append((written, tell))
        elif len(self._tasks) >= MAX_ASKED:
            self._complain(written, f"not asked: {MAX_ASKED} questions are under way")
            tell(written, Truth.UNKNOWN)
        else:
            self._asked[name] = [(written, tell)]
            task = self._loop.create_task(self._ask(name), name=f"DNS list {name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _zone(self, written: str) -> DnsZone:
        zone = self._zones.get(written)
        if zone is None:
            zone = self._zones[written] = parse_dns_zone(written)
        return zone

    async def _ask(self, name: str) -> None:
        try:
            if self._resolver is None:
                self._resolver = self._new_resolver()
            answer = await ask(self._resolver, name, self._timeout)
        except Exception as error:  # noqa: BLE001 - no resolver, or a fault: the sessions must hear of it
            answer = Silence(f"{type(error).__name__}: {error}")
        if isinstance(answer, Answer):
            self._keep(name, answer)
        for written, tell in self._asked.pop(name, ()):
            tell(written, self._truth(written, answer))

    def _truth(self, written: str, answer: Answer | Silence) -> Truth:
        """What the list, read as this setting wants it, says of the client."""
        if isinstance(answer, Silence):
            self._complain(written, answer.reason)
            return Truth.UNKNOWN
        fault = next((address for address in answer.addresses if is_fault(address)), None)
        if fault is not None:
            said = ".".join(str(octet) for octet in fault)
            self._complain(written, f"answered {said}, which is no listing but an error of the list")
            return Truth.UNKNOWN
        zone = self._zone(written)
        return Truth.YES if any(zone.fits(address) for address in answer.addresses) else Truth.NO

    def _complain(self, written: str, reason: str) -> None:
        held_back = self._throttle.passes(written, self._loop.time())
        if held_back is not None:
            more = f" (and {held_back} more about it before)" if held_back else ""
            _log.warning("DNS list %s: %s; children whose condition rests on it run%s", written, reason, more)

    # What is kept.

    def _known(self, name: str) -> Answer | None:
        answer, until = self._kept.get(name, (None, 0.0))
        if answer is not None and self._loop.time() >= until:
            del self._kept[name]
            return None
        return answer

    def _keep(self, name: str, answer: Answer) -> None:
        self._kept.pop(name, None)
        self._kept[name] = answer, self._loop.time() + min(answer.ttl, LONGEST_KEPT)
        if len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
