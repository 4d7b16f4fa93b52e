"""What mmx remembers of what it did: recent decisions, errors of each child, latency, reloads.

Fed by the notes that make the log lines, kept in rings, and gone with the process: the log is the record,
this is for a quick look. Of addresses and texts of mail nothing is kept unless the settings say so
(`status.addresses`); then they are escaped like those of the log.

`view` takes a frozen picture of all of it, for the status page and `mmx status`.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mmx.core.action import ChildFailed, MessageRecord, ObservedRecord
from mmx.observe.latency import NO_MESSAGES, Latency, LatencyRing
from mmx.observe.log import escape

DECISIONS_KEPT: Final = 100
ERRORS_KEPT: Final = 10
"""Of each child."""
RELOADS_KEPT: Final = 20

_LONGEST_DETAIL: Final = 300
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a message, or of a client that was refused before it. Times are Unix times."""

    at: float
    session: str
    queue_id: str
    verdict: str
    child: str
    """Who decided, "" if nobody refused or mmx itself did."""
    stage: str
    """Command at which it decided, or ""."""
    seconds: float
    client: str = ""
    sender: str = ""
    """Kept only if the settings say so, like the client."""


@dataclass(frozen=True, slots=True)
class ChildError:
    """A failure of a child."""

    at: float
    step: str
    reason: str
    action: str
    detail: str


@dataclass(frozen=True, slots=True)
class Reload:
    """A start or reload, what it changed or why it did not."""

    at: float
    succeeded: bool
    text: str


@dataclass(frozen=True, slots=True)
class ChildView:
    """One child since the start, and its last hour."""

    verdicts: Mapping[str, int] = field(default_factory=dict)
    """Messages by the child's word."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """By reason."""
    default_actions: Mapping[str, int] = field(default_factory=dict)
    errors: tuple[ChildError, ...] = ()
    """The latest first."""
    hour: Latency = NO_MESSAGES
    minutes: tuple[Latency, ...] = ()
    """The oldest first."""


@dataclass(frozen=True, slots=True)
class HistoryView:
    """All that is remembered, at one moment."""

    verdicts: Mapping[str, int] = field(default_factory=dict)
    """Messages by verdict, since the start."""
    children: Mapping[str, ChildView] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    """The latest first."""
    reloads: tuple[Reload, ...] = ()
    """The latest first."""

    def of(self, child: str) -> ChildView:
        """What is known of a child; nothing has happened with one that is not listed."""
        return self.children.get(child, _NOTHING)


_NOTHING: Final = ChildView()


class _Child:
    __slots__ = ("default_actions", "errors", "failures", "latency", "verdicts")

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.default_actions: Counter[str] = Counter()
        self.errors: deque[ChildError] = deque(maxlen=ERRORS_KEPT)
        self.latency = LatencyRing()

    def view(self, minute: int) -> ChildView:
        return ChildView(
            verdicts=dict(self.verdicts),
            failures=dict(self.failures),
            default_actions=dict(self.default_actions),
            errors=tuple(reversed(self.errors)),
            hour=self.latency.total(minute),
            minutes=self.latency.series(minute),
        )


class History:
    """The rings. `now` is always a Unix time."""

    __slots__ = ("_children", "_decisions", "_reloads", "_verdicts", "keeps_addresses")

    def __init__(self, *, keeps_addresses: bool = False) -> None:
        self.keeps_addresses = keeps_addresses
        self._verdicts: Counter[str] = Counter()
        self._children: dict[str, _Child] = {}
        self._decisions: deque[Decision] = deque(maxlen=DECISIONS_KEPT)
        self._reloads: deque[Reload] = deque(maxlen=RELOADS_KEPT)

    def message(self, record: MessageRecord, now: float) -> None:
        """A message has its verdict."""
        self._verdicts[record.verdict] += 1
        minute = int(now // _MINUTE)
        stage = ""
        for share in record.children:
            child = self._child(share.name)
            child.verdicts[share.verdict] += 1
            if share.stage:
                child.latency.add(share.seconds, minute)
            if share.name == record.decider:
                stage = share.stage
        self._decisions.append(self._decision(record, stage, now))

    def _decision(self, record: MessageRecord, stage: str, now: float) -> Decision:
        keeps = self.keeps_addresses
        return Decision(
            at=now,
            session=record.session,
            queue_id=escape(record.queue_id),
            verdict=record.verdict,
            child=record.decider,
            stage=stage,
            seconds=record.seconds,
            client=escape(record.client) if keeps else "",
            sender=escape(record.sender) if keeps else "",
        )

    def observed(self, record: ObservedRecord, now: float) -> None:
        """A child that only observes is done with a message."""
        child = self._child(record.child)
        child.verdicts[record.verdict] += 1
        if record.stage:
            child.latency.add(record.seconds, int(now // _MINUTE))

    def failure(self, failed: ChildFailed, now: float) -> None:
        """A child failed in a session."""
        child = self._child(failed.child.plan.name)
        child.failures[failed.reason] += 1
        if failed.action:
            child.default_actions[failed.action] += 1
        detail = escape(failed.detail, _LONGEST_DETAIL)
        child.errors.append(ChildError(now, failed.step, failed.reason, failed.action, detail))

    def reload(self, text: str, now: float, *, succeeded: bool) -> None:
        """Settings were read, at the start or later."""
        self._reloads.append(Reload(now, succeeded, text))

    def keep_only(self, children: Iterable[str], *, keeps_addresses: bool) -> None:
        """Forget what is not in the chain any more, and addresses if they are not to be kept now."""
        kept = set(children)
        self._children = {name: child for name, child in self._children.items() if name in kept}
        if self.keeps_addresses and not keeps_addresses:
            self._decisions.clear()
        self.keeps_addresses = keeps_addresses

    def view(self, now: float) -> HistoryView:
        """A picture of it all."""
        minute = int(now // _MINUTE)
        return HistoryView(
            verdicts=dict(self._verdicts),
            children={name: child.view(minute) for name, child in self._children.items()},
            decisions=tuple(reversed(self._decisions)),
            reloads=tuple(reversed(self._reloads)),
        )

    def _child(self, name: str) -> _Child:
        child = self._children.get(name)
        if child is None:
            child = self._children[name] = _Child()
        return child
