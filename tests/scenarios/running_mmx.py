"""mmx in the test's own event loop, and every child of a scenario, each behind a unix socket of its own."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mmx.aio.sessions import Sessions
from mmx.core.plan import Chain
from mmx.settings.model import Limits, Settings
from tests.scenarios import wiring
from tests.scenarios.model import Scenario
from tests.scenarios.queues import Item
from tests.scenarios.socket_peers import ChildServer
from tests.scenarios.still_loop import StillLoop

MAX_SESSIONS = 100


class RunningMmx:
    """`received` takes what a child gets, by its name, and gives what the child answers at once."""

    def __init__(
        self,
        scenario: Scenario,
        loop: StillLoop,
        directory: Path,
        received: Callable[[str, Item], bytes | None],
    ) -> None:
        self._scenario = scenario
        self._loop = loop
        self._directory = directory
        self.children: dict[str, ChildServer] = {}
        for child in scenario.children:
            server = ChildServer(loop, directory / f"{child.name}.sock", partial(received, child.name))
            server.reach(child.reach)
            self.children[child.name] = server
        self._sessions = Sessions(self._settings(), self._chain(None), max_sessions=MAX_SESSIONS, loop=loop)
        self._sessions.knowledge = wiring.knowledge_of(scenario)
        self.path = directory / "mmx.sock"
        self._server = loop.run_until_complete(loop.create_unix_server(self._sessions.accept, str(self.path)))

    def reload(self, names: tuple[str, ...]) -> None:
        """The chain becomes these children."""
        self._sessions.change(self._settings(), self._chain(names), max_sessions=MAX_SESSIONS)

    def left_open(self) -> list[str]:
        """What a session that has ended left behind."""
        left = [f"connection of {name}" for name, server in self.children.items() if server.open_links]
        if len(self._sessions):
            left.append("the session")
        if self._sessions.budget.used:
            left.append(f"{self._sessions.budget.used} bytes of spool")
        return [*left, *self._loop.tasks(), *self._loop.errors]

    def close(self) -> None:
        """Give all sockets back."""
        self._server.close()
        self._loop.run_until_complete(self._sessions.drain(0))
        for child in self.children.values():
            child.close()

    def _settings(self) -> Settings:
        given = self._scenario.limits
        limits = Limits(
            max_frame=wiring.frame_limit(self._scenario),
            max_spool=int(given.get("spool", Limits().max_spool)),
            output_high_water=wiring.limits_of(self._scenario).output_high_water,
        )
        return Settings(limits=limits, spool_directory=str(self._directory))

    def _chain(self, names: tuple[str, ...] | None) -> Chain:
        return wiring.chain_of(self._scenario, names, directory=str(self._directory))
