"""The settings as the rest of mmx sees them: frozen, complete, checked.

Durations are in seconds, sizes in bytes, file modes are permission bits. Every default stands here and
nowhere else; a child takes its timeouts and its default action from the global ones unless it has its own. A
reload makes a new `Settings`; sessions keep the one they began with.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mmx.settings.endpoint import ChildEndpoint, Endpoint, InetEndpoint, UnixEndpoint

MILLISECONDS: Final = 0.001
SECONDS: Final = 1.0
MINUTES: Final = 60 * SECONDS
DAYS: Final = 24 * 60 * MINUTES
BYTES: Final = 1
KIB: Final = 1024 * BYTES
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB


class Action(StrEnum):
    """What counts as the verdict of a child that gave none: Postfix's milter_default_action."""

    ACCEPT = "accept"
    TEMPFAIL = "tempfail"
    REJECT = "reject"
    QUARANTINE = "quarantine"
    SHUTDOWN = "shutdown"


class Content(StrEnum):
    """Which message a child sees: as the children before it left it, or as the MTA sent it."""

    EDITED = "edited"
    ORIGINAL = "original"
    # As the MTA sent it, while no child before it may replace the body; else as they left it.
    ORIGINAL_UNLESS_REPLACED = "original-unless-replaced"


class Pipelining(StrEnum):
    """What of a message a child is sent before its replies to what came before are there."""

    NO = "no"
    # The headers and the first piece of body; then each further piece, and the end, after the reply.
    HEADERS = "headers"
    # Everything: right for programs that use libmilter.
    YES = "yes"


class Mode(StrEnum):
    """Whether a child's verdicts and edits count, or are only reported."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class LogFormat(StrEnum):
    """Form of a log line: text, text with a priority for journald, or one JSON object."""

    PLAIN = "plain"
    JOURNAL = "journal"
    JSON = "json"


class LogTarget(StrEnum):
    """Where log lines go: to syslogd where standard error leads nowhere, or to the one named."""

    AUTO = "auto"
    STDERR = "stderr"
    SYSLOG = "syslog"


class LogLevel(StrEnum):
    """The least severe messages that are logged."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket on which mmx waits for the MTA; unnamed ones are called by their endpoint."""

    name: str
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class DefaultAction:
    """Verdicts for a child that could not be reached, and for one that died or timed out inside a message."""

    unreachable: Action = Action.TEMPFAIL
    died: Action = Action.TEMPFAIL


@dataclass(frozen=True, slots=True)
class Macros:
    """Macro names for each stage, as the protocol spells them: one letter bare, longer ones in braces.

    None: read at start and reload from the `milter_*_macros` parameters of Postfix.
    """

    connect: tuple[str, ...] | None = None
    helo: tuple[str, ...] | None = None
    mail: tuple[str, ...] | None = None
    rcpt: tuple[str, ...] | None = None
    data: tuple[str, ...] | None = None
    end_of_header: tuple[str, ...] | None = None
    end_of_message: tuple[str, ...] | None = None
    unknown: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One test, or several joined.

    `test` is "all", "any" or "not" (over `parts`), "named" (`values` is the name of another condition),
    "header" or "macro" (its name, then globs) or the name of a test over `values`. One of several values must
    fit; a value `file:PATH` stands for those of the file, which are in `Settings.tables`.
    """

    test: str
    values: tuple[str, ...] = ()
    parts: tuple["Condition", ...] = ()


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file of networks or names: each entry, and whether it is listed or an exception from what follows.

    `kind` is what its entries are: "networks", "domains" or "addresses".
    """

    kind: str
    path: str
    entries: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class After:
    """The child sees only mail of which an earlier one, `child`, has `said` one of these words."""

    child: str
    said: tuple[str, ...]


class Recipients(StrEnum):
    """Which recipients a child is told of: all, or those that its conditions are about."""

    ALL = "all"
    MATCHING = "matching"


@dataclass(frozen=True, slots=True)
class S25rSettings:
    """Client names that `s25r` is not to judge by its rules; `allow` goes first."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DnsblSettings:
    """The DNS lists that the condition `dnsbl` asks, and the time that all lists are given."""

    zones: tuple[str, ...] = ()
    timeout: float = 3 * SECONDS


@dataclass(frozen=True, slots=True)
class ChildSettings:
    """One milter behind mmx. `endpoint` is None when nothing says yet where it listens."""

    name: str
    endpoint: ChildEndpoint | None = None
    enabled: bool = True
    mode: Mode = Mode.ENFORCE
    content: Content = Content.EDITED
    default_action: DefaultAction = DefaultAction()
    connect_timeout: float = 5 * SECONDS
    command_timeout: float = 25 * SECONDS
    content_timeout: float = 240 * SECONDS
    pipelining: Pipelining = Pipelining.HEADERS
    # Names of conditions, each perhaps behind "not "; all must hold.
    when: tuple[str, ...] = ()
    # A message with more bytes is taken from the child; None: no limit.
    max_size: int | None = None
    # Macros that the child gets with these values, whatever the MTA sends.
    macros: tuple[tuple[str, str], ...] = ()
    recipients: Recipients = Recipients.ALL
    # Pairs of words: a verdict of the child, and what counts in its stead.
    verdicts: tuple[tuple[str, str], ...] = ()
    after: After | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on time and memory; at each of them a message is deferred with 451, never accepted unseen."""

    # From the first content event of a message to its verdict; Postfix waits 300 s after its last byte.
    message_timeout: float = 9 * MINUTES
    # As libmilter waits for the next command of its MTA.
    idle_timeout: float = 7210 * SECONDS
    # Between two signs of life towards Postfix while it is owed a reply.
    progress_interval: float = 10 * SECONDS
    # One event, all children together, for an MTA that is not known to understand progress.
    foreign_event_timeout: float = 25 * SECONDS
    drain_timeout: float = 10 * SECONDS
    # A body chunk of 65535 bytes and room for headers that an MTA does not split.
    max_frame: int = 65 * KIB
    # A longer message lies in an unlinked file of the spool directory.
    message_memory: int = 1 * MIB
    # All such files together.
    max_spool: int = 4 * GIB
    # Edits of one child to one message.
    max_edits: int = 1 * MIB
    # Unsent output of one peer above which nothing more is read for it.
    output_high_water: int = 256 * KIB
    # Messages that one observing child is shown at a time; it misses those above.
    max_observations: int = 100
    # None: (soft limit of file descriptors - 64) / (children + 3), at least 256.
    max_sessions: int | None = None
    backlog: int = 4096


DEFAULT_HTTP: Final = InetEndpoint("127.0.0.1", 9850)


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Where metrics and the status page are served over HTTP; `listen` None: nowhere."""

    listen: InetEndpoint | None = DEFAULT_HTTP
    # Names beside localhost and the address by which a browser may ask for pages.
    hosts: tuple[str, ...] = ()
    max_connections: int = 16
    # A request from its first byte, or an answer that is being taken.
    request_timeout: float = 10 * SECONDS
    # Between two requests of one connection.
    idle_timeout: float = 2 * MINUTES


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How log lines look, which are written, and where they go."""

    format: LogFormat = LogFormat.PLAIN
    level: LogLevel = LogLevel.INFO
    to: LogTarget = LogTarget.AUTO


@dataclass(frozen=True, slots=True)
class StatusSettings:
    """What the status page and `mmx status` may show."""

    # Clients and senders of recent messages.
    addresses: bool = False
    # A child that a session has waited for so long is called slow, in the log too.
    slow_after: float = 5 * SECONDS


@dataclass(frozen=True, slots=True)
class HeldSettings:
    """The ledger of quarantined mail, which `mmx held` reads; `ledger` None: none is kept."""

    ledger: str | None = "/var/lib/mmx/held.jsonl"
    # What a message left in it stays at least so long, and at most twice.
    keep: float = 30 * DAYS
    # It and the one before it, together.
    max_size: int = 16 * MIB


DEFAULT_ENDPOINT: Final = UnixEndpoint("/var/spool/postfix/mmx/mmx.sock")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the administrator may decide; `children` stand in chain order."""

    listeners: tuple[Listener, ...] = (Listener(str(DEFAULT_ENDPOINT), DEFAULT_ENDPOINT),)
    socket_mode: int = 0o660
    # None: the socket keeps the group that the process has.
    socket_group: str | None = "postfix"
    default_action: DefaultAction = DefaultAction()
    connect_timeout: float = 5 * SECONDS
    command_timeout: float = 25 * SECONDS
    content_timeout: float = 240 * SECONDS
    detect: bool = True
    # Between two looks for milters installed since the start; 0: never.
    detect_interval: float = 60 * SECONDS
    children: tuple[ChildSettings, ...] = ()
    conditions: tuple[tuple[str, Condition], ...] = ()
    # None: read at start and reload from mynetworks of Postfix.
    local_networks: tuple[str, ...] | None = None
    s25r: S25rSettings = field(default_factory=S25rSettings)
    trusted_domains: tuple[str, ...] = ()
    # Percent of max_sessions.
    stressed_above: int = 80
    dnsbl: DnsblSettings = field(default_factory=DnsblSettings)
    # What the files named in conditions hold; read with the settings, and no setting itself.
    tables: tuple[TableFile, ...] = ()
    order: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    # On a disk: what lies in memory would count twice.
    spool_directory: str = "/var/lib/mmx/spool"
    # Where `mmx status` and the other commands reach the daemon; None: nowhere.
    control_socket: str | None = "/run/mmx/control.sock"
    mta_macros: Macros = Macros()
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    name_in_reply: bool = False
    # Header added to each message that passes, which names the children that ran; None: none.
    children_header: str | None = None
    log: LogSettings = field(default_factory=LogSettings)
    status: StatusSettings = field(default_factory=StatusSettings)
    held: HeldSettings = field(default_factory=HeldSettings)

    @property
    def chain(self) -> tuple[ChildSettings, ...]:
        """The children that have a say: enabled, enforced, and said to be somewhere; in chain order."""
        return self._of_mode(Mode.ENFORCE)

    @property
    def observed(self) -> tuple[ChildSettings, ...]:
        """The children that have none, but are shown messages and reported on; in chain order."""
        return self._of_mode(Mode.OBSERVE)

    def _of_mode(self, mode: Mode) -> tuple[ChildSettings, ...]:
        return tuple(
            child
            for child in self.children
            if child.enabled and child.mode is mode and child.endpoint is not None
        )
