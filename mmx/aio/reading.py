"""What the metrics say of the moment of a scrape, read from the sessions and their children.

The costly part is one walk over all open sessions, as for the status page.
"""

from mmx import __version__
from mmx.aio.sessions import Sessions
from mmx.aio.waits import Waits, waits_of
from mmx.observe.metrics import ChildReading, Reading

_NONE = Waits()


def read(sessions: Sessions, settings_good: bool) -> Reading:
    """The daemon now; whether the last reload succeeded is not for the sessions to know."""
    sessions.records.tell()
    waits = waits_of(sessions.open_sessions())
    return Reading(
        version=__version__,
        sessions=len(sessions),
        spool_bytes=sessions.budget.used,
        spool_limit=sessions.budget.limit,
        loop_lag=sessions.lag.worst,
        settings_good=settings_good,
        settings_taken_at=sessions.settings_taken_at,
        children={
            plan.name: ChildReading(
                up=sessions.outages.of(plan) is None and sessions.knowledge.of(plan.name) is not None,
                taken_out=sessions.sidelines.of(plan.name) is not None,
                sessions=waits.get(plan.name, _NONE).connected,
                oldest_wait=waits.get(plan.name, _NONE).oldest(sessions.now),
            )
            for plan in sessions.chain.everybody
        },
    )
