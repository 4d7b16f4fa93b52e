"""One open session, for people: what it is at and which children it waits for."""

from mmx.aio.driver import Driver
from mmx.aio.snapshot import stage
from mmx.aio.waits import is_waited_for
from mmx.core.report import client_of
from mmx.observe.log import escape
from mmx.observe.status import SessionStatus


def session_status(driver: Driver, now: float) -> SessionStatus:
    """The session as it is; `now` is the time of the event loop."""
    state = driver.session.state
    transaction = state.transaction
    return SessionStatus(
        name=driver.name,
        client=escape(client_of(state.greeting)),
        stage=stage(driver.session),
        queue_id=escape(transaction.queue_id) if transaction is not None else "",
        age=now - driver.since,
        message_age=now - transaction.since if transaction is not None else None,
        waits_for=tuple((child.name, now - child.since) for child in state.children if is_waited_for(child)),
    )
