"""What the MTA must hear when children with these scripts are asked strictly one after another.

The merge of G1 and G3 in its plainest form, with no notion of time: for each event walk the chain, and the
first child that does not let it pass decides. Deaths are default actions at the event whose reply was due; a
child that fails before MAIL is asked again there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mmx.core import plan
from mmx.wire import command, option, reply
from mmx.wire.framing import CODE, DATA, frame
from tests.core.simulation import FIELDS, FINAL, SHUTDOWN_TEXT, SILENT, Answer, Message, Script, mta

OF_ACTION = {
    plan.TEMPFAIL: FINAL["t"],
    plan.REJECT: frame(reply.REPLYCODE, b"550 5.5.0 Service unavailable\0"),
    plan.SHUTDOWN: frame(reply.REPLYCODE, b"421 4.7.1 Service unavailable - try again later\0"),
}


@dataclass
class _Member:
    """A child's state: `released` and `broken` for the session, the rest for one message."""

    script: Script
    released: bool = False
    broken: bool = False
    out: bool = False
    accepted: bool = False
    held: bool = False
    verdict: bytes | None = None
    edits: list[bytes] = field(default_factory=list)
    skips: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """A new message."""
        self.out = self.accepted = self.held = False
        self.verdict = None
        self.edits = []
        self.skips = set()

    def fail(self, action: str) -> bytes | None:
        """Its default action inside a message."""
        self.verdict = OF_ACTION.get(action)
        self.out = self.verdict is None
        self.held = action == plan.QUARANTINE
        return self.verdict

    def answer(self, event: str, code: int) -> Answer:
        """What it says, CONTINUE if it is not asked."""
        asked = self.script.wants(code) and self.script.answers_to(code) and event[0] not in self.skips
        return self.script.says(event) if asked else Answer()

    def greet(self, event: str, code: int) -> bytes | None:
        """CONNECT or HELO; the refusal, if it is one."""
        if self.released or self.broken:
            return None
        answer = self.answer(event, code)
        self.broken = self.script.down or answer.kind == "die"
        self.released = not self.broken and answer.kind == "a"
        if self.broken or answer.kind in "csad":
            return None
        return decisive(answer)

    def take(self, event: str, code: int) -> bytes | None:
        """An event of a message; the decisive reply, if it is one."""
        if self.released or self.out or self.accepted or self.verdict is not None:
            return self.verdict
        if event[0] == "M" and self.broken:
            return self.fail(self.script.plan.unreachable if self.script.down else self.script.plan.died)
        answer = self.answer(event, code)
        if answer.kind == "die":
            return self.fail(self.script.plan.died)
        if answer.kind == "s" and event[0] in "RLB":
            self.skips.add(event[0])
        if code == command.EOM and answer.kind in "csa":
            self.edits = [
                edit for edit in answer.edits if option.ACTION_OF_EDIT[edit[CODE]] & self.script.actions
            ]
        self.accepted = answer.kind == "a"
        return None if answer.kind in "csa" else decisive(answer)


def decisive(answer: Answer) -> bytes:
    """A refusal or discard as the MTA hears it."""
    if answer.kind == "4":
        return frame(reply.REPLYCODE, SHUTDOWN_TEXT)
    return answer.frames[-1]


def expected(scripts: Sequence[Script], messages: Sequence[Message]) -> list[tuple[str, tuple[bytes, ...]]]:
    """The transcript: event and all that mmx says to it."""
    members = [_Member(script) for script in scripts]
    transcript: list[tuple[str, tuple[bytes, ...]]] = []
    client = mta(messages)
    name, sent = next(client)
    while True:
        said = _say(members, name, sent[CODE])
        if said and name != "O":
            transcript.append((name, said))
        try:
            name, sent = client.send(said[-1]) if said else next(client)
        except StopIteration:
            return transcript


def _say(members: list[_Member], event: str, code: int) -> tuple[bytes, ...]:
    letter = event[0]
    if letter == "O":
        return (FINAL["c"],)
    if letter in SILENT:
        return ()
    if letter == "M":
        for member in members:
            member.begin()
    if letter == "E":
        return _content(members, event[1:])
    for member in members:
        refusal = member.greet(event, code) if letter in "CH" else member.take(event, code)
        if refusal is not None:
            return (refusal,)
    everybody = all(member.released or (letter not in "CH" and member.accepted) for member in members)
    return (FINAL["a" if everybody else "c"],)


def _content(members: list[_Member], message: str) -> tuple[bytes, ...]:
    events = [(f"L{message}.{name}", command.HEADER) for name in FIELDS]
    events += [(f"N{message}", command.EOH), (f"B{message}", command.BODY), (f"E{message}", command.EOM)]
    for member in members:
        for event, code in events:
            refusal = member.take(event, code)
            if refusal is not None:
                return (refusal,)
    return _edits(members)


def _edits(members: list[_Member]) -> tuple[bytes, ...]:
    said = [_for_mta(m.script, edit) for m in members for edit in m.edits if edit[CODE] != reply.REPLBODY]
    held = any(edit[CODE] == reply.QUARANTINE for edit in said)
    tail = [_hold(member.script, b"content filter failed") for member in members if member.held]
    bodies = [[edit[DATA:] for edit in m.edits if edit[CODE] == reply.REPLBODY] for m in members]
    body = next((b"".join(pieces) for pieces in reversed(bodies) if pieces), None)
    if body is not None:
        tail.append(frame(reply.REPLBODY, body))
    everybody = all(member.released or member.accepted for member in members) and not held
    return (*said, *tail, FINAL["a" if everybody else "c"])


def _for_mta(script: Script, edit: bytes) -> bytes:
    """A header value of a child without HDR_LEADSPC gains its space (X5), a hold the child's name."""
    if edit[CODE] == reply.QUARANTINE:
        return _hold(script, edit[DATA:-1])
    if edit[CODE] not in (reply.ADDHEADER, reply.INSHEADER) or script.protocol & option.HDR_LEADSPC:
        return edit
    start = DATA if edit[CODE] == reply.ADDHEADER else DATA + 4
    name, _, rest = edit[start:].partition(b"\0")
    return frame(edit[CODE], edit[DATA:start] + name + b"\0 " + rest)


def _hold(script: Script, reason: bytes) -> bytes:
    return frame(reply.QUARANTINE, b"[" + script.plan.name.encode() + b" via mmx] " + reason + b"\0")
