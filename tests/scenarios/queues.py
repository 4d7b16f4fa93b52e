"""What mmx has sent, by receiver, and the comparison with what a scenario expects.

A queue holds frames and, where mmx closed a connection, `Closed`. Closing a child matters only where a step
asks for it; closing the MTA must be expected (`Queues.mta_may_close` lifts that once the MTA has ended).
"""

from collections import deque
from enum import Enum
from typing import Final

from mmx.wire import command, framing
from tests.scenarios import frames, words
from tests.scenarios.model import MTA, Expect, ExpectClose, Scenario, Step


class Closed(Enum):
    """The mark in a queue where mmx closed the connection."""

    CLOSED = "closes"


CLOSED: Final = Closed.CLOSED
Item = bytes | Closed
FAREWELL: Final = frozenset({command.ABORT, command.QUIT, command.MACRO})


class MismatchError(AssertionError):
    """mmx sent something else than the scenario expects."""


def show(peer: str, item: Item) -> str:
    """An item of a peer's queue as a line of a scenario."""
    arrow = "<" if peer == MTA else ">"
    if isinstance(item, Closed):
        return f"{peer}{arrow} {item.value}"
    shown: list[words.Word] = [*frames.decode(item, from_mta=peer != MTA)]
    return f"{peer}{arrow} {words.show_line(shown)}"


class Queues:
    """One queue for the MTA and one for each child."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._queues: dict[str, deque[Item]] = {peer: deque() for peer in self.peers}
        self.mta_may_close = False
        self.history: list[str] = []
        """What was sent and received so far, as lines."""

    @property
    def peers(self) -> list[str]:
        return [MTA, *(child.name for child in self._scenario.children)]

    def put(self, peer: str, item: Item) -> None:
        """mmx sent this."""
        self.history.append("   mmx: " + show(peer, item))
        if self._scenario.macros_shown or not _is_macro(peer, item):
            self._queues[peer].append(item)

    def take(self, step: Expect) -> None:
        """The next frame of the step's receiver must be the expected one."""
        queue = self._queues[step.peer]
        if step.peer != MTA:
            while queue and queue[0] is CLOSED:
                queue.popleft()
        if not queue:
            raise self.mismatch(step, "nothing came")
        item = queue.popleft()
        if not _agrees(step, item):
            queue.appendleft(item)
            raise self.mismatch(step, f"came:     {show(step.peer, item)}")

    def waits(self, peer: str) -> bool:
        """Whether a frame waits for the receiver."""
        return any(item is not CLOSED for item in self._queues[peer])

    def drop_first(self, peer: str, frame: bytes) -> bool:
        """Take this frame from the front of the queue, if it is there."""
        queue = self._queues[peer]
        while queue and queue[0] is CLOSED:
            queue.popleft()
        found = bool(queue) and queue[0] == frame
        if found:
            queue.popleft()
        return found

    def take_close(self, step: ExpectClose) -> None:
        """mmx must have closed the connection; ABORT and QUIT to a child may precede."""
        queue = self._queues[step.peer]
        while queue and step.peer != MTA and _is_farewell(queue[0]):
            queue.popleft()
        if not queue or queue.popleft() is not CLOSED:
            raise self.mismatch(step, "the connection was not closed")

    def take_all(self, peer: str) -> list[bytes]:
        """Every frame that waits for the receiver."""
        taken = [item for item in self._queues[peer] if isinstance(item, bytes)]
        self._queues[peer].clear()
        return taken

    def must_be_empty(self, peer: str, step: Step | None) -> None:
        """No frame may wait for the receiver."""
        left = [item for item in self._queues[peer] if not (item is CLOSED and self._may_close(peer))]
        if left:
            raise self.mismatch(step, f"too much: {show(peer, left[0])}")

    def take_farewell(self) -> None:
        """After the MTA is gone children may get ABORT and QUIT only, the MTA nothing."""
        self.mta_may_close = True
        for peer in self.peers:
            for item in self._queues[peer]:
                if not (_is_farewell(item) and peer != MTA) and item is not CLOSED:
                    raise self.mismatch(None, f"after the MTA had gone came: {show(peer, item)}")
            self._queues[peer].clear()

    def mismatch(self, step: Step | None, what: str) -> MismatchError:
        """A failure that shows the line, what came and what waits in all queues."""
        place = f"{self._scenario.path}:{step.line}" if step else f"{self._scenario.path}: at the end"
        lines = [f"{place}: {self._scenario.title}"]
        if step:
            lines.append(f"  expected: {step.text}")
        lines.append(f"  {what}")
        for peer, queue in self._queues.items():
            lines += [f"  waiting:  {show(peer, item)}" for item in queue]
        lines += ["  so far:", *(f"    {line}" for line in self.history[-30:])]
        return MismatchError("\n".join(lines))

    def _may_close(self, peer: str) -> bool:
        return peer != MTA or self.mta_may_close


def _is_macro(peer: str, item: Item) -> bool:
    return isinstance(item, bytes) and peer != MTA and item[framing.CODE] == command.MACRO


def _is_farewell(item: Item) -> bool:
    return isinstance(item, bytes) and item[framing.CODE] in FAREWELL


def _agrees(step: Expect, item: Item) -> bool:
    if isinstance(item, Closed):
        return False
    if step.frame is not None:
        return item == step.frame
    got = frames.decode(item, from_mta=step.peer != MTA)
    return len(got) == len(step.words) and all(
        expected.matches(word) if isinstance(expected, words.Pattern) else expected == word
        for expected, word in zip(step.words, got, strict=True)
    )
