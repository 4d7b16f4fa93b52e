"""The state of the daemon at one moment, frozen: what the status page and `mmx status` show.

Made by the shell (mmx.aio.snapshot) in one go, so that its numbers fit each other; whoever shows it needs no
lock and cannot change anything. Times are Unix times, periods seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmx.observe.history import ChildView, HistoryView

UP = "up"
DOWN = "down"
UNKNOWN = "unknown"
"""Nobody has spoken to it yet."""
DISABLED = "disabled"
"""Out of the chain by `mmx disable`."""
DRAINING = "draining"
"""Out by `mmx drain`, and messages that it still sees are not done."""


@dataclass(frozen=True, slots=True)
class ChildStatus:
    """One child of the chain."""

    name: str
    endpoint: str
    origin: str = ""
    """Where its endpoint was read."""
    state: str = UNKNOWN
    why: str = ""
    """Why it is down, or who took it out."""
    since: float = 0.0
    """Since when it is down or out, 0 if it is not."""
    content: str = "edited"
    when: str = ""
    """Its conditions."""
    default_action: str = ""
    observes: bool = False
    """It is shown messages after their end, and has no effect on them."""
    connections: int = 0
    """Sessions with a connection to it."""
    waiting: int = 0
    """Sessions that wait for a reply of it."""
    oldest_wait: float = 0.0
    slow: bool = False
    """Somebody waits for it longer than usual."""
    history: ChildView = field(default_factory=ChildView)
    until: float = 0.0
    """When a child that is out is enabled again, 0: at the next reload."""


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """One open session. What came with mail is escaped."""

    name: str
    client: str
    stage: str
    queue_id: str
    age: float
    message_age: float | None
    """Of the message under way."""
    waits_for: tuple[tuple[str, float], ...]
    """Children whose reply is waited for, each with the seconds so far."""


@dataclass(frozen=True, slots=True)
class Status:
    """The daemon."""

    at: float
    started: float
    version: str
    listeners: tuple[str, ...] = ()
    children: tuple[ChildStatus, ...] = ()
    """Those of the chain in order, then those that observe."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Milters that are not in the chain, and why."""
    sessions: Mapping[str, int] = field(default_factory=dict)
    """Open sessions by what they are at."""
    max_sessions: int = 0
    spool_used: int = 0
    spool_limit: int = 0
    settings_path: str = ""
    settings_good: bool = True
    """False: the last reload failed, former settings are in force."""
    warnings: tuple[str, ...] = ()
    settings_text: str = ""
    """The effective settings, as `mmx --show-config` prints them."""
    history: HistoryView = field(default_factory=HistoryView)

    @property
    def session_count(self) -> int:
        """All open sessions."""
        return sum(self.sessions.values())

    @property
    def spool_is_full(self) -> bool:
        """Whether new messages are refused for want of room."""
        return self.spool_used >= self.spool_limit > 0
