"""What can be asked of a running daemon over its control socket (mmx.aio.control).

    status                                the picture that the status page shows too
    config                                the settings in force, as text and as an object
    sessions  [count]                     open sessions, the oldest first
    reload                                read the settings again; answers when that is done
    disable   child [seconds]             out of the chain at the next MAIL of each session
    enable    child                       back
    drain     child [seconds] [wait]      as disable; answers when no message that it sees is left
    trace     see mmx.aio.trace_request   what travels, as events

Whoever takes a child out is named in the log, since mail then passes without it.
"""

import asyncio
import heapq
import logging
import os
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from mmx.aio.control import Client, Commands, Request, number
from mmx.aio.open_sessions import session_status
from mmx.aio.sessions import Sessions
from mmx.aio.trace_request import trace
from mmx.aio.waits import waits_of
from mmx.errors import InvalidValueError
from mmx.observe.status import DISABLED, DRAINING, Status
from mmx.observe.status_json import as_json
from mmx.settings.load import Loaded
from mmx.settings.show import show, show_json

MOST_SESSIONS: Final = 10_000
"""Sessions that one answer tells of."""
LONGEST: Final = 365 * 86400.0
"""Seconds that a child may be taken out for, or waited for."""
DRAIN_WAIT: Final = 600.0
"""Seconds that a drain waits if nothing is said."""
_LOOK: Final = 0.1
_TELL: Final = 50
"""A drain looks every _LOOK seconds, and tells what it waits for every _TELL looks."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a reload: the exit status that it is worth, what it changed, what was wrong."""

    status: int
    changes: tuple[str, ...]
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Daemon(Protocol):
    """What is asked of the service."""

    @property
    def loaded(self) -> Loaded: ...

    def status(self) -> Status: ...

    async def reload_now(self) -> Outcome: ...


class Steering:
    """The commands of one daemon."""

    def __init__(self, daemon: Daemon, sessions: Sessions) -> None:
        self._daemon = daemon
        self._sessions = sessions
        self.commands: Commands = {
            "status": self._status,
            "config": self._config,
            "sessions": self._list_sessions,
            "reload": self._reload,
            "disable": self._disable,
            "enable": self._enable,
            "drain": self._drain,
            "trace": self._trace,
        }

    async def _status(self, _request: Request, _client: Client) -> object:
        return as_json(self._daemon.status())

    async def _config(self, _request: Request, _client: Client) -> object:
        loaded = self._daemon.loaded
        text = show(loaded.settings, loaded.origins, loaded.detection)
        return {"pid": os.getpid(), "text": text, "json": show_json(loaded)}

    async def _list_sessions(self, request: Request, client: Client) -> object:
        count = int(number(request, "count", 1.0, MOST_SESSIONS) or MOST_SESSIONS)
        drivers = heapq.nsmallest(count, self._sessions.drivers, key=lambda driver: driver.since)
        for driver in drivers:
            # In pieces, since the mail waits meanwhile.
            await client.event(asdict(session_status(driver, self._sessions.now)))
        return {"open": len(self._sessions), "most": self._sessions.max_sessions}

    async def _reload(self, _request: Request, client: Client) -> object:
        _log.info("reload asked for by %s", client.who)
        return asdict(await self._daemon.reload_now())

    async def _disable(self, request: Request, client: Client) -> object:
        return self._take_out(request, client, DISABLED)

    def _take_out(self, request: Request, client: Client, word: str) -> dict[str, Any]:
        child = self._child(request)
        seconds = number(request, "seconds", 1.0, LONGEST)
        sideline = self._sessions.sidelines.take_out(child, word, client.who, seconds)
        span = "until the next reload" if seconds is None else f"for {seconds:.0f} s"
        _log.warning(
            "child %s is %s %s by %s: new messages pass without it", child, sideline.word, span, client.who
        )
        return {"child": child, "until": sideline.until}

    async def _enable(self, request: Request, client: Client) -> object:
        child = self._child(request)
        was_out = self._sessions.sidelines.put_back(child)
        if was_out:
            _log.warning("child %s is enabled again by %s", child, client.who)
        return {"child": child, "was_out": was_out}

    async def _drain(self, request: Request, client: Client) -> object:
        wait = number(request, "wait", 0.0, LONGEST)
        answer = self._take_out(request, client, DRAINING)
        left = await self._drained(answer["child"], DRAIN_WAIT if wait is None else wait, client)
        return {**answer, "messages": left}

    async def _trace(self, request: Request, client: Client) -> object:
        return await trace(request, client, self._sessions.traces)

    async def _drained(self, child: str, wait: float, client: Client) -> int:
        """Messages that the child still sees when none is left or the time is up."""
        limit = self._sessions.now + wait
        looks = 0
        while left := self._messages(child):
            if self._sessions.now >= limit:
                break
            if looks % _TELL == 0:
                await client.event({"messages": left})
            looks += 1
            await asyncio.sleep(_LOOK)
        return left

    def _messages(self, child: str) -> int:
        waits = waits_of(self._sessions.open_sessions()).get(child)
        return waits.in_message if waits is not None else 0

    def _child(self, request: Request) -> str:
        name = request.get("child")
        known = [plan.name for plan in self._sessions.chain.everybody]
        if not isinstance(name, str) or name not in known:
            raise InvalidValueError("no child of that name is in the chain", f"known are {', '.join(known)}")
        return name
