"""A message as it goes on: what an MTA makes of the edits that come with a verdict.

Header edits and the replaced body are those of the core (mmx.core.edits, mmx.core.header_list), applied one
by one as cleanup(8) does; what Postfix would write and no reader could use, such as a header without a name,
is left out and told of. Of the envelope:

    CHGFROM                 the last one holds
    ADDRCPT, ADDRCPT_PAR    nothing if the recipient is there already, or is <> (E9, E10)
    DELRCPT                 compares the address inside the brackets, letter case included
    QUARANTINE              the last reason holds
"""

from collections.abc import Callable, Sequence
from typing import Final

from mmx.core.edits import Edits
from mmx.core.header_list import HeaderEdit, HeaderList
from mmx.core.spool import MemorySpool
from mmx.tools.mail_file import Message
from mmx.tools.mta.outcome import Address, Envelope, Outcome
from mmx.wire import option, payload, reply
from mmx.wire.framing import CODE, DATA


class Delivery:
    """A message on its way; `leading_space`: HDR_LEADSPC was negotiated."""

    def __init__(self, envelope: Envelope, message: Message, *, leading_space: bool) -> None:
        self._headers = HeaderList.of(list(message.headers))
        self._body = message.body
        self._edits = Edits(MemorySpool, add_leading_space=not leading_space)
        self.sender = envelope.sender
        self.recipients = list(envelope.recipients)
        self.quarantine: bytes | None = None
        """The reason, if the message is held."""

    def take(self, frames: Sequence[bytes]) -> list[str]:
        """Apply all edits; what was left out, and why. Raises ProtocolError."""
        remarks = [remark for one in frames if (remark := self._edits.add(one, option.ALL_ACTIONS))]
        self._edits.finish()
        for request in self._edits.requests:
            if isinstance(request, HeaderEdit):
                self._headers.apply(request)
            else:
                _ENVELOPE_EDITS[request[CODE]](self, payload.strings(request[DATA:]))
        return remarks

    @property
    def message(self) -> Message:
        """The message as it is now."""
        spool = self._edits.body
        body = self._body if spool is None else spool.read(0, spool.size)
        return Message(tuple(self._headers.visible()), body)

    @property
    def envelope(self) -> Envelope:
        """The envelope as it is now."""
        return Envelope(self.sender, tuple(self.recipients))

    def change_sender(self, words: list[bytes]) -> None:
        """CHGFROM."""
        self.sender = _address(words)

    def add_recipient(self, words: list[bytes]) -> None:
        """ADDRCPT or ADDRCPT_PAR."""
        added = _address(words)
        if added.inside and added.inside not in {recipient.inside for recipient in self.recipients}:
            self.recipients.append(added)

    def delete_recipient(self, words: list[bytes]) -> None:
        """DELRCPT."""
        gone = _address(words).inside
        self.recipients = [recipient for recipient in self.recipients if recipient.inside != gone]

    def hold(self, words: list[bytes]) -> None:
        """QUARANTINE."""
        self.quarantine = words[0]


def delivered(envelope: Envelope, message: Message, outcome: Outcome, protocol: int) -> Delivery:
    """What becomes of a message that passes; remarks go to the problems of the outcome. Raises ProtocolError.

    `protocol` has the bits that the milter negotiated.
    """
    refused = {recipient for recipient, _, _ in outcome.refused}
    left = tuple(recipient for recipient in envelope.recipients if recipient not in refused)
    delivery = Delivery(
        Envelope(envelope.sender, left), message, leading_space=bool(protocol & option.HDR_LEADSPC)
    )
    outcome.problems += delivery.take(outcome.edits)
    return delivery


def _address(words: list[bytes]) -> Address:
    address = words[0] if words[0].startswith(b"<") else b"<" + words[0] + b">"
    return Address(address, tuple(words[1].split()) if len(words) > 1 else ())


_ENVELOPE_EDITS: Final[dict[int, Callable[[Delivery, list[bytes]], None]]] = {
    reply.CHGFROM: Delivery.change_sender,
    reply.ADDRCPT: Delivery.add_recipient,
    reply.ADDRCPT_PAR: Delivery.add_recipient,
    reply.DELRCPT: Delivery.delete_recipient,
    reply.QUARANTINE: Delivery.hold,
}
