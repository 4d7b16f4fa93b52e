"""The MTA of a message that is played again: what an observing child is told, and what it makes of it.

A `Playback` stands where the MTA stands towards a session of the core whose chain is that one child. It
gives the commands of a transcript in the order and with the macros they came with, waits for each reply as
Postfix does, streams the content in portions, and ends at the first answer that decides:

    CONNECT HELO MAIL DATA   any verdict
    RCPT                     accept and discard; a refusal only leaves that recipient out, unless it is the
                             last one left
    EOM                      the verdict; edits come before it and are counted

Then it says QUIT. Replaced bodies and all other edits end here, so none can have an effect.
"""

from collections.abc import Generator
from typing import Final

from mmx.core import verdict
from mmx.core.event import Event
from mmx.core.plan import ObservedPlan
from mmx.core.spool import Counter, Mirror, Spool
from mmx.core.transcript import Transcript
from mmx.wire import command, payload, reply
from mmx.wire.framing import CODE, frame

PORTION: Final = 256 << 10
"""Bytes of content given at once."""

QUIT_FRAME: Final = frame(command.QUIT)


class Playback:
    """One message for one child. `take` and `more` give the next commands; none after the last word, QUIT."""

    __slots__ = (
        "_body",
        "_edits",
        "_recipients",
        "_script",
        "_source",
        "finished",
        "outcome",
        "refused",
        "reply",
        "stage",
        "streams",
        "why",
    )

    def __init__(self, transcript: Transcript, plan: ObservedPlan) -> None:
        self._source, body = transcript.view(plan)
        self._body: Spool | None = body
        self._recipients = transcript.sight(plan).recipients
        self._script = self._play(transcript)
        self._edits: dict[int, int] = {}
        self.streams = False
        """More content is to be had with `more`, without waiting for a reply."""
        self.finished = False
        self.outcome = ""
        """The child's verdict, "" while there is none."""
        self.stage = ""
        self.reply = b""
        self.refused = 0
        """Recipients."""
        self.why = ""

    @property
    def edits(self) -> tuple[tuple[str, int], ...]:
        """The names of the edits it asked for and how many of each; a replaced body counts once."""
        return tuple((reply.NAMES[code], count) for code, count in sorted(self._edits.items()))

    def new_spool(self) -> Spool:
        """For the session: the first holds the message, which is kept already; others what the child makes
        of the body, which is only counted.
        """
        body, self._body = self._body, None
        return Counter() if body is None else Mirror(body)

    def begin(self) -> list[bytes]:
        """The first command."""
        return next(self._script)

    def take(self, received: bytes) -> list[bytes]:
        """A frame that was meant for the MTA; the commands that follow."""
        code = received[CODE]
        if self.finished or code == reply.PROGRESS:
            return []
        if code in reply.EDITS:
            self._edits[code] = 1 if code == reply.REPLBODY else self._edits.get(code, 0) + 1
            return []
        return self._go_on(received)

    def more(self) -> list[bytes]:
        """The next portion of content."""
        return [] if self.finished else self._go_on(b"")

    def fail(self, stage: str, why: str) -> None:
        """The child failed, so it has no verdict; nothing more is played after the next answer."""
        self.end("failed", why)
        self.stage = stage
        self._script.close()

    def end(self, outcome: str, why: str) -> None:
        """What became of it, whatever was said before."""
        self.outcome, self.stage, self.reply, self.why = outcome, "", b"", why
        self._edits.clear()

    def _go_on(self, received: bytes) -> list[bytes]:
        try:
            return self._script.send(received) if received else next(self._script)
        except StopIteration:
            self.finished = True
            self.streams = False
            return [QUIT_FRAME]

    def _play(self, transcript: Transcript) -> Generator[list[bytes], bytes, None]:
        yield [frame(command.OPTNEG, payload.encode_options(*transcript.offer))]
        for event in transcript.envelope:
            if self._decides(event.code, (yield _with_macros(event))):
                return
        for event in self._recipients:
            if self._decides_recipient((yield _with_macros(event))):
                return
        if transcript.data is not None and self._decides(command.DATA, (yield _with_macros(transcript.data))):
            return
        self.streams = True
        yield from self._content(transcript)
        self.streams = False
        if transcript.content.eom is not None:
            self._end_of_message((yield _with_macros(transcript.content.eom)))

    def _decides(self, code: int, received: bytes) -> bool:
        """Note the verdict on an event, if the reply is one."""
        decided, _ = verdict.of_reply(received)
        if received[CODE] == reply.ACCEPT:
            self.outcome = "accept"
        elif decided is not None:
            self.outcome, self.reply = decided.word, decided.text
        else:
            return False
        self.stage = command.NAMES[code]
        return True

    def _decides_recipient(self, received: bytes) -> bool:
        before = self.reply
        if not self._decides(command.RCPT, received):
            return False
        if self.outcome in ("accept", "discard"):
            self.reply = before
            return True
        self.refused += 1
        if self.refused == len(self._recipients):
            return True
        self.outcome = self.stage = ""
        return False

    def _content(self, transcript: Transcript) -> Generator[list[bytes], bytes, None]:
        source, content = self._source, transcript.content
        portion = _macros_of(content.macros.get(command.HEADER))
        size = 0
        for number in range(source.header_count):
            portion += source.header_frames(number, number + 1, strip=False)
            size += len(portion[-1])
            if size >= PORTION:
                yield portion
                portion, size = [], 0
        if content.eoh is not None:
            portion += _with_macros(content.eoh)
        portion += _macros_of(content.macros.get(command.BODY))
        offset = 0
        while chunk := source.chunk(offset):
            offset += len(chunk)
            size += len(chunk)
            portion.append(frame(command.BODY, chunk))
            if size >= PORTION:
                yield portion
                portion, size = [], 0
        if portion:
            yield portion

    def _end_of_message(self, received: bytes) -> None:
        self._decides(command.EOM, received)
        if self.outcome in ("", "accept") and reply.QUARANTINE in self._edits:
            self.outcome = "quarantine"
        self.outcome = self.outcome or "continue"
        self.stage = command.NAMES[command.EOM]


def _with_macros(event: Event) -> list[bytes]:
    return [*_macros_of(event.macros), event.frame]


def _macros_of(received: bytes | None) -> list[bytes]:
    return [] if received is None else [received]
