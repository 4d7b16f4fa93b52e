"""A session whose peers answer at once, and whose spools are counted: for messages that are kept."""

from collections.abc import Callable, Mapping

from mmx.core.action import Dial, MessageKept
from mmx.core.negotiation import Knowledge
from mmx.core.plan import Chain, ChildPlan, ObservedPlan
from mmx.core.session import Session
from mmx.core.spool import Spool
from mmx.core.transcript import Transcript
from mmx.wire import command, option, reply
from mmx.wire.framing import CODE, frame
from mmx.wire.payload import encode_connection, encode_options
from tests.plain_spool import PlainSpool

CONTINUE = frame(reply.CONTINUE)
REJECT = frame(reply.REJECT)
OPTNEG = frame(command.OPTNEG, encode_options(6, option.ALL_ACTIONS, option.ALL_PROTOCOL, {}))
GREETING = (
    OPTNEG,
    frame(command.MACRO, b"Cv\0Postfix 3.7.11\0"),
    frame(command.CONNECT, encode_connection(b"mail.example.net", b"4", 2525, b"192.0.2.7")),
    frame(command.HELO, b"mail.example.net\0"),
)
ENVELOPE = (
    frame(command.MACRO, b"Mi\0004XyZ12\0"),
    frame(command.MAIL, b"<s@example.net>\0"),
    frame(command.RCPT, b"<r@example.org>\0"),
    frame(command.DATA),
)
CONTENT = (
    frame(command.HEADER, b"Subject\0 x\0"),
    frame(command.EOH),
    frame(command.BODY, b"text\r\n"),
    frame(command.EOM),
)
SILENT = {command.MACRO, command.ABORT, command.QUIT}


class CountedSpool(PlainSpool):
    """A spool that is listed in `open_ones` until it is closed."""

    def __init__(self, open_ones: list["CountedSpool"]) -> None:
        super().__init__()
        self._open_ones = open_ones
        open_ones.append(self)

    def close(self) -> None:
        super().close()
        self._open_ones.remove(self)


class Kept:
    """A session with children that say what `answers` has for a command, else CONTINUE."""

    def __init__(
        self,
        answers: Mapping[str, Mapping[int, bytes]],
        *observed: ObservedPlan,
        new_spool: Callable[[], Spool] | None = None,
    ) -> None:
        self.spools: list[CountedSpool] = []
        self._answers = answers
        self.session = Session(
            Chain(tuple(ChildPlan(name) for name in answers), observed=observed),
            name="1f00c3a7",
            now=0.0,
            knowledge=Knowledge(),
            new_spool=new_spool or (lambda: CountedSpool(self.spools)),
        )
        self.transcripts: list[Transcript] = []

    def say(self, *commands: bytes) -> list[bytes]:
        """What the MTA hears when it says this."""
        for received in commands:
            self.session.from_mta(received)
            self._settle()
        heard = self.session.mta_out[:]
        self.session.mta_out.clear()
        return heard

    def message(self) -> list[bytes]:
        """The final answer to a whole message."""
        self.say(*ENVELOPE)
        return self.say(*CONTENT)

    def _settle(self) -> None:
        session = self.session
        while session.actions or any(child.out for child in session.children):
            actions = session.actions[:]
            session.actions.clear()
            for action in actions:
                if isinstance(action, Dial):
                    session.child_up(action.child)
                elif isinstance(action, MessageKept):
                    self.transcripts.append(action.transcript)
            for child in session.children:
                sent = child.out[:]
                child.out.clear()
                for received in sent:
                    for answer in self._answer(child.name, received):
                        session.from_child(child, answer)

    def _answer(self, name: str, received: bytes) -> list[bytes]:
        code = received[CODE]
        if code == command.OPTNEG:
            return [frame(reply.OPTNEG, encode_options(6, option.ALL_ACTIONS, option.HDR_LEADSPC, {}))]
        if code in SILENT:
            return []
        return split(self._answers[name].get(code, CONTINUE))


def split(data: bytes) -> list[bytes]:
    """The frames that these bytes consist of."""
    frames = []
    while data:
        size = CODE + int.from_bytes(data[:CODE], "big")
        frames.append(data[:size])
        data = data[size:]
    return frames
