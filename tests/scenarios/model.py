"""What a scenario file says, as frozen dataclasses (README.md)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mmx.core.condition import Condition
from mmx.core.plan import LOCK_STEP, After
from mmx.wire import option
from tests.scenarios.words import Word

HERE: Final = Path(__file__).parent
MTA: Final = "M"


@dataclass(frozen=True, slots=True)
class Offer:
    """What the MTA offers, and the software it names in macro v ("" for none)."""

    version: int = option.VERSION
    actions: int = option.ALL_ACTIONS
    protocol: int = option.ALL_PROTOCOL
    software: str = "Postfix 3.7.11"


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child: its OPTNEG answer, mmx's settings for it, and how it is reached at the start."""

    name: str
    version: int = option.VERSION
    actions: int = option.ALL_ACTIONS
    protocol: int = 0
    macros: tuple[tuple[int, tuple[bytes, ...]], ...] = ()
    content: str = "edited"
    original_always: bool = True
    pipelining: str = LOCK_STEP
    unreachable: str = "tempfail"
    died: str = "tempfail"
    reach: str = "up"
    known: bool = True
    absent: bool = False
    when: Condition | None = None
    after: After | None = None
    only_matching: bool = False
    max_size: int | None = None
    set_macros: tuple[tuple[bytes, bytes], ...] = ()
    verdicts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One line behind the head; `line` counts from 1."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Send(Step):
    """A peer sends these bytes."""

    peer: str
    data: bytes


@dataclass(frozen=True, slots=True)
class HangUp(Step):
    """A peer closes its connection."""

    peer: str


@dataclass(frozen=True, slots=True)
class Expect(Step):
    """mmx must have sent this to the peer: a frame, or words of which some are patterns."""

    peer: str
    words: tuple[Word, ...]
    frame: bytes | None


@dataclass(frozen=True, slots=True)
class ExpectNothing(Step):
    """Nothing is left in the peer's queue."""

    peer: str


@dataclass(frozen=True, slots=True)
class ExpectClose(Step):
    """mmx closes the connection to the peer."""

    peer: str


@dataclass(frozen=True, slots=True)
class Reach(Step):
    """From now on connections to the child succeed (`up`) or are refused (`down`)."""

    peer: str
    reach: str


@dataclass(frozen=True, slots=True)
class Wait(Step):
    """So many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reload(Step):
    """The chain becomes these children."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segment(Step):
    """Until the next Segment the peer writes `bytewise` or `together`; `end` ends that."""

    peer: str
    how: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole file."""

    path: Path
    title: str
    rules: tuple[str, ...]
    steps: tuple[Step, ...]
    children: tuple[ChildSpec, ...] = ()
    notes: tuple[str, ...] = ()
    start: str = "helo"
    mta: Offer = Offer()
    limits: dict[str, float] = field(default_factory=dict)
    macros_shown: bool = False
    handshake_shown: bool = False
    name_in_reply: bool = False
    children_header: str = ""
    sockets: bool = True
    postfix: bool = False

    def child(self, name: str) -> ChildSpec:
        return next(child for child in self.children if child.name == name)

    @property
    def id(self) -> str:
        return str(self.path.relative_to(HERE).with_suffix(""))
