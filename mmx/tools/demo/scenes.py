"""The six messages of the demonstration, and the stage they are played on.

The stage is the real thing but for its size: the listener, driver and core of mmx in this process, with
milters and an MTA of the demonstration on unix sockets in a directory of their own. Nothing else of the
machine is touched: no Postfix, no network, no settings file.
"""

import asyncio
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from mmx.aio.handshake import shake_hands
from mmx.aio.listeners import Listeners
from mmx.aio.plan import make_chain
from mmx.aio.sessions import Sessions
from mmx.errors import UnavailableError
from mmx.observe.log import LOGGER
from mmx.settings.endpoint import LONGEST_PATH, UnixEndpoint
from mmx.settings.model import Action, ChildSettings, DefaultAction, Limits, Listener, Settings
from mmx.tools.demo.milters import Footer, Milter, Moment, Scan, Stamp, Words
from mmx.tools.demo.mta import Message, Outcome, deliver

MAX_SESSIONS: Final = 16
DRAIN: Final = 1.0
"""Seconds that open sessions get at the end; there should be none."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the play is; all in seconds."""

    usual_scan: float = 0.05
    long_scan: float = 1.5
    keep_alive: float = 0.4
    """Between two requests of mmx for patience; `progress_interval` in the settings."""
    patience: float = 1.0
    """Longest silence that the MTA bears."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One message, and what is special about the milters meanwhile."""

    title: str
    explanation: str
    message: Message
    slow: bool = False
    dies: bool = False
    down: bool = False


@dataclass(frozen=True, slots=True)
class Performance:
    """A scene as it was played."""

    scene: Scene
    milters: tuple[str, ...]
    """Names in chain order."""
    down: frozenset[str]
    outcome: Outcome
    moments: tuple[Moment, ...]
    log: tuple[str, ...]
    """What mmx logged as a warning or worse."""


def _message(subject: str, *body: str, to: tuple[str, ...] = ("<bob@example.org>",)) -> Message:
    headers = (("From", " Ann <ann@example.net>"), ("To", " bob@example.org"), ("Subject", f" {subject}"))
    return Message("<ann@example.net>", to, headers, body)


def scenes(pace: Pace) -> tuple[Scene, ...]:
    """The play in order."""
    return (
        Scene(
            "a clean message",
            "Four milters see it, three of them change it. The MTA gets one verdict and one set of edits.",
            _message("lunch", "Shall we meet at noon?"),
        ),
        Scene(
            "a message with a word that one milter refuses",
            "Its verdict counts, and what the others would have changed is dropped.",
            _message("an offer", "Come to our casino!"),
        ),
        Scene(
            f"a milter that takes {pace.long_scan:g} s, an MTA that gives up after {pace.patience:g} s",
            "mmx asks the MTA for patience for as long as the milter works.",
            _message("the big report", "Figures, figures, figures."),
            slow=True,
        ),
        Scene(
            "a milter dies half-way through its edits (its default_action: accept)",
            "It had added a header and half a body: both are dropped, and the mail goes on without it.",
            _message("lunch again", "Shall we meet at one?"),
            dies=True,
        ),
        Scene(
            "a milter is down (its default_action: tempfail)",
            "No mail passes unseen by it: the client is told to come back, and the log says what to do.",
            _message("still lunch", "Shall we meet at two?"),
            down=True,
        ),
        Scene(
            "two recipients, one of them refused",
            "Milters further down the chain never hear of the refused one.",
            _message("to both", "Hello!", to=("<nobody@example.org>", "<bob@example.org>")),
        ),
    )


class _Record(logging.Handler):
    """Keeps what mmx logs, to be shown with the scene."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname.lower()}: {record.getMessage()}")


class Stage:
    """mmx with its milters, for as long as the context lasts."""

    def __init__(self, directory: Path, pace: Pace) -> None:
        self._directory = directory
        self._pace = pace
        self._moments: list[Moment] = []
        self._log = _Record()
        self._stamp, self._words = Stamp(self._moments.append), Words(self._moments.append)
        self._scan, self._footer = Scan(self._moments.append), Footer(self._moments.append)
        settings = _settings(directory, pace)
        chain = make_chain(settings)
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._sessions = Sessions(settings, chain, max_sessions=MAX_SESSIONS, loop=loop)
        self._listeners = Listeners(self._sessions.accept)

    @property
    def milters(self) -> tuple[Milter, ...]:
        """The milters in chain order."""
        return self._stamp, self._words, self._scan, self._footer

    async def __aenter__(self) -> Self:
        for milter in self.milters:
            await milter.start(self._directory)
        await self._listeners.start(self._settings, {})
        max_frame = self._settings.limits.max_frame
        for plan in self._sessions.chain.children:
            await shake_hands(plan, self._sessions.knowledge, max_frame=max_frame)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listeners.close()
        await self._sessions.drain(DRAIN)
        for milter in self.milters:
            await milter.stop(self._directory)

    async def play(self, scene: Scene) -> Performance:
        """Play one scene; afterwards the milters are as before."""
        self._moments.clear()
        self._log.lines.clear()
        self._scan.pause = self._pace.long_scan if scene.slow else self._pace.usual_scan
        self._footer.dies = scene.dies
        if scene.down:
            await self._words.stop(self._directory)
        down = frozenset(milter.name for milter in self.milters if not milter.is_up)
        with _logged_to(self._log):
            outcome = await deliver(scene.message, self._directory / "mmx.sock", self._pace.patience)
        if scene.down:
            await self._words.start(self._directory)
        names = tuple(milter.name for milter in self.milters)
        return Performance(scene, names, down, outcome, tuple(self._moments), tuple(self._log.lines))


def _settings(directory: Path, pace: Pace) -> Settings:
    endpoint = UnixEndpoint(str(directory / "mmx.sock"))
    children = tuple(
        ChildSettings(
            milter.name,
            UnixEndpoint(str(directory / f"{milter.name}.sock")),
            default_action=DefaultAction(action, action),
        )
        for milter, action in (
            (Stamp, Action.TEMPFAIL),
            (Words, Action.TEMPFAIL),
            (Scan, Action.TEMPFAIL),
            (Footer, Action.ACCEPT),
        )
    )
    return Settings(
        listeners=(Listener("demo", endpoint),),
        socket_mode=0o600,
        socket_group=None,
        detect=False,
        children=children,
        limits=Limits(progress_interval=pace.keep_alive),
        spool_directory=str(directory),
    )


@contextmanager
def _logged_to(record: logging.Handler) -> Iterator[None]:
    """Have mmx log to `record` and nowhere else."""
    logger = logging.getLogger(LOGGER)
    former = logger.handlers[:], logger.level, logger.propagate
    logger.handlers[:] = [record]
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield
    finally:
        logger.handlers[:], logger.propagate = former[0], former[2]
        logger.setLevel(former[1])


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A directory for the sockets, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="mmx-demo-", ignore_cleanup_errors=True) as name:
        if len(f"{name}/footer.sock".encode()) > LONGEST_PATH:
            raise UnavailableError(
                f"{name}: too long for a unix socket; set TMPDIR to a shorter one: TMPDIR=/tmp mmx demo"
            )
        yield Path(name)
