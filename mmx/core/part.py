"""A child's part in one message: how far it is told of it, what it has said, and so how it stands.

running      sees events
accepted     said accept: done with the message
verdict      refused or discarded it, or failed decisively
failed       out, its default action lets the chain go on
delivered    gave its verdict at end of message
skipped      does not see the message, or no more of it
"""

from mmx.core.content import Source
from mmx.core.edits import Edits
from mmx.core.event import Event
from mmx.core.verdict import Verdict


class Part:
    """A child's part in one message. Dropped as a whole at the end of the message."""

    __slots__ = (
        "accepted",
        "because",
        "candidates",
        "considered",
        "content_macros",
        "delivered",
        "detail",
        "edits",
        "failed",
        "fed",
        "flowing",
        "headers_sent",
        "hold",
        "mail_sent",
        "offset",
        "original",
        "progress",
        "recipients_sent",
        "replayed_refusal",
        "said",
        "seconds",
        "skip_body",
        "skip_headers",
        "skip_recipients",
        "skipped",
        "source",
        "stage",
        "undecided",
        "verdict",
    )

    def __init__(self) -> None:
        self.accepted = False
        self.failed = False
        self.delivered = False
        self.verdict: Verdict | None = None
        self.hold: bytes | None = None
        """Reason of a hold that its default action asks for."""
        self.replayed_refusal: Verdict | None = None
        """What it said of a recipient that other children had already accepted."""
        self.edits: Edits | None = None
        self.source: Source | None = None
        self.original = True
        """It was given the message as the MTA sent it."""
        self.headers_sent = 0
        self.content_macros: dict[int, bytes] = {}
        """The MACRO frames for HEADER and BODY that it has been sent, as the MTA sent them."""
        self.flowing = False
        """Content is being sent to it, until there is no more for now."""
        self.fed = 0
        """Size of the content when it had been sent all there was."""
        self.offset = 0
        self.seconds = 0.0
        self.stage = 0
        self.detail = ""
        self.skip_headers = self.skip_body = False
        self.undecided = False
        """Whether it sees the message is not known yet (joins.py)."""
        self.considered = 0
        """Serial of the last event that it was asked about while undecided."""
        self.candidates: list[Event] = []
        """Recipients that may still make it join."""
        self.skipped = ""
        """Why it does not see this message, or the rest of it."""
        self.because = ""
        """The part of its condition that let it join."""
        self.said: set[str] | None = None
        """Words of its replies, kept only if a later child's `after` asks for them."""
        self.restart()

    def restart(self) -> None:
        """The envelope has to be sent again."""
        self.mail_sent = self.skip_recipients = False
        self.recipients_sent = 0
        self.progress = 0
        """Last of DATA, EOH and EOM that was sent (a command code), 0 if none was."""

    @property
    def finished(self) -> bool:
        """True if the child gets no more events of this message."""
        if self.accepted or self.failed or self.delivered or self.verdict is not None:
            return True
        return bool(self.skipped)

    @property
    def word(self) -> str:
        """Its verdict for the log."""
        if self.verdict is not None:
            return self.verdict.word
        if self.failed:
            return "failed"
        if self.skipped:
            return "skipped"
        if self.hold is not None or (self.edits is not None and self.edits.holds):
            return "quarantine"
        return "accept" if self.accepted else "continue" if self.delivered else "none"
