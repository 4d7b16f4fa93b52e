"""The life of the daemon: start, reload, stop.

Start       spool checked, listeners and HTTP bound, connections accepted, hands shaken with every child,
            READY to systemd.
            What is missing ends the start with an exit code and a text that says what to do; a child that
            is missing does not, it is only a warning.
SIGHUP      the settings are read again. If they are wrong, or something they need cannot be had, everything
stays as it
            was and each problem is logged. Otherwise new sessions follow them at once and open ones at
            their next MAIL. Reloads are done one at a time; those asked for meanwhile become one.
SIGTERM,    nothing more is accepted, sessions between messages end, the others may finish their message
SIGINT      within `drain_timeout`; the first message of a session counts as begun when the MTA connects.
"""

import asyncio
import logging
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mmx.aio import snapshot
from mmx.aio.access import complaints, own_account
from mmx.aio.chain_change import describe_change
from mmx.aio.control import ControlSocket
from mmx.aio.dns_lists import MAX_ASKED
from mmx.aio.dns_query import require_dnspython
from mmx.aio.event_loop import loop_factory
from mmx.aio.greeting import Greeting
from mmx.aio.http_server import HttpServer
from mmx.aio.limits import PER_OBSERVATION, connection_limit, raise_descriptor_limit, session_limit
from mmx.aio.listeners import Listeners
from mmx.aio.lookout import Lookout
from mmx.aio.main_cf import read_main_cf
from mmx.aio.notify import Notifier
from mmx.aio.pages import routes
from mmx.aio.plan import complaints as plan_complaints
from mmx.aio.plan import make_chain
from mmx.aio.readiness import Standing
from mmx.aio.reading import read
from mmx.aio.records import LINGER
from mmx.aio.return_watch import ReturnWatch
from mmx.aio.sessions import Sessions
from mmx.aio.spool import check_directory
from mmx.aio.steering import Outcome, Steering
from mmx.core.plan import Chain
from mmx.errors import EX_OK, EX_SOFTWARE, MmxError, PermissionsError, SettingsError, UnavailableError
from mmx.observe import log
from mmx.observe.metrics import registry
from mmx.observe.status import Status
from mmx.settings.load import FilesOnly, Loaded, Loader
from mmx.settings.model import LogLevel, Settings

_PROBLEMS_KEPT: Final = 5
"""Of a reload that failed, for the status page; the log has all."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_STOPPING: Final = UnavailableError("mmx is stopping")

_log = logging.getLogger(__name__)


def run(loaded: Loaded, path: Path, loader: Loader | None = None) -> int:
    """Be the daemon until a signal ends it; `loader` reads `path` again at a reload. The exit code."""
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(Service(loaded, path, loader=loader).run())
    except MmxError as error:
        _log.error("%s", error)
        return error.exit_code
    return EX_OK


class Service:
    """The daemon inside a running event loop."""

    def __init__(
        self,
        loaded: Loaded,
        path: Path,
        notifier: Notifier | None = None,
        *,
        loader: Loader | None = None,
    ) -> None:
        self._loaded = loaded
        self._loader = loader or FilesOnly()
        self._lookout = Lookout(self._loader)
        self._settings = loaded.settings
        self._log_is_fixed = loaded.origins.get("log.level") == "--verbose"
        self._path = path
        self._notifier = notifier or Notifier()
        self._wake = asyncio.Event()
        self._stop_asked = False
        self._reload_asked = False
        self._reload_waiters: list[asyncio.Future[Outcome]] = []
        self._descriptors = 0
        self._started = time.time()
        self._settings_good = True

    async def run(self) -> None:
        """From start to stop; raises MmxError if the start fails."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_loop_error)
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.reload if number == signal.SIGHUP else self.stop)
        self._notifier.start_watchdog(loop)
        self._descriptors = raise_descriptor_limit()
        settings = self._settings
        check_directory(Path(settings.spool_directory))
        chain = await self._make_chain(settings)
        self._sessions = Sessions(settings, chain, loop=loop, linger=LINGER, **self._bounds(settings, chain))
        self._listeners = Listeners(self._sessions.accept, self._sessions.has_room)
        self._greeting = Greeting(self._sessions, self._notifier)
        self._returns = ReturnWatch(self._sessions, settings.limits.max_frame)
        metrics = registry(self._sessions.tally, lambda: read(self._sessions, self._settings_good))
        self._http = HttpServer(routes(standing=self._standing, status=self.status, metrics=metrics), loop)
        self._control = ControlSocket(Steering(self, self._sessions).commands, loop)
        try:
            log.log_first(self._sessions.records.tell)
            await self._listeners.start(settings)
            self._http.serve(await self._http.open(settings.metrics))
            _log.info("listening on %s", ", ".join(self._listeners.names))
            self._control.change(settings.control_socket)
            count = len(chain.children)
            self._sessions.history.reload(f"started, children: {count}", self._started, succeeded=True)
            self._sessions.slow_watch.start(settings.status.slow_after)
            self._sessions.ledger.follow(settings.held)
            self._sessions.lag.start()
            self._returns.start()
            self._greeting.begin(chain, settings.limits.max_frame)
            self._lookout.watch(self._loaded)
            await self._obey()
        finally:
            await self._end()

    def stop(self) -> None:
        """Ask for the end."""
        self._stop_asked = True
        self._wake.set()

    def reload(self) -> None:
        """Ask for the settings to be read again."""
        self._reload_asked = True
        self._wake.set()

    async def reload_now(self) -> Outcome:
        """The same, and what became of it; a reload that is under way is not this one."""
        if self._stop_asked:
            raise _STOPPING
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._reload_waiters.append(waiter)
        self.reload()
        return await waiter

    async def _obey(self) -> None:
        while not self._stop_asked:
            await self._wake.wait()
            self._wake.clear()
            if self._reload_asked and not self._stop_asked:
                self._reload_asked = False
                waiters, self._reload_waiters = self._reload_waiters, []
                outcome = await self._reload()
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_result(outcome)

    async def _end(self) -> None:
        self._notifier.stopping()
        for waiter in self._reload_waiters:
            if not waiter.done():
                waiter.set_exception(_STOPPING)
        self._lookout.stop()
        self._returns.stop()
        self._listeners.close()
        self._greeting.cancel()
        if len(self._sessions):
            _log.info("stopping: %d sessions are open", len(self._sessions))
        await self._sessions.drain(self._settings.limits.drain_timeout)
        self._http.close()
        self._control.close()
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        self._notifier.stop_watchdog()
        log.log_first(None)
        _log.info("stopped")

    # Reload.

    async def _reload(self) -> Outcome:
        self._notifier.reloading()
        try:
            loaded = await asyncio.to_thread(self._loader.load, self._path, self._loaded)
            self._refuse_closed(loaded.settings)
            changes = await self._change(loaded.settings)
        except SettingsError as error:
            for problem in error.problems:
                _log.error("%s", problem)
            problems = [str(problem) for problem in error.problems]
            return self._keep("the settings are wrong", error.exit_code, *problems)
        except MmxError as error:
            _log.error("%s", error)
            return self._keep("something they need cannot be had", error.exit_code, str(error))
        except Exception:  # noqa: BLE001 - a fault of ours must not end a daemon that works
            _log.exception("internal error")
            return self._keep("internal error", EX_SOFTWARE)
        self._loaded = loaded
        self._lookout.watch(loaded)
        for warning in loaded.warnings:
            _log.warning("%s", warning)
        return Outcome(EX_OK, changes, (), tuple(str(warning) for warning in loaded.warnings))

    def _refuse_closed(self, settings: Settings) -> None:
        """Raise PermissionsError if a child that is new, or has moved, has a socket that mmx may not use.

        With it in the chain all mail would get its default action, for a reason that a command mends.
        """
        known = {(child.name, child.endpoint) for child in self._settings.chain}
        new = [child for child in settings.chain if (child.name, child.endpoint) not in known]
        closed = complaints(new, own_account())
        if closed:
            raise PermissionsError("; ".join(closed))

    def _keep(self, why: str, status: int, *problems: str) -> Outcome:
        told = "\n".join((f"{why}; the former settings stay in force", *problems[:_PROBLEMS_KEPT]))
        self._sessions.history.reload(told, time.time(), succeeded=False)
        self._settings_good = False
        _log.error("reload of %s: %s; the former settings stay in force", self._path, why)
        self._notifier.ready("reload failed, former settings in force")
        return Outcome(status, (f"{why}; the former settings stay in force",), problems)

    async def _change(self, settings: Settings) -> tuple[str, ...]:
        if settings.spool_directory != self._settings.spool_directory:
            check_directory(Path(settings.spool_directory))
        chain = await self._make_chain(settings)
        http = await self._http.open(settings.metrics)
        try:
            await self._listeners.change(settings)
        except MmxError:
            http.close()
            raise
        self._http.serve(http)
        changes = describe_change(self._sessions.chain, chain)
        changes += [f"child {name} enabled again" for name in self._sessions.sidelines.names]
        self._control.change(settings.control_socket)
        self._sessions.change(settings, chain, **self._bounds(settings, chain))
        if settings.log != self._settings.log:
            level = LogLevel.DEBUG if self._log_is_fixed else settings.log.level
            log.set_up(replace(settings.log, level=level))
            log.log_first(self._sessions.records.tell)
        self._sessions.slow_watch.start(settings.status.slow_after)
        self._sessions.ledger.follow(settings.held)
        unchanged = settings == self._settings and not changes
        self._settings = settings
        told = "no change" if unchanged else "; ".join(changes) or "same children"
        _log.info("reloaded %s: %s", self._path, told)
        self._sessions.history.reload(told, time.time(), succeeded=True)
        self._settings_good = True
        self._greeting.begin(chain, settings.limits.max_frame)
        return tuple(changes or [told])

    @staticmethod
    async def _make_chain(settings: Settings) -> Chain:
        main_cf = await read_main_cf()
        for complaint in plan_complaints(settings, main_cf.local):
            _log.warning("%s", complaint)
        # Long lists take their time.
        chain = await asyncio.to_thread(make_chain, settings, main_cf.macros, main_cf.local)
        if chain.dns_lists:
            require_dnspython()
        return chain

    def _bounds(self, settings: Settings, chain: Chain) -> dict[str, int]:
        """How many sessions and connections the descriptors are enough for."""
        taken = len(chain.observed) * settings.limits.max_observations * PER_OBSERVATION
        taken += MAX_ASKED if chain.dns_lists else 0
        descriptors, children = self._descriptors - taken, len(chain.children)
        sessions = session_limit(settings.limits.max_sessions, descriptors=descriptors, children=children)
        connections = connection_limit(sessions, descriptors=descriptors, children=children)
        return {"max_sessions": sessions, "max_connections": connections}

    def _standing(self) -> Standing:
        outages = ((plan, self._sessions.outages.of(plan)) for plan in self._sessions.chain.children)
        down = tuple((plan, outage.why) for plan, outage in outages if outage is not None)
        return Standing(bool(self._listeners.names), self._settings_good, self._stop_asked, down)

    @property
    def loaded(self) -> Loaded:
        """The settings in force, and where they came from."""
        return self._loaded

    def status(self) -> Status:
        """A picture of the daemon, for people."""
        return snapshot.take(
            self._sessions,
            self._loaded,
            at=time.time(),
            started=self._started,
            listeners=tuple(self._listeners.names),
            path=str(self._path),
            settings_good=self._settings_good,
        )

    @staticmethod
    def _on_loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        _log.error("fault in a callback: %s", context.get("message", ""), exc_info=context.get("exception"))
