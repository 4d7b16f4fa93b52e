"""A session with libmilter-like children and a Postfix-like MTA, run in any order of arrival.

Every child answers by a script that knows nothing of order: what it says depends on the event alone. It is
as strict as libmilter about what it is sent (S1 to S4) and raises when mmx sends anything that a real child
would not answer. Events are named by a letter, the number of the message, and for recipients and headers what
they are: C H M0 R0.1 T0 L0.Subject N0 B0 E0.
"""

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mmx.core.action import Close, Dial, Loss
from mmx.core.child import Child
from mmx.core.negotiation import Knowledge
from mmx.core.plan import HEADERS, LOCK_STEP, WHOLE, Chain, ChildPlan
from mmx.core.session import Session
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA, FrameSplitter, frame

FIELDS: Final = ("Subject", "From")
SHUTDOWN_TEXT: Final = b"421 4.7.0 Server closing connection\0"
FINAL: Final = {
    "c": frame(reply.CONTINUE),
    "a": frame(reply.ACCEPT),
    "r": frame(reply.REJECT),
    "t": frame(reply.TEMPFAIL),
    "d": frame(reply.DISCARD),
    "s": frame(reply.SKIP),
    "4": frame(reply.SHUTDOWN),
}
LETTERS: Final = {
    command.CONNECT: "C",
    command.HELO: "H",
    command.MAIL: "M",
    command.RCPT: "R",
    command.DATA: "T",
    command.HEADER: "L",
    command.EOH: "N",
    command.BODY: "B",
    command.EOM: "E",
}
SILENT: Final = "ALNB"
"""Events that the MTA wants no reply to."""
AHEAD: Final[dict[str, dict[str, str]]] = {
    LOCK_STEP: {},
    HEADERS: dict.fromkeys("LNB", "LN"),
    WHOLE: dict.fromkeys("LNBE", "LNBE"),
}
"""Of which events a child may still owe the reply when the next one comes, by its `pipelining`."""
_RANK: Final = {letter: rank for rank, letter in enumerate("MRTLNBE")}


class Answer(NamedTuple):
    """What a child says to an event: a letter of FINAL, `y` with a text, or `die`; edits come before."""

    kind: str = "c"
    text: bytes = b""
    edits: tuple[bytes, ...] = ()

    @property
    def frames(self) -> list[bytes]:
        """The whole answer on the wire, without a death."""
        if self.kind == "die":
            return list(self.edits)
        last = frame(reply.REPLYCODE, self.text + b"\0") if self.kind == "y" else FINAL[self.kind]
        return [*self.edits, last]


@dataclass(frozen=True)
class Script:
    """One child: mmx's settings for it, its options, its answers (CONTINUE where none is given)."""

    plan: ChildPlan
    actions: int = option.ALL_ACTIONS
    protocol: int = 0
    answers: Mapping[str, Answer] = field(default_factory=dict)
    down: bool = False

    def says(self, event: str) -> Answer:
        """Its answer to an event that it is asked about."""
        return self.answers.get(event, Answer())

    def wants(self, code: int) -> bool:
        """True if it is sent this event."""
        return not self.protocol & option.NOT_WANTED[code]

    def answers_to(self, code: int) -> bool:
        """True if it gives a reply to this event."""
        return not self.protocol & option.NO_REPLY[code]


class Milter:
    """One connection of a child, as libmilter's engine would have it."""

    def __init__(self, script: Script, log: list[tuple[str, str, str]]) -> None:
        self.script = script
        self._log = log
        self.unread: deque[bytes] = deque()
        self._message = ""
        self._last = ""
        """Letter of the latest event of the message, "" outside one."""
        self._done = False
        """It has given its verdict on the message: libmilter would not answer any more of it (S3)."""
        self._over = False
        """Its verdict has ended the message, so the next MAIL has an ABORT before it (S14)."""
        self.greeted: list[str] = []
        self._owed = ""
        """Letters of the events since the latest ABORT whose replies mmx waits for."""
        self._aborts = 0
        """ABORTs that were received but not read yet."""

    def receive(self, commands: list[bytes]) -> None:
        """mmx has written; before a reply has come only content may follow, to a child that is fed ahead."""
        for received in commands:
            code = received[CODE]
            if code == command.ABORT:
                self._owed = ""
                self._aborts += 1
            elif code in LETTERS:
                after = AHEAD[self.script.plan.pipelining].get(LETTERS[code], "")
                assert not self._owed.strip(after), f"{LETTERS[code]} before the reply to {self._owed}"
                self._owed += LETTERS[code] if self.script.answers_to(code) else ""
            self.unread.append(received)

    def step(self) -> Answer | bytes | None:
        """Read one command; the answer, if one is due, or the answer to OPTNEG."""
        received = self.unread.popleft()
        code = received[CODE]
        if code == command.OPTNEG:
            return frame(
                reply.OPTNEG, payload.encode_options(6, self.script.actions, self.script.protocol, {})
            )
        if code == command.ABORT:
            self._abort()
            return None
        if code in (command.QUIT, command.MACRO):
            return None
        letter = LETTERS[code]
        assert self.script.wants(code), f"{letter} although it was declined"
        name = self._name(letter, received)
        if not self._fits(letter):
            return None
        if not self.script.answers_to(code):
            self._log.append((self.script.plan.name, name, ""))
            return None
        answer = self.script.says(name)
        if answer.kind == "die" and self._aborts:
            # Nobody waits for this reply: the death would count at whatever event comes next.
            answer = Answer()
        self._log.append((self.script.plan.name, name, answer.kind))
        self._leave(letter, answer)
        return answer

    def _abort(self) -> None:
        """Inside a message, behind a verdict that crossed it on the wire, or right before the next MAIL."""
        assert self._last or self._done or self._over, "ABORT outside a message (G6)"
        if self._over:
            follows = [received[CODE] for received in self.unread if received[CODE] != command.MACRO]
            assert follows[:1] == [command.MAIL], "ABORT after a message, but no MAIL with it (S14)"
        self._last = ""
        self._done = self._over = False
        self._aborts -= 1

    def _leave(self, letter: str, answer: Answer) -> None:
        """What the answer ends: the wait for it, and with a verdict the message."""
        if not self._aborts:
            self._owed = self._owed[1:]
        if (letter in "MTLNBE" and answer.kind in "artyd4") or (letter == "R" and answer.kind in "ad"):
            self._done = True
            self._last = ""
            self._over = not self._aborts
            if not self._aborts:
                self._owed = ""
        elif letter == "E":
            self._last = ""
            self._over = True

    def _name(self, letter: str, received: bytes) -> str:
        if letter in "CH":
            return letter
        if letter in "MR":
            address = payload.decode_address(received[DATA:])[0].decode().strip("<>")
            if letter == "M":
                self._message = address.partition("@")[0]
                return f"M{self._message}"
            return f"R{address.partition('@')[0]}"
        if letter == "L":
            return f"L{self._message}.{payload.decode_header(received[DATA:])[0].decode()}"
        return letter + self._message

    def _fits(self, letter: str) -> bool:
        """Check the order of events; False for what follows a verdict that crossed it on the wire."""
        if letter in "CH":
            assert letter not in self.greeted, f"{letter} twice on one connection"
            assert not self._last, f"{letter} inside a message"
            self.greeted.append(letter)
            return True
        if letter == "M":
            for code in (command.CONNECT, command.HELO):
                assert not self.script.wants(code) or LETTERS[code] in self.greeted, (
                    f"M before {LETTERS[code]}"
                )
            assert not self._last, "M inside a message (G6)"
            assert not self._over, "M after a message without an ABORT (S14)"
            self._done = False
        elif self._done:
            assert self.script.plan.pipelining == WHOLE, f"{letter} after its verdict (S3)"
            return False
        else:
            assert self._last, f"{letter} outside a message (S2)"
            steps = _RANK[letter] - _RANK[self._last]
            assert steps > 0 or (steps == 0 and letter in "RLB"), f"{letter} after {self._last} (S1)"
        self._last = letter
        return True


class Message(NamedTuple):
    """A message of the MTA: so many recipients, given up after so many events."""

    recipients: int = 1
    events: int = 99


Mta = Generator[tuple[str, bytes], bytes, None]


def mta(messages: Sequence[Message]) -> Mta:
    """What Postfix says in a session of these messages; it is sent each final reply."""
    offer = payload.encode_options(6, option.ALL_ACTIONS, option.ALL_PROTOCOL, {})
    yield "O", frame(command.OPTNEG, offer)
    connection = payload.encode_connection(b"mail.example.net", b"4", 2525, b"192.0.2.7")
    if (yield "C", frame(command.CONNECT, connection))[CODE] != reply.CONTINUE:
        return
    if (yield "H", frame(command.HELO, b"mail.example.net\0"))[CODE] != reply.CONTINUE:
        return
    for number, message in enumerate(messages):
        events = _message(number, message.recipients)
        event = next(events)
        for _ in range(message.events):
            answer = yield event
            try:
                event = events.send(answer) if event[0][0] not in SILENT else next(events)
            except StopIteration:
                break
        yield "A", frame(command.ABORT)


def _message(number: int, recipients: int) -> Mta:
    if (yield f"M{number}", frame(command.MAIL, b"<%d@example.net>\0" % number))[CODE] != reply.CONTINUE:
        return
    accepted = 0
    for place in range(recipients):
        name = f"{number}.{place}"
        answer = yield f"R{name}", frame(command.RCPT, f"<{name}@example.org>\0".encode())
        if answer[CODE] in (reply.ACCEPT, reply.DISCARD):
            return
        accepted += answer[CODE] == reply.CONTINUE
    if not accepted or (yield f"T{number}", frame(command.DATA))[CODE] != reply.CONTINUE:
        return
    for name in FIELDS:
        yield f"L{number}.{name}", frame(command.HEADER, name.encode() + b"\0 value\0")
    yield f"N{number}", frame(command.EOH)
    yield f"B{number}", frame(command.BODY, b"text\r\n")
    yield f"E{number}", frame(command.EOM)


class Simulation:
    """The session, its children and the MTA; `run` plays it in the order that the schedule picks."""

    def __init__(self, scripts: Sequence[Script], messages: Sequence[Message]) -> None:
        knowledge = Knowledge()
        for script in scripts:
            knowledge.learn(script.plan.name, payload.Options(6, script.actions, script.protocol, {}))
        chain = Chain(tuple(script.plan for script in scripts))
        self.session = Session(chain, name="s", now=0.0, knowledge=knowledge)
        self._scripts = {script.plan.name: script for script in scripts}
        self._milters: dict[Child, Milter] = {}
        self._dialling: set[Child] = set()
        self._log: list[tuple[str, str, str]] = []
        """Child, event, and what it said to it ("" if no reply is due), in order of time."""
        self._mta = mta(messages)
        self._next: tuple[str, bytes] | None = next(self._mta)
        self._waits_for = ""
        self._split = FrameSplitter(1 << 30)
        self._answer: list[bytes] = []
        self.transcript: list[tuple[str, tuple[bytes, ...]]] = []
        """Event and everything mmx said to it, OPTNEG apart."""

    def run(self, schedule: Sequence[int]) -> None:
        """Play to the end; every choice between peers is the next number of the schedule."""
        picks = deque(schedule)
        while moves := self._moves():
            pick = picks.popleft() if picks else 0
            peer = moves[pick % len(moves)]
            if peer is None:
                self._step_mta()
            elif peer in self._dialling:
                self._connect(peer)
            else:
                self._step_child(peer)
            self._settle()
        assert not self._waits_for, f"no reply to {self._waits_for}"
        assert self._next is None
        self.session.mta_lost()
        self._settle()
        assert self.session.finished
        assert not self._milters
        assert not self._dialling
        self._check_recipients()

    def _check_recipients(self) -> None:
        """No child may learn of a recipient that one before it in the chain refused (V6)."""
        names = list(self._scripts)
        for name, event, kind in self._log:
            if event[0] == "R" and kind and kind in "rty4":
                later = names[names.index(name) + 1 :]
                assert not any(n in later and e == event for n, e, _ in self._log), f"{event} after {name}"

    def _moves(self) -> list[Child | None]:
        moves: list[Child | None] = [None] if self._next is not None and not self._waits_for else []
        moves += [child for child in self.session.children if child in self._dialling]
        moves += [
            child for child in self.session.children if child in self._milters and self._milters[child].unread
        ]
        return moves

    def _step_mta(self) -> None:
        assert self._next is not None
        name, sent = self._next
        if name[0] in SILENT:
            self.session.from_mta(sent)
            self._next = next(self._mta, None)
        else:
            self._waits_for = name
            self.session.from_mta(sent)

    def _connect(self, child: Child) -> None:
        self._dialling.discard(child)
        script = self._scripts[child.plan.name]
        if script.down:
            self.session.child_lost(child, Loss("refused"))
        else:
            self._milters[child] = Milter(script, self._log)
            self.session.child_up(child)

    def _step_child(self, child: Child) -> None:
        said = self._milters[child].step()
        if isinstance(said, bytes):
            self.session.from_child(child, said)
        elif said is not None:
            for sent in said.frames:
                self.session.from_child(child, sent)
            if said.kind == "die":
                self._milters.pop(child, None)
                self.session.child_lost(child, Loss("eof"))

    def _settle(self) -> None:
        """What the shell does after an entry: write every outbox, do the actions."""
        for child in self.session.children:
            self._write(child)
        for received in self._split.feed(b"".join(self.session.mta_out)):
            self._hear(received)
        self.session.mta_out.clear()
        actions = list(self.session.actions)
        self.session.actions.clear()
        for action in actions:
            if isinstance(action, Dial):
                self._dialling.add(action.child)
            elif isinstance(action, Close):
                self._dialling.discard(action.child)
                self._milters.pop(action.child, None)

    def _write(self, child: Child) -> None:
        if child in self._milters:
            self._milters[child].receive(FrameSplitter(1 << 30).feed(b"".join(child.out)))
        child.out.clear()

    def _hear(self, received: bytes) -> None:
        assert self._waits_for, f"mmx said {received!r} unasked"
        code = received[CODE]
        assert code not in (reply.PROGRESS, reply.SKIP, reply.SHUTDOWN, reply.CONN_FAIL), received
        if code in reply.EDITS:
            assert self._waits_for[0] == "E", f"{received!r} before end of message"
            self._answer.append(received)
            return
        if self._waits_for != "O":
            self.transcript.append((self._waits_for, (*self._answer, received)))
        self._answer.clear()
        self._waits_for = ""
        try:
            self._next = self._mta.send(received)
        except StopIteration:
            self._next = None
