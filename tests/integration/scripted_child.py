"""A milter server whose every answer stands in a script: one half of the oracle, so it shares no code with
mmx.

Theory of operation: `ScriptedChild` listens on a unix socket; each connection is served by a thread that
reads packets, records them and answers from the script in force when the connection came. A script is data.
Its `replies` table maps an event to the packets sent in answer; an event without a key is answered
"continue":

    connect            helo NAME         mail SENDER        rcpt SENDER RECIPIENT
    data SENDER        header SENDER N   eoh SENDER         body SENDER N
    eom SENDER         unknown LINE

Words may be left off a key's end, which then holds for every such event; the longest key that fits wins.

Addresses are without angle brackets; N counts from 1 within the message. Keying by address and not by a
counter keeps a script's meaning when a chain lets a child see a MAIL that another child refused.

A packet is (code, data), data being latin-1 text for bytes. Codes longer than one character are acts of the
server: `sleep` waits that many seconds, `close` ends the connection, `raw` writes bytes without framing.

With `strict`, the server keeps libmilter's state table: a command that does not fit gets no answer (rules S1
to S3), nothing is answered after an early verdict until the next MAIL, and flags that were not offered are
dropped (N5). Without it, every command that has a reply is answered.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.integration.threads import Listener

Packet = tuple[str, str]
Reply = tuple[Packet, ...]

CONTINUE: Reply = (("c", ""),)

ADDHDRS, CHGBODY, ADDRCPT, DELRCPT, CHGHDRS, QUARANTINE, CHGFROM, ADDRCPT_PAR, SETSYMLIST = (
    1 << n for n in range(9)
)
ALL_ACTIONS = 0x1FF
NOCONNECT, NOHELO, NOMAIL, NORCPT, NOBODY, NOHDRS, NOEOH = (1 << n for n in range(7))
NR_HDR, NOUNKNOWN, NODATA, SKIP, RCPT_REJ = (1 << n for n in range(7, 12))
NR_CONN, NR_HELO, NR_MAIL, NR_RCPT, NR_DATA, NR_UNKN, NR_EOH, NR_BODY, HDR_LEADSPC = (
    1 << n for n in range(12, 21)
)
ALL_NO_REPLY = NR_HDR | NR_CONN | NR_HELO | NR_MAIL | NR_RCPT | NR_DATA | NR_UNKN | NR_EOH | NR_BODY

NO_REPLY_FLAG = {
    "C": NR_CONN, "H": NR_HELO, "M": NR_MAIL, "R": NR_RCPT, "T": NR_DATA,
    "L": NR_HDR, "N": NR_EOH, "B": NR_BODY, "E": 0, "U": NR_UNKN,
}  # fmt: skip
SKIP_FLAG = {
    "C": NOCONNECT, "H": NOHELO, "M": NOMAIL, "R": NORCPT, "T": NODATA, "L": NOHDRS, "N": NOEOH, "B": NOBODY,
}  # fmt: skip
# S1: which command may follow which; skippable steps are passed over in the order of the keys.
SUCCESSORS = {
    "O": "CU", "C": "HMU", "H": "HMAU", "M": "RAU", "R": "RTLNBEAU", "T": "LNA", "L": "LNA",
    "N": "BEA", "B": "BEA", "E": "MUQK",
}  # fmt: skip
EVENT_WORD = {
    "C": "connect", "H": "helo", "M": "mail", "R": "rcpt", "T": "data", "L": "header", "N": "eoh",
    "B": "body", "E": "eom", "U": "unknown",
}  # fmt: skip
MODIFICATIONS = "+2-ehimbqp"


@dataclass(frozen=True)
class ChildScript:
    """What one child does for a whole SMTP session; the numbers are the protocol's bit masks."""

    version: int = 6
    actions: int = ALL_ACTIONS
    protocol: int = 0
    macros: Mapping[str, str] = field(default_factory=dict)  # stage number as text -> blank-separated names
    replies: Mapping[str, Reply] = field(default_factory=dict)
    strict: bool = True

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        replies = {key: tuple((code, text) for code, text in reply) for key, reply in data["replies"].items()}
        return cls(**{**data, "replies": replies})

    def __str__(self) -> str:
        return json.dumps(self.to_json())


@dataclass
class Connection:
    """What one connection brought: the offer, then every packet in order, and what was answered."""

    script: ChildScript
    offer: tuple[int, int, int] = (0, 0, 0)
    protocol: int = 0
    packets: list[tuple[str, bytes]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    ended: str = ""


class ScriptedChild:
    """A milter on a unix socket. `load` sets the script for later connections and forgets earlier ones."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connections: list[Connection] = []
        self._scripts: tuple[ChildScript, ...] = (ChildScript(),)
        self._lock = threading.Lock()
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(path))
        path.chmod(0o666)  # Postfix's daemons connect as user postfix
        listening.listen(200)
        self._listener = Listener(listening, self._serve, f"child-{path.name}")

    @property
    def endpoint(self) -> str:
        """As Postfix and mmx write it."""
        return f"unix:{self.path}"

    def load(self, *scripts: ChildScript) -> None:
        """The scripts of the connections to come, one each in order; the last holds for all further ones."""
        with self._lock:
            self._scripts = scripts
            self.connections = []

    def close(self) -> None:
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def cut(self) -> None:
        """End every open connection."""
        self._listener.cut()

    def open_connections(self) -> int:
        return self._listener.count()

    def _serve(self, sock: socket.socket) -> None:
        with self._lock:
            connection = Connection(self._scripts[min(len(self.connections), len(self._scripts) - 1)])
            self.connections.append(connection)
        try:
            Conversation(sock, connection).run()
        except (OSError, EOFError, struct.error) as error:
            connection.ended = connection.ended or repr(error)


def read_packet(sock: socket.socket) -> tuple[str, bytes]:
    """One packet: its code and its data. EOFError when the peer closed."""
    (length,) = struct.unpack("!I", read_exactly(sock, 4))
    body = read_exactly(sock, length)
    return chr(body[0]), body[1:]


def read_exactly(sock: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = sock.recv(min(size, 1 << 16))
        if not part:
            raise EOFError("closed by the peer")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def packet(code: str, data: bytes = b"") -> bytes:
    """The bytes of one packet."""
    return struct.pack("!I", len(data) + 1) + code.encode("latin-1") + data


def address(data: bytes) -> str:
    """The address of a MAIL or RCPT packet without its angle brackets."""
    return data.split(b"\0", 1)[0].decode("latin-1").removeprefix("<").removesuffix(">")


class Conversation:
    """The state of one connection."""

    def __init__(self, sock: socket.socket, connection: Connection) -> None:
        self._sock = sock
        self._connection = connection
        self._script = connection.script
        self._state = "O"
        self._sender = ""
        self._count = {"L": 0, "B": 0}

    def run(self) -> None:
        code, data = read_packet(self._sock)
        if code != "O" or not self._negotiate(data):
            self._connection.ended = "negotiation failed"
            return
        while not self._connection.ended:
            code, data = read_packet(self._sock)
            self._connection.packets.append((code, data))
            if code == "Q":
                self._connection.ended = "quit"
            elif code == "A":
                self._state = "H"
            elif code not in "DK":
                self._event(code, data)

    def _negotiate(self, data: bytes) -> bool:
        version, actions, protocol = struct.unpack("!III", data[:12])
        script = self._script
        self._connection.offer = (version, actions, protocol)
        if script.strict and (version < 2 or script.actions & ~actions):
            return False
        answered = script.protocol & protocol if script.strict else script.protocol
        self._connection.protocol = answered
        lists = b"".join(
            struct.pack("!I", int(stage)) + names.encode("latin-1") + b"\0"
            for stage, names in script.macros.items()
        )
        chosen = min(script.version, version) if script.strict else script.version
        self._sock.sendall(packet("O", struct.pack("!III", chosen, script.actions, answered) + lists))
        return True

    def _event(self, code: str, data: bytes) -> None:
        if self._script.strict and not self._fits(code):
            self._connection.ignored.append(code)
            return
        if code != "U":
            self._state = code
        key = self._key(code, data)
        if self._script.strict and self._connection.protocol & NO_REPLY_FLAG[code]:
            return
        self._answer(code, self._reply(key))

    def _fits(self, code: str) -> bool:
        """Whether libmilter would take the command; S2: one that does not fit ends the transaction."""
        if self._allowed(self._state, code):
            return True
        self._state = "H"
        return self._allowed("H", code)

    def _allowed(self, state: str, code: str) -> bool:
        order = list(SUCCESSORS)
        position = order.index(state)
        while True:
            if code in SUCCESSORS[order[position]]:
                return True
            position += 1
            if position == len(order) or not self._connection.protocol & SKIP_FLAG.get(order[position], 0):
                return False

    def _key(self, code: str, data: bytes) -> str:
        word = EVENT_WORD[code]
        if code == "M":
            self._sender = address(data)
            self._count = {"L": 0, "B": 0}
        if code in self._count:
            self._count[code] += 1
            return f"{word} {self._sender} {self._count[code]}"
        if code == "R":
            return f"{word} {self._sender} {address(data)}"
        if code in "HU":
            return f"{word} {address(data)}"
        return word if code == "C" else f"{word} {self._sender}"

    def _reply(self, key: str) -> Reply:
        while key and key not in self._script.replies:
            key = key.rpartition(" ")[0]
        if not key:
            return CONTINUE
        self._connection.used.add(key)
        return self._script.replies[key]

    def _answer(self, code: str, reply: Reply) -> None:
        written = bytearray()
        for act, text in reply:
            data = text.encode("latin-1")
            if len(act) > 1:
                self._flush(written)
                self._act(act, data)
                continue
            # libmilter sends no SKIP that was not agreed.
            kind = "c" if act == "s" and not self._connection.protocol & SKIP else act
            written += packet(kind, data)
            self._connection.answers.append(f"{code}{kind}")
            if kind not in MODIFICATIONS:
                self._settle(code, kind)
        self._flush(written)

    def _flush(self, written: bytearray) -> None:
        if written:
            self._sock.sendall(written)
            written.clear()

    def _settle(self, code: str, verdict: str) -> None:
        """S3: an early verdict ends the transaction for this child."""
        if verdict == "a" or (verdict in "rtdy" and code not in "RU"):
            self._state = "H"

    def _act(self, kind: str, data: bytes) -> None:
        if kind == "sleep":
            time.sleep(float(data))
        elif kind == "raw":
            self._sock.sendall(data)
        elif kind == "close":
            self._connection.ended = "closed by the script"
            self._sock.shutdown(socket.SHUT_RDWR)
        else:
            raise ValueError(f"unknown act {kind!r} in a script")
