"""An event as the core keeps it."""

from mmx.core.event import Event
from mmx.wire import command
from mmx.wire.framing import frame


def test_an_event_keeps_the_received_bytes_themselves() -> None:
    received, macros = frame(command.RCPT, b"<r>\0"), frame(command.MACRO, b"R")
    event = Event(command.RCPT, received, macros, 7)
    assert event.frame is received
    assert event.macros is macros
    assert (event.code, event.serial) == (command.RCPT, 7)
    assert not event.refused
    assert not event.rejected
