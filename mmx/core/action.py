"""What a session asks of its driver, in order, after the outboxes were written.

Effects are imperatives (`Dial`, `Close`, `LookUp`, ...); notes are facts for logs, metrics and the breaker
(`Ready`, `ChildFailed`, `Judged`, `MessageEnded`, `MessageKept`, `Remark`). `Loss` goes the other way: what
happened to a child's connection.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from mmx.wire import command

if TYPE_CHECKING:
    from mmx.core.child import Child
    from mmx.core.transcript import Transcript


class Dial(NamedTuple):
    """Connect to the child; answer with `child_up` or `child_lost`."""

    child: "Child"


class Close(NamedTuple):
    """Write the child's outbox, then close its connection or stop dialling; nothing of it may reach the core
    again.
    """

    child: "Child"


class CloseMta(NamedTuple):
    """Close the MTA link once everything is written."""


class PauseMta(NamedTuple):
    """Stop reading from the MTA."""


class ResumeMta(NamedTuple):
    """Read from the MTA again."""


class LookUp(NamedTuple):
    """Ask these DNS lists about a client's address; answer each with `looked_up`."""

    address: str
    lists: tuple[str, ...]


class Ready(NamedTuple):
    """The handshake with the child is done."""

    child: "Child"


class ChildFailed(NamedTuple):
    """The child is out for this message. `step` is "connect" or the command it owed a reply to."""

    child: "Child"
    step: str
    reason: str
    detail: str
    action: str
    """The default action taken, or "" outside a message."""


class Judged(NamedTuple):
    """A child gave a verdict that is no share of a message: on the client, on a recipient, or on a command
    that the MTA does not know.
    """

    child: "Child"
    stage: str
    """The command."""
    verdict: str


STAGES: Final[Mapping[int, str]] = MappingProxyType(
    {
        code: command.NAMES[code]
        for code in (
            *(command.CONNECT, command.HELO, command.MAIL, command.RCPT, command.DATA),
            *(command.HEADER, command.EOH, command.BODY, command.EOM, command.UNKNOWN),
        )
    }
)
"""The commands that a child replies to."""


class Remark(NamedTuple):
    """A line for the log; `level` is a name of the logging module, lower case."""

    level: str
    text: str


class Loss(NamedTuple):
    """Why a connection to a child is gone or did not come about.

    `reason` is one of: missing, refused, denied, busy, resources, timeout, breaker, eof, reset, frame, other;
    "busy" is a child with a full backlog, "resources" a shortage of mmx itself.
    """

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ChildRecord:
    """One child's share in a message."""

    name: str
    verdict: str
    stage: str
    """Command at which the verdict was given, or ""."""
    seconds: float
    """Time spent waiting for its replies."""
    detail: str = ""
    because: str = ""
    """The part of its condition that let it see the message or kept it out."""
    failed: bool = False
    """It failed; a verdict is then that of its default action."""
    waited: Mapping[int, float] = field(default_factory=dict)
    """Seconds that it was waited for since the message before, by command code (`Child.waited`)."""
    edits: tuple[tuple[str, int], ...] = ()
    """Names of the edits that it asked for with its final verdict, and how many of each."""


@dataclass(frozen=True, slots=True)
class Held:
    """Who had a message held: what the ledger of quarantined mail says beside its record."""

    mail_answered: float
    """When the MTA got its reply to MAIL, as the session counts time: Postfix's arrival_time."""
    by: tuple[tuple[str, bytes], ...]
    """Names of the children, in chain order, each with its reason."""


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """All that the log line of one message says. Bytes come from the network and are not escaped."""

    session: str
    queue_id: bytes
    client: bytes
    helo: bytes
    sender: bytes
    recipients: int
    """Accepted ones."""
    refused_recipients: int
    size: int
    """Body bytes received."""
    verdict: str
    """accept, reject, tempfail, shutdown, discard, quarantine or aborted."""
    reply: bytes
    decider: str
    """Name of the child that decided, or ""."""
    why: str
    seconds: float
    children: tuple[ChildRecord, ...]
    held: Held | None = None
    """Only of a message that the MTA was told to hold."""


class MessageEnded(NamedTuple):
    """A transaction has its verdict, or was given up."""

    record: MessageRecord


class MessageKept(NamedTuple):
    """A message has had its answer and is kept for the children that observe; whoever takes the transcript
    has to release it once for each of them.
    """

    transcript: "Transcript"


@dataclass(frozen=True, slots=True)
class ObservedRecord:
    """What a child that only observes said of one message. Bytes come from the network."""

    session: str
    queue_id: bytes
    child: str
    verdict: str
    """continue, accept, quarantine, reject, tempfail, shutdown, discard; failed; skipped: its settings keep
    this message from it; missed: mmx could not show it the message.
    """
    stage: str
    """Command at which the verdict was given, or ""."""
    reply: bytes
    """Text of its reply, or of what it said of the last recipient that it refused."""
    refused_recipients: int
    edits: tuple[tuple[str, int], ...]
    """Names of edits and how many it asked for; a replaced body counts once."""
    message: str
    """The verdict that the message got."""
    why: str
    seconds: float


Effect = Dial | Close | CloseMta | PauseMta | ResumeMta | LookUp
Note = Ready | ChildFailed | Judged | MessageEnded | MessageKept | Remark
Action = Effect | Note
