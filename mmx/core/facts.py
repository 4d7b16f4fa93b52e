"""What a session knows of its mail, put together for conditions to be asked about.

Built only when a condition is open, from the transcript that the session keeps anyway, so mail that no
condition is about costs nothing.
"""

from collections.abc import Iterable, Sequence

from mmx.core.condition import Facts, Point
from mmx.core.event import Event
from mmx.core.state import State, Transaction
from mmx.wire import payload
from mmx.wire.framing import DATA


def facts_of(state: State, recipients: Sequence[Event] | None = None) -> Facts:
    """All that is known now; `recipients` are those to be asked about, all that were not refused if None."""
    transaction = state.transaction
    facts = Facts(
        listener=state.listener,
        stressed=state.stressed,
        listed=state.listed,
        macros=_values(_macros_so_far(state)),
        sent_macros=_sent_macros(state),
    )
    if state.greeting is not None:
        facts.client = payload.decode_connection(state.greeting.frame[DATA:])
    if state.helo is not None:
        facts.point = Point.HELO
        facts.helo = payload.decode_one_string(state.helo.frame[DATA:])
    if transaction is not None:
        _add_message(facts, transaction, transaction.recipients if recipients is None else recipients)
    return facts


def _add_message(facts: Facts, transaction: Transaction, recipients: Iterable[Event]) -> None:
    facts.sender, facts.parameters = payload.decode_address(transaction.mail.frame[DATA:])
    facts.recipients = [address_of(event) for event in recipients if not (event.refused or event.rejected)]
    content = transaction.content
    facts.point = _point_of(transaction)
    if content is not None:
        facts.headers = content.headers
        facts.size = content.octets


def _point_of(transaction: Transaction) -> Point:
    content = transaction.content
    if content is not None and content.eom is not None:
        return Point.EOM
    if content is not None and content.eoh is not None:
        return Point.EOH
    if transaction.data is not None:
        return Point.DATA
    return Point.RCPT if transaction.recipients else Point.MAIL


def address_of(event: Event) -> bytes:
    """The address of a RCPT as the client wrote it."""
    return payload.decode_address(event.frame[DATA:])[0]


def _macros_so_far(state: State) -> list[bytes | None]:
    """MACRO frames in the order of their stages; those of recipients are about one recipient each."""
    events = [state.greeting, state.helo]
    transaction = state.transaction
    if transaction is not None:
        content = transaction.content
        events += [transaction.mail, transaction.data]
        events += [content.eoh, content.eom] if content is not None else []
    return [event.macros for event in events if event is not None]


def _values(received: Iterable[bytes | None]) -> dict[bytes, bytes]:
    values: dict[bytes, bytes] = {}
    for one in received:
        if one is not None:
            _, pairs = payload.decode_macros(one[DATA:])
            values.update((name.strip(b"{}"), value) for name, value in pairs)
    return values


def _sent_macros(state: State) -> frozenset[bytes]:
    """Names that the MTA was asked for, or sends by itself, at any stage; they change with a negotiation or a
    reload, and are asked for with every condition.
    """
    names = state.sent_macros
    if names is None:
        asked = state.requested
        base = state.chain.base_macros
        stages = {*asked, *base}
        names = state.sent_macros = frozenset(
            name.strip(b"{}") for stage in stages for name in asked.get(stage) or base.get(stage, ())
        )
    return names
