"""A differential script: one SMTP session and what every child does in it, as data that survives JSON.

Senders name messages: every MAIL of a session uses its own sender, `m1@sender.test`, `m2@sender.test` and so
on, and the children's replies are keyed by it (see scripted_child).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tests.integration.scripted_child import ChildScript, Packet, Reply
from tests.integration.smtp_client import Step

HEADERS = "From: <author@sender.test>\r\nTo: <r1@rcpt.test>\r\nSubject: a test\r\n"
STAMP = "Date: Mon, 06 Jul 2026 10:00:00 +0000\r\nMessage-Id: <{tag}@sender.test>\r\n"
REFUSED_BY_POSTFIX = "refused@rcpt.test"


@dataclass(frozen=True)
class Script:
    """`pipelining` is the setting of all children on mmx's side; it means nothing for Postfix."""

    name: str
    children: tuple[ChildScript, ...]
    steps: tuple[Step, ...]
    milter_protocol: int = 6
    pipelining: str = "headers"

    def to_json(self) -> str:
        data = {
            "name": self.name,
            "milter_protocol": self.milter_protocol,
            "pipelining": self.pipelining,
            "steps": self.steps,
            "children": [child.to_json() for child in self.children],
        }
        return json.dumps(data)

    @classmethod
    def from_json(cls, text: str) -> Self:
        data: Mapping[str, Any] = json.loads(text)
        return cls(
            name=data["name"],
            children=tuple(ChildScript.from_json(child) for child in data["children"]),
            steps=tuple(step if isinstance(step, str) else (step[0], step[1]) for step in data["steps"]),
            milter_protocol=data["milter_protocol"],
            pipelining=data["pipelining"],
        )


def content(body: str = "hello\r\n", headers: str = "", tag: str = "m1") -> str:
    """A whole message with Date and Message-Id, so that Postfix adds nothing but its Received."""
    return HEADERS + STAMP.format(tag=tag) + headers + "\r\n" + body


def message(
    tag: str = "m1", recipients: tuple[str, ...] = ("r1@rcpt.test",), text: str | None = None
) -> list[Step]:
    """The steps of one transaction."""
    steps: list[Step] = [f"MAIL FROM:<{tag}@sender.test>"]
    steps += [f"RCPT TO:<{recipient}>" for recipient in recipients]
    return [*steps, ("DATA", content(tag=tag) if text is None else text)]


def session(*messages: list[Step]) -> tuple[Step, ...]:
    """EHLO, the messages, QUIT."""
    return ("EHLO client.test", *(step for steps in messages for step in steps), "QUIT")


def key(event: str, *words: str, tag: str = "m1") -> str:
    """The key of a reply for one message, for example "rcpt m1@sender.test r1@rcpt.test"."""
    return " ".join((event, f"{tag}@sender.test", *words))


def plain(code: str) -> Reply:
    """A reply of one packet without data."""
    return ((code, ""),)


def reply_code(text: str) -> Reply:
    """A REPLYCODE verdict."""
    return (("y", text + "\0"),)


def index_bytes(index: int) -> str:
    return index.to_bytes(4, "big").decode("latin-1")


def insert(index: int, name: str, value: str) -> Packet:
    """INSHEADER, index counted from 0 with Postfix's own Received."""
    return ("i", f"{index_bytes(index)}{name}\0{value}\0")


def change(index: int, name: str, value: str) -> Packet:
    """CHGHEADER, index counted from 1 among the headers of that name; an empty value deletes."""
    return ("m", f"{index_bytes(index)}{name}\0{value}\0")


def add(name: str, value: str) -> Packet:
    return ("h", f"{name}\0{value}\0")


def add_recipient(recipient: str, parameters: str | None = None) -> Packet:
    if parameters is None:
        return ("+", f"{recipient}\0")
    return ("2", f"{recipient}\0{parameters}\0")


def delete_recipient(recipient: str) -> Packet:
    return ("-", f"{recipient}\0")


def change_sender(sender: str, parameters: str | None = None) -> Packet:
    return ("e", f"{sender}\0" + ("" if parameters is None else f"{parameters}\0"))


def replace_body(text: str) -> Packet:
    return ("b", text)


def quarantine(reason: str) -> Packet:
    return ("q", f"{reason}\0")


def edits(*packets: Packet, verdict: str = "c") -> Reply:
    """An end-of-message reply: the edits in order, then the verdict."""
    return (*packets, (verdict, ""))
