"""How much the process may take: file descriptors, and sessions by them."""

import contextlib
import resource
from typing import Final

RESERVED: Final = 64
"""Descriptors for everything but sessions: log, listeners, probes, handshakes."""
PER_SESSION: Final = 3
"""Descriptors of a session besides one a child: the MTA's link, a spool file, one to spare."""
PER_OBSERVATION: Final = 2
"""Descriptors of a message that is shown to an observing child: its link and the message's spool file."""
FEWEST_SESSIONS: Final = 256


def raise_descriptor_limit() -> int:
    """Raise the soft limit of file descriptors to the hard one; the limit that holds now."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def session_limit(configured: int | None, *, descriptors: int, children: int) -> int:
    """Sessions that may be open at once: as configured, else what the descriptors are enough for."""
    if configured is not None:
        return configured
    return max(FEWEST_SESSIONS, (descriptors - RESERVED) // (children + PER_SESSION))


def connection_limit(sessions: int, *, descriptors: int, children: int) -> int:
    """Connections of the MTA that may be open at once: `sessions`, and above them those that are answered but
    not served, as far as these leave the sessions the descriptors for all their children.
    """
    needed = sessions * (children + PER_SESSION - 1)
    return sessions + max(0, descriptors - RESERVED - needed)
