"""Plays a scenario through real sockets: mmx's sessions behind a unix socket, each child on one of its own.

The loop's clock stands still except in `wait` (still_loop.py), so limits are those of the file and no test
can be late. Each file is played in three segmentations:

    frames      one write a step
    bytes       the beginning and the end of every frame byte by byte, each byte a write of its own
    joined      steps of one peer in a row are one write
"""

import logging
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Final, Self

from tests.scenarios.model import MTA, Scenario
from tests.scenarios.player import Player
from tests.scenarios.running_mmx import RunningMmx
from tests.scenarios.socket_peers import PeerLink
from tests.scenarios.still_loop import StillLoop

SEGMENTATIONS: Final = ("frames", "bytes", "joined")
EDGE: Final = 7
"""Bytes at each end of a write that travel alone when cut `bytes`."""


class SocketStage:
    """mmx and its peers in one event loop."""

    def __init__(
        self, scenario: Scenario, player: Player, loop: StillLoop, directory: Path, cut: str
    ) -> None:
        self._loop = loop
        self._usual_cut = cut
        self._cuts: dict[str, str] = {}
        self._pending: tuple[str, bytes] = ("", b"")
        self._mmx = RunningMmx(scenario, loop, directory, player.received)
        self._mta = PeerLink(partial(player.received, MTA), lambda _: None)
        loop.run_until_complete(loop.create_unix_connection(lambda: self._mta, str(self._mmx.path)))
        self.settle()

    def send(self, peer: str, data: bytes) -> None:
        if self._cut(peer) == "joined":
            if self._pending[0] != peer:
                self._flush()
            self._pending = (peer, self._pending[1] + data)
            return
        self._flush()
        for piece in _pieces(data) if self._cut(peer) == "bytes" else [data]:
            self._write(peer, piece)
            self._loop.settle()

    def hang_up(self, peer: str) -> None:
        if self._pending[0] != peer:
            self._flush()
        self._write(*self._pending)
        self._pending = ("", b"")
        (self._mta if peer == MTA else self._mmx.children[peer]).hang_up()
        self._loop.settle()

    def reach(self, child: str, how: str) -> None:
        self._flush()
        self._mmx.children[child].reach(how)
        self._loop.settle()

    def wait(self, seconds: float) -> None:
        self._flush()
        self._loop.pass_time(seconds)

    def reload(self, names: tuple[str, ...]) -> None:
        self._flush()
        self._mmx.reload(names)
        self._loop.settle()

    def segment(self, peer: str, how: str) -> None:
        self._flush()
        self._cuts[peer] = {"bytewise": "bytes", "together": "joined"}.get(how, self._usual_cut)

    def settle(self) -> None:
        self._flush()
        self._loop.settle()

    def left_open(self) -> list[str]:
        return self._mmx.left_open()

    def close(self) -> None:
        """Give all sockets back."""
        self._mta.hang_up()
        self._mmx.close()

    def _cut(self, peer: str) -> str:
        return self._cuts.get(peer, self._usual_cut)

    def _flush(self) -> None:
        peer, data = self._pending
        self._pending = ("", b"")
        if data:
            self._write(peer, data)
            self._loop.settle()

    def _write(self, peer: str, data: bytes) -> None:
        if data:
            (self._mta if peer == MTA else self._mmx.children[peer]).write(data)


def _pieces(data: bytes) -> list[bytes]:
    """Both ends byte by byte, what is between in one piece."""
    middle = len(data) - 2 * EDGE
    if middle <= 1:
        return [data[at : at + 1] for at in range(len(data))]
    return [*_pieces(data[:EDGE]), data[EDGE : EDGE + middle], *_pieces(data[EDGE + middle :])]


class Faults(logging.Handler):
    """Keeps what mmx logs as its own faults: a scenario may not cause any."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.texts.append(self.format(record))

    def __enter__(self) -> Self:
        logging.getLogger("mmx").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("mmx").removeHandler(self)


def play(scenario: Scenario, cut: str) -> None:
    """The whole scenario through sockets; raises a mismatch."""
    directory = Path(tempfile.mkdtemp(prefix="mmx-"))
    loop = StillLoop()
    player = Player(scenario)
    with Faults() as faults:
        stage = SocketStage(scenario, player, loop, directory, cut)
        try:
            player.play(stage)
        finally:
            stage.close()
            loop.end()
            shutil.rmtree(directory)
    if faults.texts:
        raise player.queues.mismatch(None, "\n".join(faults.texts))
