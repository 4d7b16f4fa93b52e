"""Plays a scenario with a real Postfix between the client and mmx.

The `M>` lines become SMTP commands, `M<` lines become what Postfix must make of them: an SMTP reply, and for
edits the message that is delivered. mmx and the children run in the test's process as in socket_player.py;
the clock of their loop stands still, so a file for Postfix has no `wait`.

What Postfix does of its own accord is allowed for: its ABORT may come later than the file says, since it is
held back until the next event (S13). So `a> ABORT` is looked for before the next frame of that child.
"""

import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from mmx.wire import command, framing, payload, reply
from tests.integration.postfix import Postfix, eventually
from tests.integration.sink import Delivery, LmtpSink
from tests.integration.smtp_client import stuffed
from tests.scenarios import model
from tests.scenarios.model import MTA, Scenario, Step
from tests.scenarios.player import ADDRESS, HOST, Player, preamble
from tests.scenarios.postfix_result import check_edits, expected_reply
from tests.scenarios.running_mmx import RunningMmx
from tests.scenarios.still_loop import StillLoop

LIMIT: Final = 20.0
"""Seconds that Postfix may take for anything, times the unit of test time."""
CONTENT: Final = frozenset({command.HEADER, command.EOH, command.BODY, command.EOM})
ABORT_FRAME: Final = framing.frame(command.ABORT)


class SmtpClient:
    """A client that never waits: `reply` gives a whole SMTP reply once it has come."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self._socket.setblocking(False)
        self._received = b""

    def send(self, data: bytes) -> None:
        self._socket.settimeout(LIMIT)
        self._socket.sendall(data)
        self._socket.setblocking(False)

    def reply(self) -> bytes | None:
        """The next reply with all its lines, b"" if the server closed, None if it has not come yet."""
        match = re.match(rb"(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n", self._received)
        if match:
            self._received = self._received[match.end() :]
            return match.group().rstrip(b"\r\n")
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return None
        self._received += data
        return None if data else b""

    def close(self) -> None:
        self._socket.close()


class PostfixPlayer:
    """One scenario, one SMTP session."""

    def __init__(
        self, scenario: Scenario, loop: StillLoop, directory: Path, postfix: Postfix, sink: LmtpSink
    ) -> None:
        self._scenario = scenario
        self._loop = loop
        self._postfix = postfix
        self._sink = sink
        self._player = Player(scenario)
        self.queues = self._player.queues
        self._mmx = RunningMmx(scenario, loop, directory, self._player.received)
        self._mmx.path.chmod(0o666)
        self._client = SmtpClient(next(iter(postfix.ports.values())))
        self._edits: list[bytes] = []
        self._last = 0
        self._owed_aborts: Counter[str] = Counter()
        self._dismissed = False

    def play(self) -> None:
        """The whole file; raises a mismatch."""
        self._read_reply(None)
        # The client that a silent beginning announces; Postfix then begins a new milter session (S10).
        self._command(b"XCLIENT NAME=" + HOST + b" ADDR=" + ADDRESS + b" PORT=2525")
        self._read_reply(None)
        self._command(b"EHLO " + HOST)
        self._read_reply(None)
        for frame in preamble(self._scenario):
            if frame[framing.CODE] in (command.MAIL, command.RCPT, command.DATA):
                self._send(frame)
                self._read_reply(None)
        self._player.begin_steps()
        for number, step in enumerate(self._scenario.steps):
            self.queues.history.append(f"{step.line:4}    {step.text}")
            if _is_content(step):
                self._send_content(self._scenario.steps[number:])
            else:
                self._play_step(step)
        self._finish()

    def close(self) -> None:
        """Give everything back."""
        self._client.close()
        self._mmx.close()

    def _play_step(self, step: Step) -> None:
        match step:
            case model.Send(peer="M"):
                self._send(step.data)
            case model.Send():
                self._mmx.children[step.peer].write(step.data)
                self._loop.settle()
            case model.HangUp():
                self._mmx.children[step.peer].hang_up()
                self._loop.settle()
            case model.Reach():
                self._mmx.children[step.peer].reach(step.reach)
            case model.Segment():
                pass  # the children's segmentation is tried in socket_player
            case model.Expect(peer="M"):
                self._take_answer(step)
            case model.Expect():
                self._take(step)
            case model.ExpectNothing():
                self._loop.settle()
                self._take_aborts(step.peer)
                self.queues.must_be_empty(step.peer, step)
            case model.ExpectClose():
                self._loop.settle()
                self.queues.take_close(step)
            case _:
                raise AssertionError(f"{self._scenario.path}:{step.line}: not for Postfix: {step.text}")

    def _send(self, frame: bytes) -> None:
        """The SMTP that makes Postfix send this frame."""
        code, data = frame[framing.CODE], frame[framing.DATA :]
        if code == command.MACRO:
            return
        if code in (command.MAIL, command.RCPT):
            address, parameters = payload.decode_address(data)
            verb = b"MAIL FROM:" if code == command.MAIL else b"RCPT TO:"
            self._command(b" ".join([verb + address, *parameters]))
        elif code == command.ABORT:
            self._abort()
        else:
            self._command(_LINES[code](data))
        self._last = code if code != command.ABORT else 0

    def _send_content(self, rest: Sequence[Step]) -> None:
        """All that follows up to the end of message: a client gives it in one go, whatever comes between."""
        if self._last == command.EOM:
            return
        self._last = command.EOM
        self._client.send(stuffed(b"".join(_content(rest))))

    def _abort(self) -> None:
        """Postfix sends ABORT by itself after a message; a client asks for it with RSET."""
        if self._last not in (command.EOM, 0):
            self._command(b"RSET")
            self._read_reply(None)

    def _command(self, line: bytes) -> None:
        self._client.send(line + b"\r\n")

    def _take(self, step: model.Expect) -> None:
        if step.frame == ABORT_FRAME:
            self._owed_aborts[step.peer] += 1
            return
        self._wait(lambda: self.queues.waits(step.peer), step, "nothing came")
        self._take_aborts(step.peer)
        self._wait(lambda: self.queues.waits(step.peer), step, "nothing came")
        self.queues.take(step)

    def _take_aborts(self, child: str) -> None:
        """ABORT frames that the file has mentioned, if they are here."""
        while self._owed_aborts[child] and self.queues.drop_first(child, ABORT_FRAME):
            self._owed_aborts[child] -= 1

    def _take_answer(self, step: model.Expect) -> None:
        """An answer of mmx, as Postfix tells it to the client."""
        frame = step.frame
        if frame is None and step.words[0] == b"QUARANTINE":
            frame = framing.frame(reply.QUARANTINE, b"\0")  # Postfix 3.7 does not use the reason (V2)
        assert frame is not None, "Postfix's reply cannot be compared with a pattern"
        code = frame[framing.CODE]
        if code in reply.EDITS:
            self._edits.append(frame)
            return
        got = self._read_reply(step)
        self._dismissed = got.startswith(b"421")
        wanted = expected_reply(self._last, frame)
        if not re.fullmatch(wanted, got, re.DOTALL):
            raise self.queues.mismatch(step, f"the client was told {got!r}, not {wanted!r}")
        if self._last == command.EOM and got.startswith(b"250"):
            self._check_message(step, code, got)
        self._edits.clear()

    def _check_message(self, step: Step, code: int, got: bytes) -> None:
        """What became of a message that Postfix took."""
        queued = re.search(rb"queued as (\w+)", got)
        assert queued, got
        queue_id = queued.group(1).decode()
        held = any(edit[framing.CODE] == reply.QUARANTINE for edit in self._edits)
        if held:
            if self._postfix.queue_of(queue_id) != "hold":
                raise self.queues.mismatch(step, f"{queue_id} is not on hold")
            self._postfix.release(queue_id)
        self._wait(lambda: self._postfix.queue_of(queue_id) is None, step, f"{queue_id} stays in the queue")
        deliveries = self._sink.deliveries(queue_id)
        wrong = _fate(code, deliveries) or check_edits(self._edits, deliveries)
        if wrong:
            raise self.queues.mismatch(step, wrong)

    def _read_reply(self, step: Step | None) -> bytes:
        found: list[bytes] = []

        def came() -> bool:
            answer = self._client.reply()
            if answer is not None:
                found.append(answer)
            return bool(found)

        self._wait(came, step, "no SMTP reply")
        self.queues.history.append(f"   SMTP: {found[0]!r}")
        return found[0]

    def _wait(self, condition: Callable[[], bool], step: Step | None, said: str) -> None:
        def holds() -> bool:
            self._loop.settle()
            return condition()

        if not eventually(holds, LIMIT, pause=0.001):
            raise self.queues.mismatch(step, said)

    def _finish(self) -> None:
        """The client leaves; every child must be let go."""
        for peer in self.queues.peers:
            self._take_aborts(peer)
            if peer != MTA and not self._dismissed:
                self.queues.must_be_empty(peer, None)
        self._client.close()
        self._wait(lambda: not self._mmx.left_open(), None, "something was left behind")
        self.queues.take_farewell()


def _is_content(step: Step) -> bool:
    return isinstance(step, model.Send) and step.peer == MTA and step.data[framing.CODE] in CONTENT


def _content(rest: Sequence[Step]) -> Iterator[bytes]:
    """The message text of the HEADER, EOH and BODY steps up to the first EOM."""
    headers_end = b""
    for step in rest:
        if not isinstance(step, model.Send) or step.peer != MTA:
            continue
        code, data = step.data[framing.CODE], step.data[framing.DATA :]
        if code == command.HEADER:
            name, value = payload.decode_header(data)
            yield name + b":" + value.replace(b"\n", b"\r\n") + b"\r\n"
        elif code == command.EOH:
            headers_end = b"\r\n"
        elif code == command.BODY:
            yield headers_end + data
            headers_end = b""
        elif code == command.EOM:
            return


def _fate(code: int, deliveries: tuple[Delivery, ...]) -> str:
    due = 0 if code == reply.DISCARD else 1
    return "" if len(deliveries) == due else f"delivered {len(deliveries)} times, not {due}"


def play(scenario: Scenario, directory: Path, postfix: Postfix, sink: LmtpSink) -> None:
    """The whole scenario with Postfix, whose milter is `directory`/mmx.sock; raises a mismatch."""
    loop = StillLoop()
    player = PostfixPlayer(scenario, loop, directory, postfix, sink)
    try:
        player.play()
    finally:
        player.close()
        loop.end()
        time.sleep(0)


_LINES: Final[dict[int, Callable[[bytes], bytes]]] = {
    command.DATA: lambda _: b"DATA",
    command.HELO: lambda data: b"EHLO " + data.rstrip(b"\0"),
    command.UNKNOWN: lambda data: data.rstrip(b"\0"),
    command.QUIT: lambda _: b"QUIT",
}
