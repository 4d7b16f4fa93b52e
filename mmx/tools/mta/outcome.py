"""A mail for a milter, and what became of it: every reply with its time, the edits, and what they come to.

The verdict is told as Postfix would act on it: a message that is let pass and held is "quarantine", and one
without a recipient left has the class of their refusals. Times are those of the event loop, in seconds.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from mmx.core.action import Loss
from mmx.tools.mta.macros import address_of
from mmx.wire import command

ACCEPT: Final = "accept"
DISCARD: Final = "discard"
QUARANTINE: Final = "quarantine"
VERDICTS: Final = (ACCEPT, "reject", "tempfail", DISCARD, QUARANTINE, "shutdown")
"""What can become of a message whose milter answers to the end; a shutdown is a 421."""

DEFAULT_TEXTS: Final = {
    "reject": b"550 5.7.1 Command rejected",
    "tempfail": b"451 4.7.1 Service unavailable - try again later",
    "shutdown": b"421 4.7.0 Server closing connection",
}
"""What the client is told where the milter gives no text (V1)."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address in its brackets, and the parameters that ESMTP has for it."""

    address: bytes
    parameters: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `ann@example.net SIZE=1000`; the address may be empty and may have its brackets."""
        address, _, parameters = text.strip().partition(" ")
        return cls(address_of(address), tuple(os.fsencode(word) for word in parameters.split()))

    @property
    def inside(self) -> bytes:
        """The address without its brackets."""
        return self.address.strip(b"<>")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender and recipients."""

    sender: Address
    recipients: tuple[Address, ...]


@dataclass(slots=True)
class Exchange:
    """One command that a reply is due to. `about` is its argument, if it is short; `reply` the last frame of
    the answer, b"" while there is none.
    """

    code: int
    about: bytes
    began: float
    ended: float
    reply: bytes = b""

    @property
    def name(self) -> str:
        """The command."""
        return command.NAMES[self.code]


@dataclass(slots=True)
class Outcome:
    """What became of a message, or of the opening of a session."""

    began: float
    ended: float = 0.0
    verdict: str = ""
    """One of VERDICTS; "" if the milter was lost, or for an opening that lets mail come."""
    stage: str = ""
    """The command at which that was decided."""
    reply: bytes = b""
    """What the SMTP client is told if it is refused."""
    exchanges: list[Exchange] = field(default_factory=list)
    progress: list[float] = field(default_factory=list)
    """When the milter asked for patience."""
    edits: list[bytes] = field(default_factory=list)
    """Frames, in their order; they have effect if the message passes."""
    held: bool = False
    refused: list[tuple[Address, str, bytes]] = field(default_factory=list)
    """Recipients that were refused, the verdict of each and what the client is told."""
    problems: list[str] = field(default_factory=list)
    """What Postfix would bear, and a milter should not do."""
    loss: Loss | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began

    @property
    def passes(self) -> bool:
        """The message goes on, edits and all."""
        return self.verdict in (ACCEPT, QUARANTINE)

    def decide(self, verdict: str, code: int, reply: bytes = b"") -> None:
        """It ends here."""
        self.verdict = QUARANTINE if verdict == ACCEPT and self.held else verdict
        self.stage = command.NAMES[code]
        self.reply = reply

    def refuse_all(self, refused: Sequence[tuple[Address, str, bytes]]) -> None:
        """No recipient is left; one that may be tried again later makes that true of the message."""
        _, verdict, text = next((one for one in refused if one[1] == "tempfail"), refused[0])
        self.decide(verdict, command.RCPT, text)
