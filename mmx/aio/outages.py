"""Outages of children: a child that is gone is told of once, and once more when it is back.

An outage begins with the first connect or handshake that fails, or with a connection that breaks inside a
message, and ends with the next handshake that succeeds, in a session or in a probe. What happens in between
is counted. A failure of another kind in the same outage, such as a socket that is there again but may not be
used, is told of as well, once.

What is no outage is left to the throttle: a child that is slow, or breaks the protocol, in a session but
answers others, and a connection that ends between messages.

A child that falls over at every other message would fill the log by its comings and goings, so the throttle
has a say in the beginning of an outage too, and an outage whose beginning was not told of ends in silence.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from mmx.aio.throttle import Throttle
from mmx.core.action import ChildFailed, Loss
from mmx.core.plan import ChildPlan
from mmx.observe.log import Line

_HANDSHAKE: Final = frozenset({"connect", "OPTNEG"})
_BROKEN: Final = frozenset({"eof", "reset"})
_KINDS: Final = dict.fromkeys(("eof", "reset", "refused", "missing"), "gone")
"""Reasons that are the same fact, seen at different moments."""

_Key = tuple[str, str]


class Outage:
    """A child that is gone since then, and why it was the last time that somebody tried."""

    __slots__ = ("actions", "since", "told", "why")

    def __init__(self, since: float) -> None:
        self.since = since
        self.why = ""
        self.told: set[str] = set()
        """Kinds of failure told of."""
        self.actions: Counter[str] = Counter()
        """Messages that took a default action, by its word."""


class Outages:
    """Pure state, at most one entry a child; whoever asks says what time it is, in seconds."""

    __slots__ = ("_open", "_throttle")

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._open: dict[_Key, Outage] = {}

    def of(self, plan: ChildPlan) -> Outage | None:
        """The child's outage, if it is gone."""
        return self._open.get(_key(plan))

    def began(self, plan: ChildPlan, loss: Loss, now: float) -> None:
        """The handshake at the start or after a reload failed, and whoever did it has told of it."""
        outage = self._open.setdefault(_key(plan), Outage(now))
        outage.why = _why(loss.reason, loss.detail)
        outage.told.add(_KINDS.get(loss.reason, loss.reason))

    def failed(self, failed: ChildFailed, now: float) -> int | None:
        """None if this failure is not to be told of; else how many like it were not, since the last told."""
        key = _key(failed.child.plan)
        if not _is_outage(failed):
            return self._throttle.passes((*key, failed.step, failed.reason), now)
        outage = self._open.setdefault(key, Outage(now))
        outage.why = _why(failed.reason, failed.detail)
        if failed.action:
            outage.actions[failed.action] += 1
        kind = _KINDS.get(failed.reason, failed.reason)
        if kind in outage.told:
            return None
        more = self._throttle.passes((*key, kind), now)
        if more is not None:
            outage.told.add(kind)
        return more

    def answered(self, plan: ChildPlan, now: float) -> Line | None:
        """The child shook hands: the line of the outage that this ends, if it is to be told of."""
        outage = self._open.pop(_key(plan), None) if self._open else None
        if outage is None or not outage.told:
            return None
        values = {
            "child": plan.name,
            "socket": plan.endpoint,
            "seconds": now - outage.since,
            "messages": outage.actions.total(),
        }
        return Line("child is back", values, _actions(outage.actions))

    def keep_only(self, plans: Iterable[ChildPlan]) -> None:
        """Forget children that are not in the chain any more, or have moved."""
        kept = {_key(plan) for plan in plans}
        self._open = {key: outage for key, outage in self._open.items() if key in kept}


def _is_outage(failed: ChildFailed) -> bool:
    """Whether this failure says that the child is gone; a shortage of mmx itself says nothing of it."""
    if failed.step in _HANDSHAKE:
        return failed.reason != "resources"
    return failed.reason in _BROKEN and bool(failed.action)


def _why(reason: str, detail: str) -> str:
    return f"{reason}: {detail}" if detail else reason


def _key(plan: ChildPlan) -> _Key:
    return plan.name, plan.endpoint


def _actions(actions: Counter[str]) -> str:
    if not actions:
        return "no message took its default action"
    told = [
        f"{count} {'message' if count == 1 else 'messages'} took its default action {word}"
        for word, count in sorted(actions.items())
    ]
    return ", ".join(told)
