"""Which event loop the daemon runs on.

uvloop if it is there, because it is faster; but releases before 0.23 can close a stranger's descriptor after
a cancelled connect, which a proxy must not risk.
"""

import asyncio
import importlib.metadata
import logging
from collections.abc import Callable
from typing import Final

OLDEST_UVLOOP: Final = (0, 23)

_log = logging.getLogger(__name__)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """The event loop to use: uvloop if it is installed and new enough, else the standard library's."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        _log.debug("event loop: asyncio's own, uvloop is not installed")
        return asyncio.new_event_loop
    version = importlib.metadata.version("uvloop")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_UVLOOP:
        _log.debug("event loop: asyncio's own, uvloop %s is too old", version)
        return asyncio.new_event_loop
    _log.debug("event loop: uvloop %s", version)
    return uvloop.new_event_loop
