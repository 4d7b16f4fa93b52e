"""Taking the picture of the daemon that is shown to people (mmx.observe.status).

Costs a walk over all sessions and their children, some microseconds each, when somebody asks; nothing
otherwise.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from mmx import __version__
from mmx.aio.sessions import Sessions
from mmx.aio.waits import Waits, waits_of
from mmx.core.mta import Phase
from mmx.core.plan import ChildPlan
from mmx.core.session import Session
from mmx.observe.history import HistoryView
from mmx.observe.status import DISABLED, DOWN, DRAINING, UNKNOWN, UP, ChildStatus, Status
from mmx.settings.load import Loaded
from mmx.settings.model import Settings
from mmx.settings.show import show
from mmx.wire import command

_BETWEEN: Final = {Phase.NEW: "connect", Phase.NEGOTIATED: "connect", Phase.CONNECTED: "between messages"}
STAGES: Final = ("connect", "between messages", "envelope", "data", "content", "end of message")
"""What a session can be at, in the order of a session's life."""


def take(
    sessions: Sessions,
    loaded: Loaded,
    *,
    at: float,
    started: float,
    listeners: tuple[str, ...],
    path: str,
    settings_good: bool,
) -> Status:
    """The daemon as it is now."""
    sessions.records.tell()
    view = sessions.history.view(at)
    open_sessions = tuple(sessions.open_sessions())
    conditions = {child.name: child.when for child in loaded.settings.children}
    observing = {plan.child.name for plan in sessions.chain.observed}
    waits = waits_of(open_sessions)
    children = tuple(
        replace(
            _child(plan, sessions, waits.get(plan.name, Waits()), at=at, view=view),
            origin=loaded.origins.get(f"children.{plan.name}.endpoint", ""),
            when=", ".join(conditions.get(plan.name, ())),
            observes=plan.name in observing,
        )
        for plan in sessions.chain.everybody
    )
    return Status(
        at=at,
        started=started,
        version=__version__,
        listeners=listeners,
        children=children,
        left_out=tuple(_left_out(loaded)),
        sessions=_stages(open_sessions),
        max_sessions=sessions.max_sessions,
        spool_used=sessions.budget.used,
        spool_limit=sessions.budget.limit,
        settings_path=path,
        settings_good=settings_good,
        warnings=tuple(str(warning) for warning in loaded.warnings),
        settings_text=show(loaded.settings, loaded.origins, loaded.detection),
        history=view,
    )


def stage(session: Session) -> str:
    """What a session is at, one of STAGES."""
    state = session.state
    if state.transaction is None:
        return _BETWEEN.get(state.phase, "between messages")
    if state.owed is not None and state.owed.code == command.EOM:
        return "end of message"
    if state.phase in (Phase.HEADERS, Phase.BODY):
        return "content"
    return "data" if state.phase is Phase.DATA else "envelope"


def _stages(open_sessions: Iterable[Session]) -> dict[str, int]:
    counts = Counter(stage(session) for session in open_sessions)
    return {name: counts[name] for name in STAGES}


def _child(plan: ChildPlan, sessions: Sessions, waits: Waits, *, at: float, view: HistoryView) -> ChildStatus:
    clock = sessions.now
    standing = _standing(plan, sessions, at, busy=waits.in_message)
    return ChildStatus(
        name=plan.name,
        endpoint=plan.endpoint,
        state=standing.state,
        why=standing.why,
        since=standing.since,
        until=standing.until,
        content=plan.content,
        default_action=_default_action(plan),
        connections=waits.connected,
        waiting=waits.waiting,
        oldest_wait=waits.oldest(clock),
        slow=waits.oldest(clock) >= sessions.slow_watch.slow_after,
        history=view.of(plan.name),
    )


class _Standing(NamedTuple):
    state: str
    why: str = ""
    since: float = 0.0
    until: float = 0.0


def _standing(plan: ChildPlan, sessions: Sessions, at: float, *, busy: int) -> _Standing:
    sideline = sessions.sidelines.of(plan.name)
    if sideline is not None:
        state = DRAINING if sideline.word == DRAINING and busy else DISABLED
        return _Standing(state, f"{sideline.word} by {sideline.who}", sideline.since, sideline.until or 0.0)
    outage = sessions.outages.of(plan)
    if outage is not None:
        return _Standing(DOWN, outage.why, at - (sessions.now - outage.since))
    return _Standing(UP if sessions.knowledge.of(plan.name) is not None else UNKNOWN)


def _default_action(plan: ChildPlan) -> str:
    if plan.unreachable == plan.died:
        return plan.died
    return f"{plan.unreachable} if unreachable, {plan.died} if it dies"


def _left_out(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """Children that the settings have and the chain has not, and milters that were not taken."""
    yield from _without_say(loaded.settings)
    for skipped in loaded.detection.skipped:
        yield skipped.name, skipped.reason


def _without_say(settings: Settings) -> Iterator[tuple[str, str]]:
    in_chain = {child.name for child in settings.chain}
    for child in settings.children:
        if child.name in in_chain:
            continue
        if not child.enabled:
            yield child.name, "enabled: no"
        elif child.endpoint is None:
            yield child.name, "not found, and no endpoint"
        else:
            yield child.name, f"mode: {child.mode}"
