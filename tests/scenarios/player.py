"""Plays a scenario on a stage: the part that is the same for the core alone and for sockets.

A stage carries bytes: it takes what peers send and hands back what mmx sends through `Player.received`, one
frame a call. The player holds the queues, answers OPTNEG for children whose handshake is hidden, plays what
the head says under `start`, then the steps, then lets the MTA go away and looks that nothing stays behind.
"""

import struct
from typing import Final, Protocol

from mmx.wire import command, framing, option, payload, reply
from tests.scenarios import model
from tests.scenarios.model import MTA, ChildSpec, Scenario, Step
from tests.scenarios.queues import Item, Queues

HOST: Final = b"mail.example.net"
ADDRESS: Final = b"192.0.2.7"
CONTINUE: Final = framing.frame(reply.CONTINUE)


class Stage(Protocol):
    """Where a scenario is played."""

    def send(self, peer: str, data: bytes) -> None:
        """The peer sends these bytes; for a child without a connection they are lost."""

    def hang_up(self, peer: str) -> None:
        """The peer closes its connection."""

    def reach(self, child: str, how: str) -> None:
        """How connections to the child end from now on; a word of ChildSpec.reach."""

    def wait(self, seconds: float) -> None:
        """So many seconds pass."""

    def reload(self, names: tuple[str, ...]) -> None:
        """The chain becomes these children."""

    def segment(self, peer: str, how: str) -> None:
        """How the peer's bytes are cut from now on: `bytewise`, `together` or `end`."""

    def settle(self) -> None:
        """Let everything happen that needs no time to pass."""

    def left_open(self) -> list[str]:
        """What is still there once the MTA has gone; nothing, if mmx cleaned up."""


class Player:
    """One scenario on one stage."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.queues = Queues(scenario)
        self._in_preamble = True
        self._deaf = {child.name for child in scenario.children if child.reach == "deaf"}

    def received(self, peer: str, item: Item) -> bytes | None:
        """mmx sent this to the peer. Returns what the peer answers at once by itself, if anything."""
        if peer == MTA or not isinstance(item, bytes):
            self.queues.put(peer, item)
            return None
        child = self.scenario.child(peer)
        code = item[framing.CODE]
        if code == command.OPTNEG and (self._in_preamble or not self.scenario.handshake_shown):
            self.queues.history.append(f"   (OPTNEG with {peer})")
            return None if peer in self._deaf else handshake(child)
        if self._in_preamble:
            return CONTINUE if wants_reply(child, code) else None
        self.queues.put(peer, item)
        return None

    def play(self, stage: Stage) -> None:
        """The whole file, the silent beginning and the end included."""
        for frame in preamble(self.scenario):
            stage.send(MTA, frame)
            stage.settle()
            if frame[framing.CODE] != command.MACRO:
                self._take_answer()
        self.begin_steps()
        for step in self.scenario.steps:
            self.queues.history.append(f"{step.line:4}    {step.text}")
            self._play_step(stage, step)
        stage.settle()
        for peer in self.queues.peers:
            self.queues.must_be_empty(peer, None)
        stage.hang_up(MTA)
        stage.settle()
        self.queues.take_farewell()
        if left := stage.left_open():
            raise self.queues.mismatch(None, "left behind: " + ", ".join(left))

    def begin_steps(self) -> None:
        """The silent beginning is over: from now on children say what the file makes them say."""
        self._in_preamble = False

    def _take_answer(self) -> None:
        """The MTA's answer to an event of the silent beginning: CONTINUE, or OPTNEG."""
        lines = self.queues.take_all(MTA)
        if len(lines) != 1 or (lines[0] != CONTINUE and lines[0][framing.CODE] != reply.OPTNEG):
            raise self.queues.mismatch(None, f"the beginning was answered with {lines}")

    def _play_step(self, stage: Stage, step: Step) -> None:
        match step:
            case model.Send():
                if step.peer == MTA and step.data[framing.CODE : framing.DATA] == bytes((command.QUIT,)):
                    self.queues.mta_may_close = True
                stage.send(step.peer, step.data)
            case model.HangUp():
                self.queues.mta_may_close |= step.peer == MTA
                stage.hang_up(step.peer)
            case model.Reach():
                self._deaf.discard(step.peer)
                stage.reach(step.peer, step.reach)
            case model.Wait():
                stage.wait(step.seconds)
            case model.Reload():
                stage.reload(step.names)
            case model.Segment():
                stage.segment(step.peer, step.how)
            case _:
                stage.settle()
                self._expect(step)

    def _expect(self, step: Step) -> None:
        match step:
            case model.Expect():
                self.queues.take(step)
            case model.ExpectNothing():
                self.queues.must_be_empty(step.peer, step)
            case model.ExpectClose():
                self.queues.take_close(step)
            case _:
                raise AssertionError(step)


def handshake(child: ChildSpec) -> bytes:
    """The OPTNEG answer that the head declares for the child."""
    data = struct.pack(">III", child.version, child.actions, child.protocol)
    for stage, names in child.macros:
        data += struct.pack(">I", stage) + b" ".join(names) + b"\0"
    return framing.frame(reply.OPTNEG, data)


def wants_reply(child: ChildSpec, code: int) -> bool:
    """Whether the child answers this command."""
    return code in option.NO_REPLY and not child.protocol & option.NO_REPLY[code]


def preamble(scenario: Scenario) -> list[bytes]:
    """What the MTA sends before the first step, as the head says under `start`."""
    offer = scenario.mta
    hello = payload.encode_options(offer.version, offer.actions, offer.protocol, {})
    macros = [(b"j", b"mx.example.org"), (b"_", HOST + b" [" + ADDRESS + b"]")]
    if offer.software:
        macros.insert(1, (b"v", offer.software.encode()))
    parts: list[tuple[str, list[bytes]]] = [
        ("negotiated", [framing.frame(command.OPTNEG, hello)]),
        (
            "connected",
            [
                framing.frame(command.MACRO, payload.encode_macros(command.CONNECT, macros)),
                framing.frame(command.CONNECT, payload.encode_connection(HOST, b"4", 2525, ADDRESS)),
            ],
        ),
        ("helo", [framing.frame(command.HELO, payload.encode_strings(HOST))]),
        ("mail", [framing.frame(command.MAIL, payload.encode_strings(b"<s@example.net>"))]),
        ("rcpt", [framing.frame(command.RCPT, payload.encode_strings(b"<r@example.org>"))]),
        ("data", [framing.frame(command.DATA)]),
    ]
    sent: list[bytes] = []
    if scenario.start == "nothing":
        return sent
    for name, commands in parts:
        sent += commands
        if name == scenario.start:
            break
    return sent
