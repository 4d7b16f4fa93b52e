"""The request `trace` of the control socket: its fields, checked, and the events it sends until it ends.

client    addresses, as in 192.0.2.0/24
queue_id
child     name of a child
count     messages, then it ends
body      bytes of each frame of a body
"""

import ipaddress
import logging

from mmx.aio.control import Client, Request, number
from mmx.aio.trace import Network, Trace, Traces, Wanted
from mmx.errors import InvalidValueError
from mmx.wire.framing import MAX_DATA

_log = logging.getLogger(__name__)


async def trace(request: Request, client: Client, traces: Traces) -> object:
    """Send events until as many messages as wanted are done; else the client ends it."""
    made = Trace(wanted(request))
    _log.info("trace begun by %s", client.who)
    traces.start(made)
    try:
        while events := await made.take():
            await client.events(events)
    finally:
        traces.stop(made)
        _log.info("trace of %s ended", client.who)
    return None


def wanted(request: Request) -> Wanted:
    """What a request asks for; raises InvalidValueError."""
    count = number(request, "count", 1, 1_000_000)
    return Wanted(
        network=_network(request),
        queue_id=_text(request, "queue_id").encode(),
        child=_text(request, "child"),
        count=None if count is None else int(count),
        body=int(number(request, "body", 0, MAX_DATA) or 0),
    )


def _network(request: Request) -> Network | None:
    text = _text(request, "client")
    if not text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise InvalidValueError("client is no address or network", "write it as in 192.0.2.0/24") from None


def _text(request: Request, key: str) -> str:
    value = request.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidValueError(f"{key} is no string")
    return value
