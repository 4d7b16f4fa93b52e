"""What a child knew at the end of a message, told from the packets it was sent.

A view is comparable between two runs: it holds the envelope, the headers, the body and the macros that
libmilter would let a callback at end of message read (a lookup goes through all stages; C, H, M and R clear
those of later stages, rule S8; D packets for L, B and U are ignored, S7), with everything that differs from
run to run replaced.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.integration.scripted_child import address

STAGES = "CHMRTNE"
CLEARING = "CHMR"


@dataclass(frozen=True)
class View:
    """One message as a child saw it up to its end of message."""

    mail: bytes
    recipients: tuple[bytes, ...]
    headers: tuple[bytes, ...]
    body: bytes
    macros: tuple[tuple[str, str], ...]


@dataclass
class _Reading:
    macros: dict[str, dict[str, str]] = field(default_factory=dict)
    mail: bytes = b""
    recipients: list[bytes] = field(default_factory=list)
    headers: list[bytes] = field(default_factory=list)
    body: list[bytes] = field(default_factory=list)

    def define(self, data: bytes) -> None:
        stage = data[:1].decode("latin-1")
        if stage not in STAGES:
            return
        words = [word.decode("latin-1") for word in data[1:].split(b"\0")[:-1]]
        pairs = dict(zip(map(_bare, words[::2]), words[1::2], strict=True))
        if stage in CLEARING:
            for later in STAGES[STAGES.index(stage) + 1 :]:
                self.macros.pop(later, None)
        self.macros[stage] = pairs

    def begin(self, data: bytes) -> None:
        self.mail, self.recipients, self.headers, self.body = data, [], [], []

    def view(self) -> View:
        known: dict[str, str] = {}
        for stage in STAGES:
            known.update(self.macros.get(stage, {}))
        queue_id = known.get("i", "")
        return View(
            self.mail,
            tuple(self.recipients),
            tuple(normalised(header, queue_id) for header in self.headers),
            b"".join(self.body),
            tuple(sorted((name, value if name != "i" else "<id>") for name, value in known.items())),
        )


def views(packets: Iterable[tuple[str, bytes]]) -> dict[str, View]:
    """The views of one connection by sender; a sender that comes twice keeps its last one."""
    reading = _Reading()
    found = {}
    for code, data in packets:
        if code == "D":
            reading.define(data)
        elif code == "M":
            reading.begin(data)
        elif code == "R":
            reading.recipients.append(data)
        elif code == "L":
            reading.headers.append(data)
        elif code == "B":
            reading.body.append(data)
        elif code == "E":
            found[address(reading.mail)] = reading.view()
    return found


def _bare(name: str) -> str:
    """libmilter finds a one-letter name with and without braces (S8)."""
    return name[1] if len(name) == 3 and name[0] == "{" else name


def normalised(data: bytes, queue_id: str) -> bytes:
    """The data with the queue id and the dates that Postfix makes replaced."""
    if queue_id:
        data = data.replace(queue_id.encode(), b"<id>")
    data = re.sub(
        rb"(\(Postfix[^)]*\)(?: with E?SMTP|\r\n\t| )+id <id>[^;]*;)\s+\w{3}, [^\r\n]*", rb"\1 <date>", data
    )
    data = re.sub(rb"<\d{14}\.(<id>|[0-9A-F]+)@mx", b"<<date>.<id>@mx", data)
    return re.sub(rb"(Date:|Date\0) ?\w{3}, +\d+ \w{3} \d{4} [\d:]+ [+-]\d{4} \(\w+\)", rb"\1 <date>", data)
