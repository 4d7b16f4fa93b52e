"""What the core must know of the children and its bounds: frozen facts, handed in by the shell.

All times are seconds, all sizes bytes. The five words of a default action are Postfix's (F1).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from mmx.core.condition import Condition
from mmx.wire import option

ACCEPT: Final = "accept"
TEMPFAIL: Final = "tempfail"
REJECT: Final = "reject"
QUARANTINE: Final = "quarantine"
SHUTDOWN: Final = "shutdown"
DEFAULT_ACTIONS: Final = (ACCEPT, TEMPFAIL, REJECT, QUARANTINE, SHUTDOWN)

OVERHEAD: Final = 256
"""What a header, an edit or a recipient costs in memory beside its bytes; it counts towards the limits."""

EDITED: Final = "edited"
ORIGINAL: Final = "original"

LOCK_STEP: Final = "no"
HEADERS: Final = "headers"
WHOLE: Final = "yes"

POSTFIX_MACROS: Final[Mapping[int, tuple[bytes, ...]]] = MappingProxyType(
    {
        option.STAGE_CONNECT: (b"j", b"{daemon_name}", b"{daemon_addr}", b"v", b"_"),
        option.STAGE_HELO: (
            b"{tls_version}",
            b"{cipher}",
            b"{cipher_bits}",
            b"{cert_subject}",
            b"{cert_issuer}",
        ),
        option.STAGE_MAIL: (
            b"i",
            b"{auth_type}",
            b"{auth_authen}",
            b"{auth_author}",
            b"{mail_addr}",
            b"{mail_host}",
            b"{mail_mailer}",
        ),
        option.STAGE_RCPT: (b"i", b"{rcpt_addr}", b"{rcpt_host}", b"{rcpt_mailer}"),
        option.STAGE_DATA: (b"i",),
        option.STAGE_EOH: (b"i",),
        option.STAGE_EOM: (b"i",),
    }
)
"""Postfix's own lists (M1); they hold where main.cf does not say otherwise."""


@dataclass(frozen=True, slots=True)
class After:
    """`child` must have given one of the replies `said`: continue, accept, tempfail, reject, discard."""

    child: str
    said: frozenset[str]


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """One child of the chain."""

    name: str
    endpoint: str = ""
    """For messages only; the shell knows how to dial."""
    content: str = EDITED
    original_always: bool = True
    """False: `original` holds only while no earlier child may replace the body (a default of the catalog)."""
    unreachable: str = TEMPFAIL
    """Default action when the child cannot be connected to or does not finish the negotiation."""
    died: str = TEMPFAIL
    """Default action when it fails later, inside a message."""
    connect_timeout: float = 5.0
    """Connecting and negotiating together."""
    command_timeout: float = 25.0
    content_timeout: float = 240.0
    """For header, body and end of message; restarted by the child's PROGRESS."""
    pipelining: str = HEADERS
    """What it is sent before its replies are there: nothing (LOCK_STEP); the headers, their end and the first
    piece of body (HEADERS); all of the content, which only a libmilter program is known to take (WHOLE).
    """
    when: Condition | None = None
    """The mail that it sees; None: all."""
    after: After | None = None
    """It sees only mail of which an earlier child has said this."""
    only_matching: bool = False
    """It sees only the recipients that satisfy `when`."""
    max_size: int | None = None
    """A message with more bytes of header and body is taken from it."""
    set_macros: tuple[tuple[bytes, bytes], ...] = ()
    """Macros with these values, whatever the MTA sends; names as the protocol spells them."""
    verdicts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """A word of its verdicts (reject, tempfail, discard, quarantine) to the one that counts instead; that may
    also be accept.
    """


@dataclass(frozen=True, slots=True)
class ObservedPlan:
    """A child that is shown messages after their end, and whose answers have no effect."""

    child: ChildPlan
    behind: frozenset[str]
    """Names of the children before it in the order: it sees messages as they left them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound of a session."""

    message_timeout: float = 540.0
    """From the first content event to the last child's verdict."""
    idle_timeout: float = 7210.0
    """Without a command from the MTA, as libmilter (S9)."""
    progress_interval: float = 10.0
    foreign_event_timeout: float = 25.0
    """All of one event for an MTA that is not Postfix: there PROGRESS does not extend the wait (T3)."""
    max_edits: int = 1 << 20
    """Edits held of one child for one message, its replaced body apart, with OVERHEAD for each."""
    max_headers: int = 4 << 20
    """Header bytes of one message, with OVERHEAD for each."""
    max_transcript: int = 4 << 20
    """RCPT frames of one message with their macros, kept for a join, with OVERHEAD for each."""
    max_due: int = 1024
    """Replies that one child may owe."""
    output_high_water: int = 256 << 10
    """Bytes prepared for one peer before the shell has to write them."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The ordered children, taken by a session at MAIL."""

    children: tuple[ChildPlan, ...] = ()
    limits: Limits = field(default_factory=Limits)
    base_macros: Mapping[int, tuple[bytes, ...]] = field(default_factory=lambda: POSTFIX_MACROS)
    """Stage to names: what the MTA sends when no list is asked for (N15)."""
    name_in_reply: bool = False
    children_header: bytes = b""
    """Name of the header that names the children that ran; empty: none."""
    condition_macros: Mapping[int, tuple[bytes, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Stage to names that conditions need; asked of the MTA beyond `base_macros`."""
    dns_lists: tuple[str, ...] = ()
    """DNS lists that conditions ask; looked up once a session."""
    trusted_domain: Condition | None = None
    """Where it holds at MAIL, every child gets the macro {trusted_domain} with the value yes."""
    observed: tuple[ObservedPlan, ...] = ()
    """Children that stand beside the chain: each message is shown to them when it has had its answer."""

    @property
    def everybody(self) -> tuple[ChildPlan, ...]:
        """The children of the chain, then those that observe."""
        return (*self.children, *(plan.child for plan in self.observed))
