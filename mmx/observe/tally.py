"""What mmx counts, as plain numbers: the counters behind the metrics (mmx.observe.metrics).

An event adds to a number that it finds by a fixed key; labels were put together when the chain was made,
and text is made only for whoever asks. All keys come from closed tables and the settings, so nothing that a
peer sends can become a label. Every key is there from the start, at 0: the first failure is then an increase,
which an alert can see.

A child that a reload takes out of the chain takes its counters with it, and begins at 0 if it comes back: its
series end, rather than stand still for ever. What messages that still have the former chain say of it is not
counted. A child that stays keeps its counters, whatever else changed about it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Final

from mmx.core.action import (
    STAGES,
    ChildFailed,
    ChildRecord,
    Held,
    Judged,
    MessageRecord,
    ObservedRecord,
)
from mmx.core.edits import KINDS
from mmx.core.plan import DEFAULT_ACTIONS
from mmx.core.session import Session
from mmx.settings.model import ChildSettings, Settings

MESSAGE_VERDICTS: Final = ("accept", "quarantine", "reject", "tempfail", "shutdown", "discard", "aborted")
_OBSERVED_VERDICTS: Final = (
    *("continue", "accept", "quarantine", "reject", "tempfail", "shutdown", "discard"),
    *("failed", "skipped", "missed"),
)
_EDITED: Final = frozenset({"accept", "quarantine"})
"""Verdicts of messages whose edits went to the MTA."""

_REFUSALS: Final = ("reject", "tempfail", "shutdown")
_EARLY: Final = ("accept", *_REFUSALS, "discard", "quarantine")
_VERDICTS: Final[Mapping[str, Sequence[str]]] = {
    "CONNECT": ("accept", *_REFUSALS),
    "HELO": ("accept", *_REFUSALS),
    "MAIL": _EARLY,
    "RCPT": _EARLY,
    "DATA": _EARLY,
    "HEADER": _EARLY,
    "EOH": _EARLY,
    "BODY": _EARLY,
    "EOM": ("continue", *_EARLY),
    "UNKNOWN": _REFUSALS,
}
_JUDGED_APART: Final = frozenset({"CONNECT", "HELO"})
"""Verdicts on the client come as `Judged`, once, and not with each message."""

_IN_DIALLING: Final = ("missing", "refused", "denied", "busy", "resources", "timeout", "breaker", "other")
_IN_CONNECTION: Final = ("eof", "reset", "timeout", "protocol", "frame")
_OTHER: Final = ("other", "other")
_FAILURES: Final = (
    *product(("connect",), _IN_DIALLING),
    *product(("OPTNEG", *STAGES.values(), "idle"), _IN_CONNECTION),
    ("condition", "timeout"),
    _OTHER,
)

WAITED_FOR: Final[Mapping[int, str]] = {
    code: "content" if name == "BODY" else name
    for code, name in STAGES.items()
    if name not in {"HEADER", "EOH"}
}
"""Command code (`Child.waited`) to stage; content before its end is one stage."""

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper ends of the steps of durations, in seconds."""

_OPPOSITE: Final = {"unauthenticated": "authenticated", "remote": "local", "calm": "stressed"}
"""Conditions that are `not` of another one, as the core tells of them."""

Key = tuple[str, ...]


class Counts:
    """Counters of one metric, found by the values of some of their labels."""

    __slots__ = ("labels", "numbers")

    def __init__(self, names: Key, keys: Iterable[Key], **others: str) -> None:
        self.numbers: dict[Key, int] = dict.fromkeys(keys, 0)
        self.labels: tuple[Mapping[str, str], ...] = tuple(
            {**others, **dict(zip(names, key, strict=True))} for key in self.numbers
        )
        """In the order of the numbers."""

    def add(self, *key: str, number: int = 1) -> None:
        """Add to the counter of this key, if there is one."""
        if key in self.numbers:
            self.numbers[key] += number


class Durations:
    """A histogram."""

    __slots__ = ("seconds", "steps")

    def __init__(self) -> None:
        self.steps = [0] * (len(BOUNDS) + 1)
        """How many fell into each step; the last is for what is longer than all BOUNDS."""
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Something took that long."""
        self.steps[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class ChildTally:
    """What one child did since it came into the chain."""

    __slots__ = (
        "_conditions",
        "default_actions",
        "durations",
        "edits",
        "failures",
        "quarantined",
        "skipped",
        "verdicts",
    )

    def __init__(self, child: ChildSettings) -> None:
        name = child.name
        said = [(stage, word) for stage, words in _VERDICTS.items() for word in words]
        self.verdicts = Counts(("stage", "verdict"), said, child=name)
        self.failures = Counts(("stage", "reason"), _FAILURES, child=name)
        self.edits = Counts(("kind",), [(kind,) for kind in KINDS], child=name)
        self.default_actions = Counts(("action",), [(action,) for action in DEFAULT_ACTIONS], child=name)
        self.quarantined = Counts((), [()], child=name)
        self.durations = {code: Durations() for code in WAITED_FOR}
        self.skipped = Counts(("condition",), ())
        self.follow(child)

    def follow(self, child: ChildSettings) -> None:
        """Its conditions may have changed; those that stay keep their counters."""
        before = self.skipped.numbers
        words = (*_conditions(child), "other")
        self._conditions = {condition_of(word): word for word in words}
        self.skipped = Counts(("condition",), [(word,) for word in words], child=child.name)
        self.skipped.numbers.update((key, before.get(key, 0)) for key in self.skipped.numbers)

    def message(self, share: ChildRecord, *, edited: bool) -> None:
        """Its share in a message."""
        if share.verdict == "skipped":
            self.skipped.add(self._conditions.get(condition_of(share.because), "other"))
        elif not share.failed and share.stage not in _JUDGED_APART:
            self.verdicts.add(share.stage, share.verdict)
        self.waited(share.waited)
        if edited:
            for kind, number in share.edits:
                self.edits.add(kind, number=number)

    def waited(self, waited: Mapping[int, float]) -> None:
        """It was waited for, by command code."""
        for code, seconds in waited.items():
            self.durations[code].add(seconds)

    def failure(self, failed: ChildFailed) -> None:
        """It failed in a session."""
        key = (failed.step, failed.reason)
        self.failures.add(*(key if key in self.failures.numbers else _OTHER))
        if failed.action:
            self.default_actions.add(failed.action)


class Tally:
    """What the process did since its start."""

    __slots__ = ("children", "message_bytes", "messages", "observed", "probes", "sessions")

    def __init__(self, settings: Settings) -> None:
        self.sessions = 0
        self.probes = 0
        self.messages = Counts(("verdict",), [(verdict,) for verdict in MESSAGE_VERDICTS])
        self.message_bytes = 0
        self.children: dict[str, ChildTally] = {}
        self.observed: dict[str, Counts] = {}
        self.follow(settings)

    def follow(self, settings: Settings) -> None:
        """Count for the children of these settings, and for no others."""
        before = self.children
        self.children = {child.name: before.get(child.name) or ChildTally(child) for child in settings.chain}
        for child in settings.chain:
            self.children[child.name].follow(child)
        verdicts = [(verdict,) for verdict in _OBSERVED_VERDICTS]
        self.observed = {
            child.name: self.observed.get(child.name) or Counts(("verdict",), verdicts, child=child.name)
            for child in settings.observed
        }

    def message(self, record: MessageRecord) -> None:
        """A message has its verdict, or a client was refused before the first one."""
        self.messages.add(record.verdict)
        self.message_bytes += record.size
        edited = record.verdict in _EDITED
        for share in record.children:
            child = self.children.get(share.name)
            if child is not None:
                child.message(share, edited=edited)
        if record.held is not None:
            self._quarantined(record.held)

    def _quarantined(self, held: Held) -> None:
        for name, _ in held.by:
            child = self.children.get(name)
            if child is not None:
                child.quarantined.add()

    def judged(self, note: Judged) -> None:
        """A child gave a verdict on something else than a message."""
        child = self.children.get(note.child.name)
        if child is not None:
            child.verdicts.add(note.stage, note.verdict)

    def failure(self, failed: ChildFailed) -> None:
        """A child failed in a session."""
        child = self.children.get(failed.child.name)
        if child is not None:
            child.failure(failed)

    def observation(self, record: ObservedRecord) -> None:
        """A child that only observes is done with a message."""
        counts = self.observed.get(record.child)
        if counts is not None:
            counts.add(record.verdict)

    def session_ended(self, session: Session) -> None:
        """The MTA's connection is closed; what was waited for after its last message is not counted yet."""
        if session.silent:
            self.probes += 1
        for child in session.children:
            counted = self.children.get(child.name)
            if counted is not None:
                counted.waited(child.waited)


def _conditions(child: ChildSettings) -> Key:
    """What may keep mail from a child."""
    others = (("after", child.after is not None), ("max_size", child.max_size is not None))
    return (*child.when, *(word for word, is_set in others if is_set))


def condition_of(text: str) -> str:
    """The one spelling of a condition: of a word of `when`, or of what the core says decided."""
    negated = False
    while text.startswith("not "):
        negated = not negated
        text = text.removeprefix("not ").removeprefix("(")
    name = text.partition(":")[0]
    if name in _OPPOSITE:
        negated = not negated
        name = _OPPOSITE[name]
    return f"not {name}" if negated else name
