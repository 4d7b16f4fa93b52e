"""All that a session knows, in one object; the modules beside it hold what is done with it.

A session reads events from the MTA into a transcript (greeting, HELO, and one `Transaction` a message); each
child has its own place in that transcript (`Child`, `Part`). A late child is simply one whose place is far
behind: feeding it the next thing it has not seen is the replay (S1, trap 55). The MTA waits for at most one
reply, `owed`.
"""

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final

from mmx.core.action import Action
from mmx.core.child import Child
from mmx.core.condition import Truth
from mmx.core.content import Content, NewSpool
from mmx.core.event import Event
from mmx.core.mta import Phase
from mmx.core.negotiation import Knowledge
from mmx.core.plan import Chain
from mmx.core.spool import Spool
from mmx.core.verdict import Verdict
from mmx.wire import command, option
from mmx.wire.payload import Options

_CONTENT: Final = (command.HEADER, command.EOH, command.BODY, command.EOM)
_LATER_STAGES: Final = {
    command.CONNECT: (command.HELO, command.MAIL, command.RCPT, command.DATA, *_CONTENT),
    command.HELO: (command.MAIL, command.RCPT, command.DATA, *_CONTENT),
    command.MAIL: (command.RCPT, command.DATA, *_CONTENT),
    command.RCPT: (command.DATA, *_CONTENT),
}
"""An event makes the macros of later stages void, as in libmilter (S8)."""


class Conclusion:
    """The end of a transaction: what the MTA is, or will be, told, and by whom."""

    __slots__ = ("answered", "decider", "verdict", "why")

    def __init__(self, verdict: Verdict, decider: str, why: str) -> None:
        self.verdict = verdict
        self.decider = decider
        self.why = why
        self.answered = False


class Transaction:
    """One message: dropped as a whole at its end, so nothing of it reaches the next one."""

    __slots__ = (
        "conclusion",
        "content",
        "data",
        "last_refusal",
        "mail",
        "mail_answered",
        "overflow",
        "queue_id",
        "recipients",
        "since",
        "size_limit",
        "transcript_size",
        "trusted",
        "undecided",
    )

    def __init__(self, mail: Event, since: float) -> None:
        self.mail = mail
        self.mail_answered = since
        """When its reply went to the MTA, if it let the message pass."""
        self.recipients: list[Event] = []
        self.data: Event | None = None
        self.content: Content | None = None
        self.conclusion: Conclusion | None = None
        self.last_refusal: Conclusion | None = None
        """Who refused the latest refused recipient, for the log."""
        self.overflow = ""
        """The bound that this message has hit: it ends in 451."""
        self.queue_id = b""
        self.since = since
        self.transcript_size = 0
        self.undecided = 0
        """Children of which it is not known whether they see the message (joins.py)."""
        self.size_limit = inf
        """Bytes above which some child is not to see it."""
        self.trusted = False
        """Children are offered {trusted_domain}."""


class Burst:
    """The final answer on its way to the MTA: a body that goes out in pieces, then the verdict (X4, X7)."""

    __slots__ = ("body", "end", "offset")

    def __init__(self, body: Spool, end: bytes) -> None:
        self.body = body
        self.offset = 0
        self.end = end


class State:
    """The data of a session. Only `session.Session` is used from outside the core."""

    __slots__ = (
        "actions",
        "answered_options",
        "asked_lists",
        "burst",
        "chain",
        "children",
        "finished",
        "greeting",
        "handling",
        "helo",
        "inbox",
        "inbox_paused",
        "knowledge",
        "listed",
        "listener",
        "local_mail",
        "macros",
        "message_deadline",
        "mta_blocked",
        "mta_out",
        "mta_stalled",
        "name",
        "new_spool",
        "next_chain",
        "now",
        "offer",
        "owed",
        "owed_since",
        "phase",
        "postfix",
        "progress_due",
        "quiet_since",
        "refusal",
        "refuse_mail",
        "requested",
        "sent_macros",
        "serial",
        "stressed",
        "transaction",
        "unknown",
        "verdict",
    )

    def __init__(
        self,
        chain: Chain,
        *,
        name: str,
        now: float,
        knowledge: Knowledge,
        new_spool: NewSpool,
        refusal: str,
        refuse_mail: Callable[[], str],
        listener: str = "",
        stressed: bool = False,
    ) -> None:
        self.chain = chain
        self.next_chain: Chain | None = None
        self.name = name
        self.knowledge = knowledge
        self.new_spool = new_spool
        self.refusal = refusal
        """Why this session takes no mail: no child is dialled, every MAIL gets 451. "" if it does."""
        self.refuse_mail = refuse_mail
        """Asked at each MAIL: why it cannot be taken now, "" if it can."""
        self.listener = listener
        """Name of the listener that the MTA came by."""
        self.stressed = stressed
        """Many sessions were open when this one began."""
        self.children = [] if refusal else [Child(plan) for plan in chain.children]

        self.now = now
        self.actions: list[Action] = []
        self._begin_link()

    def _begin_link(self) -> None:
        """The MTA has connected and said nothing yet."""
        self.mta_out: list[bytes] = []
        self.mta_blocked = False
        self.mta_stalled = False
        self.finished = False

        self.phase = Phase.NEW
        self.offer = Options(0, 0, 0, {})
        self.answered_options = self.offer
        self.requested: dict[int, tuple[bytes, ...]] = {}
        """Macro lists sent to the MTA."""
        self.sent_macros: frozenset[bytes] | None = None
        """Names of the macros that it sends; None if nobody has asked since they changed."""
        self.macros: dict[int, bytes] = {}
        """MACRO frames whose command has not come yet, by command."""
        self.inbox: deque[bytes] = deque()
        """Frames that came while the MTA was owed a reply."""
        self.inbox_paused = False

        self.quiet_since = self.now
        """When the MTA last sent a command or got its answer: the idle limit runs from here (S9)."""
        self.handling = 0
        """Command that is being done (a code), 0 between commands."""

        self.serial = 0
        self.forget_client()

    def forget_client(self) -> None:
        """Nothing is known of an SMTP client: at the start, and when the link goes on to another one."""
        self.macros.clear()
        self.listed: dict[str, Truth] = {}
        """What DNS lists say of the client's address, as far as they have answered."""
        self.asked_lists: set[str] = set()
        self.greeting: Event | None = None
        self.helo: Event | None = None
        self.unknown: Event | None = None
        self.postfix = False
        """Macro v says Postfix: PROGRESS extends every wait (T1)."""
        self.local_mail = False
        """Not SMTP: cleanup(8) plays the session (S22)."""
        self.verdict: Verdict | None = None
        """The refusal of the whole session (G4)."""
        self.transaction: Transaction | None = None
        self.owed: Event | None = None
        self.owed_since = 0.0
        self.progress_due = inf
        self.burst: Burst | None = None
        self.message_deadline = inf
        """When every child must have given its verdict on the content."""

    @property
    def leading_space(self) -> bool:
        """The MTA keeps the space after the colon (HDR_LEADSPC agreed)."""
        return bool(self.answered_options.protocol & option.HDR_LEADSPC)

    def event(self, code: int, received: bytes) -> Event:
        """The event for a command just received, with the macros that came before it."""
        self.serial += 1
        macros = self.macros.pop(code, None)
        for later in _LATER_STAGES.get(code, ()):
            self.macros.pop(later, None)
        return Event(code, received, macros, self.serial)

    def overflow(self, reason: str) -> None:
        """This message has hit a bound of mmx: it ends in 451, never unscanned."""
        if self.transaction is not None and not self.transaction.overflow:
            self.transaction.overflow = reason

    def owe(self, event: Event) -> None:
        """The MTA waits for the reply to this event."""
        self.owed = event
        self.owed_since = self.now
        self.progress_due = self.now + self.chain.limits.progress_interval if self.postfix else inf

    def answer(self, received: bytes) -> None:
        """Give the reply that was owed."""
        self.mta_out.append(received)
        self.owed = None
        self.quiet_since = self.now
        self.progress_due = inf
