"""A session as a playbook: `>>` something happens, `<<` mmx must have sent this and nothing more.

    with Playbook("child a:", "child b: protocol=NOHELO") as play:
        play >> "M> MAIL <s@example.net>" << "a,b> MAIL <s@example.net>"
        play >> "b< CONTINUE"
        play >> "a< CONTINUE" << "M< CONTINUE"

The lines are those of scenario files (tests/scenarios/README.md), and so are the stage and the clock behind
them. A playbook is stricter: all that one event makes mmx send must be claimed before the next event. It also
keeps the `actions`, which scenario files cannot show, and lets a test `call` entries that no line can cause.
"""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from mmx.core import action
from mmx.core.child import Child
from mmx.core.session import Session
from mmx.wire import command
from mmx.wire.framing import CODE
from tests.scenarios import format as scenario_format
from tests.scenarios import model
from tests.scenarios.core_player import CoreStage
from tests.scenarios.player import Player, preamble
from tests.scenarios.queues import Queues

Note = TypeVar("Note", bound=action.Action)


class _Stage(CoreStage):
    """The scenarios' stage, which also shows the actions and has entries that no scenario needs."""

    def __init__(self, scenario: model.Scenario, player: Player) -> None:
        self.actions: list[action.Action] = []
        super().__init__(scenario, player)

    @property
    def now(self) -> float:
        return self._now

    def call(self, entry: Callable[..., None], *args: Any) -> None:
        self._enter(entry, *args)
        self._run()

    def _perform(self, one: action.Action) -> None:
        self.actions.append(one)
        super()._perform(one)


class Playbook:
    """One session, its children and its clock. `head` holds lines of a scenario's head."""

    def __init__(self, *head: str) -> None:
        text = "\n".join(("title: playbook", "rules: G1", *head, "---"))
        self.scenario = scenario_format.parse(text, Path("playbook"))
        self._lines = scenario_format._Body(names={child.name for child in self.scenario.children})
        self._player = Player(self.scenario)
        self._stage = _Stage(self.scenario, self._player)
        for frame in preamble(self.scenario):
            self._stage.send(model.MTA, frame)
            if frame[CODE] != command.MACRO:
                self._player._take_answer()
        self._player.begin_steps()
        self.actions.clear()

    @property
    def session(self) -> Session:
        return self._stage.session

    @property
    def now(self) -> float:
        """The session's clock."""
        return self._stage.now

    @property
    def actions(self) -> list[action.Action]:
        """What the session asked for and noted since its start was played, in order."""
        return self._stage.actions

    @property
    def queues(self) -> Queues:
        return self._player.queues

    def child(self, name: str) -> Child:
        return next(child for child in self.session.children if child.name == name)

    def notes(self, kind: type[Note]) -> list[Note]:
        """The actions of one kind."""
        return [one for one in self.actions if isinstance(one, kind)]

    @property
    def remarks(self) -> list[str]:
        return [remark.text for remark in self.notes(action.Remark)]

    @property
    def record(self) -> action.MessageRecord:
        """The record of the only message that has ended."""
        (ended,) = self.notes(action.MessageEnded)
        return ended.record

    def __rshift__(self, line: str) -> Self:
        """This happens; all that came before must have been claimed."""
        self._nothing_unclaimed()
        for step in self._parse(line):
            self._player._play_step(self._stage, step)
        return self

    def __lshift__(self, line: str) -> Self:
        """mmx has sent this."""
        for step in self._parse(line):
            self._player._expect(step)
        return self

    def call(self, entry: Callable[..., None], *args: Any) -> Self:
        """An entry is called that no line can cause."""
        self._nothing_unclaimed()
        self._stage.call(entry, *args)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._nothing_unclaimed()
            self._stage.hang_up(model.MTA)
            self.queues.take_farewell()
            assert self._stage.left_open() == []

    def _parse(self, line: str) -> list[model.Step]:
        self._lines.steps.clear()
        self._lines.read(0, line)
        return list(self._lines.steps)

    def _nothing_unclaimed(self) -> None:
        for peer in self.queues.peers:
            self.queues.must_be_empty(peer, None)
